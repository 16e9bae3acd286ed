//! How fast a node copies and mends beside its work.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::runtime::Runtime;

/// Lets so many samples pass in a second. Cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct Throttle {
    samples_per_second: u64,
    /// When the next may pass.
    next: Arc<Mutex<Duration>>,
}

impl Throttle {
    pub(super) fn new(samples_per_second: u64) -> Self {
        Self {
            samples_per_second: samples_per_second.max(1),
            next: Arc::default(),
        }
    }

    /// Waits until so many samples may pass. What passes at once is paid for by whoever is next.
    pub(super) async fn pass(&self, runtime: &dyn Runtime, samples: usize) {
        let micros = (samples as u64).saturating_mul(1_000_000) / self.samples_per_second;
        let now = runtime.now();
        let wait = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let own = (*next).max(now);
            *next = own.saturating_add(Duration::from_micros(micros));
            own.saturating_sub(now)
        };
        if !wait.is_zero() {
            runtime.sleep(wait).await;
        }
    }
}
