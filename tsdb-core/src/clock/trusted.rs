//! Whether the wall clock can be trusted with throwing data away, and the time that is noted on
//! disk for the next start to compare with.
//!
//! Expiry never follows a clock that jumped: a step larger than one window, in either direction,
//! suspends it until the clock is back or an operator confirms. What a jumped clock says is not
//! noted either: else the next start would take it for right.

use std::sync::Arc;

use parking_lot::Mutex;

use super::Clock;

/// Watches the wall clock against the monotonic one, and over restarts against the time that the
/// log and the manifests noted last. As a [`Clock`] it tells the time that may be noted.
#[derive(Debug)]
pub struct TrustedClock {
    clock: Arc<dyn Clock>,
    step_ms: i64,
    /// Wall clock minus monotonic clock, as it was when the clock was last trusted.
    offset_ms: Mutex<i128>,
}

impl TrustedClock {
    /// Trusts `clock` if it is at most `step_ms` away from `noted_ms`, the time noted last before
    /// this start; where none was, it is taken for right.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, noted_ms: Option<i64>, step_ms: i64) -> Self {
        let (wall_ms, monotonic_ms) = (clock.now_ms(), clock.monotonic_ms());
        let trusted_ms = noted_ms.unwrap_or(wall_ms);
        Self {
            clock,
            step_ms,
            offset_ms: Mutex::new(i128::from(trusted_ms) - i128::from(monotonic_ms)),
        }
    }

    /// Looks at the clocks; answers whether the wall clock is trusted, and the trusted time.
    fn observe(&self) -> (bool, i64) {
        let (wall_ms, monotonic_ms) = (self.clock.now_ms(), self.clock.monotonic_ms());
        let now = i128::from(wall_ms) - i128::from(monotonic_ms);
        let mut offset_ms = self.offset_ms.lock();
        let is_trusted = (now - *offset_ms).abs() <= i128::from(self.step_ms);
        if is_trusted {
            // Small corrections, as of a time server, are followed.
            *offset_ms = now;
        }
        let trusted_ms = *offset_ms + i128::from(monotonic_ms);
        (is_trusted, i64::try_from(trusted_ms).unwrap_or(wall_ms))
    }

    /// Looks at the clocks; answers whether expiry may follow the wall clock now.
    pub fn is_trusted(&self) -> bool {
        self.observe().0
    }

    /// An operator says that the clock is right.
    pub fn confirm(&self) {
        let (wall_ms, monotonic_ms) = (self.clock.now_ms(), self.clock.monotonic_ms());
        *self.offset_ms.lock() = i128::from(wall_ms) - i128::from(monotonic_ms);
    }
}

impl Clock for TrustedClock {
    /// The wall clock while it is trusted; else the time it was trusted last, and what passed
    /// since.
    fn now_ms(&self) -> i64 {
        self.observe().1
    }

    fn monotonic_ms(&self) -> u64 {
        self.clock.monotonic_ms()
    }
}
