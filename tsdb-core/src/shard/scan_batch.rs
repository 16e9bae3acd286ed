//! A batch of series decoded into columns that are used again. Each source, in order of time, adds
//! to them as long as its samples are later than those there are; series of which that is not so,
//! and those with histograms or deletes, are read part by part and merged.

use std::ops::ControlFlow;

use super::ShardError;
use super::deletes::Mask;
use super::parts::{Entry, Known, PartsReader, Place};
use crate::block::{BlockReader, RowSpace};
use crate::chunk::{Encoding, decode_range};
use crate::model::{Pushdown, RowKey};
use crate::run::RunReader;
use crate::series::{DecodeSpace, MergedSamples};

/// Columns of some series, and what making them needs.
#[derive(Debug, Default)]
pub(super) struct BatchSpace {
    /// One a series of the batch, and more that are not used now.
    pub(super) columns: Vec<MergedSamples>,
    /// Whether a series of the batch has to be merged.
    merge: Vec<bool>,
    /// How many samples of a series of the batch were left out.
    left_out: Vec<u64>,
    /// Slots of the batch and which of its series each is.
    slots: Vec<u32>,
    slot_entries: Vec<usize>,
    keys: Vec<(RowKey, usize)>,
    sorted: Vec<RowKey>,
    rows: Vec<(Place, usize)>,
    decode: DecodeSpace,
    block: RowSpace,
    numbers: Vec<u32>,
}

impl BatchSpace {
    /// What reading rows of blocks needs.
    pub(super) fn block(&mut self) -> &mut RowSpace {
        &mut self.block
    }

    /// Bytes of memory held.
    pub(super) fn heap_bytes(&self) -> usize {
        let columns = self.columns.iter().map(MergedSamples::heap_bytes);
        columns.sum::<usize>()
            + self.columns.capacity() * size_of::<MergedSamples>()
            + self.left_out.capacity() * size_of::<u64>()
            + self.keys.capacity() * size_of::<(RowKey, usize)>()
            + self.sorted.capacity() * size_of::<RowKey>()
            + self.rows.capacity() * size_of::<(Place, usize)>()
            + self.decode.heap_bytes()
            + self.block.heap_bytes()
            + self.numbers.capacity() * size_of::<u32>()
    }

    /// How many samples of a series of the batch were left out.
    pub(super) fn left_out(&self, number: usize) -> u64 {
        self.left_out.get(number).copied().unwrap_or_default()
    }

    /// Makes the columns of `entries`.
    pub(super) fn read(
        &mut self,
        source: PartsReader<'_>,
        entries: &[Entry],
        pushdown: Pushdown,
    ) -> Result<(), ShardError> {
        self.begin(source, entries);
        self.read_blocks(source, entries, pushdown)?;
        self.read_runs(source)?;
        self.read_generations(source)?;
        let merge = entries.iter().zip(&self.merge);
        let merge = merge.enumerate().filter(|(_, (_, merge))| **merge);
        let (numbers, entries): (Vec<usize>, Vec<Entry>) = merge
            .map(|(number, (entry, _))| (number, entry.clone()))
            .unzip();
        if entries.is_empty() {
            return Ok(());
        }
        for (number, parts) in numbers.into_iter().zip(source.read(&entries)?) {
            let places = self.columns.get_mut(number);
            if let Some((columns, left_out)) = places.zip(self.left_out.get_mut(number)) {
                *columns = parts.into_samples(source.range)?;
                *left_out = 0;
            }
        }
        Ok(())
    }

    fn begin(&mut self, source: PartsReader<'_>, entries: &[Entry]) {
        if self.columns.len() < entries.len() {
            self.columns
                .resize_with(entries.len(), MergedSamples::default);
        }
        self.columns.iter_mut().for_each(MergedSamples::clear);
        let masks = source.masks(entries);
        self.merge.clear();
        self.merge
            .extend(masks.iter().map(|mask| !Mask::is_empty(mask)));
        self.merge.resize(entries.len(), false);
        self.left_out.clear();
        self.left_out.resize(entries.len(), 0);
        self.slots.clear();
        self.slot_entries.clear();
        for (number, entry) in entries.iter().enumerate() {
            if let Known::Slot(slot) = entry.known {
                self.slots.push(slot);
                self.slot_entries.push(number);
            }
        }
    }

    fn read_blocks(
        &mut self,
        source: PartsReader<'_>,
        entries: &[Entry],
        pushdown: Pushdown,
    ) -> Result<(), ShardError> {
        let mut rows = std::mem::take(&mut self.rows);
        let blocks = source.by_block(entries.iter().enumerate(), &mut rows);
        let mut blocks: Vec<_> = blocks.collect();
        blocks.sort_by_key(|(block, _)| block.meta().min_time);
        for (block, rows) in blocks {
            self.read_block(source, (block, rows), pushdown)?;
        }
        self.rows = rows;
        Ok(())
    }

    fn read_block(
        &mut self,
        source: PartsReader<'_>,
        (block, rows): (&BlockReader, &[(Place, usize)]),
        pushdown: Pushdown,
    ) -> Result<(), ShardError> {
        let range = source.range;
        let Self {
            columns,
            merge,
            left_out: all_left_out,
            block: space,
            numbers,
            ..
        } = self;
        numbers.clear();
        numbers.extend(rows.iter().map(|row| row.0.1));
        let mut rest = rows.iter();
        let mut add = |row: u32, timestamps: &[i64], values: &[f64], left_out: u64| {
            let place = rest.find(|(place, _)| place.1 == row);
            let number = place.map_or(usize::MAX, |place| place.1);
            let from = timestamps.partition_point(|&t| t < range.min());
            let to = timestamps.partition_point(|&t| t <= range.max());
            let timestamps = timestamps.get(from..to).unwrap_or_default();
            if let (Some(columns), Some(&first)) = (columns.get_mut(number), timestamps.first()) {
                if columns.are_before(first) {
                    columns.timestamps.extend_from_slice(timestamps);
                    let values = values.get(from..to).unwrap_or_default();
                    columns.values.extend_from_slice(values);
                    if let Some(all) = all_left_out.get_mut(number) {
                        *all += left_out;
                    }
                } else if let Some(merge) = merge.get_mut(number) {
                    *merge = true;
                }
            }
        };
        if pushdown == Pushdown::None {
            block.read_rows_in(space, numbers, range, |row, timestamps, values| {
                add(row, timestamps, values, 0);
                ControlFlow::Continue(())
            })?;
        } else {
            block.read_condensed(space, numbers, (range, pushdown), |row| {
                add(row.row, row.timestamps, row.values, row.left_out);
            })?;
        }
        let mut rest = rows.iter();
        block.read_histograms(numbers, range, |row, _| {
            let place = rest.find(|(place, _)| place.1 == row);
            if let Some(merge) = place.and_then(|place| merge.get_mut(place.1)) {
                *merge = true;
            }
        })?;
        Ok(())
    }

    fn read_runs(&mut self, source: PartsReader<'_>) -> Result<(), ShardError> {
        let runs = &source.held.live.runs;
        if !runs.iter().any(|run| run.meta().overlaps(source.range)) {
            return Ok(());
        }
        self.keys.clear();
        let names = source.held.head.names.read();
        for (slot, number) in self.slots.iter().zip(&self.slot_entries) {
            let id = names.registry.id(*slot);
            let key = id.map(|id| RowKey::new(crate::model::ShardId(0), id));
            self.keys.extend(key.map(|key| (key, *number)));
        }
        drop(names);
        self.keys.sort_unstable();
        self.sorted.clear();
        self.sorted.extend(self.keys.iter().map(|(key, _)| *key));
        for run in runs {
            self.read_run(source, run)?;
        }
        Ok(())
    }

    fn read_run(&mut self, source: PartsReader<'_>, run: &RunReader) -> Result<(), ShardError> {
        let range = source.range;
        let Self {
            columns,
            merge,
            keys,
            sorted,
            ..
        } = self;
        let mut failure = None;
        // Rows come in order, once more in each section.
        let mut at = 0;
        run.read_series(sorted, range, |key, meta, bytes| {
            if keys.get(at).is_none_or(|there| there.0 != key) {
                at = match keys.get(at + 1).is_some_and(|next| next.0 == key) {
                    true => at + 1,
                    false => keys.partition_point(|there| there.0 < key),
                };
            }
            let number = keys.get(at).map_or(usize::MAX, |there| there.1);
            let (Some(columns), Some(merge)) = (columns.get_mut(number), merge.get_mut(number))
            else {
                return ControlFlow::Continue(());
            };
            let from = meta.min_time.max(range.min());
            if *merge || meta.encoding != Encoding::Xor || !columns.are_before(from) {
                *merge = true;
                return ControlFlow::Continue(());
            }
            let MergedSamples {
                timestamps, values, ..
            } = columns;
            match decode_range(bytes, range, timestamps, values) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        failure.map_or(Ok(()), |error| Err(error.into()))
    }

    fn read_generations(&mut self, source: PartsReader<'_>) -> Result<(), ShardError> {
        let Self {
            columns,
            merge,
            slots,
            slot_entries,
            decode,
            ..
        } = self;
        for generation in &source.held.live.generations {
            let slots = source.held.head.slots_in(generation, slots);
            let mut failure = None;
            generation.scan(&slots, source.range, |at, view| {
                let number = slot_entries.get(at).copied().unwrap_or(usize::MAX);
                let places = columns.get_mut(number).zip(merge.get_mut(number));
                let Some((columns, merge)) = places.filter(|(_, merge)| !**merge) else {
                    return;
                };
                match view.append_to(source.range, decode, columns) {
                    Ok(in_order) => *merge = !in_order,
                    Err(error) => failure = Some(error),
                }
            });
            if let Some(error) = failure {
                return Err(error.into());
            }
        }
        Ok(())
    }
}
