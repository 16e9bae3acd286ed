use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::Clock;

/// A clock that moves only when told to, its two times apart if need be.
///
/// Share it as `Arc<ManualClock>`: the owner of the test moves it, the database reads it.
#[derive(Debug)]
pub struct ManualClock {
    wall_ms: AtomicI64,
    monotonic_ms: AtomicU64,
}

impl ManualClock {
    /// A clock standing at `wall_ms` (milliseconds since the epoch) and at monotonic zero.
    pub fn new(wall_ms: i64) -> ManualClock {
        ManualClock {
            wall_ms: AtomicI64::new(wall_ms),
            monotonic_ms: AtomicU64::new(0),
        }
    }

    /// Time passes as it usually does: both times move forward by `ms`.
    pub fn advance(&self, ms: u64) {
        self.step_wall(i64::try_from(ms).unwrap_or(i64::MAX));
        self.advance_monotonic(ms);
    }

    /// The wall clock jumps by `ms`, forward or back, while monotonic time stands still.
    pub fn step_wall(&self, ms: i64) {
        let _before = self
            .wall_ms
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| {
                Some(now.saturating_add(ms))
            });
    }

    /// The wall clock is set to `wall_ms`, while monotonic time stands still.
    pub fn set_wall(&self, wall_ms: i64) {
        self.wall_ms.store(wall_ms, Ordering::SeqCst);
    }

    /// Monotonic time moves forward by `ms`, while the wall clock stands still.
    pub fn advance_monotonic(&self, ms: u64) {
        let _before = self
            .monotonic_ms
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| {
                Some(now.saturating_add(ms))
            });
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.wall_ms.load(Ordering::SeqCst)
    }

    fn monotonic_ms(&self) -> u64 {
        self.monotonic_ms.load(Ordering::SeqCst)
    }
}
