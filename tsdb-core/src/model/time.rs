//! Ranges of time.

/// A range of time that holds at least one millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeRange {
    min: i64,
    max: i64,
}

/// A range that ends before it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("time range from {start} to {end} ms holds no time: give an end after the start")]
pub struct TimeRangeError {
    /// The start asked for, in milliseconds.
    pub start: i64,
    /// The end asked for, in milliseconds.
    pub end: i64,
}

impl TimeRange {
    /// All of time.
    pub const ALL: Self = Self {
        min: i64::MIN,
        max: i64::MAX,
    };

    /// From `start` up to, and not including, `end` (milliseconds).
    ///
    /// # Errors
    /// When `end` is not after `start`.
    pub const fn new(start: i64, end: i64) -> Result<Self, TimeRangeError> {
        if end <= start {
            return Err(TimeRangeError { start, end });
        }
        Ok(Self {
            min: start,
            max: end - 1,
        })
    }

    /// From `min` to `max`, both included (milliseconds).
    ///
    /// # Errors
    /// When `max` is before `min`.
    pub const fn inclusive(min: i64, max: i64) -> Result<Self, TimeRangeError> {
        if max < min {
            return Err(TimeRangeError {
                start: min,
                end: max,
            });
        }
        Ok(Self { min, max })
    }

    /// Where the caller knows that `min` is not after `max`.
    pub(super) const fn ordered(min: i64, max: i64) -> Self {
        Self { min, max }
    }

    /// One millisecond.
    #[must_use]
    pub const fn at(timestamp: i64) -> Self {
        Self {
            min: timestamp,
            max: timestamp,
        }
    }

    /// The first millisecond.
    #[inline]
    #[must_use]
    pub const fn min(self) -> i64 {
        self.min
    }

    /// The last millisecond, included.
    #[inline]
    #[must_use]
    pub const fn max(self) -> i64 {
        self.max
    }

    /// Whether `timestamp` lies inside.
    #[inline]
    #[must_use]
    pub const fn contains(self, timestamp: i64) -> bool {
        self.min <= timestamp && timestamp <= self.max
    }

    /// Whether any of `min..=max` lies inside.
    #[inline]
    #[must_use]
    pub const fn overlaps(self, min: i64, max: i64) -> bool {
        min <= max && self.min <= max && min <= self.max
    }
}
