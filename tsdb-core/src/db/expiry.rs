//! Whether the clock can be trusted with throwing data away.
//!
//! Expiry never follows a clock that jumped: a step larger than one window, in either direction,
//! suspends it until the clock is back or an operator confirms.

/// Watches the wall clock against the monotonic one, and over restarts against the time that the
/// log and the manifests noted last.
#[derive(Debug)]
pub(super) struct ExpiryClock {
    /// Wall clock minus monotonic clock, as it was when the clock was last trusted.
    offset_ms: i128,
    window_ms: i64,
    suspended: bool,
}

impl ExpiryClock {
    /// `last_wall_ms` is the wall clock noted last before opening, if there was any.
    pub(super) fn new(
        wall_ms: i64,
        monotonic_ms: u64,
        last_wall_ms: Option<i64>,
        window_ms: i64,
    ) -> Self {
        let now = i128::from(wall_ms) - i128::from(monotonic_ms);
        let trusted = last_wall_ms.map_or(now, |last| i128::from(last) - i128::from(monotonic_ms));
        let suspended = (now - trusted).abs() > i128::from(window_ms);
        let offset_ms = if suspended { trusted } else { now };
        Self {
            offset_ms,
            window_ms,
            suspended,
        }
    }

    /// Looks at the clocks; answers whether expiry may follow the wall clock now.
    pub(super) fn observe(&mut self, wall_ms: i64, monotonic_ms: u64) -> bool {
        let now = i128::from(wall_ms) - i128::from(monotonic_ms);
        self.suspended = (now - self.offset_ms).abs() > i128::from(self.window_ms);
        if !self.suspended {
            // Small corrections, as of a time server, are followed.
            self.offset_ms = now;
        }
        !self.suspended
    }

    /// An operator says that the clock is right.
    pub(super) fn confirm(&mut self, wall_ms: i64, monotonic_ms: u64) {
        self.offset_ms = i128::from(wall_ms) - i128::from(monotonic_ms);
        self.suspended = false;
    }

    pub(super) fn is_suspended(&self) -> bool {
        self.suspended
    }
}
