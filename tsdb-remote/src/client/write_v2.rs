//! Sending remote write 2.0: bodies, requests, and what an answer says was stored.

use std::hash::{BuildHasher as _, RandomState};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, Request, Uri};
use http_body_util::Full;
use tsdb_core::bits::{put_uvarint, uvarint_len};
use tsdb_core::model::{Exemplar, HashTable, Histogram, Labels, MetricMetadata, Sample};

use super::{ClientError, compress};
use crate::negotiate::WriteProtocol;
use crate::put::{
    field_len, int_len, put_bytes, put_exemplar_end, put_head, put_histograms, put_int,
    put_samples, samples_len,
};

/// Builds the body of a write request; used again for the next one.
#[derive(Clone, Debug, Default)]
pub struct WriteEncoder {
    symbols: SymbolTable,
    refs: Vec<u32>,
    series: Vec<u8>,
    message: Vec<u8>,
    samples: usize,
}

impl WriteEncoder {
    /// An empty body.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds samples of a series; they should be sorted by time, and there must be one.
    pub fn series(&mut self, labels: &Labels, samples: &[Sample]) {
        self.put_series(labels, samples, None);
    }

    /// Adds samples of a series and what is known of its metric.
    pub fn series_with_metadata(
        &mut self,
        labels: &Labels,
        samples: &[Sample],
        metadata: &MetricMetadata,
    ) {
        self.put_series(labels, samples, Some(metadata));
    }

    /// Adds native histograms of a series, each with its time in milliseconds; they should be
    /// sorted by it, and there must be one.
    pub fn histograms(&mut self, labels: &Labels, histograms: &[(i64, Histogram)]) {
        let mut content = Vec::new();
        self.put_refs(labels, &mut content);
        put_histograms(&mut content, 3, histograms);
        put_bytes(&mut self.series, 5, &content);
        self.samples += histograms.len();
    }

    /// Adds exemplars of a series. The specification wants a sample or histogram beside them in the
    /// same message; receivers take them as they come, this one and Prometheus' sender alike.
    pub fn exemplars(&mut self, labels: &Labels, exemplars: &[Exemplar]) {
        let mut content = Vec::new();
        self.put_refs(labels, &mut content);
        let mut one = Vec::new();
        for exemplar in exemplars {
            one.clear();
            self.put_refs(&exemplar.labels, &mut one);
            put_exemplar_end(&mut one, exemplar);
            put_bytes(&mut content, 4, &one);
        }
        put_bytes(&mut self.series, 5, &content);
    }

    /// Appends labels as the packed field 1.
    fn put_refs(&mut self, labels: &Labels, out: &mut Vec<u8>) {
        let refs_len = self.find_refs(labels);
        put_head(out, 1, refs_len);
        let refs = self.refs.iter();
        refs.for_each(|&at| put_uvarint(out, u64::from(at)));
    }

    /// Fills `refs` with the indices of some labels; answers how many bytes they take.
    fn find_refs(&mut self, labels: &Labels) -> usize {
        let Self { symbols, refs, .. } = self;
        refs.clear();
        for label in labels.iter() {
            refs.push(symbols.index(label.name));
            refs.push(symbols.index(label.value));
        }
        refs.iter().map(|&at| uvarint_len(u64::from(at))).sum()
    }

    fn put_series(
        &mut self,
        labels: &Labels,
        samples: &[Sample],
        metadata: Option<&MetricMetadata>,
    ) {
        let refs_len = self.find_refs(labels);
        let Self {
            symbols,
            refs,
            series,
            ..
        } = self;
        let metadata = metadata.map(|metadata| {
            [
                (1, i64::from(metadata.kind.number())),
                (3, i64::from(symbols.index(&metadata.help))),
                (4, i64::from(symbols.index(&metadata.unit))),
            ]
        });
        let ints_len = |ints: &[(u8, i64)]| ints.iter().map(|(_, value)| int_len(*value)).sum();
        let metadata_len = metadata.map_or(0, |ints| field_len(ints_len(&ints)));
        put_head(
            series,
            5,
            field_len(refs_len) + samples_len(samples) + metadata_len,
        );
        put_head(series, 1, refs_len);
        refs.iter()
            .for_each(|&at| put_uvarint(series, u64::from(at)));
        put_samples(series, samples);
        if let Some(ints) = metadata {
            put_head(series, 5, ints_len(&ints));
            ints.iter()
                .for_each(|(field, value)| put_int(series, *field, *value));
        }
        self.samples += samples.len();
    }

    /// How many samples were added, floats and histograms.
    #[must_use]
    pub fn samples_len(&self) -> usize {
        self.samples
    }

    /// How long the body is before compression, in bytes.
    #[must_use]
    pub fn bytes_len(&self) -> usize {
        self.symbols.fields_len() + self.series.len()
    }

    /// Gives out the compressed body and starts anew.
    ///
    /// # Errors
    /// [`ClientError::TooLong`] when the body has 4 GiB or more; it is then given up.
    pub fn finish(&mut self) -> Result<Bytes, ClientError> {
        self.message.clear();
        self.symbols.put(&mut self.message);
        self.message.extend_from_slice(&self.series);
        self.symbols.clear();
        self.series.clear();
        self.samples = 0;
        compress(&self.message)
    }
}

/// Texts, each once, numbered as they came. The empty text is number 0, said or not.
#[derive(Clone, Debug, Default)]
struct SymbolTable {
    text: Vec<u8>,
    /// Where each text ends; it begins where the one before ends. The empty one is left out.
    ends: Vec<usize>,
    numbers: HashTable<u32>,
    hasher: RandomState,
}

impl SymbolTable {
    fn index(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let Self {
            text: all,
            ends,
            numbers,
            hasher,
        } = self;
        let hash = hasher.hash_one(text.as_bytes());
        if let Some(found) = numbers.find(hash, |&at| nth(all, ends, at) == text.as_bytes()) {
            return *found;
        }
        all.extend_from_slice(text.as_bytes());
        ends.push(all.len());
        // A table of 2^32 texts would not fit into a body.
        let number = u32::try_from(ends.len()).unwrap_or(u32::MAX);
        numbers.insert_unique(hash, number, |&at| hasher.hash_one(nth(all, ends, at)));
        number
    }

    fn texts(&self) -> impl Iterator<Item = &[u8]> {
        let numbers = 0..=u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        numbers.map(|at| nth(&self.text, &self.ends, at))
    }

    fn fields_len(&self) -> usize {
        self.texts().map(|text| field_len(text.len())).sum()
    }

    fn put(&self, out: &mut Vec<u8>) {
        self.texts().for_each(|text| put_bytes(out, 4, text));
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.numbers.clear();
    }
}

/// The text of a number, which is one more than its place.
fn nth<'t>(text: &'t [u8], ends: &[usize], number: u32) -> &'t [u8] {
    let place = usize::try_from(number).unwrap_or(usize::MAX).checked_sub(1);
    let end_at = |place: Option<usize>| place.and_then(|place| ends.get(place)).copied();
    let end = end_at(place).unwrap_or(0);
    let start = end_at(place.and_then(|place| place.checked_sub(1))).unwrap_or(0);
    text.get(start..end).unwrap_or_default()
}

/// The request that carries a body of [`WriteEncoder::finish`].
///
/// # Errors
/// When the user agent is no header value.
pub fn request(
    uri: Uri,
    user_agent: &str,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, ClientError> {
    Ok(Request::post(uri)
        .header(CONTENT_ENCODING, "snappy")
        .header(CONTENT_TYPE, WriteProtocol::V2.content_type())
        .header(USER_AGENT, user_agent)
        .header(
            "x-prometheus-remote-write-version",
            WriteProtocol::V2.version(),
        )
        .body(Full::new(body))?)
}

/// How much a server says it stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Floats.
    pub samples: u64,
    /// Native histograms.
    pub histograms: u64,
    /// Exemplars.
    pub exemplars: u64,
}

/// What the headers of an answer say was stored, and `None` when they say nothing: such a server
/// does not know remote write 2.0, whatever its status.
#[must_use]
pub fn written(headers: &HeaderMap) -> Option<Written> {
    let count = |name: &str| {
        let value = headers.get(name)?.to_str().ok()?;
        value.trim().parse::<u64>().ok()
    };
    let samples = count("x-prometheus-remote-write-samples-written");
    let histograms = count("x-prometheus-remote-write-histograms-written");
    let exemplars = count("x-prometheus-remote-write-exemplars-written");
    samples.or(histograms).or(exemplars)?;
    Some(Written {
        samples: samples.unwrap_or(0),
        histograms: histograms.unwrap_or(0),
        exemplars: exemplars.unwrap_or(0),
    })
}
