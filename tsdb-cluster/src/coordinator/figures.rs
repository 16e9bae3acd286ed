//! What is counted of a coordinator.

use std::sync::atomic::{AtomicU64, Ordering};

use super::error::CoordinatorError;

/// Counters of a coordinator, from its start.
#[derive(Debug, Default)]
pub struct CoordinatorFigures {
    writes_below_level: AtomicU64,
    hedges: AtomicU64,
}

impl CoordinatorFigures {
    /// Writes that fewer replicas had in time than their level asks for.
    #[must_use]
    pub fn writes_below_level(&self) -> u64 {
        self.writes_below_level.load(Ordering::Relaxed)
    }

    /// Reads for which further replicas were asked, as one that was asked took long.
    #[must_use]
    pub fn hedges(&self) -> u64 {
        self.hedges.load(Ordering::Relaxed)
    }

    /// A write ended.
    pub(super) fn written<T>(&self, outcome: &Result<T, CoordinatorError>) {
        if let Err(CoordinatorError::Consistency { .. } | CoordinatorError::TimedOut { .. }) =
            outcome
        {
            self.writes_below_level.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Further replicas are asked.
    pub(super) fn hedged(&self) {
        self.hedges.fetch_add(1, Ordering::Relaxed);
    }
}
