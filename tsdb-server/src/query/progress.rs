//! How far a query is.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a query has read so far.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    series: AtomicU64,
    samples: AtomicU64,
}

impl Progress {
    /// A series was read, with so many samples.
    pub(super) fn add(&self, samples: u64) {
        self.series.fetch_add(1, Ordering::Relaxed);
        self.samples.fetch_add(samples, Ordering::Relaxed);
    }

    /// Series that were read.
    pub(crate) fn series(&self) -> u64 {
        self.series.load(Ordering::Relaxed)
    }

    /// Samples that were read.
    pub(crate) fn samples(&self) -> u64 {
        self.samples.load(Ordering::Relaxed)
    }
}
