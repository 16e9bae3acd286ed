//! The Db: a handle to one data folder.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock, RwLockUpgradableReadGuard};

use super::maintenance::Upkeep;
use super::namespace::NamespaceState;
use super::open::{self, CATALOG_PATH};
use super::snapshot::SNAPSHOTS_PATH;
use super::stats::Counters;
use super::{DbOptions, Error, Namespace, NamespaceOptions, OpeningPhase, RecoveryReport, Stats};
use crate::clock::{Clock, SystemClock, TrustedClock};
use crate::manifest::{Catalog, check_namespace_name};
use crate::model::FingerprintKey;
use crate::series::SeriesFile;
use crate::shard::{MemoryLedger, MemoryUse};
use crate::vfs::{FileLock, LazyFiles, MemVfs, OsVfs, Vfs};
use crate::wal::{BeforeFrames, CommitLog, WalError};

/// The name of the namespace that exists from the first start.
pub(super) const DEFAULT_NAMESPACE: &str = "default";

/// The series files of all namespaces: what a commit makes durable before its frames.
#[derive(Debug, Default)]
pub(super) struct SeriesFiles(pub(super) RwLock<Vec<Arc<SeriesFile>>>);

impl BeforeFrames for SeriesFiles {
    fn sync_definitions(&self) -> Result<(), WalError> {
        let files = self.0.read().clone();
        for file in files {
            file.sync().map_err(|error| match error {
                crate::series::SeriesError::Io {
                    operation,
                    path,
                    source,
                } => WalError::Io {
                    operation,
                    path,
                    source,
                },
                crate::series::SeriesError::Corrupt { path, offset, what } => {
                    WalError::Corrupt { path, offset, what }
                }
            })?;
        }
        Ok(())
    }
}

/// All that clones of a Db share.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) vfs: Arc<dyn Vfs>,
    /// The same disk, as runs and blocks see it that are opened when they are first read.
    pub(super) files: Arc<LazyFiles>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) options: DbOptions,
    pub(super) key: FingerprintKey,
    /// `None` where the Db was opened for reading only.
    pub(super) log: Option<Arc<CommitLog>>,
    /// Read-locked by appends between reservation and enqueueing; a generation is cut under its
    /// write lock.
    pub(super) gate: RwLock<()>,
    pub(super) namespaces: RwLock<Vec<Arc<NamespaceState>>>,
    /// Those that were removed, as long as readers hold anything of them.
    pub(super) removed: RwLock<Vec<Arc<NamespaceState>>>,
    pub(super) catalog: RwLock<Catalog>,
    /// Whether the catalog on disk may be a newer one, of a change that failed.
    pub(super) catalog_in_doubt: AtomicBool,
    pub(super) series_files: Arc<SeriesFiles>,
    pub(super) upkeep: Mutex<Upkeep>,
    /// The same clock, as far as expiry may follow it.
    pub(super) trusted_clock: Arc<TrustedClock>,
    pub(super) recovery: RecoveryReport,
    pub(super) lock: Mutex<Option<Box<dyn FileLock>>>,
    pub(super) closed: AtomicBool,
    pub(super) counters: Counters,
    /// What is held in memory against the budget.
    pub(super) memory: MemoryLedger,
}

/// A time-series database over one folder. Cheap to clone; every clone is the same Db.
///
/// It keeps no thread: call [`Db::maintain`] from time to time. A Db that is dropped without
/// [`Db::close`] loses nothing that was acked; the next one replays its log.
///
/// ```
/// use tsdb_core::{Db, DbOptions, Labels, Matcher, Sample, TimeRange, WriteBatch};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let db = Db::in_memory(DbOptions::default())?; // Or Db::open("data", ...).
/// let cpu = Labels::from_pairs([("__name__", "cpu_seconds_total"), ("host", "a")])?;
/// let mut batch = WriteBatch::new();
/// batch.push(&cpu, Sample::new(1_700_000_000_000, 1.5));
/// let report = db.default_namespace().write(&batch)?; // Durable when it returns.
/// assert!(report.rejected.is_empty()); // Bad samples are data, not an Err.
/// let range = TimeRange::new(1_700_000_000_000, 1_700_000_060_000)?; // Half-open, ms.
/// for series in db.default_namespace().select(range, &[Matcher::equal("host", "a")])? {
///     let series = series?;
///     assert_eq!(series.labels().to_string(), r#"cpu_seconds_total{host="a"}"#);
///     assert_eq!(series.values(), [1.5]);
/// }
/// db.maintain()?; // Flush, merge, expire: on the caller's thread, never on ours.
/// db.close()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Db {
    pub(super) inner: Arc<Inner>,
}

impl Db {
    /// Opens the folder at `path`, made if need be, and recovers what a crash left.
    ///
    /// # Errors
    /// [`super::ErrorKind::Locked`] when it is in use, [`super::ErrorKind::Corrupt`] when synced
    /// bytes are damaged (naming file and offset), [`super::ErrorKind::Io`].
    pub fn open(path: impl AsRef<Path>, options: DbOptions) -> Result<Self, Error> {
        let path = path.as_ref();
        let vfs = OsVfs::new(path);
        vfs.create_dir(Path::new(""))
            .map_err(Error::io("making the data folder", path))?;
        Self::open_with(Arc::new(vfs), Arc::new(SystemClock::new()), options)
    }

    /// As [`Db::open`], with disk and time of the caller's choice.
    ///
    /// # Errors
    /// As [`Db::open`].
    pub fn open_with(
        vfs: Arc<dyn Vfs>,
        clock: Arc<dyn Clock>,
        options: DbOptions,
    ) -> Result<Self, Error> {
        options.check()?;
        let progress = options.progress.clone();
        if let Some(progress) = &progress {
            progress.begin();
        }
        let opened = open::open(vfs, clock, options);
        if let Some(progress) = &progress {
            progress.enter(match opened {
                Ok(_) => OpeningPhase::Open,
                Err(_) => OpeningPhase::Failed,
            });
        }
        opened.map(|inner| Self {
            inner: Arc::new(inner),
        })
    }

    /// A Db that lives in memory and is gone when dropped.
    ///
    /// # Errors
    /// When the options make no sense.
    pub fn in_memory(options: DbOptions) -> Result<Self, Error> {
        Self::open_with(
            Arc::new(MemVfs::new()),
            Arc::new(SystemClock::new()),
            options,
        )
    }

    /// What opening found.
    #[must_use]
    pub fn recovery(&self) -> &RecoveryReport {
        &self.inner.recovery
    }

    /// Opens a namespace, made if need be. Options of an existing one are changed to `options`,
    /// durably; a new window length holds from the next generation on.
    ///
    /// # Errors
    /// When the name cannot be a folder's or is one of ours, the options make no sense, or the
    /// disk refuses.
    pub fn namespace(&self, name: &str, options: NamespaceOptions) -> Result<Namespace, Error> {
        self.check_open()?;
        options.check()?;
        check_namespace_name(name).map_err(|why| Error::Invalid {
            name: "namespace",
            value: format!("{name:?}"),
            why,
        })?;
        if self.inner.log.is_none() {
            return Err(Error::ReadOnly);
        }
        if name == SNAPSHOTS_PATH && self.find(name).is_none() {
            return Err(Error::Invalid {
                name: "namespace",
                value: format!("{name:?}"),
                why: "the folder of that name holds snapshots",
            });
        }
        loop {
            self.check_open()?;
            open::namespace(&self.inner, name, options)?;
            // Somebody may have removed it meanwhile: then it is made anew.
            if let Some(namespace) = self.find(name) {
                return Ok(namespace);
            }
        }
    }

    /// The namespace that exists from the first start.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "opening makes it, and it cannot be removed"
    )]
    pub fn default_namespace(&self) -> Namespace {
        self.find(DEFAULT_NAMESPACE).expect("the default namespace")
    }

    /// An existing namespace.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Namespace> {
        let namespaces = self.inner.namespaces.read();
        let state = namespaces.iter().find(|state| state.name == name)?;
        Some(Namespace {
            inner: Arc::clone(&self.inner),
            state: Arc::clone(state),
        })
    }

    /// All namespaces.
    #[must_use]
    pub fn namespaces(&self) -> Vec<Namespace> {
        let namespaces = self.inner.namespaces.read();
        let all = namespaces.iter();
        all.map(|state| Namespace {
            inner: Arc::clone(&self.inner),
            state: Arc::clone(state),
        })
        .collect()
    }

    /// Leads one commit if anything waits for one and nobody else leads: for a thread that
    /// commits on behalf of writers who use [`crate::CommitTicket::on_commit`].
    ///
    /// # Errors
    /// When a write or sync failed: the Db is poisoned from then on.
    pub fn commit(&self) -> Result<(), Error> {
        self.check_open()?;
        Ok(self.log()?.commit()?)
    }

    /// Blocks until there is something to commit, or `timeout` has passed; whether there is.
    pub fn wait_for_work(&self, timeout: Duration) -> bool {
        self.inner
            .log
            .as_ref()
            .is_some_and(|log| log.wait_for_work(timeout))
    }

    /// Why appends are refused until the Db is closed and opened again, if they are.
    #[must_use]
    pub fn poisoned(&self) -> Option<Arc<str>> {
        self.inner.log.as_ref().and_then(|log| log.poisoned())
    }

    /// Confirms that the clock is right after it jumped, so that expiry goes on.
    pub fn confirm_clock(&self) {
        self.inner.trusted_clock.confirm();
    }

    /// Flushes everything, saves the series ready made for the next start, and gives the folder
    /// free. Every later call on any clone fails with
    /// [`super::ErrorKind::Closed`]. A poisoned Db is closed without flushing.
    ///
    /// # Errors
    /// When flushing failed; the Db is closed all the same, and nothing acked is lost.
    pub fn close(self) -> Result<(), Error> {
        if self.inner.closed.swap(true, Ordering::AcqRel) {
            return Err(Error::Closed);
        }
        // Whoever changes the catalog is waited for; nobody does from here on.
        drop(self.inner.catalog.write());
        let flushes = self.poisoned().is_none() && self.inner.log.is_some();
        let flushed = if flushes {
            self.inner.flush_all()
        } else {
            Ok(())
        };
        if let Some(log) = &self.inner.log {
            log.poison("the database was closed");
        }
        let saved = match &flushed {
            Ok(()) if flushes => self.inner.save_series(),
            _ => Ok(()),
        };
        self.inner.lock.lock().take();
        flushed.and(saved)
    }

    pub(super) fn check_open(&self) -> Result<(), Error> {
        self.inner.check_open()
    }

    fn log(&self) -> Result<&Arc<CommitLog>, Error> {
        self.inner.log.as_ref().ok_or(Error::ReadOnly)
    }

    /// Figures of the Db.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.inner.stats()
    }
}

impl Inner {
    pub(super) fn check_open(&self) -> Result<(), Error> {
        if self.closed.load(Ordering::Acquire) {
            Err(Error::Closed)
        } else {
            Ok(())
        }
    }

    /// Bytes in memory of all namespaces together and of the log's queue; the ledger is told.
    pub(super) fn account(&self) -> (MemoryUse, usize) {
        let namespaces = self.namespaces.read();
        let all = namespaces.iter().map(|state| {
            let used = state.memory();
            state.ledger.set(used.series() as u64, used.total() as u64);
            used
        });
        let used = all.fold(MemoryUse::default(), MemoryUse::plus);
        drop(namespaces);
        let removed = self.removed.read();
        let used = removed
            .iter()
            .fold(used, |used, state| used.plus(state.memory()));
        drop(removed);
        let queue = self.log.as_ref().map_or(0, |log| log.queued_bytes());
        self.memory
            .set(used.series() as u64, (used.total() + queue) as u64);
        (used, queue)
    }

    /// Writes the catalog as `change` makes it, and only then takes it for true; it can be read
    /// meanwhile. `change` sees the sequence that the catalog will have.
    pub(super) fn change_catalog<T>(
        &self,
        change: impl FnOnce(&mut Catalog) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.log.is_none() {
            return Err(Error::ReadOnly);
        }
        let catalog = self.catalog.upgradable_read();
        self.check_open()?;
        let mut next = catalog.clone();
        next.sequence = next.sequence.saturating_add(1);
        let answer = change(&mut next)?;
        let written = next.write(&*self.vfs, Path::new(CATALOG_PATH));
        let mut catalog = RwLockUpgradableReadGuard::upgrade(catalog);
        // What failed may yet be found by the next start: no number of it is given again.
        catalog.sequence = next.sequence;
        catalog.next_namespace = next.next_namespace;
        if let Err(error) = written {
            let doubt = error.may_have_replaced();
            self.catalog_in_doubt.fetch_or(doubt, Ordering::AcqRel);
            return Err(error.into());
        }
        *catalog = next;
        self.catalog_in_doubt.store(false, Ordering::Release);
        Ok(answer)
    }

    /// Makes sure that the catalog on disk is this one. To be called before a folder is touched
    /// that a change which failed may have listed, or before one is that it may not.
    pub(super) fn settle_catalog(&self) -> Result<(), Error> {
        if self.catalog_in_doubt.load(Ordering::Acquire) {
            self.change_catalog(|_| Ok(()))?;
        }
        Ok(())
    }
}
