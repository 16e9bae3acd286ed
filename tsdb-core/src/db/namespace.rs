//! A namespace: what is written to and read from.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, RwLock};

use super::database::Inner;
use super::{Error, NamespaceOptions};
use crate::index::Cardinality;
use crate::manifest::Manifest;
use crate::model::{
    AppendReport, Labels, Matcher, MetricMetadata, NamespaceId, RunId, Texts, TimeRange, WriteBatch,
};
use crate::shard::{
    AppendEnvironment, Appended, Head, Limited, MemoryBounds, MemoryLedger, MemoryUse, NewestScan,
    ReaderCounts, ScanOptions, SelectLimits, SeriesScan, SeriesSet, ShardError,
};
use crate::wal::CommitTicket;

/// Memory is accounted anew once in so many appends.
const ACCOUNT_EVERY: u64 = 64;

/// The live [`Head`] of a namespace, and older ones as long as readers hold them.
#[derive(Debug)]
struct Heads {
    live: Arc<Head>,
    retired: Vec<Weak<Head>>,
}

/// What the Db knows of a namespace.
#[derive(Debug)]
pub(super) struct NamespaceState {
    pub(super) id: NamespaceId,
    pub(super) name: String,
    pub(super) folder: PathBuf,
    pub(super) options: RwLock<NamespaceOptions>,
    /// Another one each time series have left memory.
    heads: RwLock<Heads>,
    pub(super) manifest: Mutex<Manifest>,
    /// What it holds in memory, against [`NamespaceOptions::memory_max`].
    pub(super) ledger: MemoryLedger,
    /// Bytes of what a flush or a compaction has made and not written.
    pub(super) upkeep_bytes: AtomicUsize,
    /// Bytes of what is made to let series leave.
    pub(super) rebuild_bytes: AtomicUsize,
    /// How often runs have gone.
    pub(super) runs_gone: AtomicU64,
    /// Set before the `Head` of nothing takes over: whoever has got that one sees it.
    removed: AtomicBool,
}

impl NamespaceState {
    /// Bytes held in memory, by use.
    pub(super) fn memory(&self) -> MemoryUse {
        let mut used = self.head().memory();
        used.rebuild = self.rebuild_bytes.load(Ordering::Relaxed);
        used.upkeep = self.upkeep_bytes.load(Ordering::Relaxed);
        let retired = self.retired_heads();
        let readers = retired.iter().map(|head| head.memory());
        used.readers = readers.map(|used| used.registry + used.index).sum();
        used.readers += self.reader_counts().memory_bytes;
        used
    }

    /// Those who read, and what they hold.
    pub(super) fn reader_counts(&self) -> ReaderCounts {
        let head = self.head();
        head.pins().readers().counts(&head.live())
    }

    /// What is alive of it.
    pub(super) fn head(&self) -> Arc<Head> {
        Arc::clone(&self.heads.read().live)
    }

    /// Those that others have taken over from and that readers still hold.
    pub(super) fn retired_heads(&self) -> Vec<Arc<Head>> {
        let heads = self.heads.read();
        heads.retired.iter().filter_map(Weak::upgrade).collect()
    }

    /// Lets another take over.
    pub(super) fn set_head(&self, head: Head) {
        let mut heads = self.heads.write();
        let old = std::mem::replace(&mut heads.live, Arc::new(head));
        heads.retired.retain(|head| head.strong_count() > 0);
        heads.retired.push(Arc::downgrade(&old));
    }

    pub(super) fn new(
        (id, name, folder): (NamespaceId, String, PathBuf),
        options: NamespaceOptions,
        head: Head,
        manifest: Manifest,
    ) -> Self {
        Self {
            id,
            name,
            folder,
            options: RwLock::new(options),
            heads: RwLock::new(Heads {
                live: Arc::new(head),
                retired: Vec::new(),
            }),
            manifest: Mutex::new(manifest),
            ledger: MemoryLedger::new("memory_max", options.memory_max.unwrap_or(u64::MAX)),
            upkeep_bytes: AtomicUsize::new(0),
            rebuild_bytes: AtomicUsize::new(0),
            runs_gone: AtomicU64::new(0),
            removed: AtomicBool::new(false),
        }
    }

    /// Takes all there is from those who come from now on; the `Head` that had it. Whoever reads it
    /// goes on. Appends that were logged stay so, no others are.
    pub(super) fn empty(&self, gate: &RwLock<()>) -> Arc<Head> {
        let no_append = gate.write();
        let head = self.head();
        self.removed.store(true, Ordering::Release);
        self.set_head(head.emptied());
        drop(no_append);
        head
    }

    /// What is alive of it, to be asked by those who come from outside.
    ///
    /// # Errors
    /// When it was removed.
    pub(super) fn head_there(&self) -> Result<Arc<Head>, Error> {
        // First the `Head`: if it is that of nothing, the mark is there to be seen.
        let head = self.head();
        if self.removed.load(Ordering::Acquire) {
            let name = self.name.clone();
            return Err(Error::Removed { name });
        }
        Ok(head)
    }

    /// Whether nobody reads anything of it.
    pub(super) fn is_let_go(&self) -> bool {
        let pins = self.head().pins().pinned();
        self.retired_heads().is_empty() && self.reader_counts().readers == 0 && pins.files == 0
    }

    pub(super) fn manifest_path(folder: &Path) -> PathBuf {
        folder.join("MANIFEST")
    }

    /// The number of the next file. Never given twice: a manifest whose writing failed may yet be
    /// the one that is found.
    pub(super) fn new_file(&self) -> RunId {
        let mut manifest = self.manifest.lock();
        let number = manifest.next_file;
        manifest.next_file += 1;
        RunId(number)
    }
}

/// A set of series with options of its own. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Namespace {
    pub(super) inner: Arc<Inner>,
    pub(super) state: Arc<NamespaceState>,
}

impl Namespace {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// Its options.
    #[must_use]
    pub fn options(&self) -> NamespaceOptions {
        *self.state.options.read()
    }

    /// Stores the samples of a batch: readable when this returns, as safe as the namespace's
    /// [`crate::Ack`] asks when the ticket is done. Samples that are not stored are told in the
    /// report, and cost their neighbours nothing.
    ///
    /// # Errors
    /// When nothing was stored: see [`super::ErrorKind`]. As every other call, when the namespace
    /// was removed ([`Db::remove_namespace`](super::Db::remove_namespace)).
    pub fn append(&self, batch: &WriteBatch<'_>) -> Result<Appended, Error> {
        self.inner.check_open()?;
        self.check_pressure()?;
        match self.append_once(batch) {
            Err(Error::Backpressure { .. }) if self.flushes_inline() => {
                self.inner.flush_all()?;
                self.inner.account();
                self.append_once(batch)
            }
            appended => appended,
        }
    }

    fn append_once(&self, batch: &WriteBatch<'_>) -> Result<Appended, Error> {
        let log = self.inner.log.as_ref().ok_or(Error::ReadOnly)?;
        let options = self.options();
        let now_ms = self.inner.clock.now_ms();
        // Where the clock jumped, nothing is refused for its age; not even by the first writer
        // after the jump, whom no maintenance has told.
        let oldest_ms = options
            .retention_ms()
            .filter(|_| self.inner.trusted_clock.is_trusted());
        let environment = AppendEnvironment {
            log,
            gate: &self.inner.gate,
            ack: options.ack,
            // Neither does a clock that is known to be behind make current samples early ones.
            now_ms: match batch.is_copied() {
                true => i64::MAX,
                false => self.inner.trusted_clock.latest_ms(),
            },
            memory: MemoryBounds {
                all: &self.inner.memory,
                own: &self.state.ledger,
            },
            series_max: options.series_max,
            oldest_ms: oldest_ms.map(|retention| now_ms.saturating_sub(retention)),
        };
        loop {
            match self.state.head_there()?.append(batch, &environment) {
                // Another has taken over, or series of the batch are leaving: look up again.
                Err(ShardError::Retired) => {}
                appended => return Ok(appended?),
            }
        }
    }

    /// [`Namespace::append`], and waits for its ticket.
    ///
    /// # Errors
    /// As [`Namespace::append`]; and when the log fails before the samples are safe, after which
    /// they may or may not be there once the Db is opened again.
    pub fn write(&self, batch: &WriteBatch<'_>) -> Result<AppendReport, Error> {
        let Appended { report, ticket } = self.append(batch)?;
        ticket.wait()?;
        Ok(report)
    }

    /// Whether an append that finds no room flushes: not when that would only make many small runs
    /// for others, as what fills the namespace are its series.
    fn flushes_inline(&self) -> bool {
        let own = &self.state.ledger;
        let fits = own.total() <= own.budget() / 8 * 7;
        self.inner.options.inline_flush && (fits || own.is_flush_worthwhile())
    }

    /// Whether the namespace holds more than it may.
    fn check_own_memory(&self) -> Result<(), Error> {
        let own = &self.state.ledger;
        if own.check_now().is_ok() {
            return Ok(());
        }
        if self.flushes_inline() {
            self.inner.flush_all()?;
            self.inner.account();
        }
        Ok(own.check_now().map_err(ShardError::Pressure)?)
    }

    fn check_pressure(&self) -> Result<(), Error> {
        let inner = &self.inner;
        let number = inner.counters.appends.fetch_add(1, Ordering::Relaxed);
        if number.is_multiple_of(ACCOUNT_EVERY) {
            inner.account();
        }
        self.check_own_memory()?;
        let budget = inner.options.memory_budget_bytes;
        if inner.memory.total() <= budget && inner.log_backlog_bytes() <= inner.log_backlog_max() {
            return Ok(());
        }
        if inner.options.inline_flush {
            inner.flush_all()?;
            inner.account();
        }
        let value = inner.memory.total();
        if value > budget {
            let (what, name) = ("series and samples in memory", "memory_budget_bytes");
            return Err(Error::Backpressure {
                what,
                name,
                limit: budget,
                value,
            });
        }
        let (value, limit) = (inner.log_backlog_bytes(), inner.log_backlog_max());
        if value > limit {
            let (what, name) = ("logs that wait to be flushed", "log_cap_bytes");
            return Err(Error::Backpressure {
                what,
                name,
                limit,
                value,
            });
        }
        Ok(())
    }

    /// Stores what metrics are; the ticket is done when it is durable.
    ///
    /// # Errors
    /// When the disk has no space for it.
    pub fn set_metadata(&self, metadata: &[MetricMetadata]) -> Result<CommitTicket, Error> {
        self.inner.check_open()?;
        let log = self.inner.log.as_ref().ok_or(Error::ReadOnly)?;
        let head = loop {
            let head = self.state.head_there()?;
            match head.set_metadata(metadata) {
                Err(ShardError::Retired) => {}
                set => break set.map(|()| head)?,
            }
        };
        Ok(
            if head.series_file().is_some_and(|file| file.has_unsynced()) {
                log.enqueue_definitions()
            } else {
                log.nothing_to_wait_for()
            },
        )
    }

    /// What a metric is, or all metrics, at most `limit`, by name.
    #[must_use]
    pub fn metadata(&self, metric: Option<&str>, limit: usize) -> Vec<MetricMetadata> {
        self.state.head().metadata(metric, limit)
    }

    /// The series that match all `matchers` and have samples in `range`, sorted by labels. No
    /// matchers match every series.
    ///
    /// # Errors
    /// When more match than the default [`SelectLimits`] allow.
    pub fn select(&self, range: TimeRange, matchers: &[Matcher]) -> Result<SeriesSet, Error> {
        self.select_with(range, matchers, SelectLimits::default())
    }

    /// [`Namespace::select`] with limits of the caller's choice.
    ///
    /// # Errors
    /// [`super::ErrorKind::Limit`] when more series match; exceeding the samples ends the set.
    pub fn select_with(
        &self,
        range: TimeRange,
        matchers: &[Matcher],
        limits: SelectLimits,
    ) -> Result<SeriesSet, Error> {
        self.inner.check_open()?;
        Ok(self.state.head_there()?.select(range, matchers, limits)?)
    }

    /// The series that match all `matchers` and have samples in `range`, to be read one by one into
    /// columns that are used again.
    ///
    /// # Errors
    /// [`super::ErrorKind::Limit`] when more series match than the options allow.
    pub fn scan(
        &self,
        range: TimeRange,
        matchers: &[Matcher],
        options: &ScanOptions,
    ) -> Result<SeriesScan, Error> {
        self.inner.check_open()?;
        Ok(self.state.head_there()?.scan(range, matchers, options)?)
    }

    /// The newest sample in `range` of each series that matches all `matchers`. Where the range
    /// reaches the present that takes no look at a chunk.
    ///
    /// # Errors
    /// [`super::ErrorKind::Limit`] when more series match than the options allow.
    pub fn newest(
        &self,
        range: TimeRange,
        matchers: &[Matcher],
        options: &ScanOptions,
    ) -> Result<NewestScan, Error> {
        self.inner.check_open()?;
        Ok(self.state.head_there()?.newest(range, matchers, options)?)
    }

    /// Labels of the series that match and have samples in `range`, sorted, at most `limit`.
    /// Whether there are samples is told by chunks: a gap inside one is not seen.
    ///
    /// # Errors
    /// When a run cannot be read.
    pub fn series(
        &self,
        range: TimeRange,
        matchers: &[Matcher],
        limit: usize,
    ) -> Result<Limited<Vec<Labels>>, Error> {
        self.inner.check_open()?;
        Ok(self.state.head_there()?.series(range, matchers, limit)?)
    }

    /// Names of their labels, sorted, at most `limit`.
    ///
    /// # Errors
    /// When a run cannot be read.
    pub fn label_names(
        &self,
        range: TimeRange,
        matchers: &[Matcher],
        limit: usize,
    ) -> Result<Limited<Texts>, Error> {
        self.inner.check_open()?;
        Ok(self
            .state
            .head_there()?
            .label_names(range, matchers, limit)?)
    }

    /// Values of one of their labels, sorted, at most `limit`.
    ///
    /// # Errors
    /// When a run cannot be read.
    pub fn label_values(
        &self,
        name: &str,
        range: TimeRange,
        matchers: &[Matcher],
        limit: usize,
    ) -> Result<Limited<Texts>, Error> {
        self.inner.check_open()?;
        Ok(self
            .state
            .head_there()?
            .label_values(name, range, matchers, limit)?)
    }

    /// What the series in memory are made of: how many there are, and the `top` metrics, pairs
    /// and label names that make the most of them; for `label`, if given, its values as well.
    /// Takes time in proportion to the distinct labels, some tens of milliseconds for a million,
    /// during which no new series is added.
    ///
    /// # Errors
    /// When the Db is closed.
    pub fn cardinality(&self, top: usize, label: Option<&str>) -> Result<Cardinality, Error> {
        self.inner.check_open()?;
        Ok(self.state.head_there()?.cardinality(top, label))
    }
}
