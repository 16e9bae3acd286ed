//! A node's database over a simulated disk, which takes its time.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use tsdb_cluster::message::NodeError;
use tsdb_cluster::runtime::Runtime as _;
use tsdb_cluster::storage::{Lane, Storage, Work};
use tsdb_core::Db;

use crate::executor::Process;

/// A database whose work is done after a while, and whose commits come later still.
pub struct SimulatedStorage {
    process: Process,
    db: Arc<Mutex<Option<Db>>>,
    /// The longest that a step takes, in milliseconds, of a read and of a write.
    slowest_ms: Arc<Mutex<(u64, u64)>>,
}

impl fmt::Debug for SimulatedStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedStorage").finish_non_exhaustive()
    }
}

impl SimulatedStorage {
    /// An open database. Its maintenance and its commits are tasks of the process.
    #[must_use]
    pub fn new(process: Process, db: Db) -> Self {
        let storage = Self {
            process,
            db: Arc::new(Mutex::new(Some(db))),
            slowest_ms: Arc::new(Mutex::new((3, 3))),
        };
        storage.maintain();
        storage
    }

    /// Has steps of reads, and of writes, take up to so many milliseconds from now on.
    pub fn set_slowest_ms(&self, slowest_ms: (u64, u64)) {
        *self
            .slowest_ms
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = slowest_ms;
    }

    /// The open database.
    #[must_use]
    pub fn db(&self) -> Option<Db> {
        self.db
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How long the next step takes.
    fn pause(&self, lane: Lane) -> Duration {
        let (read, write) = *self
            .slowest_ms
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let slowest = match lane {
            Lane::Read => read,
            Lane::Append | Lane::Write => write,
        };
        Duration::from_micros(self.process.random() % (slowest * 1000 + 1))
    }

    fn maintain(&self) {
        let (process, db) = (self.process.clone(), Arc::clone(&self.db));
        let task = async move {
            loop {
                let pause = Duration::from_millis(500 + process.random() % 2000);
                process.sleep(pause).await;
                let open = db.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let Some(open) = open else {
                    return;
                };
                // A disk that is gone ends the process; nothing else goes on with it.
                if open.maintain().is_err() {
                    return;
                }
            }
        };
        self.process.spawn(task.boxed());
    }
}

impl Storage for SimulatedStorage {
    fn run(&self, lane: Lane, work: Work) {
        let process = self.process.clone();
        let (before, behind) = (self.pause(lane), self.pause(lane));
        let db = self.db();
        let task = async move {
            process.sleep(before).await;
            let Some(db) = db else {
                work(Err(NodeError::Failed("the database is closed".to_owned())));
                return;
            };
            work(Ok(&db));
            if lane != Lane::Read {
                process.sleep(behind).await;
                // Whoever waits for it is told.
                drop(db.commit());
            }
        };
        self.process.spawn(task.boxed());
    }
}
