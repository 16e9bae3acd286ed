//! Writes that wait to be sent to one node, and to be answered: so many and no more.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tsdb_cluster::message::{NodeError, WriteReply, WriteRequest};
use tsdb_cluster::{Batch, BatchSeries};

use super::circuit::Pass;
use super::figures::QueueFigures;
use super::options::RpcClientOptions;
use crate::rpc::RpcFigures;

/// When to come back to a full queue.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// About what a float and a series take in a queue.
const SAMPLE_BYTES: usize = 16;
const SERIES_BYTES: usize = 64;
const ROW_BYTES: usize = 256;

/// What waits, of one node.
#[derive(Debug, Default)]
struct Load {
    requests: usize,
    bytes: usize,
}

/// Counts what waits. Cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct Room {
    load: Arc<Mutex<Load>>,
    requests_max: usize,
    bytes_max: usize,
    figures: Arc<RpcFigures>,
}

/// The place of a request, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    room: Room,
    bytes: usize,
}

/// A write that waits. Dropped without an answer, its waiter is told that it was lost.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) request: WriteRequest,
    pub(super) waiter: Waiter,
}

/// Who waits for the answer to a write.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) reply: oneshot::Sender<Result<WriteReply, NodeError>>,
    pub(super) pass: Pass,
    pub(super) _place: Place,
}

/// Where writes to a node wait to be sent.
pub(super) type Queue = mpsc::UnboundedReceiver<Pending>;

impl Room {
    pub(super) fn new(options: &RpcClientOptions, figures: &Arc<RpcFigures>) -> Self {
        Self {
            load: Arc::default(),
            requests_max: options.queue_requests,
            bytes_max: options.queue_bytes,
            figures: Arc::clone(figures),
        }
    }

    /// A place for a request. One that alone is larger than the limit has one when it is alone.
    pub(super) fn take(&self, request: &WriteRequest) -> Result<Place, NodeError> {
        let bytes = bytes_of(request);
        let mut load = self.lock();
        let is_full = load.requests >= self.requests_max
            || (load.requests > 0 && load.bytes.saturating_add(bytes) > self.bytes_max);
        if is_full {
            return Err(self.full(&load));
        }
        load.requests += 1;
        load.bytes += bytes;
        drop(load);
        self.figures.write_waits();
        Ok(Place {
            room: self.clone(),
            bytes,
        })
    }

    /// How full it is now.
    pub(super) fn figures(&self) -> QueueFigures {
        let load = self.lock();
        QueueFigures {
            requests: load.requests,
            requests_max: self.requests_max,
            bytes: load.bytes,
            bytes_max: self.bytes_max,
        }
    }

    /// What whatever is asked now is refused with; none if there may be a place.
    pub(super) fn refusal(&self) -> Option<NodeError> {
        let load = self.lock();
        let is_full = load.requests >= self.requests_max
            || (load.requests > 0 && load.bytes >= self.bytes_max);
        is_full.then(|| self.full(&load))
    }

    fn full(&self, load: &Load) -> NodeError {
        NodeError::Busy {
            reason: format!(
                "{} writes of about {} bytes wait for it, the limits are {} and {}",
                load.requests, load.bytes, self.requests_max, self.bytes_max
            ),
            retry_after: RETRY_AFTER,
        }
    }

    /// It is never left half changed, so a panic elsewhere does not matter here.
    fn lock(&self) -> MutexGuard<'_, Load> {
        self.load.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut load = self.room.lock();
        load.requests -= 1;
        load.bytes -= self.bytes;
        drop(load);
        self.room.figures.write_ended();
    }
}

impl Waiter {
    /// Whether nobody waits any more.
    pub(super) fn is_gone(&self) -> bool {
        self.reply.is_closed()
    }

    /// Hands over what the node said.
    pub(super) fn answer(mut self, answer: Result<WriteReply, NodeError>) {
        self.pass.succeeded();
        self.refuse(answer);
    }

    /// Hands over what says nothing about the way to the node.
    pub(super) fn refuse(self, answer: Result<WriteReply, NodeError>) {
        // Nobody waits any more where this fails.
        drop(self.reply.send(answer));
    }

    /// The node was not reached, or gave no answer.
    pub(super) fn fail(mut self, error: &NodeError, is_failure_of_way: bool) {
        if is_failure_of_way {
            self.pass.failed(&error.to_string());
        }
        self.refuse(Err(error.clone()));
    }
}

/// About how many bytes of memory a request keeps.
fn bytes_of(request: &WriteRequest) -> usize {
    let series = request.batch.series();
    let chosen = request.places.iter().filter_map(|place| series.get(*place));
    chosen.map(bytes_of_series).sum::<usize>() + bytes_of_metadata(&request.batch)
}

/// What a batch takes in the queue of a node that gets all of it, as a part of all that may be
/// there: so much is counted at least that the number of requests is bounded, too.
pub(crate) fn bytes_in_queue(batch: &Batch) -> usize {
    let options = RpcClientOptions::default();
    let least = options.queue_bytes / options.queue_requests.max(1);
    let bytes: usize = batch.series().iter().map(bytes_of_series).sum();
    (bytes + bytes_of_metadata(batch)).max(least)
}

fn bytes_of_metadata(batch: &Batch) -> usize {
    let metadata = batch.all_metadata().iter();
    metadata.map(|(_, one)| ROW_BYTES + one.help.len()).sum()
}

fn bytes_of_series(one: &BatchSeries) -> usize {
    SERIES_BYTES
        + one.samples.len() * SAMPLE_BYTES
        + (one.histograms.len() + one.exemplars.len()) * ROW_BYTES
}
