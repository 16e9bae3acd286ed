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
    offsets: Mutex<Offsets>,
}

/// Wall clock minus monotonic clock, in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Offsets {
    /// As it was when the clock was last trusted.
    trusted: i128,
    /// The highest that was trusted: the clock may have been set back a little since.
    highest: i128,
}

impl TrustedClock {
    /// Trusts `clock` if it is at most `step_ms` away from `noted_ms`, the time noted last before
    /// this start; where none was, it is taken for right.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, noted_ms: Option<i64>, step_ms: i64) -> Self {
        let (wall_ms, monotonic_ms) = (clock.now_ms(), clock.monotonic_ms());
        let trusted_ms = noted_ms.unwrap_or(wall_ms);
        let trusted = i128::from(trusted_ms) - i128::from(monotonic_ms);
        let highest = trusted;
        Self {
            clock,
            step_ms,
            offsets: Mutex::new(Offsets { trusted, highest }),
        }
    }

    /// Looks at the clocks; answers whether the wall clock is trusted, the latest time that was, and
    /// the latest that it may be now.
    fn observe(&self) -> (bool, i64, i64) {
        let (wall_ms, monotonic_ms) = (self.clock.now_ms(), self.clock.monotonic_ms());
        let now = i128::from(wall_ms) - i128::from(monotonic_ms);
        let mut offsets = self.offsets.lock();
        let is_trusted = (now - offsets.trusted).abs() <= i128::from(self.step_ms);
        if is_trusted {
            // Small corrections, as of a time server, are followed.
            offsets.trusted = now;
            offsets.highest = offsets.highest.max(now);
        }
        let at = |offset: i128| i64::try_from(offset + i128::from(monotonic_ms)).unwrap_or(wall_ms);
        let latest_ms = if !is_trusted && now < offsets.trusted {
            i64::MAX
        } else {
            at(offsets.highest.max(now))
        };
        (is_trusted, at(offsets.highest), latest_ms)
    }

    /// Looks at the clocks; answers whether expiry may follow the wall clock now.
    pub fn is_trusted(&self) -> bool {
        self.observe().0
    }

    /// The latest that it may be now, in milliseconds since the epoch: no time before it is in the
    /// future. A clock that was set back does not make it earlier, and one that is known to be
    /// behind tells nothing: it is `i64::MAX` then, until the clock is back or confirmed.
    pub fn latest_ms(&self) -> i64 {
        self.observe().2
    }

    /// An operator says that the clock is right.
    pub fn confirm(&self) {
        let (wall_ms, monotonic_ms) = (self.clock.now_ms(), self.clock.monotonic_ms());
        let trusted = i128::from(wall_ms) - i128::from(monotonic_ms);
        let highest = trusted;
        *self.offsets.lock() = Offsets { trusted, highest };
    }
}

impl Clock for TrustedClock {
    /// The wall clock while it is trusted, or what it showed before it was set back a little; else
    /// the time it was trusted last. And what passed since.
    fn now_ms(&self) -> i64 {
        self.observe().1
    }

    fn monotonic_ms(&self) -> u64 {
        self.clock.monotonic_ms()
    }
}
