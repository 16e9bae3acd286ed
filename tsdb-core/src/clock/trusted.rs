//! Whether the wall clock can be trusted with throwing data away, and the time that is noted on
//! disk for the next start to compare with.
//!
//! Expiry never follows a clock that jumped: a step larger than one window, in either direction,
//! suspends it until the clock is back or an operator confirms. What a jumped clock says is not
//! noted either: else the next start would take it for right.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::Clock;

/// Watches the wall clock against the monotonic one, and over restarts against the time that the
/// log and the manifests noted last. As a [`Clock`] it tells the time that may be noted.
#[derive(Debug)]
pub struct TrustedClock {
    clock: Arc<dyn Clock>,
    step_ms: i64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Wall clock minus monotonic clock, as it was when the clock was last trusted.
    offset_ms: i128,
    suspended: bool,
}

impl TrustedClock {
    /// Trusts `clock` if it is at most `step_ms` away from `noted_ms`, the time noted last before
    /// this start; where none was, it is taken for right.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, noted_ms: Option<i64>, step_ms: i64) -> Self {
        let (wall_ms, monotonic_ms) = (clock.now_ms(), clock.monotonic_ms());
        let offset = |wall_ms: i64| i128::from(wall_ms) - i128::from(monotonic_ms);
        let state = State {
            offset_ms: offset(noted_ms.unwrap_or(wall_ms)),
            suspended: false,
        };
        let trusted = Self {
            clock,
            step_ms,
            state: Mutex::new(state),
        };
        drop(trusted.observe(wall_ms, monotonic_ms));
        trusted
    }

    fn observe(&self, wall_ms: i64, monotonic_ms: u64) -> MutexGuard<'_, State> {
        let now = i128::from(wall_ms) - i128::from(monotonic_ms);
        let mut state = self.state.lock();
        state.suspended = (now - state.offset_ms).abs() > i128::from(self.step_ms);
        if !state.suspended {
            // Small corrections, as of a time server, are followed.
            state.offset_ms = now;
        }
        state
    }

    /// Looks at the clocks; answers whether expiry may follow the wall clock now.
    pub fn is_trusted(&self) -> bool {
        let (wall_ms, monotonic_ms) = (self.clock.now_ms(), self.clock.monotonic_ms());
        !self.observe(wall_ms, monotonic_ms).suspended
    }

    /// An operator says that the clock is right.
    pub fn confirm(&self) {
        let (wall_ms, monotonic_ms) = (self.clock.now_ms(), self.clock.monotonic_ms());
        let mut state = self.state.lock();
        state.offset_ms = i128::from(wall_ms) - i128::from(monotonic_ms);
        state.suspended = false;
    }
}

impl Clock for TrustedClock {
    /// The wall clock while it is trusted; else the time it was trusted last, and what passed
    /// since.
    fn now_ms(&self) -> i64 {
        let (wall_ms, monotonic_ms) = (self.clock.now_ms(), self.clock.monotonic_ms());
        let offset_ms = self.observe(wall_ms, monotonic_ms).offset_ms;
        i64::try_from(offset_ms + i128::from(monotonic_ms)).unwrap_or(wall_ms)
    }

    fn monotonic_ms(&self) -> u64 {
        self.clock.monotonic_ms()
    }
}
