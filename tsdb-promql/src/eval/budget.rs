//! What a query may hold while it runs.

use std::cell::Cell;

use crate::engine::EngineOptions;
use crate::error::QueryError;

/// Samples and bytes that a query holds.
#[derive(Debug)]
pub(crate) struct Budget {
    samples: Cell<u64>,
    bytes: Cell<u64>,
    peak_samples: Cell<u64>,
    peak_bytes: Cell<u64>,
    samples_max: u64,
    bytes_max: u64,
}

impl Budget {
    pub(crate) fn new(options: &EngineOptions) -> Self {
        Self {
            samples: Cell::new(0),
            bytes: Cell::new(0),
            peak_samples: Cell::new(0),
            peak_bytes: Cell::new(0),
            samples_max: options.max_samples,
            bytes_max: options.max_memory,
        }
    }

    /// Takes samples and bytes into account.
    ///
    /// # Errors
    /// When the query holds more than it may.
    pub(crate) fn hold(&self, samples: u64, bytes: u64) -> Result<(), QueryError> {
        self.samples.set(self.samples.get().saturating_add(samples));
        self.bytes.set(self.bytes.get().saturating_add(bytes));
        self.peak_samples
            .set(self.peak_samples.get().max(self.samples.get()));
        self.peak_bytes
            .set(self.peak_bytes.get().max(self.bytes.get()));
        if self.samples.get() > self.samples_max {
            let limit = self.samples_max;
            return Err(QueryError::TooManySamples { limit });
        }
        match self.bytes.get() > self.bytes_max {
            true => Err(QueryError::TooMuchMemory {
                limit: self.bytes_max,
            }),
            false => Ok(()),
        }
    }

    pub(crate) fn release(&self, samples: u64, bytes: u64) {
        self.samples.set(self.samples.get().saturating_sub(samples));
        self.bytes.set(self.bytes.get().saturating_sub(bytes));
    }

    pub(crate) fn peak_samples(&self) -> u64 {
        self.peak_samples.get()
    }

    pub(crate) fn peak_bytes(&self) -> u64 {
        self.peak_bytes.get()
    }
}
