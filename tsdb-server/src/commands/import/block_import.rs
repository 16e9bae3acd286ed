//! One block: read series by series, chunk by chunk, and sent where it belongs.

use std::collections::BTreeMap;

use tsdb_core::model::LabelsError;
use tsdb_core::{Labels, Matcher, TimeRange};
use tsdb_formats::prometheus_block::{Block, BlockError, BlockSeries, ChunkMeta, ChunkSamples};

use super::destination::{Destination, Load, Settled};
use crate::commands::CommandError;

/// Which samples are imported, and what is added to their labels.
#[derive(Debug)]
pub(super) struct Selection {
    /// A series has to meet one of them, if there are any.
    pub(super) sets: Vec<Vec<Matcher>>,
    pub(super) range: TimeRange,
    /// Labels that series get that have none of the name.
    pub(super) labels: BTreeMap<String, String>,
}

impl Selection {
    fn has(&self, labels: &Labels) -> bool {
        let mut sets = self.sets.iter();
        self.sets.is_empty() || sets.any(|set| Matcher::all_match(set, labels))
    }

    fn overlaps(&self, chunk: &ChunkMeta) -> bool {
        chunk.min_time <= self.range.max() && chunk.max_time >= self.range.min()
    }

    fn holds(&self, chunk: &ChunkMeta) -> bool {
        chunk.min_time >= self.range.min() && chunk.max_time <= self.range.max()
    }

    fn labelled(&self, labels: Labels) -> Result<Labels, LabelsError> {
        if self.labels.is_empty() {
            return Ok(labels);
        }
        let own = labels.iter().map(|label| (label.name, label.value));
        let more = self.labels.iter();
        let more = more.filter(|(name, _)| labels.get(name).is_none());
        let more = more.map(|(name, value)| (name.as_str(), value.as_str()));
        Labels::from_pairs(own.chain(more))
    }
}

/// Why a block is not done.
#[derive(Debug)]
pub(super) enum Stop {
    /// The block cannot be read on; others may.
    Block(BlockError),
    /// Nothing can be stored.
    Command(CommandError),
}

impl From<CommandError> for Stop {
    fn from(error: CommandError) -> Self {
        Self::Command(error)
    }
}

/// A block on its way to where it belongs.
pub(super) struct BlockImport<'i> {
    pub(super) block: Block,
    pub(super) selection: &'i Selection,
    pub(super) destination: &'i mut dyn Destination,
    /// Is told of loads that are stored.
    pub(super) settled: &'i mut Settled<'i>,
    /// What was read and not sent yet.
    pub(super) load: Load,
}

impl BlockImport<'_> {
    /// Goes on behind the first `series`, and behind `chunks` chunks of the next, to the end.
    pub(super) fn run(&mut self, series: u64, chunks: usize) -> Result<(), Stop> {
        self.block.seek(series);
        let mut done_chunks = chunks;
        loop {
            match self.block.next_series() {
                Ok(None) => break,
                Ok(Some(series)) => self.series(series, done_chunks)?,
                Err(error) => self.damage(error)?,
            }
            done_chunks = 0;
            (self.load.series, self.load.chunks) = (self.block.position(), 0);
            self.send_if_full()?;
        }
        self.send()?;
        self.destination.flush(self.settled)?;
        Ok(())
    }

    fn series(&mut self, series: BlockSeries, done_chunks: usize) -> Result<(), Stop> {
        if !self.selection.has(&series.labels) {
            return Ok(());
        }
        let labels = match self.selection.labelled(series.labels.clone()) {
            Ok(labels) => labels,
            Err(error) => {
                self.load
                    .tally
                    .damage(format!("{}: {error}", series.labels));
                return Ok(());
            }
        };
        // What was sent before the import was cut short was counted then.
        let mut counted = done_chunks > 0;
        let mut samples = ChunkSamples::default();
        let range = self.selection.range;
        for (number, chunk) in series.chunks.iter().enumerate().skip(done_chunks) {
            if !self.selection.overlaps(chunk) {
                continue;
            }
            match self.block.read_chunk(&series, chunk, &mut samples) {
                Ok(deleted) => self.load.tally.deleted += deleted as u64,
                Err(error) => {
                    self.damage(error)?;
                    continue;
                }
            }
            if !self.selection.holds(chunk) {
                samples.retain(|time| (range.min()..=range.max()).contains(&time));
            }
            if samples.is_empty() {
                continue;
            }
            let tally = &mut self.load.tally;
            tally.series += u64::from(!std::mem::replace(&mut counted, true));
            tally.floats += samples.samples.len() as u64;
            tally.histograms += samples.histograms.len() as u64;
            self.load.group.push(&labels, &mut samples);
            (self.load.series, self.load.chunks) = (self.block.position() - 1, number + 1);
            self.send_if_full()?;
        }
        Ok(())
    }

    /// Notes what cannot be read. A file that is gone or cannot be read at all ends the block.
    fn damage(&mut self, error: BlockError) -> Result<(), Stop> {
        match error {
            BlockError::Io { .. } => {
                self.send()?;
                self.destination.flush(self.settled)?;
                Err(Stop::Block(error))
            }
            error => {
                self.load.tally.damage(error.to_string());
                Ok(())
            }
        }
    }

    fn send_if_full(&mut self) -> Result<(), Stop> {
        if self.load.group.bytes() >= self.destination.group_bytes() {
            self.send()?;
        }
        Ok(())
    }

    /// Sends what was read so far; also where nothing of it is stored, for the state to go on.
    fn send(&mut self) -> Result<(), Stop> {
        let load = std::mem::take(&mut self.load);
        (self.load.series, self.load.chunks) = (load.series, load.chunks);
        if load.group.is_empty() {
            self.destination.flush(self.settled)?;
            (self.settled)(load)?;
            return Ok(());
        }
        self.destination.send(load, self.settled)?;
        Ok(())
    }
}
