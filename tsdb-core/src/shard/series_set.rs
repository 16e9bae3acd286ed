//! The answer of a select: series by series, read in small batches.

use std::collections::VecDeque;
use std::sync::Arc;

use super::columns::merge_columns;
use super::deletes::Delete;
use super::parts::{Entry, Known, Parts, PartsReader, Place};
use super::readers::{Held, Present, Reader};
use super::{Head, Live, Overtaken, SelectLimits, Series, SeriesChunks, ShardError};
use crate::chunk::Encoding;
use crate::model::{Labels, TimeRange};
use crate::series::{ChunkPart, HistogramForm, disjoint_parts, merge_parts};

/// How many series are read at a time at most.
const BATCH_SERIES: u64 = 128;
/// About how many samples of blocks are read at a time.
pub(super) const BATCH_SAMPLES: u64 = 1 << 20;

/// The series that match, sorted by labels; those without samples in the range are left out.
/// Lazy: a batch of series is read when it is asked for. An error ends it.
#[derive(Debug)]
pub struct SeriesSet {
    /// None once it ended.
    reader: Option<Arc<Reader>>,
    range: TimeRange,
    limits: SelectLimits,
    samples: u64,
    /// Deletes that may hide something.
    deletes: Vec<Arc<Delete>>,
    batch: usize,
    entries: std::vec::IntoIter<Entry>,
    places: Vec<Place>,
    ready: VecDeque<(Labels, Parts)>,
}

impl SeriesSet {
    pub(super) fn new(
        head: Arc<Head>,
        live: Arc<Live>,
        range: TimeRange,
        limits: SelectLimits,
        (entries, places): (Vec<Entry>, Vec<Place>),
    ) -> Self {
        let batch = BATCH_SAMPLES / samples_a_row(&live, range).max(1);
        let deletes = live.hiding();
        let held = Held { head, live };
        Self {
            reader: Some(Arc::clone(&held.head).pins.readers().add(held)),
            deletes,
            range,
            limits,
            samples: 0,
            batch: usize::try_from(batch.clamp(1, BATCH_SERIES)).unwrap_or(1),
            entries: entries.into_iter(),
            places,
            ready: VecDeque::new(),
        }
    }

    /// How many series at most are still to come.
    #[must_use]
    pub fn len_at_most(&self) -> usize {
        self.entries.len() + self.ready.len()
    }

    fn next_parts(&mut self) -> Result<Option<(Labels, Parts)>, ShardError> {
        while self.ready.is_empty() {
            let entries: Vec<Entry> = self.entries.by_ref().take(self.batch).collect();
            let reader = self.reader.clone().filter(|_| !entries.is_empty());
            let Some(reader) = reader else {
                self.end();
                return Ok(None);
            };
            let held = reader.held()?;
            check_pins(&held)?;
            let parts = PartsReader {
                held: &held,
                range: self.range,
                deletes: &self.deletes,
                places: &self.places,
            };
            let found = parts.read(&entries)?;
            let names = held.head.names.read();
            for (entry, parts) in entries.into_iter().zip(found) {
                if parts.chunks.is_empty() && parts.columns.is_empty() {
                    continue;
                }
                let labels = match entry.known {
                    Known::Labels(labels) => Some(labels),
                    Known::Slot(slot) => names.index.labels(slot),
                };
                self.ready.extend(labels.map(|labels| (labels, parts)));
            }
            drop(names);
            reader.set_own_bytes(self.heap_bytes());
        }
        Ok(self.ready.pop_front())
    }

    /// Bytes of what was read and is not given out, and of what tells what to read.
    fn heap_bytes(&self) -> usize {
        let ready = self.ready.iter().map(|(_, parts)| parts.heap_bytes());
        self.entries.len() * size_of::<Entry>()
            + self.places.capacity() * size_of::<Place>()
            + ready.sum::<usize>()
    }

    fn count(&mut self, samples: u64) -> Result<(), ShardError> {
        self.samples += samples;
        if self.samples > self.limits.samples {
            self.end();
            let limit = self.limits.samples;
            return Err(ShardError::QueryLimit {
                what: "samples",
                name: "max_samples",
                limit,
            });
        }
        Ok(())
    }

    /// Nothing more comes, and nothing is held any more.
    fn end(&mut self) {
        self.ready.clear();
        self.entries = Vec::new().into_iter();
        self.places = Vec::new();
        self.reader = None;
    }

    /// The next series as chunks that Prometheus reads, copied where they need no merging and lie
    /// in no block.
    ///
    /// # Errors
    /// When it cannot be read, or a limit is exceeded; nothing more comes after it.
    pub fn next_chunks(&mut self) -> Result<Option<SeriesChunks>, ShardError> {
        self.next_chunks_as(HistogramForm::Prometheus)
    }

    /// The same as chunks that keep all bits of native histograms, for [`Series::from_chunks`].
    ///
    /// # Errors
    /// As [`SeriesSet::next_chunks`].
    pub fn next_exact_chunks(&mut self) -> Result<Option<SeriesChunks>, ShardError> {
        self.next_chunks_as(HistogramForm::Exact)
    }

    fn next_chunks_as(&mut self, form: HistogramForm) -> Result<Option<SeriesChunks>, ShardError> {
        let next = self.next_parts().and_then(|next| {
            let Some((labels, parts)) = next else {
                return Ok(None);
            };
            let mut chunks = chunks_of(parts, form)?;
            chunks.retain(|chunk| self.range.overlaps(chunk.min, chunk.max));
            self.count(chunks.iter().map(|chunk| u64::from(chunk.count)).sum())?;
            Ok(Some(SeriesChunks { labels, chunks }))
        });
        next.inspect_err(|_| self.end())
    }

    fn next_series(&mut self) -> Result<Option<Series>, ShardError> {
        while let Some((labels, parts)) = self.next_parts()? {
            let samples = parts.into_samples(self.range)?;
            if !samples.is_empty() {
                self.count(samples.len() as u64)?;
                return Ok(Some(Series::new(labels, samples)));
            }
        }
        Ok(None)
    }
}

impl Iterator for SeriesSet {
    type Item = Result<Series, ShardError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_series().inspect_err(|_| self.end()).transpose()
    }
}

/// Chunks of all parts that do not overlap: those there are are kept where no block's samples lie
/// among them, and no histograms are near that have to take another form.
fn chunks_of(mut parts: Parts, form: HistogramForm) -> Result<Vec<ChunkPart>, ShardError> {
    let is_kept =
        |chunk: &ChunkPart| chunk.encoding == Encoding::Xor || form == HistogramForm::Exact;
    let kept = parts.chunks.iter().all(is_kept)
        && (parts.columns.iter()).all(|column| column.histograms.is_empty());
    if !kept {
        parts
            .columns
            .push(merge_parts(&mut parts.chunks, TimeRange::ALL)?);
        return Ok(merge_columns(parts.columns).encode(form));
    }
    let mut chunks = disjoint_parts(parts.chunks)?;
    let columns = merge_columns(parts.columns);
    let ends = columns.timestamps.first().zip(columns.timestamps.last());
    let Some((&min, &max)) = ends else {
        return Ok(chunks);
    };
    if chunks
        .iter()
        .any(|chunk| chunk.min <= max && min <= chunk.max)
    {
        let others = merge_parts(&mut chunks, TimeRange::ALL)?;
        let merged = merge_columns(vec![columns, others]);
        return Ok(merged.encode(form));
    }
    let at = chunks.partition_point(|chunk| chunk.max < min);
    chunks.splice(at..at, columns.encode(form));
    Ok(chunks)
}

/// A reader of files that were removed is refused once too much is held of such.
pub(super) fn check_pins(held: &Held) -> Result<(), ShardError> {
    let pins = &held.head.pins;
    let (value, limit) = (pins.pinned().bytes, pins.bytes_max());
    if value <= limit || held.is_live(&Present::new(&held.head.live())) {
        return Ok(());
    }
    pins.readers().count_refused();
    Err(ShardError::Overtaken(Overtaken {
        what: "bytes of files that were removed",
        name: "pinned_bytes_max",
        limit,
        value,
    }))
}

/// About how many samples a series has in the blocks that overlap the range.
pub(super) fn samples_a_row(live: &Live, range: TimeRange) -> u64 {
    let overlapping = live.blocks.iter().map(|block| block.meta());
    let overlapping = overlapping.filter(|meta| range.overlaps(meta.min_time, meta.max_time));
    let samples = overlapping.map(|meta| {
        let span = i128::from(meta.max_time) - i128::from(meta.min_time) + 1;
        let from = meta.min_time.max(range.min());
        let inside = i128::from(meta.max_time.min(range.max())) - i128::from(from) + 1;
        let a_row = i128::from(meta.samples / u64::from(meta.rows).max(1));
        u64::try_from(a_row * inside / span).unwrap_or(u64::MAX)
    });
    samples.fold(0, u64::saturating_add)
}
