//! A node's database, and threads that may wait for its disk.

use std::fmt;
use std::sync::Arc;

use futures_channel::oneshot;
use tsdb_core::Db;

use crate::message::NodeError;

/// What kind of work is handed over: each has its own threads, so that neither waits for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Appends of samples, which a full disk may refuse.
    Append,
    /// Deletes and records: what a full disk must not stand in the way of.
    Write,
    /// Reads.
    Read,
}

/// Work for a thread that may wait.
pub type Work = Box<dyn FnOnce(Result<&Db, NodeError>) + Send>;

/// A node's database. Whoever has it sees to commits and maintenance.
pub trait Storage: fmt::Debug + Send + Sync {
    /// Runs `work` on a thread that may wait for the disk, with the database if it is open.
    fn run(&self, lane: Lane, work: Work);
}

/// A node's database, shared.
pub type SharedStorage = Arc<dyn Storage>;

/// Runs `work` with the database and waits for its answer without holding a thread.
///
/// # Errors
/// When the database is not open, or as `work`.
pub(crate) async fn with_db<T: Send + 'static>(
    storage: &dyn Storage,
    lane: Lane,
    work: impl FnOnce(&Db) -> Result<T, NodeError> + Send + 'static,
) -> Result<T, NodeError> {
    let (sender, answer) = oneshot::channel();
    storage.run(
        lane,
        Box::new(move |db| {
            // Nobody waits any more where this fails.
            drop(sender.send(db.and_then(work)));
        }),
    );
    let lost = || NodeError::Failed("the work was lost: see the node's log".to_owned());
    answer.await.unwrap_or_else(|_| Err(lost()))
}
