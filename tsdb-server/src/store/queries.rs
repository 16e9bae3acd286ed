//! Threads for reading, apart from those for writing, and how many queries run at a time.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::StoreError;
use super::queue::Queue;
use super::threads::{Job, Reply, start};
use crate::runtime::parallelism;
use crate::telemetry::Telemetry;

/// How long a query waits for others to end before it is turned away.
const WAIT: Duration = Duration::from_secs(10);

/// Pieces of reads of other machines that may wait; more are told to come back.
const PEER_QUEUE: usize = 4096;

/// The right of one query to run. Dropping it lets the next one run.
#[derive(Debug)]
pub(crate) struct Admission {
    _permit: OwnedSemaphorePermit,
}

/// Runs queries on threads of their own.
pub(crate) struct Queries {
    queue: Arc<Queue<Job<()>>>,
    for_peers: Arc<Queue<Job<()>>>,
    permits: Arc<Semaphore>,
    limit: usize,
}

impl fmt::Debug for Queries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queries")
            .field("limit", &self.limit)
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
            permits: Arc::new(Semaphore::new(limit)),
            limit,
        })
    }

    /// Waits for its turn.
    ///
    /// # Errors
    /// When too many others run for too long.
    pub(crate) async fn admit(&self) -> Result<Admission, StoreError> {
        let permit = Arc::clone(&self.permits).acquire_owned();
        match tokio::time::timeout(WAIT, permit).await {
            Ok(Ok(permit)) => Ok(Admission { _permit: permit }),
            Ok(Err(_)) | Err(_) => Err(StoreError::TooManyQueries { limit: self.limit }),
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
        (
            self.limit.saturating_sub(self.permits.available_permits()),
            self.limit,
        )
    }

    /// Takes no more queries; those that run go on.
    pub(super) fn close(&self) {
        self.queue.close();
        self.for_peers.close();
    }
}
