//! Making one block of runs and blocks, some rows at a time.

use std::sync::Arc;

use super::columns::merge_columns;
use super::deletes::{Delete, Mask};
use super::{Head, ShardError};
use crate::block::{BlockMeta, BlockReader, BlockScan, BlockWriter};
use crate::model::{
    Generation, Labels, ProtocolRules, RowKey, SeriesId, ShardId, TimeRange, Window,
};
use crate::page::{PAGE_SAMPLES_MAX, PageEncoder, TokenTables, TokenTraining};
use crate::run::{RunReader, SectionScan};
use crate::series::MergedSamples;

/// Tables are trained on the rows at so many places of each input,
const TRAINING_PLACES: u64 = 48;
/// so many rows of each,
const TRAINING_ROWS: usize = 16;
/// and so many pages of each row.
const TRAINING_PAGES: usize = 4;

const FIRST_KEY: RowKey = RowKey::new(ShardId(0), SeriesId(0));

/// A file that a compaction reads.
#[derive(Clone, Debug)]
pub enum CompactionInput {
    /// A run, of which the section of the compaction's window is read.
    Run(Arc<RunReader>),
    /// A block, which is read whole.
    Block(Arc<BlockReader>),
}

impl CompactionInput {
    /// The newest generation of its samples.
    fn generation(&self) -> Generation {
        match self {
            Self::Run(run) => run.meta().header.last_generation,
            Self::Block(block) => block.meta().header.last_generation,
        }
    }

    /// Stands on the first row that is not before `key`; none if it has nothing in the window.
    fn scan(&self, window: Window, key: RowKey) -> Result<Option<RowScan<'_>>, ShardError> {
        match self {
            Self::Run(run) => {
                let sections = run.sections()?;
                let at = sections.binary_search_by_key(&window, |section| section.window);
                let Ok(at) = at else {
                    return Ok(None);
                };
                let mut scan = run.iter_section_from(at, key)?;
                while scan.advance()? && scan.key().is_some_and(|at| at < key) {}
                Ok(Some(RowScan::Run(run, Box::new(scan))))
            }
            Self::Block(block) => {
                let scan = BlockScan::new(Arc::clone(block), key)?;
                Ok(Some(RowScan::Block(block, Box::new(scan))))
            }
        }
    }

    /// Smallest and largest series id, and about how many rows lie between them.
    fn ids(&self, window: Window) -> Result<Option<(u64, u64)>, ShardError> {
        match self {
            Self::Run(run) => {
                let mut sections = run.sections()?.iter();
                let section = sections.find(|section| section.window == window);
                Ok(section.map(|section| (section.first_series.0, section.last_series.0)))
            }
            Self::Block(block) => {
                let meta = block.meta();
                Ok(Some((meta.first_series.0, meta.last_series.0)))
            }
        }
    }
}

/// A pass over an input, row by row.
#[derive(Debug)]
enum RowScan<'a> {
    Run(&'a RunReader, Box<SectionScan<'a>>),
    Block(&'a BlockReader, Box<BlockScan>),
}

impl RowScan<'_> {
    fn key(&self) -> Option<RowKey> {
        match self {
            Self::Run(_, scan) => scan.key(),
            Self::Block(_, scan) => scan.key(),
        }
    }

    /// The newest generation of the input.
    fn generation(&self) -> Generation {
        match self {
            Self::Run(run, _) => run.meta().header.last_generation,
            Self::Block(block, _) => block.meta().header.last_generation,
        }
    }

    /// Labels, where the input itself knows them.
    fn labels(&self) -> Result<Option<Labels>, ShardError> {
        match self {
            Self::Run(..) => Ok(None),
            Self::Block(block, scan) => Ok(Some(block.labels(scan.row())?)),
        }
    }

    /// Reads the row `key`, on which it stands, and steps to the next.
    fn take(&mut self, key: RowKey) -> Result<MergedSamples, ShardError> {
        let mut column = MergedSamples::default();
        match self {
            Self::Run(run, scan) => {
                while let Some((chunk, bytes)) = scan.chunk().filter(|(chunk, _)| chunk.key == key)
                {
                    column
                        .push_chunk(chunk.meta.encoding, bytes)
                        .map_err(|error| run.damaged(&chunk, error))?;
                    scan.advance()?;
                }
            }
            Self::Block(_, scan) => {
                let timestamps = scan.read(&mut column.values)?;
                column.timestamps.extend_from_slice(timestamps);
                column.histograms = scan.histograms()?;
                column.settle();
                scan.advance()?;
            }
        }
        Ok(column)
    }
}

/// A block in the making. Between two steps it holds no place in its inputs, only what is being
/// written. Memory within a step: of each input a page of its directory and its chunks, or a
/// group; the samples of one series; and what [`BlockWriter`] holds.
#[derive(Debug)]
pub struct Compaction {
    inputs: Vec<CompactionInput>,
    window: Window,
    keep: TimeRange,
    /// What of each input is left out, if it is older.
    deletes: Vec<Arc<Delete>>,
    rules: ProtocolRules,
    next: RowKey,
    writer: BlockWriter,
}

impl Compaction {
    /// Begins to write what `inputs` have of `window` and of `keep` to `writer`.
    #[must_use]
    pub fn new(
        inputs: Vec<CompactionInput>,
        window: Window,
        keep: TimeRange,
        writer: BlockWriter,
    ) -> Self {
        Self {
            inputs,
            window,
            keep,
            deletes: Vec::new(),
            rules: ProtocolRules::default(),
            next: FIRST_KEY,
            writer,
        }
    }

    /// Bytes of memory held between two steps.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.writer.heap_bytes()
    }

    /// Leaves out what `deletes` hide of inputs older than they are.
    #[must_use]
    pub fn applying(self, deletes: Vec<Arc<Delete>>, rules: ProtocolRules) -> Self {
        Self {
            deletes,
            rules,
            ..self
        }
    }

    /// What is left out of the row with these labels of each input.
    fn mask(&self, labels: Option<&Labels>) -> Mask {
        match labels {
            Some(labels) if !self.deletes.is_empty() => Mask::of(&self.deletes, labels),
            _ => Mask::default(),
        }
    }

    /// Merges rows with about `samples` samples; whether all are done. Rows that several inputs
    /// have are merged by the one winner rule.
    ///
    /// # Errors
    /// When the disk fails or an input is damaged; the compaction cannot go on then.
    pub fn step(&mut self, head: &Head, samples: u64) -> Result<bool, ShardError> {
        let mut scans = Vec::new();
        for input in &self.inputs {
            scans.extend(input.scan(self.window, self.next)?);
        }
        let mut done = 0;
        while let Some(key) = scans.iter().filter_map(RowScan::key).min() {
            if done >= samples {
                self.next = key;
                return Ok(false);
            }
            let mut labels = head.labels_of(key.series);
            if labels.is_none() {
                labels = labels_in(&scans, key)?;
            }
            let mask = self.mask(labels.as_ref());
            let mut columns = Vec::new();
            for scan in scans.iter_mut().filter(|scan| scan.key() == Some(key)) {
                let source = scan.generation();
                let mut column = scan.take(key)?;
                done += column.len() as u64;
                if !mask.is_empty() && self.rules.tombstone_applied_before_merging {
                    column.hide(&mask.hidden_by(source, &self.rules));
                }
                columns.push(column);
            }
            let mut row = merge_columns(columns);
            if !mask.is_empty() && !self.rules.tombstone_applied_before_merging {
                // The broken order, for tests: as if all inputs were as old as the oldest.
                let all = self.inputs.iter().map(CompactionInput::generation);
                let oldest = all.min().unwrap_or_default();
                row.hide(&mask.hidden(oldest));
            }
            row.trim(self.keep);
            if row.is_empty() {
                continue;
            }
            let labels = labels.ok_or(ShardError::Unnamed { series: key.series })?;
            self.writer.samples(key, &labels, &row)?;
        }
        Ok(true)
    }

    /// Finishes the file, which is then synced; none if there was nothing to write.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn finish(self) -> Result<Option<BlockMeta>, ShardError> {
        Ok(self.writer.finish()?)
    }
}

/// The labels of a row, where one of the inputs that have it knows them.
fn labels_in(scans: &[RowScan<'_>], key: RowKey) -> Result<Option<Labels>, ShardError> {
    for scan in scans.iter().filter(|scan| scan.key() == Some(key)) {
        if let Some(labels) = scan.labels()? {
            return Ok(Some(labels));
        }
    }
    Ok(None)
}

/// Tables that suit what `inputs` have of `window`, trained on rows at places spread evenly.
///
/// # Errors
/// When the disk fails or an input is damaged.
pub fn train(inputs: &[CompactionInput], window: Window) -> Result<TokenTables, ShardError> {
    let (mut encoder, mut training) = (PageEncoder::new(), TokenTraining::new());
    let mut values = Vec::new();
    for input in inputs {
        let Some((first, last)) = input.ids(window)? else {
            continue;
        };
        let mut next = FIRST_KEY;
        for place in 0..TRAINING_PLACES {
            let id = first + (last - first) / TRAINING_PLACES * place;
            let key = next.max(RowKey::new(ShardId(0), SeriesId(id)));
            let Some(mut scan) = input.scan(window, key)? else {
                break;
            };
            for _ in 0..TRAINING_ROWS {
                let Some(key) = scan.key() else { break };
                values.clear();
                values.append(&mut scan.take(key)?.values);
                let pages = values.chunks(PAGE_SAMPLES_MAX);
                let step = (pages.len() / TRAINING_PAGES).max(1);
                pages
                    .step_by(step)
                    .for_each(|page| encoder.observe(page, &mut training));
            }
            match scan.key() {
                Some(key) => next = key,
                None => break,
            }
        }
    }
    Ok(training.train())
}

impl Head {
    /// The labels of a series that is in memory.
    #[must_use]
    pub fn labels_of(&self, series: SeriesId) -> Option<Labels> {
        let names = self.names.read();
        let slot = names.registry.slot(series)?;
        names.index.labels(slot)
    }
}
