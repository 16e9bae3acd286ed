//! What a query may hold while it runs.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::EngineOptions;
use crate::error::QueryError;

/// Samples and bytes that a query holds, in all of its threads.
#[derive(Debug)]
pub(crate) struct Budget {
    samples: Held,
    bytes: Held,
    samples_max: u64,
    bytes_max: u64,
}

/// How much is held, and was at most.
#[derive(Debug, Default)]
struct Held {
    now: AtomicU64,
    peak: AtomicU64,
}

impl Held {
    /// Adds to it; how much there is now.
    fn add(&self, more: u64) -> u64 {
        if more == 0 {
            return self.now.load(Ordering::Relaxed);
        }
        let now = self
            .now
            .fetch_add(more, Ordering::Relaxed)
            .saturating_add(more);
        if now > self.peak.load(Ordering::Relaxed) {
            self.peak.fetch_max(now, Ordering::Relaxed);
        }
        now
    }

    fn take(&self, less: u64) {
        if less > 0 {
            self.now.fetch_sub(less, Ordering::Relaxed);
        }
    }
}

impl Budget {
    pub(crate) fn new(options: &EngineOptions) -> Self {
        Self {
            samples: Held::default(),
            bytes: Held::default(),
            samples_max: options.max_samples,
            bytes_max: options.max_memory,
        }
    }

    /// Takes samples and bytes into account; they are to be released although there is an error.
    ///
    /// # Errors
    /// When the query holds more than it may.
    pub(crate) fn hold(&self, samples: u64, bytes: u64) -> Result<(), QueryError> {
        let (samples, bytes) = (self.samples.add(samples), self.bytes.add(bytes));
        if samples > self.samples_max {
            let limit = self.samples_max;
            return Err(QueryError::TooManySamples { limit });
        }
        match bytes > self.bytes_max {
            true => Err(QueryError::TooMuchMemory {
                limit: self.bytes_max,
            }),
            false => Ok(()),
        }
    }

    pub(crate) fn release(&self, samples: u64, bytes: u64) {
        self.samples.take(samples);
        self.bytes.take(bytes);
    }

    pub(crate) fn peak_samples(&self) -> u64 {
        self.samples.peak.load(Ordering::Relaxed)
    }

    pub(crate) fn peak_bytes(&self) -> u64 {
        self.bytes.peak.load(Ordering::Relaxed)
    }
}
