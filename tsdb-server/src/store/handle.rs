//! The store as the rest of the server sees it.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::time::Instant;
use tsdb_core::{
    Db, DbOptions, ErrorKind, OpeningPhase, OpeningProgress, OpeningState, RecoveryReport, Stats,
};
use tsdb_remote::write::DecodeScratch;

use super::committer;
use super::disk::{DiskUse, DiskWatch};
use super::error::StoreError;
use super::maintainer::Maintainer;
use super::queries::Queries;
use super::queue::Queue;
use super::series_ids::SeriesIds;
use super::slot::{Opened, Slot};
use super::threads::{Job, Reply, start};
use crate::runtime::spawn;
use crate::telemetry::Telemetry;

/// Writes that may wait for a thread. Their bodies are bounded by the budget of bytes in flight.
const WRITE_QUEUE: usize = 1024;

/// How long after a failed write the server counts as not ready, unless one succeeds before.
const TROUBLE: Duration = Duration::from_secs(10);

/// Opens the database: at the start, and again after a failure that only reopening heals.
pub(crate) type OpenDatabase = Arc<dyn Fn() -> Result<Db, tsdb_core::Error> + Send + Sync>;

/// What the database of a server holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keeps {
    /// The samples of the server.
    Samples,
    /// The names of namespaces: the samples are on other servers.
    Names,
}

impl Keeps {
    /// Why it is not open at first.
    fn not_open(self) -> &'static str {
        match self {
            Self::Samples => "it is being opened",
            Self::Names => {
                "that of a coordinator has the namespaces of the cluster, and etcd has not said them yet"
            }
        }
    }
}

/// How the store works.
pub(crate) struct StoreOptions {
    /// Opens the database.
    pub(crate) open: OpenDatabase,
    /// Where that tells how far it is.
    pub(crate) progress: Arc<OpeningProgress>,
    /// Most queries that run at a time.
    pub(crate) max_concurrent_queries: usize,
    /// How full the disk may get; `None` when there is none.
    pub(crate) disk: Option<DiskWatch>,
    /// Threads that decode and store.
    pub(crate) writers: usize,
}

/// The database and its threads. Cloning shares them.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    keeps: Keeps,
    slot: Arc<Slot>,
    writes: Arc<Queue<Job<DecodeScratch>>>,
    queries: Queries,
    series_ids: SeriesIds,
    /// How far opening is, the first one or a later one.
    progress: Arc<OpeningProgress>,
    /// What the first opening found.
    recovery: OnceLock<RecoveryReport>,
    /// What opening at the start needs.
    opening: Mutex<Option<Maintainer>>,
    /// When and why a write failed last, if none succeeded since.
    trouble: Mutex<Option<(Instant, String)>>,
    disk: Option<DiskWatch>,
    writers: Mutex<Vec<JoinHandle<()>>>,
    keepers: Mutex<Vec<JoinHandle<()>>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("slot", &self.slot)
            .finish_non_exhaustive()
    }
}

/// Figures of the store at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    /// Of the database; `None` while it is not open.
    pub(crate) database: Option<Stats>,
    /// Why writes are refused; `None` when they are not.
    pub(crate) not_ready: Option<String>,
    /// What opening at the start found; nothing as long as it goes on.
    pub(crate) recovery: RecoveryReport,
    /// How far opening is.
    pub(crate) opening: OpeningState,
    /// Writes waiting for a thread, and how many may.
    pub(crate) writes_queued: (usize, usize),
    /// Queries running, and how many may.
    pub(crate) queries_running: (usize, usize),
    /// Room on the disk of the data folder; `None` when it does not say.
    pub(crate) disk: Option<DiskUse>,
}

/// What closing found and did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Closing {
    /// Samples that were in memory only, beside the log, and that closing flushed.
    pub(crate) flushed_samples: u64,
    /// Whether queries were still running and were cut off.
    pub(crate) queries_cut: bool,
}

impl Store {
    /// Starts the threads. Until [`Store::open`] has succeeded every request is told to come back.
    ///
    /// # Errors
    /// When the machine has no threads to give.
    pub(crate) fn start(
        options: StoreOptions,
        telemetry: &Arc<Telemetry>,
    ) -> Result<Self, StoreError> {
        Self::start_with(options, Keeps::Samples, telemetry)
    }

    /// Starts the threads of a server that keeps no data: what is opened lives in memory, and has
    /// the names of the namespaces of its cluster alone.
    ///
    /// # Errors
    /// When the machine has no threads to give.
    pub(crate) fn start_without_data(
        max_concurrent_queries: usize,
        writers: usize,
        telemetry: &Arc<Telemetry>,
    ) -> Result<Self, StoreError> {
        let progress = Arc::new(OpeningProgress::default());
        let for_open = Arc::clone(&progress);
        let open = move || {
            Db::in_memory(DbOptions {
                progress: Some(Arc::clone(&for_open)),
                ..DbOptions::default()
            })
        };
        let options = StoreOptions {
            open: Arc::new(open),
            progress,
            max_concurrent_queries,
            disk: None,
            writers,
        };
        Self::start_with(options, Keeps::Names, telemetry)
    }

    fn start_with(
        options: StoreOptions,
        keeps: Keeps,
        telemetry: &Arc<Telemetry>,
    ) -> Result<Self, StoreError> {
        let StoreOptions {
            open,
            progress,
            max_concurrent_queries,
            disk,
            writers,
        } = options;
        let slot = Arc::new(Slot::new(keeps.not_open()));
        let writes = Arc::new(Queue::new(WRITE_QUEUE));
        let maintainer = Maintainer {
            slot: Arc::clone(&slot),
            open,
            disk: disk.clone(),
            telemetry: Arc::clone(telemetry),
        };
        let commits = Arc::clone(&slot);
        let threads = || -> io::Result<_> {
            let writers = start("store", writers, &writes, telemetry)?;
            let queries = Queries::start(max_concurrent_queries, telemetry)?;
            let committer = spawn("committer", move || committer::run(&commits))?;
            Ok((writers, queries, vec![committer]))
        };
        let (writers, queries, keepers) = threads().map_err(no_thread)?;
        let (writers, keepers) = (Mutex::new(writers), Mutex::new(keepers));
        Ok(Self {
            shared: Arc::new(Shared {
                keeps,
                slot,
                writes,
                queries,
                series_ids: SeriesIds::default(),
                progress,
                recovery: OnceLock::new(),
                opening: Mutex::new(Some(maintainer)),
                trouble: Mutex::new(None),
                disk,
                writers,
                keepers,
            }),
        })
    }

    /// Opens the database, once; before anybody gets hold of it `prepare` sees to its namespaces
    /// and answers which one plain requests use. Takes as long as replay does, so not for async
    /// tasks.
    ///
    /// # Errors
    /// When the database cannot be opened or prepared.
    pub(crate) fn open(
        &self,
        prepare: impl FnOnce(&Db) -> Result<String, StoreError>,
    ) -> Result<(), StoreError> {
        let opening = lock(&self.shared.opening).take();
        let Some(maintainer) = opening else {
            return Ok(());
        };
        let db = (maintainer.open)()?;
        self.shared.slot.use_namespace(&prepare(&db)?);
        tell(db.recovery());
        self.shared.recovery.get_or_init(|| db.recovery().clone());
        // Before anybody can write.
        maintainer.check_disk();
        self.shared.slot.put(db);
        let maintain = move || maintainer.run();
        let maintainer = spawn("maintainer", maintain).map_err(no_thread)?;
        lock(&self.shared.keepers).push(maintainer);
        Ok(())
    }

    /// Has plain requests use this namespace from now on, or `default` where it is not there.
    pub(crate) fn use_namespace(&self, name: &str) {
        self.shared.slot.use_namespace(name);
    }

    /// The open database.
    pub(crate) fn current(&self) -> Result<Opened, StoreError> {
        self.shared.slot.current()
    }

    /// The open database, for what is about this server's own data.
    ///
    /// # Errors
    /// When it is not open, or the server keeps no data.
    pub(crate) fn own(&self) -> Result<Opened, StoreError> {
        match self.shared.keeps {
            Keeps::Samples => self.current(),
            Keeps::Names => Err(StoreError::Refused(
                "this server is a coordinator and keeps no data of its own: ask a storage node of the cluster".to_owned(),
            )),
        }
    }

    /// Runs `work` on a store thread and waits for what it, or the commit it hands the reply to, answers.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(Opened, &mut DecodeScratch, Reply<T>) + Send + 'static,
    ) -> Result<T, StoreError> {
        if let Some(reason) = self.shared.slot.refusal() {
            return Err(StoreError::DiskFull(reason));
        }
        let (reply, answer) = Reply::new();
        let slot = Arc::clone(&self.shared.slot);
        self.shared
            .writes
            .push(Box::new(move |scratch| match slot.current() {
                Ok(opened) => work(opened, scratch, reply),
                Err(error) => reply.send(Err(error)),
            }))?;
        let answer = answer.await.map_err(|_| StoreError::Lost)?;
        self.note(answer.as_ref().err());
        answer
    }

    /// Runs `work` on a store thread, with the database or why it takes no samples.
    pub(crate) fn hand_append(
        &self,
        work: impl FnOnce(Result<Opened, StoreError>) + Send + 'static,
    ) {
        match self.shared.slot.refusal() {
            Some(reason) => work(Err(StoreError::DiskFull(reason))),
            None => self.hand_write(work),
        }
    }

    /// The folder of its data; `None` when it has none.
    pub(crate) fn folder(&self) -> Option<&Path> {
        let disk = self.shared.disk.as_ref();
        disk.map(|disk| disk.folder.as_path())
    }

    /// Runs `work` on a store thread, with the database or why there is none; also where the disk
    /// is too full for samples.
    pub(crate) fn hand_write(
        &self,
        work: impl FnOnce(Result<Opened, StoreError>) + Send + 'static,
    ) {
        hand(&self.shared.writes, &self.shared.slot, work);
    }

    /// Runs `work` on a thread for other machines' reads, with the database or why there is none. It
    /// is none of the query threads: those may be waiting for other machines that wait for this one.
    pub(crate) fn hand_read(&self, work: impl FnOnce(Result<Opened, StoreError>) + Send + 'static) {
        hand(self.shared.queries.for_peers(), &self.shared.slot, work);
    }

    /// Remembers how the last write ended, for readiness, and has a poisoned database reopened.
    fn note(&self, error: Option<&StoreError>) {
        let mut trouble = lock(&self.shared.trouble);
        match error {
            None => *trouble = None,
            Some(StoreError::Database(error)) if error.kind() != ErrorKind::InvalidInput => {
                *trouble = Some((Instant::now(), error.to_string()));
                if error.kind() == ErrorKind::Poisoned {
                    self.shared.slot.call();
                }
            }
            Some(_) => {}
        }
    }

    /// The threads for reading.
    #[must_use]
    pub(crate) fn queries(&self) -> &Queries {
        &self.shared.queries
    }

    /// Ids that M3's clients give to series.
    #[must_use]
    pub(crate) fn series_ids(&self) -> &SeriesIds {
        &self.shared.series_ids
    }

    /// Why reads or writes are not right at this moment; `None` when both are.
    #[must_use]
    pub(crate) fn not_ready(&self) -> Option<String> {
        if self.shared.slot.stopping() {
            return Some("the server stops".to_owned());
        }
        let opened = match self.current() {
            Ok(opened) => opened,
            Err(error) => return Some(format!("{error}{}", show(self.shared.progress.state()))),
        };
        if let Some(reason) = opened.db.poisoned() {
            return Some(format!("the database refuses writes: {reason}"));
        }
        if let Some(reason) = self.shared.slot.refusal() {
            return Some(reason);
        }
        let trouble = lock(&self.shared.trouble);
        let lately = trouble
            .as_ref()
            .filter(|(when, _)| when.elapsed() < TROUBLE);
        lately.map(|(_, reason)| format!("the last write failed: {reason}"))
    }

    /// How far opening is.
    #[must_use]
    pub(crate) fn opening(&self) -> OpeningState {
        self.shared.progress.state()
    }

    /// Figures for the metrics. May wait for locks of the database.
    #[must_use]
    pub(crate) fn figures(&self) -> Figures {
        Figures {
            database: self.own().ok().map(|opened| opened.db.stats()),
            not_ready: self.not_ready(),
            recovery: self.shared.recovery.get().cloned().unwrap_or_default(),
            opening: self.opening(),
            writes_queued: (self.shared.writes.len(), self.shared.writes.capacity()),
            queries_running: self.shared.queries.load(),
            disk: self.shared.disk.as_ref().and_then(DiskWatch::usage),
        }
    }

    /// Stores what is queued, commits, flushes and closes. Waits, so not for async tasks.
    ///
    /// # Errors
    /// When the database cannot be closed in order; acked samples are in its log.
    pub(crate) fn close(&self) -> Result<Closing, StoreError> {
        let Shared {
            slot,
            writes,
            queries,
            writers,
            keepers,
            ..
        } = &*self.shared;
        writes.close();
        queries.close();
        join(writers);
        let before = self
            .current()
            .ok()
            .map(|opened| opened.db.stats())
            .unwrap_or_default();
        let flushed_samples = before
            .namespaces
            .iter()
            .map(|namespace| namespace.buffered_samples)
            .sum();
        if let Ok(opened) = self.current()
            && let Err(error) = opened.db.commit()
        {
            // Its writers were told; closing goes on, and the log keeps what was acked.
            tracing::error!(%error, "the last commit failed");
        }
        slot.stop();
        let closed = match slot.withdraw("the server stops".to_owned()) {
            Some(opened) => {
                drop(opened.namespace);
                opened.db.close().map_err(StoreError::from)
            }
            None => Ok(()),
        };
        join(keepers);
        closed.map(|()| Closing {
            flushed_samples,
            queries_cut: queries.load().0 > 0,
        })
    }
}

/// Puts work into a queue; what that does not take is told so at once.
fn hand<S: 'static>(
    queue: &Queue<Job<S>>,
    slot: &Arc<Slot>,
    work: impl FnOnce(Result<Opened, StoreError>) + Send + 'static,
) {
    let kept = Arc::new(Mutex::new(Some(work)));
    let (work, slot) = (Arc::clone(&kept), Arc::clone(slot));
    let pushed = queue.push(Box::new(move |_: &mut S| {
        let work = lock(&work).take();
        if let Some(work) = work {
            work(slot.current());
        }
    }));
    let Err(error) = pushed else {
        return;
    };
    let work = lock(&kept).take();
    if let Some(work) = work {
        work(Err(error.into()));
    }
}

/// Logs what opening found, above all what was cut off.
pub(super) fn tell(found: &RecoveryReport) {
    let RecoveryReport {
        logs,
        frames,
        samples,
        series,
        runs,
        duration_ms,
        ..
    } = found;
    tracing::info!(
        logs,
        frames,
        samples,
        series,
        runs,
        duration_ms,
        "the database is open"
    );
    for tail in &found.torn {
        let (file, what) = (tail.path.display(), &tail.what);
        tracing::warn!(%file, offset = tail.offset, bytes = tail.bytes, what, "a torn end, never acked, was cut off");
    }
    for file in &found.removed {
        tracing::info!(file = %file.display(), "a file that nothing lists was removed");
    }
}

/// Nothing is left half changed under these locks, so a panic elsewhere does not matter here.
fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

fn no_thread(error: io::Error) -> StoreError {
    StoreError::Unavailable(format!("no thread can be started: {error}"))
}

/// How far opening is, to be put behind the reason why the database is not open.
fn show(state: OpeningState) -> String {
    match state.phase {
        OpeningPhase::Series => ": reading series".to_owned(),
        OpeningPhase::Replay => format!(
            ": replaying logs, {} of {} bytes, {} of {} files",
            state.log_bytes_replayed, state.log_bytes, state.logs_replayed, state.logs
        ),
        OpeningPhase::Finish => ": making durable what was found".to_owned(),
        _ => String::new(),
    }
}

fn join(threads: &Mutex<Vec<JoinHandle<()>>>) {
    let threads = std::mem::take(&mut *lock(threads));
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a thread ended in a panic, which is a bug");
        }
    }
}
