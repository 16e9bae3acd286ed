//! The newest sample of each series in a range. Where the range reaches the present, the series' hot
//! line tells it, and no chunk is looked at.

use std::ops::Range;
use std::sync::Arc;

use super::deletes::Mask;
use super::parts::{Entry, Known, PartsReader};
use super::readers::{Held, Reader};
use super::scan::{Plan, split};
use super::scan_batch::BatchSpace;
use super::series_set::check_pins;
use super::{Head, Live, ScanOptions, ShardError};
use crate::model::{Histogram, Labels, Matcher, Sample, TimeRange};
use crate::series::{MergedSamples, NewestSample};

/// How many series are looked at at a time.
const BATCH_SERIES: usize = 1024;

/// The value of a sample.
#[derive(Clone, Debug, PartialEq)]
pub enum NewestValue {
    /// A float, stale markers among them.
    Float(f64),
    /// A native histogram.
    Histogram(Histogram),
}

/// The newest sample of a series in a range.
#[derive(Clone, Debug, PartialEq)]
pub struct Newest {
    /// The group of the series: its number among [`NewestScan::groups`].
    pub group: u32,
    /// When, in milliseconds since the epoch.
    pub timestamp: i64,
    /// What.
    pub value: NewestValue,
}

/// The newest sample of each series that has any in a range. An error ends it.
#[derive(Debug)]
pub struct NewestScan {
    /// None once it ended.
    reader: Option<Arc<Reader>>,
    plan: Arc<Plan>,
    /// The latest timestamp in runs that overlap the range, and in blocks.
    files_max: (Option<i64>, Option<i64>),
    rest: Range<usize>,
    /// What was found of the batch, which ends where the rest begins.
    found: std::vec::IntoIter<Found>,
    current: Option<usize>,
    slots: Vec<u32>,
    space: BatchSpace,
}

/// What is known of a series.
#[derive(Clone, Debug, PartialEq)]
enum Found {
    /// Nothing in the range.
    None,
    /// This.
    Float(Sample),
    /// A histogram, and when.
    Histogram(i64, Histogram),
    /// Nothing before it is read.
    Unread,
}

impl NewestScan {
    fn new(
        (reader, plan): (Arc<Reader>, Arc<Plan>),
        files_max: (Option<i64>, Option<i64>),
        rest: Range<usize>,
    ) -> Self {
        Self {
            reader: Some(reader),
            plan,
            files_max,
            rest,
            found: Vec::new().into_iter(),
            current: None,
            slots: Vec::new(),
            space: BatchSpace::default(),
        }
    }

    /// The next series' newest sample.
    ///
    /// # Errors
    /// When a series cannot be read or a limit is exceeded; nothing more comes after it.
    pub fn next_newest(&mut self) -> Result<Option<Newest>, ShardError> {
        let next = self.advance();
        if !matches!(next, Ok(Some(_))) {
            self.rest.start = self.rest.end;
            self.found = Vec::new().into_iter();
            self.reader = None;
            self.current = None;
        }
        next
    }

    fn advance(&mut self) -> Result<Option<Newest>, ShardError> {
        loop {
            let end = self.rest.start;
            while let Some(found) = self.found.next() {
                let entry = end - self.found.len() - 1;
                let (timestamp, value) = match found {
                    Found::Float(sample) => (sample.timestamp, NewestValue::Float(sample.value)),
                    Found::Histogram(time, one) => (time, NewestValue::Histogram(one)),
                    Found::None | Found::Unread => continue,
                };
                self.plan.count(1)?;
                self.current = Some(entry);
                return Ok(Some(Newest {
                    group: self.plan.group(entry),
                    timestamp,
                    value,
                }));
            }
            if !self.look()? {
                return Ok(None);
            }
        }
    }

    /// Looks at the next batch; whether there was any.
    fn look(&mut self) -> Result<bool, ShardError> {
        let end = self
            .rest
            .end
            .min(self.rest.start.saturating_add(BATCH_SERIES));
        let numbers = self.rest.start..end;
        let Some(reader) = self.reader.clone().filter(|_| !numbers.is_empty()) else {
            return Ok(false);
        };
        let held = reader.held()?;
        check_pins(&held)?;
        let plan = Arc::clone(&self.plan);
        let entries = plan.entries.get(numbers.clone()).unwrap_or_default();
        let parts = plan.parts(&held, plan.range);
        let mut found = self.in_memory(&held, entries);
        self.decide(parts, entries, &mut found);
        self.read(parts, entries, &mut found)?;
        reader.set_own_bytes(self.space.heap_bytes() + found.capacity() * size_of::<Found>());
        self.rest.start = end;
        self.found = found.into_iter();
        Ok(true)
    }

    /// The newest of all samples that each series has in memory, whether in the range or not.
    fn in_memory(&mut self, held: &Held, entries: &[Entry]) -> Vec<Found> {
        let slot = |entry: &Entry| match entry.known {
            Known::Slot(slot) => slot,
            Known::Labels(_) => u32::MAX,
        };
        self.slots.clear();
        self.slots.extend(entries.iter().map(slot));
        let mut found = vec![Found::None; entries.len()];
        for generation in &held.live.generations {
            let slots = held.head.slots_in(generation, &self.slots);
            generation.newest(&slots, |at, newest| {
                let Some(found) = found.get_mut(at) else {
                    return;
                };
                match (newest, &*found) {
                    (NewestSample::None, _) | (_, Found::Unread) => {}
                    (NewestSample::Float(one), Found::Float(kept))
                        if one.timestamp < kept.timestamp => {}
                    (NewestSample::Float(one), Found::Float(kept))
                        if one.timestamp == kept.timestamp =>
                    {
                        *found = Found::Unread;
                    }
                    (NewestSample::Float(one), _) => *found = Found::Float(one),
                    (NewestSample::Unknown, _) => *found = Found::Unread,
                }
            });
        }
        found
    }

    /// Leaves what is the newest sample in the range for sure, and what has to be read.
    fn decide(&self, parts: PartsReader<'_>, entries: &[Entry], found: &mut [Found]) {
        let masks = parts.masks(entries);
        let is_masked = |at: usize| masks.get(at).is_some_and(|mask| !Mask::is_empty(mask));
        for (at, (entry, found)) in entries.iter().zip(found).enumerate() {
            // What files may hold: of blocks only those that have a row of the series.
            let in_blocks = self.files_max.1.filter(|_| !entry.places.is_empty());
            let on_disk = self.files_max.0.max(in_blocks);
            let is_read = is_masked(at) || matches!(entry.known, Known::Labels(_));
            let decided = match &*found {
                _ if is_read => Found::Unread,
                Found::Float(sample) if sample.timestamp > parts.range.max() => Found::Unread,
                Found::Float(sample) if on_disk < Some(sample.timestamp) => {
                    match parts.range.contains(sample.timestamp) {
                        true => continue,
                        false => Found::None,
                    }
                }
                Found::None if on_disk.is_none() => Found::None,
                _ => Found::Unread,
            };
            *found = decided;
        }
    }

    /// Reads what has to be read.
    fn read(
        &mut self,
        parts: PartsReader<'_>,
        entries: &[Entry],
        found: &mut [Found],
    ) -> Result<(), ShardError> {
        let unread = entries
            .iter()
            .zip(found)
            .filter(|(_, found)| **found == Found::Unread);
        let (entries, mut places): (Vec<Entry>, Vec<&mut Found>) =
            unread.map(|(entry, found)| (entry.clone(), found)).unzip();
        if entries.is_empty() {
            return Ok(());
        }
        // Fewer at a time where they may have many samples.
        let batch = self.plan.batch_max;
        for (entries, places) in entries.chunks(batch).zip(places.chunks_mut(batch)) {
            self.space.read(parts, entries)?;
            for (columns, place) in self.space.columns.iter_mut().zip(places) {
                **place = newest_of(columns);
            }
        }
        Ok(())
    }

    /// The labels of the series that came last.
    ///
    /// # Errors
    /// When what tells them was taken from this reader.
    pub fn labels(&self) -> Result<Labels, ShardError> {
        match (&self.reader, self.current) {
            (Some(reader), Some(entry)) => self.plan.labels(reader, entry),
            _ => Ok(Labels::default()),
        }
    }

    /// The labels of each group, by number, perhaps of some without samples.
    #[must_use]
    pub fn groups(&self) -> &[Labels] {
        &self.plan.groups
    }

    /// Parts what was not looked at yet into `parts` of about as many series each, one after the
    /// other in order, for as many threads. They share limits and groups.
    #[must_use]
    pub fn split(self, parts: usize) -> Vec<Self> {
        let Some(reader) = &self.reader else {
            return vec![self];
        };
        let rest = self.rest.start - self.found.len()..self.rest.end;
        let part = |(reader, rest)| {
            let plan = Arc::clone(&self.plan);
            Self::new((reader, plan), self.files_max, rest)
        };
        split(reader, rest, parts).into_iter().map(part).collect()
    }

    /// How many series at most are still to come.
    #[must_use]
    pub fn len_at_most(&self) -> usize {
        self.rest.len() + self.found.len()
    }
}

/// The last sample of all.
fn newest_of(columns: &mut MergedSamples) -> Found {
    let float = columns.timestamps.last().zip(columns.values.last());
    match (float, columns.histograms.pop()) {
        (Some((&time, _)), Some((later, histogram))) if time < later => {
            Found::Histogram(later, histogram)
        }
        (None, Some((time, histogram))) => Found::Histogram(time, histogram),
        (Some((&time, &value)), _) => Found::Float(Sample::new(time, value)),
        (None, None) => Found::None,
    }
}

/// The latest timestamps in runs and in blocks that overlap a range.
fn files_max(live: &Live, range: TimeRange) -> (Option<i64>, Option<i64>) {
    let runs = live.runs.iter().filter_map(|run| run.meta().time_range());
    let blocks = live.blocks.iter().map(|block| block.meta());
    let blocks = blocks.map(|meta| (meta.min_time, meta.max_time));
    let overlaps = |times: &(i64, i64)| range.overlaps(times.0, times.1);
    (
        runs.filter(overlaps).map(|times| times.1).max(),
        blocks.filter(overlaps).map(|times| times.1).max(),
    )
}

impl Head {
    /// The newest sample in `range` of each series that matches all `matchers`.
    ///
    /// # Errors
    /// When more series match than the limits allow, or a block cannot be read.
    pub fn newest(
        self: &Arc<Self>,
        range: TimeRange,
        matchers: &[Matcher],
        options: &ScanOptions,
    ) -> Result<NewestScan, ShardError> {
        let (reader, plan) = self.plan(range, matchers, options)?;
        let all = 0..plan.entries.len();
        let files_max = files_max(&reader.held()?.live, range);
        Ok(NewestScan::new((reader, Arc::new(plan)), files_max, all))
    }
}
