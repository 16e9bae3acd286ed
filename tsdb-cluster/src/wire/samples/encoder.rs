//! The sending side of a connection: what the other side knows, and payloads in its terms.

use tsdb_core::bits::{put_ivarint, put_u64, put_uvarint};
use tsdb_core::{LabelsBuilder, LabelsError, SeriesKey, WriteBatch};

use super::known::KnownSeries;
use super::payload::{Front, Packer};
use super::selected::{Selected, SeriesHandle, too_large};
use super::steps::NumberWriter;
use super::times::TimesWriter;
use super::values::ValuesWriter;
use super::{Packing, SampleLimits};
use crate::wire::WireError;
use crate::wire::front_coding::LabelsWriter;

/// A value and its bytes, a timestamp and its run: no float takes more.
const FLOAT_BYTES_MAX: usize = 9 + 1 + 10 + 21;
/// A run of numbers: no series takes more beside its samples.
const SERIES_BYTES_MAX: usize = 20;
/// Counts and lengths of a body.
const COUNTS_BYTES_MAX: usize = 9 * 10;

/// What a payload holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// The number of the request on its connection, from 0.
    pub request: u64,
    /// Series whose labels it carries.
    pub new_series: usize,
    /// Series that have something in it, counted as often as they were chosen.
    pub series: usize,
    /// Floats.
    pub samples: usize,
    /// Native histograms.
    pub histograms: usize,
    /// Exemplars.
    pub exemplars: usize,
    /// Exemplars that were left out since their labels are no valid set: the batch says why.
    pub invalid_exemplars: usize,
    /// Whether both dictionaries begin anew with it.
    pub reset: bool,
}

/// Encodes parts of write batches for one connection.
///
/// Every payload counts on all before it: they must reach the other side whole and in order, also
/// those that it then refuses. Who drops one, or is told that one was not decoded, drops the
/// encoder, and the connection with it.
#[derive(Debug)]
pub struct SampleEncoder {
    limits: SampleLimits,
    packing: Packing,
    known: KnownSeries,
    request: u64,
    reset_due: bool,
    builder: LabelsBuilder,
    labels: LabelsWriter,
    columns: Columns,
    packer: Packer,
}

/// The columns of one payload. Kept for the next.
#[derive(Debug, Default)]
struct Columns {
    /// The series that have rows: place in the batch, and number.
    entries: Vec<(u32, u32)>,
    definitions: Vec<u8>,
    numbers: Vec<u8>,
    times: Vec<u8>,
    times_writer: TimesWriter,
    values_writer: ValuesWriter,
    values: Vec<u8>,
    /// Histograms, then exemplars.
    rows: Vec<u8>,
    scratch: Vec<u8>,
    body: Vec<u8>,
}

/// Why a series got no number.
enum Refusal {
    /// The dictionary is full: of what, in the end.
    Full(WireError),
    Other(WireError),
}

impl From<WireError> for Refusal {
    fn from(error: WireError) -> Self {
        Self::Other(error)
    }
}

impl SampleEncoder {
    /// An encoder for a connection on which nothing was sent yet, within the limits of its other
    /// side.
    #[must_use]
    pub fn new(limits: SampleLimits, packing: Packing) -> Self {
        Self {
            limits,
            packing,
            known: KnownSeries::default(),
            request: 0,
            reset_due: false,
            builder: LabelsBuilder::new(),
            labels: LabelsWriter::default(),
            columns: Columns::default(),
            packer: Packer::new(),
        }
    }

    /// Begins both dictionaries anew with the next payload.
    pub fn reset(&mut self) {
        self.reset_due = true;
    }

    /// Series of the dictionary.
    #[must_use]
    pub fn series_len(&self) -> usize {
        self.known.sizes().0
    }

    /// Bytes of memory that it holds, about.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.known.heap_bytes()
            + self.columns.heap_bytes()
            + self.builder.heap_bytes()
            + self.labels.heap_bytes()
            + self.packer.heap_bytes()
    }

    /// Appends the payload of the series of `batch` that `selection` names by their place in it;
    /// `handles` has one for each series of the batch. Series without samples are left out.
    ///
    /// # Errors
    /// When labels of a series are no valid set, when the part takes more than a payload or a
    /// whole dictionary may, or when there is no such series or no handle for it. Nothing was
    /// appended then, and other payloads may follow.
    pub fn encode(
        &mut self,
        batch: &WriteBatch<'_>,
        handles: &[SeriesHandle],
        selection: &[u32],
        out: &mut Vec<u8>,
    ) -> Result<Encoded, WireError> {
        let selected = Selected {
            batch,
            handles,
            selection,
        };
        let (reset, before, samples) = self.number_all(&selected)?;
        let mut encoded = Encoded {
            request: self.request,
            new_series: self.known.sizes().0 - before.0,
            series: self.columns.entries.len(),
            samples,
            reset,
            ..Encoded::default()
        };
        self.columns.put_histograms(&selected, &mut encoded);
        self.columns.put_exemplars(&selected, &mut encoded);
        let bytes = self.columns.bytes_at_most(samples);
        if bytes > self.limits.payload_bytes {
            self.undo(reset, before);
            let limit = self.limits.payload_bytes;
            return Err(too_large(
                "bytes of a payload",
                "payload_bytes",
                bytes,
                limit,
            ));
        }
        self.columns.put_floats(&selected, &mut self.known);
        self.columns.put_body(&encoded);
        let front = Front {
            request: self.request,
            known: before.0 as u64,
            reset,
        };
        (self.packer).seal(front, &self.columns.body, self.packing, out);
        self.request += 1;
        Ok(encoded)
    }

    /// Gives every series that has something a number. Tells whether the dictionary was emptied
    /// for that, how large it was before the first new series, and how many floats there are.
    fn number_all(
        &mut self,
        selected: &Selected<'_, '_>,
    ) -> Result<(bool, (usize, usize), usize), WireError> {
        let mut reset = std::mem::take(&mut self.reset_due);
        loop {
            if reset {
                self.known.clear();
            }
            let before = self.known.sizes();
            let error = match self.number_each(selected) {
                Ok(samples) => return Ok((reset, before, samples)),
                Err(Refusal::Full(_)) if !reset => {
                    reset = true;
                    continue;
                }
                Err(Refusal::Full(error) | Refusal::Other(error)) => error,
            };
            self.undo(reset, before);
            return Err(error);
        }
    }

    fn number_each(&mut self, selected: &Selected<'_, '_>) -> Result<usize, Refusal> {
        self.columns.entries.clear();
        self.columns.definitions.clear();
        self.labels.clear();
        let (mut guess, mut samples) = (0, 0);
        for &index in selected.selection {
            let (handle, (labels, timestamps, _)) = selected.series(index)?;
            if !selected.has_rows(index, timestamps) {
                continue;
            }
            let number = match self.known.number(handle.key, guess) {
                Some(number) => number,
                None => self.define(*handle, labels, selected.batch.left_out())?,
            };
            self.columns.entries.push((index, number));
            guess = number.wrapping_add(1);
            samples += timestamps.len();
        }
        if samples > self.limits.samples {
            let limit = self.limits.samples;
            return Err(too_large("samples", "samples", samples, limit).into());
        }
        Ok(samples)
    }

    /// Adds a series to the dictionary, and its definition to the payload.
    fn define(
        &mut self,
        handle: SeriesHandle,
        key: SeriesKey<'_>,
        left_out: Option<&str>,
    ) -> Result<u32, Refusal> {
        let invalid = |error: LabelsError| Refusal::Other(error.into());
        let canonical = match (key, left_out) {
            (SeriesKey::Labels(labels), None) => labels.as_bytes(),
            _ => {
                self.builder.clear();
                key.parse(&mut self.builder).map_err(invalid)?;
                if let Some(name) = left_out {
                    self.builder.remove(name);
                }
                self.builder.canonical().map_err(invalid)?
            }
        };
        let (series, label_bytes) = self.known.sizes();
        let bytes = label_bytes.saturating_add(canonical.len());
        if series >= self.limits.series {
            let limit = self.limits.series;
            let error = too_large("series of the dictionary", "series", series + 1, limit);
            return Err(Refusal::Full(error));
        }
        if bytes > self.limits.label_bytes {
            let limit = self.limits.label_bytes;
            let error = too_large("bytes of labels", "label_bytes", bytes, limit);
            return Err(Refusal::Full(error));
        }
        put_uvarint(&mut self.columns.definitions, u64::from(handle.shard));
        self.labels.put(canonical, &mut self.columns.definitions);
        Ok(self.known.add(handle.key, canonical.len()))
    }

    /// Forgets the series of a payload that is not made.
    fn undo(&mut self, reset: bool, before: (usize, usize)) {
        self.known.forget_from(before);
        self.reset_due |= reset;
    }
}

impl Columns {
    fn heap_bytes(&self) -> usize {
        let columns = [
            &self.definitions,
            &self.numbers,
            &self.times,
            &self.values,
            &self.rows,
            &self.scratch,
            &self.body,
        ];
        columns
            .iter()
            .map(|column| column.capacity())
            .sum::<usize>()
            + self.entries.capacity() * size_of::<(u32, u32)>()
            + self.times_writer.heap_bytes()
            + self.values_writer.heap_bytes()
    }

    /// The body is not longer, once it has floats.
    fn bytes_at_most(&self, samples: usize) -> usize {
        let floats = samples.saturating_mul(FLOAT_BYTES_MAX);
        let series = self.entries.len().saturating_mul(SERIES_BYTES_MAX);
        (floats.saturating_add(series))
            .saturating_add(self.definitions.len() + self.rows.len() + COUNTS_BYTES_MAX)
    }

    fn put_histograms(&mut self, selected: &Selected<'_, '_>, encoded: &mut Encoded) {
        self.rows.clear();
        if selected.batch.histograms().is_empty() {
            return;
        }
        let (mut last_entry, mut last_timestamp) = (0, 0i64);
        for (entry, (index, _)) in (0u64..).zip(&self.entries) {
            for row in selected.histograms(*index) {
                put_uvarint(&mut self.rows, entry - last_entry);
                put_ivarint(&mut self.rows, row.timestamp.wrapping_sub(last_timestamp));
                self.scratch.clear();
                row.histogram.put_bytes(&mut self.scratch);
                put_uvarint(&mut self.rows, self.scratch.len() as u64);
                self.rows.extend_from_slice(&self.scratch);
                (last_entry, last_timestamp) = (entry, row.timestamp);
                encoded.histograms += 1;
            }
        }
    }

    fn put_exemplars(&mut self, selected: &Selected<'_, '_>, encoded: &mut Encoded) {
        if selected.batch.exemplars().is_empty() {
            return;
        }
        let (mut last_entry, mut last_timestamp) = (0, 0i64);
        for (entry, (index, _)) in (0u64..).zip(&self.entries) {
            for row in selected.exemplars(*index) {
                let Ok(labels) = &row.labels else {
                    encoded.invalid_exemplars += 1;
                    continue;
                };
                put_uvarint(&mut self.rows, entry - last_entry);
                put_ivarint(&mut self.rows, row.timestamp.wrapping_sub(last_timestamp));
                put_u64(&mut self.rows, row.value.to_bits());
                put_uvarint(&mut self.rows, labels.as_bytes().len() as u64);
                self.rows.extend_from_slice(labels.as_bytes());
                (last_entry, last_timestamp) = (entry, row.timestamp);
                encoded.exemplars += 1;
            }
        }
    }

    /// Makes the columns of floats; from here on the dictionary is as the other side's will be.
    fn put_floats(&mut self, selected: &Selected<'_, '_>, series: &mut KnownSeries) {
        let mut numbers = NumberWriter::default();
        self.numbers.clear();
        self.times.clear();
        self.times_writer.start();
        self.values_writer.start();
        for &(index, number) in &self.entries {
            let found = selected.batch.series_at(index as usize);
            let (Some((_, timestamps, values)), Some(known)) = (found, series.get_mut(number))
            else {
                continue;
            };
            numbers.push(number, &mut self.numbers);
            (self.times_writer).push(timestamps, known.pace, &mut self.times);
            known.pace.follow(timestamps);
            for value in values {
                let bits = value.to_bits();
                self.values_writer.push(bits, known.bits);
                known.bits = bits;
            }
        }
        numbers.end(&mut self.numbers);
        self.times_writer.end(&mut self.times);
        self.values.clear();
        self.values_writer.finish(&mut self.values);
    }

    fn put_body(&mut self, encoded: &Encoded) {
        self.body.clear();
        let counts = [
            encoded.new_series,
            self.entries.len(),
            encoded.samples,
            encoded.histograms,
            encoded.exemplars,
        ];
        for count in counts {
            put_uvarint(&mut self.body, count as u64);
        }
        for column in [&self.definitions, &self.numbers, &self.times, &self.values] {
            put_uvarint(&mut self.body, column.len() as u64);
            self.body.extend_from_slice(column);
        }
        self.body.extend_from_slice(&self.rows);
    }
}
