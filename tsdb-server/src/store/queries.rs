//! Threads for reading, apart from those for writing, and how many queries run at a time.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tsdb_remote::Sender;

use super::error::StoreError;
use super::queue::Queue;
use super::threads::{Job, Reply, start};
use super::turns::{Turn, Turns};
use crate::runtime::parallelism;
use crate::telemetry::Telemetry;

/// How long a query waits for others to end before it is turned away.
const WAIT: Duration = Duration::from_secs(10);

/// Pieces of reads of other machines that may wait; more are told to come back.
const PEER_QUEUE: usize = 4096;

/// The right of one query to run. Dropping it lets the next one run.
#[derive(Debug)]
pub(crate) struct Admission {
    _turn: Turn,
}

/// Runs queries on threads of their own.
pub(crate) struct Queries {
    queue: Arc<Queue<Job<()>>>,
    for_peers: Arc<Queue<Job<()>>>,
    turns: Arc<Turns>,
}

impl fmt::Debug for Queries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queries")
            .field("turns", &self.turns)
            .finish_non_exhaustive()
    }
}

impl Queries {
    pub(super) fn start(limit: usize, telemetry: &Arc<Telemetry>) -> io::Result<Self> {
        // As many threads as queries: an answer is streamed by the thread that reads it, and waits for its client.
        let queue = Arc::new(Queue::new(usize::MAX));
        // Nobody joins them: at the end a query that goes on is cut off with the process.
        start("query", limit, &queue, telemetry)?;
        let for_peers = Arc::new(Queue::new(PEER_QUEUE));
        start("peer", parallelism().max(2), &for_peers, telemetry)?;
        Ok(Self {
            queue,
            for_peers,
            turns: Turns::new(limit),
        })
    }

    /// Waits for its turn among those of its sender, and for that of its sender.
    ///
    /// # Errors
    /// When too many others run for too long.
    pub(crate) async fn admit(&self, sender: Option<&Sender>) -> Result<Admission, StoreError> {
        self.admit_within(sender, WAIT).await
    }

    /// As [`Queries::admit`], for who waits for so long.
    ///
    /// # Errors
    /// When too many others run until then.
    pub(crate) async fn admit_within(
        &self,
        sender: Option<&Sender>,
        within: Duration,
    ) -> Result<Admission, StoreError> {
        let turn = self.turns.ask(sender.map(|sender| Arc::clone(&sender.0)));
        match tokio::time::timeout(within, turn).await {
            Ok(Ok(turn)) => Ok(Admission { _turn: turn }),
            Ok(Err(_)) | Err(_) => Err(StoreError::TooManyQueries {
                limit: self.turns.limit(),
            }),
        }
    }

    /// Runs `work` on a query thread; the admission is what keeps their number bounded.
    ///
    /// # Errors
    /// When the server stops, or `work` panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        _admission: &Admission,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run_admitted(work).await
    }

    /// As [`Queries::run`], where `work` itself has the admission: its turn lasts as long as it does,
    /// even when nobody waits for it any more.
    ///
    /// # Errors
    /// When the server stops, or `work` panicked.
    pub(crate) async fn run_admitted<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = Reply::new();
        self.queue
            .push(Box::new(move |()| reply.send(Ok(work()))))?;
        answer.await.map_err(|_| StoreError::Lost)?
    }

    /// Where reads of other machines wait, a short piece at a time, beside queries.
    pub(super) fn for_peers(&self) -> &Queue<Job<()>> {
        &self.for_peers
    }

    /// Queries that run, and how many may.
    #[must_use]
    pub(crate) fn load(&self) -> (usize, usize) {
        (self.turns.running(), self.turns.limit())
    }

    /// Takes no more queries; those that run go on.
    pub(super) fn close(&self) {
        self.queue.close();
        self.for_peers.close();
    }
}
