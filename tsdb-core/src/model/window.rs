//! Time windows: the grid into which samples are cut on disk.

use super::TimeRange;

/// A window of the time grid, both ends inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// First timestamp, milliseconds since the epoch.
    pub start: i64,
    /// Last timestamp.
    pub last: i64,
}

impl Window {
    /// The window of `length_ms` (at least 1) that holds `timestamp`. The first and the last
    /// window of all time are cut at the ends of `i64`.
    #[must_use]
    pub fn of(timestamp: i64, length_ms: i64) -> Self {
        let length = length_ms.max(1);
        let into = timestamp.rem_euclid(length);
        let start = timestamp.saturating_sub(into);
        let last = timestamp.saturating_add(length - 1 - into);
        Self { start, last }
    }

    /// The window as a range.
    #[must_use]
    pub const fn range(self) -> TimeRange {
        TimeRange::ordered(self.start, self.last)
    }
}
