//! What series have in memory, runs and blocks, part by part and not merged yet.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use super::ShardError;
use super::columns::{in_range, merge_columns};
use super::deletes::{Delete, Mask};
use super::readers::Held;
use crate::block::BlockReader;
use crate::model::{Labels, TimeRange};
use crate::series::{ChunkPart, MergedSamples, merge_parts};

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
pub(super) struct Parts {
    pub(super) chunks: Vec<ChunkPart>,
    pub(super) columns: Vec<MergedSamples>,
}

impl Parts {
    pub(super) fn heap_bytes(&self) -> usize {
        let chunks = self.chunks.iter().map(|chunk| chunk.bytes.len());
        let columns = self.columns.iter().map(MergedSamples::heap_bytes);
        self.chunks.capacity() * size_of::<ChunkPart>() + chunks.chain(columns).sum::<usize>()
    }

    /// The samples in `range`, merged.
    pub(super) fn into_samples(mut self, range: TimeRange) -> Result<MergedSamples, ShardError> {
        if !self.chunks.is_empty() {
            let samples = merge_parts(&mut self.chunks, range)?;
            self.columns.push(samples);
        }
        Ok(merge_columns(self.columns))
    }
}

/// Reads the parts of some series.
#[derive(Clone, Copy, Debug)]
pub(super) struct PartsReader<'a> {
    /// What is read.
    pub(super) held: &'a Held,
    /// What of it.
    pub(super) range: TimeRange,
    /// Deletes that may hide something.
    pub(super) deletes: &'a [Arc<Delete>],
    /// The rows in blocks that entries name.
    pub(super) places: &'a [Place],
}

impl<'a> PartsReader<'a> {
    /// What is hidden of each of the entries; nothing at all where nothing was deleted.
    pub(super) fn masks(&self, entries: &[Entry]) -> Vec<Mask> {
        if self.deletes.is_empty() {
            return Vec::new();
        }
        let names = self.held.head.names.read();
        let mask = |entry: &Entry| match &entry.known {
            Known::Labels(labels) => Mask::of(self.deletes, labels),
            Known::Slot(slot) => {
                let labels = names.index.labels(*slot).unwrap_or_default();
                Mask::of(self.deletes, &labels)
            }
        };
        entries.iter().map(mask).collect()
    }

    /// What each of the entries has in the range, in memory, runs and blocks.
    pub(super) fn read(&self, entries: &[Entry]) -> Result<Vec<Parts>, ShardError> {
        let held = self.held;
        let masks = self.masks(entries);
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
        let mut rows = Vec::new();
        for (block, rows) in self.by_block(entries.iter().enumerate(), &mut rows) {
            self.read_block(block, rows, &masks, &mut found)?;
        }
        Ok(found)
    }

    /// The rows that some entries have in blocks, block by block, rising, each with the entry's
    /// number. They are put into `rows`.
    pub(super) fn by_block<'r>(
        &self,
        entries: impl Iterator<Item = (usize, &'r Entry)>,
        rows: &'r mut Vec<(Place, usize)>,
    ) -> impl Iterator<Item = (&'a BlockReader, &'r [(Place, usize)])> {
        rows.clear();
        for (number, entry) in entries {
            let places = self.places.get(entry.places.clone()).unwrap_or_default();
            rows.extend(places.iter().map(|place| (*place, number)));
        }
        rows.sort_unstable();
        let blocks = &self.held.live.blocks;
        let of_blocks = rows.chunk_by(|a, b| a.0.0 == b.0.0);
        of_blocks.filter_map(move |rows| {
            let block = blocks.get(rows.first()?.0.0)?;
            Some((&**block, rows))
        })
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
}
