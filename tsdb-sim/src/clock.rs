//! The clocks of a node: one that people may set, and one that only runs forward.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tsdb_cluster::runtime::Runtime as _;
use tsdb_core::Clock;

use crate::executor::Executor;

/// When every simulation begins, in milliseconds since the epoch.
pub const BEGIN_MS: i64 = 1_700_000_000_000;

/// Runs with the time of the simulation; its wall clock may be set. Cloning shares it.
#[derive(Clone, Debug)]
pub struct NodeClock {
    executor: Executor,
    offset_ms: Arc<AtomicI64>,
}

impl NodeClock {
    /// A clock that is right.
    #[must_use]
    pub fn new(executor: &Executor) -> Self {
        Self {
            executor: executor.clone(),
            offset_ms: Arc::default(),
        }
    }

    /// Sets the wall clock so far ahead of what is right, or behind.
    pub fn set_offset_ms(&self, offset_ms: i64) {
        self.offset_ms.store(offset_ms, Ordering::SeqCst);
    }
}

impl Clock for NodeClock {
    fn now_ms(&self) -> i64 {
        let since = i64::try_from(self.executor.now().as_millis()).unwrap_or(i64::MAX);
        BEGIN_MS + since + self.offset_ms.load(Ordering::SeqCst)
    }

    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.executor.now().as_millis()).unwrap_or(u64::MAX)
    }
}
