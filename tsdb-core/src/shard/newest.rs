//! The newest sample of each series in a range. Where the range reaches the present, the series' hot
//! line tells it, and no chunk is looked at.

use std::sync::Arc;

use super::deletes::Mask;
use super::parts::{Entry, Known, PartsReader};
use super::readers::{Held, Reader};
use super::scan::{Plan, split};
use super::scan_batch::BatchSpace;
use super::series_set::check_pins;
use super::stripes::Stripes;
use super::{Head, Live, ScanOptions, ShardError};
use crate::model::{Histogram, Labels, Matcher, Pushdown, Sample, TimeRange};
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
    rest: Stripes,
    /// What was found of the batch, and where that ends.
    found: std::vec::IntoIter<Found>,
    batch_end: usize,
    /// Whether it is all of a scan, and nothing was looked at.
    is_whole: bool,
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
        rest: Stripes,
    ) -> Self {
        Self {
            reader: Some(reader),
            plan,
            files_max,
            rest,
            found: Vec::new().into_iter(),
            batch_end: 0,
            is_whole: false,
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
            self.rest.clear();
            self.found = Vec::new().into_iter();
            self.reader = None;
            self.current = None;
        }
        next
    }

    fn advance(&mut self) -> Result<Option<Newest>, ShardError> {
        loop {
            while let Some(found) = self.found.next() {
                let entry = self.batch_end - self.found.len() - 1;
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
        self.is_whole = false;
        let numbers = self.rest.take(BATCH_SERIES);
        let Some(reader) = self.reader.clone().filter(|_| !numbers.is_empty()) else {
            return Ok(false);
        };
        let held = reader.held()?;
        check_pins(&held)?;
        let plan = Arc::clone(&self.plan);
        let entries = plan.entries.get(numbers.clone()).unwrap_or_default();
        let parts = plan.parts(&held, plan.range);
        let mut found = self.in_memory(&held, entries);
        let open = self.decide(parts, entries, &mut found);
        self.in_blocks(parts, entries, (&open, &mut found))?;
        self.read(parts, entries, &mut found)?;
        reader.set_own_bytes(self.space.heap_bytes() + found.capacity() * size_of::<Found>());
        self.batch_end = numbers.end;
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

    /// Leaves what is the newest sample in the range for sure, and marks what has to be read. The
    /// places of those of which blocks alone may have something newer.
    fn decide(&self, parts: PartsReader<'_>, entries: &[Entry], found: &mut [Found]) -> Vec<usize> {
        let masks = parts.masks(entries);
        let is_masked = |at: usize| masks.get(at).is_some_and(|mask| !Mask::is_empty(mask));
        let mut open = Vec::new();
        for (at, (entry, found)) in entries.iter().zip(found).enumerate() {
            // What files may hold: of blocks only those that have a row of the series.
            let in_blocks = self.files_max.1.filter(|_| !entry.places.is_empty());
            let on_disk = self.files_max.0.max(in_blocks);
            let is_foreign = matches!(entry.known, Known::Labels(_));
            let newest = match &*found {
                Found::Float(sample) => Some(sample.timestamp),
                _ => None,
            };
            let is_told = match &*found {
                Found::Float(sample) => sample.timestamp <= parts.range.max(),
                Found::None => true,
                Found::Histogram(..) | Found::Unread => false,
            };
            if !is_told || is_masked(at) {
                *found = Found::Unread;
                continue;
            }
            if newest.is_some_and(|newest| newest < parts.range.min()) {
                *found = Found::None;
            }
            let is_settled = !is_foreign && (on_disk < newest || on_disk.is_none());
            if !is_settled && self.files_max.0.is_none() {
                open.push(at);
            } else if !is_settled {
                *found = Found::Unread;
            }
        }
        open
    }

    /// Asks the blocks for newer samples of the entries at the places `open`.
    fn in_blocks(
        &mut self,
        parts: PartsReader<'_>,
        entries: &[Entry],
        (open, found): (&[usize], &mut [Found]),
    ) -> Result<(), ShardError> {
        let entries = open.iter().filter_map(|at| Some((*at, entries.get(*at)?)));
        let mut rows = Vec::new();
        for (block, rows) in parts.by_block(entries, &mut rows) {
            let numbers: Vec<u32> = rows.iter().map(|row| row.0.1).collect();
            let visit = |row: u32, newest: Option<Sample>| {
                let place = rows.binary_search_by_key(&row, |(place, _)| place.1);
                let at = place.ok().and_then(|place| rows.get(place));
                let Some(found) = at.and_then(|(_, at)| found.get_mut(*at)) else {
                    return;
                };
                *found = match (newest, &*found) {
                    (Some(one), Found::None) => Found::Float(one),
                    (Some(one), Found::Float(kept)) if one.timestamp > kept.timestamp => {
                        Found::Float(one)
                    }
                    (Some(one), Found::Float(kept)) if one.timestamp < kept.timestamp => return,
                    _ => Found::Unread,
                };
            };
            block.newest(self.space.block(), &numbers, parts.range, visit)?;
        }
        Ok(())
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
            self.space.read(parts, entries, Pushdown::None)?;
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

    /// As [`SeriesScan::place`](super::SeriesScan::place).
    #[inline]
    #[must_use]
    pub fn place(&self) -> usize {
        self.current.unwrap_or_default()
    }

    /// The labels of each group, by number, perhaps of some without samples.
    #[must_use]
    pub fn groups(&self) -> &[Labels] {
        &self.plan.groups
    }

    /// As [`SeriesScan::split`](super::SeriesScan::split).
    #[must_use]
    pub fn split(self, parts: usize, stripe: usize) -> Vec<Self> {
        let Some(reader) = self.reader.as_ref().filter(|_| self.is_whole) else {
            return vec![self];
        };
        let all = 0..self.plan.entries.len();
        let part = |(reader, rest)| {
            let plan = Arc::clone(&self.plan);
            Self::new((reader, plan), self.files_max, rest)
        };
        let parts = split(reader, &all, (parts, stripe));
        parts.into_iter().map(part).collect()
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
        let all = Stripes::whole(0..plan.entries.len());
        let files_max = files_max(&reader.held()?.live, range);
        Ok(NewestScan {
            is_whole: true,
            ..NewestScan::new((reader, Arc::new(plan)), files_max, all)
        })
    }
}
