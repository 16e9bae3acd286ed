//! Threads that take jobs off a queue, and the way an answer gets back.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::error::StoreError;
use super::queue::Queue;
use crate::runtime::spawn;
use crate::telemetry::Telemetry;

/// Work for a thread, which hands in what it keeps from job to job.
pub(super) type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

/// Where the answer to a request goes. Dropped without one, the request fails as lost.
#[derive(Debug)]
pub(crate) struct Reply<T> {
    sender: oneshot::Sender<Result<T, StoreError>>,
}

impl<T> Reply<T> {
    pub(super) fn new() -> (Self, oneshot::Receiver<Result<T, StoreError>>) {
        let (sender, receiver) = oneshot::channel();
        (Self { sender }, receiver)
    }

    /// Answers. When nobody waits any more, the client is gone and the answer is dropped.
    pub(crate) fn send(self, answer: Result<T, StoreError>) {
        drop(self.sender.send(answer));
    }
}

/// Starts `count` threads that run jobs until the queue is closed and empty.
pub(super) fn start<S: Default + 'static>(
    name: &str,
    count: usize,
    queue: &Arc<Queue<Job<S>>>,
    telemetry: &Arc<Telemetry>,
) -> io::Result<Vec<JoinHandle<()>>> {
    let thread = |index| {
        let (queue, telemetry) = (Arc::clone(queue), Arc::clone(telemetry));
        spawn(format!("{name}-{index}"), move || {
            let mut kept = S::default();
            while let Some(job) = queue.pop() {
                if catch_unwind(AssertUnwindSafe(|| job(&mut kept))).is_err() {
                    // What the job left behind may be half done; the panic hook has told where.
                    kept = S::default();
                    telemetry.panicked();
                    tracing::error!(
                        "a job panicked, which is a bug; its request was answered with an error"
                    );
                }
            }
        })
    };
    (0..count).map(thread).collect()
}
