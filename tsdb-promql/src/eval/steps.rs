//! The times at which a query is evaluated.

use std::ops::Range;

/// Times in milliseconds, evenly spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Steps {
    pub(crate) start: i64,
    pub(crate) step: i64,
    pub(crate) count: usize,
}

impl Steps {
    /// From `start`, every `step`, up to `end`; none when that lies before.
    pub(crate) fn between(start: i64, end: i64, step: i64) -> Self {
        let step = step.max(1);
        let count = match end.checked_sub(start) {
            Some(span) if span >= 0 => usize::try_from(span / step).unwrap_or(usize::MAX) + 1,
            _ => 0,
        };
        Self { start, step, count }
    }

    /// The time of a step.
    pub(crate) fn time(self, index: usize) -> i64 {
        self.start
            .wrapping_add(self.step.wrapping_mul(index.cast_signed() as i64))
    }

    /// The last time.
    pub(crate) fn end(self) -> i64 {
        self.time(self.count.saturating_sub(1))
    }

    pub(crate) fn times(self) -> impl ExactSizeIterator<Item = i64> {
        (0..self.count).map(move |index| self.time(index))
    }

    pub(crate) fn indices(self) -> Range<usize> {
        0..self.count
    }

    /// The first step of whose time this does not hold, where it holds of the times up to one.
    pub(crate) fn partition_point(self, holds: impl Fn(i64) -> bool) -> usize {
        let (mut from, mut to) = (0, self.count);
        while from < to {
            let middle = usize::midpoint(from, to);
            match holds(self.time(middle)) {
                true => from = middle + 1,
                false => to = middle,
            }
        }
        from
    }

    /// Only the first of them.
    pub(crate) fn first(self) -> Self {
        Self {
            count: self.count.min(1),
            ..self
        }
    }
}
