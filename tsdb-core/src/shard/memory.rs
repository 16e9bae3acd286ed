//! What a namespace holds in memory, by use, and what all of them together may.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::RejectReason;

/// Bytes of memory that a namespace holds, reserved ones included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUse {
    /// Series by fingerprint and by id.
    pub registry: usize,
    /// Series by label.
    pub index: usize,
    /// Definitions that wait to be written, and the numbers of symbols in the series file.
    pub series_file: usize,
    /// What metrics are.
    pub metadata: usize,
    /// Registry and index without the series that are leaving, while they are made.
    pub rebuild: usize,
    /// What readers hold of what was replaced: registries and indexes from before series left,
    /// flushed buffers, indexes of removed files; and what they have read and not given out.
    pub readers: usize,
    /// Samples of the open generation.
    pub open_buffers: usize,
    /// Samples of generations that are closed and not flushed.
    pub closed_buffers: usize,
    /// Room that appends use again.
    pub appends: usize,
    /// Directories and indexes of runs and blocks that were read.
    pub files: usize,
    /// What a flush or a compaction that goes on has made and not written.
    pub upkeep: usize,
    /// Exemplars with their labels and those of their series.
    pub exemplars: usize,
}

impl MemoryUse {
    /// What stays as long as the series do.
    #[must_use]
    pub fn series(&self) -> usize {
        self.registry + self.index + self.series_file + self.metadata + self.rebuild + self.readers
    }

    /// What goes when samples are flushed.
    #[must_use]
    pub fn buffers(&self) -> usize {
        self.open_buffers + self.closed_buffers
    }

    /// Use by use, this and another together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            registry: self.registry + other.registry,
            index: self.index + other.index,
            series_file: self.series_file + other.series_file,
            metadata: self.metadata + other.metadata,
            rebuild: self.rebuild + other.rebuild,
            readers: self.readers + other.readers,
            open_buffers: self.open_buffers + other.open_buffers,
            closed_buffers: self.closed_buffers + other.closed_buffers,
            appends: self.appends + other.appends,
            files: self.files + other.files,
            upkeep: self.upkeep + other.upkeep,
            exemplars: self.exemplars + other.exemplars,
        }
    }

    /// All of it.
    #[must_use]
    pub fn total(&self) -> usize {
        self.series() + self.buffers() + self.appends + self.files + self.upkeep + self.exemplars
    }
}

/// Bytes held against a budget, that of the Db or of a namespace: accounted from time to time, and
/// followed by every append in between.
#[derive(Debug)]
pub struct MemoryLedger {
    name: &'static str,
    budget: AtomicU64,
    /// Of series and their index alone.
    series: AtomicU64,
    /// All there is.
    total: AtomicU64,
}

/// That memory is short until buffers are flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pressure {
    /// Bytes that would be held.
    pub needed: u64,
    /// The budget.
    pub budget: u64,
    /// The budget's name.
    pub name: &'static str,
}

impl MemoryLedger {
    /// Nothing held yet; `name` is that of the option.
    #[must_use]
    pub fn new(name: &'static str, budget: u64) -> Self {
        Self {
            name,
            budget: AtomicU64::new(budget),
            series: AtomicU64::new(0),
            total: AtomicU64::new(0),
        }
    }

    /// The whole budget in bytes.
    #[must_use]
    pub fn budget(&self) -> u64 {
        self.budget.load(Ordering::Relaxed)
    }

    /// Changes the budget; what is held stays.
    pub fn set_budget(&self, bytes: u64) {
        self.budget.store(bytes, Ordering::Relaxed);
    }

    /// Bytes held, as far as is known.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// Of which for series.
    #[must_use]
    pub fn series(&self) -> u64 {
        self.series.load(Ordering::Relaxed)
    }

    /// Whether more than the budget is held.
    ///
    /// # Errors
    /// When it is.
    pub fn check_now(&self) -> Result<(), Pressure> {
        self.check(0)
    }

    /// Whether a flush is worth its while: it would free more than an eighth of the budget.
    #[must_use]
    pub fn is_flush_worthwhile(&self) -> bool {
        self.total().saturating_sub(self.series()) > self.budget() / 8
    }

    /// Whether more than half is held, and a flush would free a part of that.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.total() > self.budget() / 2 && self.is_flush_worthwhile()
    }

    /// Notes what was accounted.
    pub fn set(&self, series: u64, total: u64) {
        self.series.store(series, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    fn add_series(&self, bytes: u64) {
        self.series.fetch_add(bytes, Ordering::Relaxed);
        self.add(bytes);
    }

    fn add(&self, bytes: u64) {
        self.total.fetch_add(bytes, Ordering::Relaxed);
    }

    fn check(&self, bytes: u64) -> Result<(), Pressure> {
        let needed = self.total().saturating_add(bytes);
        let budget = self.budget();
        if needed > budget {
            let name = self.name;
            return Err(Pressure {
                needed,
                budget,
                name,
            });
        }
        Ok(())
    }

    fn check_series(&self, bytes: u64) -> Result<(), Pressure> {
        if self.is_flush_worthwhile() {
            return self.check(bytes);
        }
        Ok(())
    }

    fn has_share(&self, bytes: u64) -> bool {
        let (used, budget) = (self.series(), self.budget());
        used <= budget / 4 * 3 && used.saturating_add(bytes) <= budget / 8 * 7
    }
}

/// What an append may take: of the Db's budget, and of its namespace's.
#[derive(Clone, Copy, Debug)]
pub struct MemoryBounds<'a> {
    /// Of all namespaces together.
    pub all: &'a MemoryLedger,
    /// Of the one namespace.
    pub own: &'a MemoryLedger,
}

impl MemoryBounds<'_> {
    /// Notes what series have taken.
    pub(super) fn add_series(&self, bytes: u64) {
        self.all.add_series(bytes);
        self.own.add_series(bytes);
    }

    /// Notes what anything else has taken.
    pub(super) fn add(&self, bytes: u64) {
        self.all.add(bytes);
        self.own.add(bytes);
    }

    /// Whether so much may be taken for samples.
    ///
    /// # Errors
    /// When it would not fit before buffers are flushed.
    pub(super) fn check(&self, bytes: u64) -> Result<(), Pressure> {
        self.own.check(bytes)?;
        self.all.check(bytes)
    }

    /// Whether series may take so much at once, and it helps to wait if they may not.
    ///
    /// # Errors
    /// When it would not fit before buffers are flushed.
    pub(super) fn check_series(&self, bytes: u64) -> Result<(), Pressure> {
        self.own.check_series(bytes)?;
        self.all.check_series(bytes)
    }

    /// Whether series that take so much at once fit into their share: three quarters of the
    /// budget, and seven eighths while a table grows.
    ///
    /// # Errors
    /// When they do not, however long one waits.
    pub(super) fn check_share(&self, bytes: u64) -> Result<(), RejectReason> {
        if !self.own.has_share(bytes) {
            let (used, limit) = (self.own.series(), self.own.budget());
            return Err(RejectReason::NamespaceMemory { used, limit });
        }
        if !self.all.has_share(bytes) {
            let (used, limit) = (self.all.series(), self.all.budget());
            return Err(RejectReason::SeriesMemory { used, limit });
        }
        Ok(())
    }
}
