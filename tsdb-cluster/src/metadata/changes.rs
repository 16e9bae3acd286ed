//! A number that rises with every change, and those who wait for the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use event_listener::Event;

/// Rises with every change. Clones are the same number.
#[derive(Clone, Debug, Default)]
pub struct Revision {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    number: AtomicU64,
    raised: Event,
}

impl Revision {
    /// Tells all who wait that something changed.
    pub fn raise(&self) {
        self.shared.number.fetch_add(1, Ordering::AcqRel);
        self.shared.raised.notify(usize::MAX);
    }

    /// Waits for changes from now on.
    #[must_use]
    pub fn changes(&self) -> Changes {
        Changes {
            seen: self.shared.number.load(Ordering::Acquire),
            shared: Arc::clone(&self.shared),
        }
    }
}

/// Waits for changes. None is missed: those that come between two waits are told at the second, as one.
#[derive(Debug)]
pub struct Changes {
    shared: Arc<Shared>,
    seen: u64,
}

impl Changes {
    /// Whether there was a change since it was last asked.
    pub fn take(&mut self) -> bool {
        let number = self.shared.number.load(Ordering::Acquire);
        std::mem::replace(&mut self.seen, number) != number
    }

    /// Ends once there was a change since it was last asked.
    pub async fn changed(&mut self) {
        while !self.take() {
            let raised = self.shared.raised.listen();
            // One that came before it listened wakes nobody.
            if self.take() {
                return;
            }
            raised.await;
        }
    }
}
