//! tokio as the runtime of cluster code.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tsdb_cluster::runtime::Runtime;

/// tokio, with time from when this was made.
#[derive(Clone, Debug)]
pub struct TokioRuntime {
    handle: Handle,
    start: Instant,
}

impl TokioRuntime {
    /// Runs tasks on the runtime of `handle`.
    #[must_use]
    pub fn new(handle: Handle) -> Self {
        Self {
            handle,
            start: Instant::now(),
        }
    }
}

impl Runtime for TokioRuntime {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let until = Instant::now().checked_add(duration);
        async move {
            match until {
                Some(until) => tokio::time::sleep_until(until).await,
                // Longer than any clock goes.
                None => std::future::pending().await,
            }
        }
        .boxed()
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        // It ends by itself, or with the runtime.
        drop(self.handle.spawn(task));
    }

    fn random(&self) -> u64 {
        // Every state is seeded by chance.
        RandomState::new().hash_one(())
    }
}
