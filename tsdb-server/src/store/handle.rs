//! The store as the rest of the server sees it.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tsdb_core::{Db, DbOptions, ErrorKind, NamespaceOptions, RecoveryReport, Stats};
use tsdb_remote::write::DecodeScratch;

use super::committer;
use super::error::StoreError;
use super::maintainer::Maintainer;
use super::queries::Queries;
use super::queue::Queue;
use super::slot::{Opened, Slot};
use super::threads::{Job, Reply, start};
use crate::runtime::{parallelism, spawn};
use crate::telemetry::Telemetry;

/// Writes that may wait for a thread. Their bodies are bounded by the budget of bytes in flight.
const WRITE_QUEUE: usize = 1024;

/// How the database is opened, and reopened after a failure.
#[derive(Clone, Debug)]
pub(crate) struct StoreOptions {
    /// Folder of the data.
    pub(crate) folder: PathBuf,
    /// Options of the database.
    pub(crate) database: DbOptions,
    /// Retention of the default namespace: `None` leaves it as it is.
    pub(crate) retention: Option<Option<Duration>>,
    /// Most queries that run at a time.
    pub(crate) max_concurrent_queries: usize,
}

/// The database and its threads. Cloning shares them.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    slot: Arc<Slot>,
    writes: Arc<Queue<Job<DecodeScratch>>>,
    queries: Queries,
    recovery: RecoveryReport,
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
    /// What opening at the start found.
    pub(crate) recovery: RecoveryReport,
    /// Writes waiting for a thread, and how many may.
    pub(crate) writes_queued: (usize, usize),
    /// Queries running, and how many may.
    pub(crate) queries_running: (usize, usize),
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
    /// Opens the database and starts the threads.
    ///
    /// # Errors
    /// When the database cannot be opened.
    ///
    /// # Panics
    /// Never; a machine without threads to give is an error.
    pub(crate) fn open(
        options: StoreOptions,
        telemetry: &Arc<Telemetry>,
    ) -> Result<Self, StoreError> {
        let StoreOptions {
            folder,
            database,
            retention,
            max_concurrent_queries,
        } = options;
        let db = Db::open(&folder, database.clone())?;
        if let Some(retention) = retention {
            let present = db.default_namespace().options();
            db.namespace(
                "default",
                NamespaceOptions {
                    retention,
                    ..present
                },
            )?;
        }
        let recovery = db.recovery().clone();
        let slot = Arc::new(Slot::new(db));
        let writes = Arc::new(Queue::new(WRITE_QUEUE));
        let maintainer = Maintainer {
            slot: Arc::clone(&slot),
            folder,
            options: database,
            telemetry: Arc::clone(telemetry),
        };
        let commits = Arc::clone(&slot);
        let threads = || -> io::Result<_> {
            let writers = start("store", parallelism(), &writes, telemetry)?;
            let queries = Queries::start(max_concurrent_queries, telemetry)?;
            let keepers = vec![
                spawn("committer", move || committer::run(&commits))?,
                spawn("maintainer", move || maintainer.run())?,
            ];
            Ok((writers, queries, keepers))
        };
        let (writers, queries, keepers) = threads().map_err(|error| {
            StoreError::Unavailable(format!("no thread can be started: {error}"))
        })?;
        let (writers, keepers) = (Mutex::new(writers), Mutex::new(keepers));
        Ok(Self {
            shared: Arc::new(Shared {
                slot,
                writes,
                queries,
                recovery,
                writers,
                keepers,
            }),
        })
    }

    /// The open database.
    pub(crate) fn current(&self) -> Result<Opened, StoreError> {
        self.shared.slot.current()
    }

    /// Runs `work` on a store thread and waits for what it, or the commit it hands the reply to, answers.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(Opened, &mut DecodeScratch, Reply<T>) + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = Reply::new();
        let slot = Arc::clone(&self.shared.slot);
        self.shared
            .writes
            .push(Box::new(move |scratch| match slot.current() {
                Ok(opened) => work(opened, scratch, reply),
                Err(error) => reply.send(Err(error)),
            }))?;
        let answer = answer.await.map_err(|_| StoreError::Lost)?;
        if let Err(StoreError::Database(error)) = &answer
            && error.kind() == ErrorKind::Poisoned
        {
            self.shared.slot.call();
        }
        answer
    }

    /// The threads for reading.
    #[must_use]
    pub(crate) fn queries(&self) -> &Queries {
        &self.shared.queries
    }

    /// Why reads or writes are not right at this moment; `None` when both are.
    #[must_use]
    pub(crate) fn not_ready(&self) -> Option<String> {
        if self.shared.slot.stopping() {
            return Some("the server stops".to_owned());
        }
        match self.current() {
            Ok(opened) => opened
                .db
                .poisoned()
                .map(|reason| format!("the database refuses writes: {reason}")),
            Err(error) => Some(error.to_string()),
        }
    }

    /// Figures for the metrics. May wait for locks of the database.
    #[must_use]
    pub(crate) fn figures(&self) -> Figures {
        Figures {
            database: self.current().ok().map(|opened| opened.db.stats()),
            not_ready: self.not_ready(),
            recovery: self.shared.recovery.clone(),
            writes_queued: (self.shared.writes.len(), self.shared.writes.capacity()),
            queries_running: self.shared.queries.load(),
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
        if let Ok(opened) = self.current() {
            opened.db.commit()?;
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
            queries_cut: !queries.is_done(),
        })
    }
}

fn join(threads: &Mutex<Vec<JoinHandle<()>>>) {
    let threads = std::mem::take(&mut *threads.lock().unwrap_or_else(PoisonError::into_inner));
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a thread ended in a panic, which is a bug");
        }
    }
}
