//! Series read one after the other into columns of the caller's, which are used again: what a query
//! engine asks for. No labels are made but for those who ask.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::deletes::Delete;
use super::parts::{Entry, Known, PartsReader, Place};
use super::readers::{Held, Reader};
use super::scan_batch::BatchSpace;
use super::series_set::{BATCH_SAMPLES, check_pins, samples_a_row};
use super::stripes::Stripes;
use super::{Head, Live, Names, SelectLimits, ShardError};
use crate::index::{Grouper, Grouping};
use crate::model::{Labels, Matcher, Pushdown, TimeRange};
use crate::series::MergedSamples;

/// Series of the first batch; later ones follow what was found.
const FIRST_SERIES: usize = 64;
const BATCH_SERIES_MAX: usize = 1024;
/// About so many samples are decoded at a time: what a core's cache holds.
const BATCH_DECODED: usize = 1 << 16;

/// How series are scanned.
#[derive(Clone, Debug, Default)]
pub struct ScanOptions {
    /// Bounds on what is read.
    pub limits: SelectLimits,
    /// Whether series come sorted by labels. Sorting takes most of the time of a scan of few
    /// samples; an aggregation needs none.
    pub sorted: bool,
    /// By which labels the series are numbered; `None` for one group of all.
    pub grouping: Option<Grouping>,
    /// What is asked of the samples, so that some may be left out ([`SeriesScan::left_out`]).
    pub pushdown: Pushdown,
}

/// What is to be read, which all parts of a scan share.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) range: TimeRange,
    limits: SelectLimits,
    /// Samples that were read, of all parts.
    samples: AtomicU64,
    /// Deletes that may hide something.
    pub(super) deletes: Vec<Arc<Delete>>,
    pub(super) entries: Vec<Entry>,
    pub(super) places: Vec<Place>,
    /// The group of each entry; none where all make one.
    entry_groups: Vec<u32>,
    pub(super) groups: Vec<Labels>,
    pushdown: Pushdown,
    /// The most series of a batch, for what blocks hold of them.
    pub(super) batch_max: usize,
}

impl Plan {
    /// The group of an entry.
    #[inline]
    pub(super) fn group(&self, entry: usize) -> u32 {
        self.entry_groups.get(entry).copied().unwrap_or_default()
    }

    /// Counts samples that were read.
    ///
    /// # Errors
    /// When there were more than allowed.
    pub(super) fn count(&self, samples: usize) -> Result<(), ShardError> {
        let samples = samples as u64;
        let before = self.samples.fetch_add(samples, Ordering::Relaxed);
        if before.saturating_add(samples) <= self.limits.samples {
            return Ok(());
        }
        Err(ShardError::QueryLimit {
            what: "samples",
            name: "max_samples",
            limit: self.limits.samples,
        })
    }

    /// The labels of an entry.
    pub(super) fn labels(&self, reader: &Reader, entry: usize) -> Result<Labels, ShardError> {
        let Some(entry) = self.entries.get(entry) else {
            return Ok(Labels::default());
        };
        Ok(match &entry.known {
            Known::Labels(labels) => labels.clone(),
            Known::Slot(slot) => {
                let held = reader.held()?;
                let names = held.head.names.read();
                names.index.labels(*slot).unwrap_or_default()
            }
        })
    }

    /// The parts of those entries of which `held` is read.
    pub(super) fn parts<'a>(&'a self, held: &'a Held, range: TimeRange) -> PartsReader<'a> {
        PartsReader {
            held,
            range,
            deletes: &self.deletes,
            places: &self.places,
        }
    }
}

/// The series that match, each in turn read into columns of the caller's. Lazy: a batch of series is
/// decoded when it is asked for. An error ends it.
#[derive(Debug)]
pub struct SeriesScan {
    /// None once it ended.
    reader: Option<Arc<Reader>>,
    plan: Arc<Plan>,
    /// Entries still to be read.
    rest: Stripes,
    /// Entries that were read and not given out; the first of the batch has the first columns.
    ready: Range<usize>,
    batch_begin: usize,
    batch: usize,
    /// Whether it is all of a scan, and nothing was read.
    is_whole: bool,
    current: Option<usize>,
    space: BatchSpace,
}

impl SeriesScan {
    pub(super) fn new(reader: Arc<Reader>, plan: Arc<Plan>, rest: Stripes) -> Self {
        Self {
            ready: 0..0,
            batch_begin: 0,
            batch: plan.batch_max.min(FIRST_SERIES),
            reader: Some(reader),
            plan,
            rest,
            current: None,
            space: BatchSpace::default(),
            is_whole: false,
        }
    }

    /// Replaces what `columns` hold by the samples of the next series that has any in the range;
    /// false, and nothing in `columns`, when there is none.
    ///
    /// # Errors
    /// When a series cannot be read or a limit is exceeded; nothing more comes after it.
    pub fn next_into(&mut self, columns: &mut MergedSamples) -> Result<bool, ShardError> {
        let found = self.advance(columns);
        if !matches!(found, Ok(true)) {
            columns.clear();
            self.end();
        }
        found
    }

    fn advance(&mut self, columns: &mut MergedSamples) -> Result<bool, ShardError> {
        loop {
            for entry in self.ready.by_ref() {
                let Some(found) = self.space.columns.get_mut(entry - self.batch_begin) else {
                    continue;
                };
                if !found.is_empty() {
                    self.plan.count(found.len())?;
                    std::mem::swap(found, columns);
                    self.current = Some(entry);
                    return Ok(true);
                }
            }
            if !self.read_batch()? {
                return Ok(false);
            }
        }
    }

    /// Decodes the next batch; whether there was any.
    fn read_batch(&mut self) -> Result<bool, ShardError> {
        self.is_whole = false;
        let entries = self.rest.take(self.batch);
        let Some(reader) = self.reader.as_ref().filter(|_| !entries.is_empty()) else {
            return Ok(false);
        };
        let held = reader.held()?;
        check_pins(&held)?;
        let parts = self.plan.parts(&held, self.plan.range);
        let batch = self.plan.entries.get(entries.clone()).unwrap_or_default();
        self.space.read(parts, batch, self.plan.pushdown)?;
        let left = self.rest.len() * size_of::<Entry>();
        reader.set_own_bytes(self.space.heap_bytes() + left);
        let columns = self.space.columns.iter().take(batch.len());
        let samples: usize = columns.map(MergedSamples::len).sum();
        let fitting = BATCH_DECODED * batch.len() / samples.max(1);
        self.batch = fitting.clamp(1, self.plan.batch_max.min(self.batch.saturating_mul(2)));
        self.batch_begin = entries.start;
        self.ready = entries;
        Ok(true)
    }

    /// The group of the series that came last: its number among [`SeriesScan::groups`].
    #[inline]
    #[must_use]
    pub fn group(&self) -> u32 {
        self.current.map_or(0, |entry| self.plan.group(entry))
    }

    /// How many samples of the series that came last were left out, as [`ScanOptions::pushdown`] makes
    /// nothing of them.
    #[inline]
    #[must_use]
    pub fn left_out(&self) -> u64 {
        let left_out = |entry: usize| self.space.left_out(entry - self.batch_begin);
        self.current.map_or(0, left_out)
    }

    /// Where the series that came last stands among all that match: rises, and is another one in
    /// each part of a scan that was split.
    #[inline]
    #[must_use]
    pub fn place(&self) -> usize {
        self.current.unwrap_or_default()
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

    /// The labels of each group, by number: of all series that match, and so perhaps of some
    /// without samples. The same for all parts of a scan that was split.
    #[must_use]
    pub fn groups(&self) -> &[Labels] {
        &self.plan.groups
    }

    /// How many series at most are still to come.
    #[must_use]
    pub fn len_at_most(&self) -> usize {
        self.rest.len() + self.ready.len()
    }

    /// Parts a scan of which nothing was read yet into at most `parts`, for as many threads: stripes
    /// of `stripe` series that match are dealt to each in turn. They share limits and groups. A scan
    /// that was begun, or is a part itself, stays one.
    #[must_use]
    pub fn split(self, parts: usize, stripe: usize) -> Vec<Self> {
        let Some(reader) = self.reader.as_ref().filter(|_| self.is_whole) else {
            return vec![self];
        };
        let all = 0..self.plan.entries.len();
        let part = |(reader, rest)| Self::new(reader, Arc::clone(&self.plan), rest);
        let parts = split(reader, &all, (parts, stripe));
        parts.into_iter().map(part).collect()
    }

    fn end(&mut self) {
        self.ready = 0..0;
        self.rest.clear();
        self.current = None;
        self.reader = None;
        self.space = BatchSpace::default();
    }
}

/// Deals entries out to `parts`, each with a reader of its own.
pub(super) fn split(
    reader: &Arc<Reader>,
    entries: &Range<usize>,
    (parts, stripe): (usize, usize),
) -> Vec<(Arc<Reader>, Stripes)> {
    let reader = |part: usize| match (part, reader.held()) {
        (1.., Ok(held)) => Arc::clone(&held.head).pins.readers().add(held),
        // Refused, each of them says so.
        _ => Arc::clone(reader),
    };
    let parts = Stripes::deal(entries, parts, stripe).into_iter();
    parts
        .enumerate()
        .map(|(part, stripes)| (reader(part), stripes))
        .collect()
}

impl Head {
    /// The series that match all `matchers` and have samples in `range`, to be read one by one.
    ///
    /// # Errors
    /// When more series match than the limits allow, or a block cannot be read.
    pub fn scan(
        self: &Arc<Self>,
        range: TimeRange,
        matchers: &[Matcher],
        options: &ScanOptions,
    ) -> Result<SeriesScan, ShardError> {
        let (reader, plan) = self.plan(range, matchers, options)?;
        let all = Stripes::whole(0..plan.entries.len());
        Ok(SeriesScan {
            is_whole: true,
            ..SeriesScan::new(reader, Arc::new(plan), all)
        })
    }

    /// What is to be read, and who reads it.
    pub(super) fn plan(
        self: &Arc<Self>,
        range: TimeRange,
        matchers: &[Matcher],
        options: &ScanOptions,
    ) -> Result<(Arc<Reader>, Plan), ShardError> {
        let live = self.live();
        let limits = options.limits;
        let (entries, places) = self.entries(&live, (range, matchers), limits, options.sorted)?;
        let names = self.names.read();
        let grouping = options.grouping.as_ref();
        let (entry_groups, groups) = match grouping.filter(|grouping| !grouping.is_of_all()) {
            Some(grouping) => group(&names, &entries, grouping),
            None => (Vec::new(), vec![Labels::default()]),
        };
        drop(names);
        let batch_max = BATCH_SAMPLES / samples_a_row(&live, range).max(1);
        let plan = Plan {
            range,
            limits,
            samples: AtomicU64::new(0),
            deletes: live.hiding(),
            entries,
            places,
            entry_groups,
            groups,
            pushdown: options.pushdown,
            batch_max: usize::try_from(batch_max)
                .map_or(BATCH_SERIES_MAX, |max| max.clamp(1, BATCH_SERIES_MAX)),
        };
        Ok((self.reader(live), plan))
    }

    /// A reader of what is live.
    fn reader(self: &Arc<Self>, live: Arc<Live>) -> Arc<Reader> {
        let head = Arc::clone(self);
        self.pins.readers().add(Held { head, live })
    }
}

/// The group of each entry, and the labels of all groups.
fn group(names: &Names, entries: &[Entry], grouping: &Grouping) -> (Vec<u32>, Vec<Labels>) {
    let mut grouper = Grouper::new(&names.index, grouping);
    let number = |entry: &Entry| match &entry.known {
        Known::Slot(slot) => grouper.of_slot(&names.index, *slot),
        Known::Labels(labels) => grouper.of_labels(&names.index, labels),
    };
    let numbers = entries.iter().map(number).collect();
    (numbers, grouper.into_groups())
}
