//! Room for writes that are under way: those who ask for it wait, and get it in their order.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that a request counts for at least, so that few bytes cannot be many requests.
const REQUEST_BYTES_MIN: usize = 64 << 10;
/// What permits are counted in: bytes may be more than a semaphore has numbers for.
const UNIT_BYTES: usize = 1 << 10;

/// Room for so many bytes. Cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct WriteRoom {
    semaphore: Arc<Semaphore>,
    units: usize,
}

/// A part of some room, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    _permit: OwnedSemaphorePermit,
}

impl WriteRoom {
    /// Room for `bytes`.
    pub(super) fn new(bytes: usize) -> Self {
        let units = bytes.div_ceil(UNIT_BYTES).max(1);
        Self {
            semaphore: Arc::new(Semaphore::new(units)),
            units,
        }
    }

    /// Waits for room for a request; one that is larger than all there is gets all. `None` never
    /// comes as long as nobody closes the room, which nobody does.
    pub(super) async fn take(&self, bytes: usize) -> Option<Held> {
        let units = bytes.max(REQUEST_BYTES_MIN).div_ceil(UNIT_BYTES);
        self.take_units(units.min(self.units)).await
    }

    /// Waits until nobody holds any of it.
    pub(super) async fn is_empty(&self) {
        drop(self.take_units(self.units).await);
    }

    async fn take_units(&self, units: usize) -> Option<Held> {
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.semaphore).acquire_many_owned(units).await;
        permit.ok().map(|permit| Held { _permit: permit })
    }
}
