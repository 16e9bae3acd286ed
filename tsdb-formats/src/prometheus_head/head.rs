//! The samples of a head, in batches, by series.

use std::path::Path;
use std::sync::Arc;

use tsdb_core::model::{HashMap, Histogram, Labels, Sample};
use tsdb_core::vfs::Vfs;

use super::decode::{Said, Wanted, decode};
use super::records::Records;
use super::segments::{Segment, list};
use crate::prometheus_block::{BlockError, ChunkSamples};

/// The log of samples, and the one of those that came out of order.
const LOGS: [&str; 2] = ["wal", "wbl"];
/// Samples that are gathered before they are given out.
const BATCH_SAMPLES: usize = 256 << 10;
/// As above, for histograms, which are larger.
const BATCH_HISTOGRAMS: usize = 16 << 10;

/// Samples of one series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeadSeries {
    /// What the log calls it; a series may have several.
    pub reference: u64,
    /// Its labels.
    pub labels: Labels,
    /// Its samples, sorted by time.
    pub samples: ChunkSamples,
}

/// What the log of a Prometheus holds beside its blocks.
#[derive(Debug)]
pub struct Head {
    vfs: Arc<dyn Vfs>,
    /// Segments still to be read for samples, the next one last, and whether they are of the log of
    /// samples that came out of order.
    left: Vec<(Segment, bool)>,
    open: Option<(Records, bool)>,
    series: HashMap<u64, Labels>,
    gone: HashMap<u64, Vec<(i64, i64)>>,
    /// Samples before it are in blocks, those that came in order.
    blocks_end: i64,
    deleted: u64,
    unknown: u64,
    damage: Vec<BlockError>,
    floats: Vec<(u64, Sample)>,
    histograms: Vec<(u64, i64, Histogram)>,
}

impl Head {
    /// Reads the log below the root of `vfs` once, for its series. Samples before `blocks_end`,
    /// where the newest block ends, are left to the blocks.
    ///
    /// # Errors
    /// When a folder or a file cannot be read. Damage is no error: [`Head::take_damage`] tells it.
    pub fn open(vfs: &Arc<dyn Vfs>, blocks_end: i64) -> Result<Self, BlockError> {
        let mut head = Self {
            vfs: Arc::clone(vfs),
            left: Vec::new(),
            open: None,
            series: HashMap::new(),
            gone: HashMap::new(),
            blocks_end,
            deleted: 0,
            unknown: 0,
            damage: Vec::new(),
            floats: Vec::new(),
            histograms: Vec::new(),
        };
        for (log, name) in LOGS.into_iter().enumerate() {
            let segments = list(&**vfs, Path::new(name))?;
            head.left
                .extend(segments.into_iter().map(|segment| (segment, log == 1)));
        }
        for (segment, _) in &head.left {
            let mut records = Records::open(&**vfs, segment)?;
            let (series, gone) = (&mut head.series, &mut head.gone);
            let mut say = |said| match said {
                Said::Series(reference, labels) => drop(series.insert(reference, labels)),
                Said::Deleted(reference, first, last) => {
                    gone.entry(reference).or_default().push((first, last));
                }
                _ => {}
            };
            loop {
                match step(&mut records, Wanted::Series, &mut say) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error @ BlockError::Io { .. }) => return Err(error),
                    // The second reading meets it again and tells it.
                    Err(_) => break,
                }
            }
        }
        head.left.reverse();
        Ok(head)
    }

    /// How many series the log knows.
    #[must_use]
    pub fn series_len(&self) -> usize {
        self.series.len()
    }

    /// Samples so far that were left out, as they were deleted.
    #[must_use]
    pub fn deleted(&self) -> u64 {
        self.deleted
    }

    /// Samples so far of series that the log does not know, as a part of it is missing.
    #[must_use]
    pub fn unknown(&self) -> u64 {
        self.unknown
    }

    /// What could not be read since this was last asked.
    pub fn take_damage(&mut self) -> Vec<BlockError> {
        std::mem::take(&mut self.damage)
    }

    /// Puts the samples that follow into `out`, whatever was in it; each series is in it once. None
    /// means the end.
    ///
    /// # Errors
    /// When a file cannot be read. Behind damage the next segment goes on.
    pub fn next_batch(&mut self, out: &mut Vec<HeadSeries>) -> Result<(), BlockError> {
        out.clear();
        while self.floats.len() < BATCH_SAMPLES && self.histograms.len() < BATCH_HISTOGRAMS {
            if self.open.is_none() {
                let Some((segment, late)) = self.left.pop() else {
                    break;
                };
                self.open = Some((Records::open(&*self.vfs, &segment)?, late));
            }
            match self.read_record() {
                Ok(true) => {}
                Ok(false) => self.open = None,
                Err(error @ BlockError::Io { .. }) => return Err(error),
                Err(error) => {
                    self.damage.push(error);
                    self.open = None;
                }
            }
        }
        self.give_out(out);
        Ok(())
    }

    fn read_record(&mut self) -> Result<bool, BlockError> {
        let Some((records, late)) = &mut self.open else {
            return Ok(false);
        };
        let first = if *late { i64::MIN } else { self.blocks_end };
        let (series, gone) = (&self.series, &self.gone);
        let (floats, histograms) = (&mut self.floats, &mut self.histograms);
        let (deleted, unknown) = (&mut self.deleted, &mut self.unknown);
        let mut is_wanted = |reference: u64, time: i64| {
            if time < first {
                return false;
            }
            if !series.contains_key(&reference) {
                *unknown += 1;
                return false;
            }
            let mut spans = gone.get(&reference).into_iter().flatten();
            let is_gone = spans.any(|(first, last)| (*first..=*last).contains(&time));
            *deleted += u64::from(is_gone);
            !is_gone
        };
        let mut say = |said| match said {
            Said::Float(reference, time, value) if is_wanted(reference, time) => {
                floats.push((reference, Sample::new(time, value)));
            }
            Said::Histogram(reference, time, one) if is_wanted(reference, time) => {
                histograms.push((reference, time, plain(*one)));
            }
            _ => {}
        };
        step(records, Wanted::Samples, &mut say)
    }

    /// Sorts what was gathered by series and time.
    fn give_out(&mut self, out: &mut Vec<HeadSeries>) {
        self.floats
            .sort_by_key(|(reference, sample)| (*reference, sample.timestamp));
        self.histograms
            .sort_by_key(|(reference, time, _)| (*reference, *time));
        let mut histograms = self.histograms.drain(..).peekable();
        let mut floats = self.floats.drain(..).peekable();
        loop {
            let next = [
                floats.peek().map(|(reference, _)| *reference),
                histograms.peek().map(|(reference, _, _)| *reference),
            ];
            let Some(reference) = next.into_iter().flatten().min() else {
                return;
            };
            let mut one = HeadSeries {
                reference,
                labels: self.series.get(&reference).cloned().unwrap_or_default(),
                samples: ChunkSamples::default(),
            };
            while let Some((_, sample)) = floats.next_if(|(found, _)| *found == reference) {
                one.samples.samples.push(sample);
            }
            while let Some((_, time, histogram)) =
                histograms.next_if(|(found, _, _)| *found == reference)
            {
                one.samples.histograms.push((time, histogram));
            }
            out.push(one);
        }
    }
}

/// Reads one record; whether there was one.
fn step(
    records: &mut Records,
    wanted: Wanted,
    say: &mut dyn FnMut(Said),
) -> Result<bool, BlockError> {
    let path = records.path().to_owned();
    let Some((at, record)) = records.next()? else {
        return Ok(false);
    };
    decode(record, wanted, say)
        .map(|()| true)
        .map_err(|error| BlockError::damaged(&path, at, format!("a record: {}", error.what)))
}

/// A stale marker has a sum and nothing else, as Prometheus tells it.
fn plain(histogram: Histogram) -> Histogram {
    match histogram.is_stale() {
        true => Histogram::stale(histogram.is_float()),
        false => histogram,
    }
}
