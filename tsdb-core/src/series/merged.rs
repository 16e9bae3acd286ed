//! Samples of one series, decoded: floats in columns, histograms in a list. One rule decides where
//! several lie at one time, and all that joins, cuts or encodes samples of both kinds is here.

use super::ChunkPart;
use crate::bits::DecodeError;
use crate::chunk::{
    Encoding, MAX_CHUNK_SAMPLES, decode_exact, decode_into, encode, encode_exact,
    encode_histograms, sample_count,
};
use crate::model::{Histogram, Sample, TimeRange, is_stale, winning_histogram};

/// A chunk of histograms is ended by the one with which their canonical bytes reach this.
const CHUNK_CANONICAL_BYTES: usize = 256 << 10;

/// Samples sorted by time, of which there is one a timestamp.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MergedSamples {
    /// Timestamps of floats, in milliseconds since the epoch.
    pub timestamps: Vec<i64>,
    /// The floats, as many.
    pub values: Vec<f64>,
    /// Histograms, at other timestamps than floats.
    pub histograms: Vec<(i64, Histogram)>,
}

/// How histograms are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistogramForm {
    /// As we keep them: all bits.
    Exact,
    /// As Prometheus reads them: without start timestamps, and with reset hints of chunks.
    Prometheus,
}

/// A sample of either kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SampleRef<'s> {
    /// A float and when.
    Float(Sample),
    /// A native histogram, and when in milliseconds since the epoch.
    Histogram(i64, &'s Histogram),
}

impl SampleRef<'_> {
    /// When, in milliseconds since the epoch.
    #[must_use]
    pub fn timestamp(&self) -> i64 {
        match self {
            Self::Float(sample) => sample.timestamp,
            Self::Histogram(timestamp, _) => *timestamp,
        }
    }
}

impl MergedSamples {
    /// How many samples there are, of both kinds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.timestamps.len() + self.histograms.len()
    }

    /// Bytes held in memory.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let histograms = self.histograms.iter().map(|(_, one)| one.heap_bytes());
        self.timestamps.capacity() * size_of::<i64>()
            + self.values.capacity() * size_of::<f64>()
            + self.histograms.capacity() * size_of::<(i64, Histogram)>()
            + histograms.sum::<usize>()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all samples; room for floats is kept.
    pub fn clear(&mut self) {
        self.timestamps.clear();
        self.values.clear();
        self.histograms.clear();
    }

    /// Whether all floats are earlier than `time`.
    #[inline]
    #[must_use]
    pub fn are_before(&self, time: i64) -> bool {
        self.timestamps.last().is_none_or(|last| *last < time)
    }

    /// Appends what a chunk holds. What was there must be earlier, or [`MergedSamples::settle`]
    /// called in the end.
    ///
    /// # Errors
    /// When the chunk is damaged, or of an encoding that is never kept.
    pub fn push_chunk(&mut self, encoding: Encoding, bytes: &[u8]) -> Result<(), DecodeError> {
        match encoding {
            Encoding::Xor => decode_into(bytes, &mut self.timestamps, &mut self.values),
            Encoding::Histograms => decode_exact(bytes, &mut self.histograms),
            Encoding::Histogram | Encoding::FloatHistogram => Err(DecodeError {
                what: "a chunk of an encoding that is never kept",
                offset: 0,
            }),
        }
    }

    /// Leaves one sample a timestamp: a real one beats a stale marker, then a histogram beats a
    /// float, then the larger canonical bytes win. Floats must be in order, one a timestamp.
    pub fn settle(&mut self) {
        if self.histograms.is_empty() {
            return;
        }
        if !self.histograms.is_sorted_by(|a, b| a.0 < b.0) {
            self.histograms.sort_by_key(|one| one.0);
            self.histograms.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                if same && wins(&next.1, &kept.1) {
                    std::mem::swap(next, kept);
                }
                same
            });
        }
        let Self {
            timestamps, values, ..
        } = self;
        let floats = timestamps.iter().zip(values.iter());
        let real = floats.filter(|(_, value)| !is_stale(**value));
        let mut real = real.map(|(t, _)| *t).peekable();
        self.histograms.retain(|(time, histogram)| {
            while real.next_if(|float| float < time).is_some() {}
            !histogram.is_stale() || real.peek() != Some(time)
        });
        let mut histograms = self.histograms.iter().map(|one| one.0).peekable();
        let mut kept = 0;
        for at in 0..timestamps.len() {
            let Some(&time) = timestamps.get(at) else {
                break;
            };
            while histograms.next_if(|histogram| *histogram < time).is_some() {}
            if histograms.peek() != Some(&time) {
                timestamps.swap(kept, at);
                values.swap(kept, at);
                kept += 1;
            }
        }
        timestamps.truncate(kept);
        values.truncate(kept);
    }

    /// Takes out what lies at `hidden` times, which are sorted and do not overlap.
    pub fn hide(&mut self, hidden: &[TimeRange]) {
        for range in hidden {
            let from = self.timestamps.partition_point(|&t| t < range.min());
            let to = self.timestamps.partition_point(|&t| t <= range.max());
            if from < to {
                self.timestamps.drain(from..to);
                self.values.drain(from..to);
            }
        }
        let is_hidden = |time: i64| hidden.iter().any(|range| range.contains(time));
        self.histograms.retain(|one| !is_hidden(one.0));
    }

    /// Leaves what lies in `range`.
    pub fn trim(&mut self, range: TimeRange) {
        let from = self.timestamps.partition_point(|&t| t < range.min());
        let to = self.timestamps.partition_point(|&t| t <= range.max());
        self.timestamps.truncate(to);
        self.values.truncate(to);
        self.timestamps.drain(..from.min(to));
        self.values.drain(..from.min(to));
        if !self.histograms.is_empty() {
            self.histograms.retain(|one| range.contains(one.0));
        }
    }

    /// All samples in order of time.
    pub fn samples(&self) -> impl Iterator<Item = SampleRef<'_>> + '_ {
        let columns = self.timestamps.iter().zip(&self.values);
        let mut floats = columns.map(|(&t, &value)| Sample::new(t, value)).peekable();
        let mut histograms = self.histograms.iter().peekable();
        std::iter::from_fn(move || {
            let first = histograms.peek().map_or(i64::MAX, |one| one.0);
            let float = match histograms.peek() {
                None => floats.next(),
                Some(_) => floats.next_if(|float| float.timestamp < first),
            };
            match float {
                Some(float) => Some(SampleRef::Float(float)),
                None => histograms
                    .next()
                    .map(|(t, one)| SampleRef::Histogram(*t, one)),
            }
        })
    }

    /// All samples as chunks that do not overlap, in order of time.
    #[must_use]
    pub fn encode(&self, form: HistogramForm) -> Vec<ChunkPart> {
        let mut parts = Vec::new();
        let (mut times, mut values) = (self.timestamps.as_slice(), self.values.as_slice());
        let mut histograms = self.histograms.as_slice();
        while !times.is_empty() || !histograms.is_empty() {
            let before = match histograms.first() {
                Some((first, _)) => times.partition_point(|t| t < first),
                None => times.len(),
            };
            let (now, later) = times.split_at(before);
            let (now_values, later_values) = values.split_at(before.min(values.len()));
            encode_float_parts(now, now_values, &mut parts);
            (times, values) = (later, later_values);
            let before = match times.first() {
                Some(first) => histograms.partition_point(|one| one.0 < *first),
                None => histograms.len(),
            };
            let (now, later) = histograms.split_at(before);
            encode_histogram_parts(now, form, &mut parts);
            histograms = later;
        }
        parts
    }
}

impl MergedSamples {
    /// The histograms alone as chunks, exactly.
    #[must_use]
    pub fn histogram_parts(&self) -> Vec<ChunkPart> {
        let mut parts = Vec::new();
        encode_histogram_parts(&self.histograms, HistogramForm::Exact, &mut parts);
        parts
    }
}

fn wins(a: &Histogram, b: &Histogram) -> bool {
    let bytes = |histogram: &Histogram| {
        let mut out = Vec::new();
        histogram.put_bytes(&mut out);
        out
    };
    let (a, b) = (bytes(a), bytes(b));
    winning_histogram(&a, &b) == a.as_slice()
}

/// Floats as full chunks.
fn encode_float_parts(times: &[i64], values: &[f64], parts: &mut Vec<ChunkPart>) {
    let chunks = times.chunks(MAX_CHUNK_SAMPLES);
    for (times, values) in chunks.zip(values.chunks(MAX_CHUNK_SAMPLES)) {
        let (Some(&min), Some(&max)) = (times.first(), times.last()) else {
            return;
        };
        let samples = times.iter().zip(values);
        let bytes = encode(samples.map(|(&t, &value)| Sample::new(t, value)));
        parts.push(ChunkPart {
            min,
            max,
            count: count(times.len()),
            encoding: Encoding::Xor,
            bytes: bytes.into_boxed_slice(),
        });
    }
}

/// Histograms in order of time as chunks.
pub(super) fn encode_histogram_parts(
    histograms: &[(i64, Histogram)],
    form: HistogramForm,
    parts: &mut Vec<ChunkPart>,
) {
    if form == HistogramForm::Prometheus {
        let all = histograms.iter().map(|(t, one)| (*t, one));
        let most = u16::try_from(MAX_CHUNK_SAMPLES).unwrap_or(u16::MAX);
        parts.extend(encode_histograms(all, most).into_iter().map(|chunk| {
            let encoding = match chunk.is_float {
                true => Encoding::FloatHistogram,
                false => Encoding::Histogram,
            };
            ChunkPart {
                min: chunk.min,
                max: chunk.max,
                count: sample_count(&chunk.bytes).map_or(0, u32::from),
                encoding,
                bytes: chunk.bytes.into_boxed_slice(),
            }
        }));
        return;
    }
    let mut rest = histograms;
    while let Some((min, _)) = rest.first() {
        let (now, later) = rest.split_at(chunk_len(rest));
        let mut bytes = Vec::new();
        encode_exact(now.iter().map(|(t, one)| (*t, one)), &mut bytes);
        parts.push(ChunkPart {
            min: *min,
            max: now.last().map_or(*min, |last| last.0),
            count: count(now.len()),
            encoding: Encoding::Histograms,
            bytes: bytes.into_boxed_slice(),
        });
        rest = later;
    }
}

/// How many of the first histograms make a chunk.
fn chunk_len(histograms: &[(i64, Histogram)]) -> usize {
    let mut canonical = Vec::new();
    for (at, (_, histogram)) in histograms.iter().take(MAX_CHUNK_SAMPLES).enumerate() {
        histogram.put_bytes(&mut canonical);
        if canonical.len() >= CHUNK_CANONICAL_BYTES {
            return at + 1;
        }
    }
    histograms.len().min(MAX_CHUNK_SAMPLES)
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
