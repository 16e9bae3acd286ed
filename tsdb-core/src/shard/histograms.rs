//! The native histograms of a batch: checked, logged and applied beside its floats.

use super::append::{NO_SLOT, Scratch};
use super::{AppendEnvironment, Head, LockedStripes, Names};
use crate::model::{
    AppendReport, BatchHistogram, Generation, Histogram, NamespaceId, RejectReason, SeriesId,
    ShardId, WriteBatch,
};
use crate::wal::{HistogramFrameEncoder, HistogramRow};

/// What a histogram takes beside its canonical bytes, with the place of its series.
const ROW_BYTES_MAX: usize = 256;

/// Histograms that will be stored. Reused: keeps its buffers.
#[derive(Debug, Default)]
pub(super) struct CheckedHistograms {
    /// Slot, timestamp, and where its canonical bytes end.
    rows: Vec<(u32, i64, usize)>,
    ids: Vec<u64>,
    bytes: Vec<u8>,
    encoder: HistogramFrameEncoder,
}

impl CheckedHistograms {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn clear(&mut self) {
        self.rows.clear();
        self.bytes.clear();
    }

    /// Adds a histogram if it is valid.
    fn add(&mut self, slot: u32, of: &BatchHistogram) -> Result<(), RejectReason> {
        of.histogram.validate()?;
        let begin = self.bytes.len();
        of.histogram.put_bytes(&mut self.bytes);
        let (bytes, limit) = (self.bytes.len() - begin, Histogram::MAX_BYTES);
        if bytes > limit {
            self.bytes.truncate(begin);
            return Err(RejectReason::HistogramTooLong { bytes, limit });
        }
        self.rows.push((slot, of.timestamp, self.bytes.len()));
        Ok(())
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.rows.iter().map(|row| row.0)
    }

    pub(super) fn find_ids(&mut self, names: &Names) {
        self.ids.clear();
        let ids = (self.rows.iter()).map(|row| names.registry.id(row.0).map_or(0, |id| id.0));
        self.ids.extend(ids);
    }

    /// What they may take in buffers at most.
    pub(super) fn buffer_bytes_at_most(&self) -> u64 {
        (self.rows.len() * ROW_BYTES_MAX + self.bytes.len()) as u64
    }

    /// Bytes held between appends.
    pub(super) fn heap_bytes(&self) -> usize {
        self.rows.capacity() * size_of::<(u32, i64, usize)>()
            + self.ids.capacity() * size_of::<u64>()
            + self.bytes.capacity()
    }

    pub(super) fn frame_bytes_at_most(&self) -> u64 {
        match self.rows.len() {
            0 => 0,
            rows => HistogramFrameEncoder::bytes_at_most(rows, self.bytes.len()),
        }
    }

    /// Applies all to the locked stripes of their slots, and appends the payload of their frame,
    /// whose writer has `seen` this delete last.
    pub(super) fn apply(
        &mut self,
        (namespace, seen): (NamespaceId, Generation),
        stripes: &mut LockedStripes<'_>,
        frame: &mut Vec<u8>,
    ) {
        self.encoder.start(self.rows.first().map_or(0, |row| row.1));
        self.encoder.saw_delete(seen);
        let mut begin = 0;
        for (&(slot, timestamp, end), &id) in self.rows.iter().zip(&self.ids) {
            let bytes = self.bytes.get(begin..end).unwrap_or_default();
            begin = end;
            stripes.append_histogram(slot, timestamp, bytes);
            self.encoder.push(HistogramRow {
                series: SeriesId(id),
                timestamp,
                bytes,
            });
        }
        self.encoder.finish(namespace, ShardId(0), frame);
    }
}

impl Head {
    /// Fills `scratch.histograms` with those of the batch that are valid and in time.
    pub(super) fn check_histograms(
        &self,
        batch: &WriteBatch<'_>,
        environment: &AppendEnvironment<'_>,
        scratch: &mut Scratch,
        report: &mut AppendReport,
    ) {
        let checked = &mut scratch.histograms;
        checked.clear();
        let (oldest, newest) = self.times_taken(environment);
        for of in batch.histograms() {
            let Some(&slot) = scratch
                .slots
                .get(of.series)
                .filter(|slot| **slot != NO_SLOT)
            else {
                continue;
            };
            let added = match of.timestamp < oldest || of.timestamp > newest {
                true => Err(self.refusal(of.timestamp, environment)),
                false => checked.add(slot, of),
            };
            if let Err(reason) = added {
                self.reject(slot, of.timestamp, reason, report);
            }
        }
    }
}
