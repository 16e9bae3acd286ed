//! The answer of a select: series by series, read in small batches.

use std::collections::VecDeque;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use super::columns::{in_range, merge_columns};
use super::deletes::{Delete, Mask};
use super::readers::{Held, Present, Reader};
use super::{Head, Live, Overtaken, SelectLimits, Series, SeriesChunks, ShardError};
use crate::block::BlockReader;
use crate::chunk::Encoding;
use crate::model::{Labels, TimeRange};
use crate::series::{ChunkPart, HistogramForm, MergedSamples, disjoint_parts, merge_parts};

/// How many series are read at a time at most.
const BATCH_SERIES: u64 = 128;
/// About how many samples of blocks are read at a time.
const BATCH_SAMPLES: u64 = 1 << 20;

/// How a series that matches is known.
#[derive(Clone, Debug)]
pub(super) enum Known {
    /// By its slot in memory.
    Slot(u32),
    /// By its labels, which only blocks know.
    Labels(Labels),
}

/// A series that matches, and its rows in blocks.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) known: Known,
    /// Which of the set's places are its.
    pub(super) places: Range<usize>,
}

/// A row of a block: number of the block among the live ones, and of the row.
pub(super) type Place = (usize, u32);

/// What was read of a series.
#[derive(Debug, Default)]
struct Parts {
    chunks: Vec<ChunkPart>,
    columns: Vec<MergedSamples>,
}

impl Parts {
    fn heap_bytes(&self) -> usize {
        let chunks = self.chunks.iter().map(|chunk| chunk.bytes.len());
        let columns = self.columns.iter().map(MergedSamples::heap_bytes);
        self.chunks.capacity() * size_of::<ChunkPart>() + chunks.chain(columns).sum::<usize>()
    }
}

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
            let found = self.read(&held, &entries)?;
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

    /// What is hidden of each of the entries; nothing at all where nothing was deleted.
    fn masks(&self, head: &Head, entries: &[Entry]) -> Vec<Mask> {
        if self.deletes.is_empty() {
            return Vec::new();
        }
        let names = head.names.read();
        let mask = |entry: &Entry| match &entry.known {
            Known::Labels(labels) => Mask::of(&self.deletes, labels),
            Known::Slot(slot) => {
                let labels = names.index.labels(*slot).unwrap_or_default();
                Mask::of(&self.deletes, &labels)
            }
        };
        entries.iter().map(mask).collect()
    }

    /// What each of the entries has in the range, in memory, runs and blocks.
    fn read(&self, held: &Held, entries: &[Entry]) -> Result<Vec<Parts>, ShardError> {
        let masks = self.masks(&held.head, entries);
        let (mut at, mut slots, mut slot_masks) = (Vec::new(), Vec::new(), Vec::new());
        for (number, entry) in entries.iter().enumerate() {
            if let Known::Slot(slot) = entry.known {
                at.push(number);
                slots.push(slot);
                slot_masks.extend(masks.get(number).cloned());
            }
        }
        let chunks = held
            .head
            .read_parts(&held.live, &slots, &slot_masks, self.range)?;
        let mut found: Vec<Parts> = Vec::new();
        found.resize_with(entries.len(), Parts::default);
        for (number, chunks) in at.into_iter().zip(chunks) {
            if let Some(parts) = found.get_mut(number) {
                parts.chunks = chunks;
            }
        }
        let mut rows: Vec<(Place, usize)> = Vec::new();
        for (number, entry) in entries.iter().enumerate() {
            let places = self.places.get(entry.places.clone()).unwrap_or_default();
            rows.extend(places.iter().map(|place| (*place, number)));
        }
        rows.sort_unstable();
        for of_block in rows.chunk_by(|a, b| a.0.0 == b.0.0) {
            let block = of_block
                .first()
                .and_then(|row| held.live.blocks.get(row.0.0));
            if let Some(block) = block {
                self.read_block(block, of_block, &masks, &mut found)?;
            }
        }
        Ok(found)
    }

    fn read_block(
        &self,
        block: &BlockReader,
        rows: &[(Place, usize)],
        masks: &[Mask],
        found: &mut [Parts],
    ) -> Result<(), ShardError> {
        let source = block.meta().header.last_generation;
        let numbers: Vec<u32> = rows.iter().map(|row| row.0.1).collect();
        let mut rows = rows.iter();
        let mut read: Vec<(u32, MergedSamples)> = Vec::new();
        block.read_rows(&numbers, self.range, |row, timestamps, values| {
            read.push((row, in_range(timestamps, values, self.range)));
            ControlFlow::Continue(())
        })?;
        block.read_histograms(&numbers, self.range, |row, histograms| {
            let at = read.binary_search_by_key(&row, |(row, _)| *row).ok();
            if let Some((_, column)) = at.and_then(|at| read.get_mut(at)) {
                column.histograms = histograms;
                column.settle();
                column.trim(self.range);
            }
        })?;
        for (row, mut column) in read {
            let place = rows.find(|(place, _)| place.1 == row);
            let number = place.map_or(usize::MAX, |place| place.1);
            if let Some(mask) = masks.get(number).filter(|mask| !mask.is_empty()) {
                column.hide(&mask.hidden(source));
            }
            if let Some(parts) = found.get_mut(number)
                && !column.is_empty()
            {
                parts.columns.push(column);
            }
        }
        Ok(())
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
        while let Some((labels, mut parts)) = self.next_parts()? {
            if !parts.chunks.is_empty() {
                let samples = merge_parts(&mut parts.chunks, self.range)?;
                parts.columns.push(samples);
            }
            let samples = merge_columns(parts.columns);
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
fn check_pins(held: &Held) -> Result<(), ShardError> {
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
fn samples_a_row(live: &Live, range: TimeRange) -> u64 {
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
