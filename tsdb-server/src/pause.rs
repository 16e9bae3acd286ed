//! How long to wait before the next attempt.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const SHORTEST: Duration = Duration::from_millis(100);

/// Pauses that double, up to a limit. Each is cut by up to a half by chance, so that those who lost
/// the same etcd do not come back to it all at once.
#[derive(Debug)]
pub(crate) struct Pause {
    next: Duration,
    longest: Duration,
}

impl Pause {
    pub(crate) fn up_to(longest: Duration) -> Self {
        Self {
            next: SHORTEST.min(longest),
            longest,
        }
    }

    /// How long to wait now.
    pub(crate) fn next(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(self.longest);
        // Every state is seeded by chance.
        let chance = RandomState::new().hash_one(()) as u32;
        whole.mul_f64(0.5 + 0.5 * f64::from(chance) / f64::from(u32::MAX))
    }

    /// Begins with the shortest again.
    pub(crate) fn reset(&mut self) {
        self.next = SHORTEST.min(self.longest);
    }
}
