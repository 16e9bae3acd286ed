#![expect(
    clippy::disallowed_methods,
    reason = "this file is the door to the clocks of the machine"
)]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Clock;

/// The clocks of the machine. Its monotonic time counts from its construction.
#[derive(Debug, Clone)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time is zero now.
    pub fn new() -> SystemClock {
        SystemClock {
            started: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> SystemClock {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        epoch_ms(SystemTime::now())
    }

    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Milliseconds since the epoch, rounded down, negative before it.
pub(super) fn epoch_ms(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => {
            let before = before.duration();
            let whole = i64::try_from(before.as_millis()).unwrap_or(i64::MAX);
            let partial = before > Duration::from_millis(whole.unsigned_abs());
            -whole - i64::from(partial)
        }
    }
}
