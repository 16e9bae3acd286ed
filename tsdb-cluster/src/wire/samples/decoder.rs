//! The receiving side of a connection.

use std::sync::Arc;

use tsdb_core::bits::{ByteReader, DecodeError};
use tsdb_core::model::BatchHistogram;
use tsdb_core::{BatchExemplar, Histogram, Labels};

use super::selected::too_large;
use super::steps::NumberReader;
use super::times::{Pace, TimesReader};
use super::values::ValuesReader;
use super::{Decoded, SampleLimits, payload};
use crate::ShardId;
use crate::batch::SeriesEntry;
use crate::wire::WireError;
use crate::wire::front_coding::LabelsReader;

const WHAT: &str = "payload of samples";

/// A series that was sent on the connection.
#[derive(Debug)]
struct Entry {
    entry: Arc<SeriesEntry>,
    /// Bits of its last value.
    bits: u64,
    pace: Pace,
}

/// Decodes the payloads of one connection, all of them and in the order in which they were made.
///
/// A request that is refused for what the node is doing (it is overloaded, an epoch is stale) has
/// to be decoded all the same: later ones count on it. After an error nothing is decoded any more,
/// and the connection is to be closed.
#[derive(Debug)]
pub struct SampleDecoder {
    limits: SampleLimits,
    entries: Vec<Entry>,
    label_bytes: usize,
    request: u64,
    broken: bool,
    labels: LabelsReader,
    unpacked: Vec<u8>,
    times: Vec<i64>,
}

/// How many of everything a body says that it holds.
#[derive(Clone, Copy, Debug)]
struct Counts {
    new_series: usize,
    series: usize,
    samples: usize,
    histograms: usize,
    exemplars: usize,
}

impl SampleDecoder {
    /// A decoder for a connection on which nothing came yet.
    #[must_use]
    pub fn new(limits: SampleLimits) -> Self {
        Self {
            limits,
            entries: Vec::new(),
            label_bytes: 0,
            request: 0,
            broken: false,
            labels: LabelsReader::default(),
            unpacked: Vec::new(),
            times: Vec::new(),
        }
    }

    /// Series of the dictionary.
    #[must_use]
    pub fn series_len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes of memory that it holds, about, labels included.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let entry = size_of::<Entry>() + size_of::<SeriesEntry>() + 2 * size_of::<usize>();
        self.entries.capacity() * entry
            + self.label_bytes
            + self.unpacked.capacity()
            + self.times.capacity() * size_of::<i64>()
    }

    /// Decodes the next payload into `out`, whatever that held.
    ///
    /// # Errors
    /// When it is not the next payload of the connection, is damaged, or holds more than the
    /// limits allow. `out` is empty then, and the connection is to be closed.
    pub fn decode(&mut self, payload: &[u8], out: &mut Decoded) -> Result<(), WireError> {
        out.clear();
        if std::mem::replace(&mut self.broken, true) {
            return Err(WireError::Broken);
        }
        let mut unpacked = std::mem::take(&mut self.unpacked);
        let decoded = payload::open(payload, self.limits.payload_bytes, &mut unpacked).and_then(
            |(front, body)| {
                self.begin(front, out)?;
                self.body(body, out)
            },
        );
        self.unpacked = unpacked;
        if decoded.is_err() {
            out.clear();
        }
        decoded?;
        self.request += 1;
        self.broken = false;
        Ok(())
    }

    /// Checks that it is the payload that was due.
    fn begin(&mut self, front: payload::Front, out: &mut Decoded) -> Result<(), WireError> {
        if front.request != self.request {
            return Err(WireError::LostRequest {
                expected: self.request,
                found: front.request,
            });
        }
        if front.reset {
            self.entries.clear();
            self.label_bytes = 0;
        }
        if front.known != self.entries.len() as u64 {
            return Err(WireError::OtherDictionary {
                theirs: front.known,
                ours: self.entries.len(),
            });
        }
        out.request = front.request;
        out.reset = front.reset;
        out.first_new = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        Ok(())
    }

    fn body(&mut self, body: &[u8], out: &mut Decoded) -> Result<(), WireError> {
        let malformed = WireError::malformed(WHAT);
        let mut reader = ByteReader::new(body);
        let counts = self.counts(&mut reader)?;
        let mut column = || column(&mut reader).map_err(&malformed);
        let (definitions, numbers, times, values) = (column()?, column()?, column()?, column()?);
        self.define(definitions, counts.new_series)?;
        self.floats(counts, (numbers, times, values), out)?;
        for _ in 0..counts.histograms {
            let row = histogram(&mut reader, out.histograms.last(), counts.series);
            out.histograms.push(row.map_err(&malformed)?);
        }
        for _ in 0..counts.exemplars {
            let row = exemplar(&mut reader, out.exemplars.last(), counts.series)?;
            out.exemplars.push(row);
        }
        if !reader.is_empty() {
            return Err(malformed(reader.error("bytes behind the last row")));
        }
        Ok(())
    }

    fn counts(&self, reader: &mut ByteReader<'_>) -> Result<Counts, WireError> {
        let malformed = WireError::malformed(WHAT);
        let mut count = || {
            let count = reader.uvarint().map_err(&malformed)?;
            Ok::<_, WireError>(usize::try_from(count).unwrap_or(usize::MAX))
        };
        let counts = Counts {
            new_series: count()?,
            series: count()?,
            samples: count()?,
            histograms: count()?,
            exemplars: count()?,
        };
        let limit = self.limits.samples;
        if counts.samples > limit {
            return Err(too_large("samples", "samples", counts.samples, limit));
        }
        // A float takes a bit, other rows several bytes.
        let rows = counts.histograms.saturating_add(counts.exemplars);
        if rows > reader.remaining() || counts.samples > reader.remaining().saturating_mul(8) {
            return Err(malformed(
                reader.error("more samples than there are bytes for"),
            ));
        }
        if counts.series > counts.samples + rows {
            return Err(malformed(reader.error("more series than samples")));
        }
        Ok(counts)
    }

    /// Adds new series to the dictionary.
    fn define(&mut self, definitions: &[u8], count: usize) -> Result<(), WireError> {
        let malformed = WireError::malformed(WHAT);
        let mut reader = ByteReader::new(definitions);
        self.labels.clear();
        let series = self.entries.len().saturating_add(count);
        if series > self.limits.series {
            let limit = self.limits.series;
            return Err(too_large(
                "series of the dictionary",
                "series",
                series,
                limit,
            ));
        }
        for _ in 0..count {
            let shard = reader.uvarint().map_err(&malformed)?;
            let shard = ShardId::try_from(shard);
            let shard = shard.map_err(|_| malformed(reader.error("a shard wider than 32 bits")))?;
            let labels = self.labels.take(&mut reader, WHAT)?;
            self.label_bytes += labels.as_bytes().len();
            let (bytes, limit) = (self.label_bytes, self.limits.label_bytes);
            if bytes > limit {
                return Err(too_large("bytes of labels", "label_bytes", bytes, limit));
            }
            let entry = SeriesEntry {
                labels,
                shard,
                key: self.entries.len() as u64,
            };
            self.entries.push(Entry {
                entry: Arc::new(entry),
                bits: 0,
                pace: Pace::default(),
            });
        }
        if !reader.is_empty() {
            return Err(malformed(reader.error("bytes behind the last definition")));
        }
        Ok(())
    }

    /// Decodes the columns of floats.
    fn floats(
        &mut self,
        counts: Counts,
        (numbers, times, values): (&[u8], &[u8], &[u8]),
        out: &mut Decoded,
    ) -> Result<(), WireError> {
        let malformed = WireError::malformed(WHAT);
        let mut numbers = NumberReader::new(numbers);
        let mut times = TimesReader::new(times, std::mem::take(&mut self.times));
        let mut values = ValuesReader::new(values, counts.samples).map_err(&malformed)?;
        let mut left = counts.samples;
        out.series.reserve(counts.series);
        out.timestamps.reserve(counts.samples);
        out.values.reserve(counts.samples);
        let known = self.entries.len();
        for _ in 0..counts.series {
            let number = numbers.next().map_err(&malformed)?;
            let entry = usize::try_from(number).unwrap_or(usize::MAX);
            let Some(entry) = self.entries.get_mut(entry) else {
                return Err(WireError::UnknownSeries { number, known });
            };
            let added = times.next(&mut entry.pace, left, &mut out.timestamps);
            let added = added.map_err(&malformed)?;
            left -= added;
            for _ in 0..added {
                entry.bits = values.next(entry.bits).map_err(&malformed)?;
                out.values.push(f64::from_bits(entry.bits));
            }
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            out.end_series(Arc::clone(&entry.entry), number);
        }
        if left > 0 || !numbers.is_at_end() || !times.is_at_end() || !values.is_at_end() {
            let what = "columns of different lengths";
            return Err(malformed(DecodeError { what, offset: 0 }));
        }
        self.times = times.into_list();
        Ok(())
    }
}

/// A column: its length, then itself.
fn column<'a>(reader: &mut ByteReader<'a>) -> Result<&'a [u8], DecodeError> {
    let len = usize::try_from(reader.uvarint()?).unwrap_or(usize::MAX);
    reader.take(len)
}

/// The series, of `series`, and time of a row, told by what they are above those of the row before.
fn row_key(
    reader: &mut ByteReader<'_>,
    before: Option<(usize, i64)>,
    series: usize,
) -> Result<(usize, i64), DecodeError> {
    let (last_series, last_timestamp) = before.unwrap_or_default();
    let step = usize::try_from(reader.uvarint()?).unwrap_or(usize::MAX);
    let at = last_series.saturating_add(step);
    if at >= series {
        return Err(reader.error("a row of a series that is not in the payload"));
    }
    Ok((at, last_timestamp.wrapping_add(reader.ivarint()?)))
}

fn histogram(
    reader: &mut ByteReader<'_>,
    before: Option<&BatchHistogram>,
    series: usize,
) -> Result<BatchHistogram, DecodeError> {
    let before = before.map(|row| (row.series, row.timestamp));
    let (series, timestamp) = row_key(reader, before, series)?;
    let bytes = column(reader)?;
    let start = reader.position() - bytes.len();
    let histogram = Histogram::from_bytes(bytes).map_err(|error| DecodeError {
        offset: start + error.offset,
        ..error
    })?;
    Ok(BatchHistogram {
        series,
        timestamp,
        histogram,
    })
}

fn exemplar(
    reader: &mut ByteReader<'_>,
    before: Option<&BatchExemplar>,
    series: usize,
) -> Result<BatchExemplar, WireError> {
    let malformed = WireError::malformed(WHAT);
    let before = before.map(|row| (row.series, row.timestamp));
    let (series, timestamp) = row_key(reader, before, series).map_err(&malformed)?;
    let value = f64::from_bits(reader.u64().map_err(&malformed)?);
    let labels = column(reader).map_err(&malformed)?;
    Ok(BatchExemplar {
        series,
        timestamp,
        value,
        labels: Ok(Labels::from_bytes(labels.into())?),
    })
}
