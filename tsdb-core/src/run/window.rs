/// A span of time that is flushed, merged and expired as a whole: `len_ms` milliseconds from
/// `start`.
///
/// Ordered by start, then by length. Windows of different lengths (an option was changed) may
/// overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    start: i64,
    len_ms: u64,
}

impl Window {
    /// The window of `len_ms` milliseconds (0 counts as 1) that begins at `start`.
    #[must_use]
    pub fn new(start: i64, len_ms: u64) -> Self {
        Self {
            start,
            len_ms: len_ms.max(1),
        }
    }

    /// The window of that length that holds `timestamp`. Windows begin at whole multiples of
    /// their length; the very first one at the beginning of time.
    #[must_use]
    pub fn containing(timestamp: i64, len_ms: u64) -> Self {
        let len_ms = len_ms.max(1);
        let start = i128::from(timestamp) - i128::from(timestamp).rem_euclid(i128::from(len_ms));
        Self {
            start: i64::try_from(start).unwrap_or(i64::MIN),
            len_ms,
        }
    }

    /// First millisecond.
    #[must_use]
    pub fn start(self) -> i64 {
        self.start
    }

    /// Length in milliseconds, at least 1.
    #[must_use]
    pub fn len_ms(self) -> u64 {
        self.len_ms
    }

    /// Last millisecond, included.
    #[must_use]
    pub fn last(self) -> i64 {
        self.start.saturating_add_unsigned(self.len_ms - 1)
    }

    /// Whether `timestamp` lies inside.
    #[must_use]
    pub fn contains(self, timestamp: i64) -> bool {
        self.start <= timestamp && timestamp <= self.last()
    }
}
