//! The budget of bytes that requests in flight share, and each sender's share of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::RequestFault;

/// Who sends a request, as far as the shares of a budget go: a tenant, a user, an address. It
/// stands in the extensions of the request; requests without one have no share of their own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sender(pub Arc<str>);

/// The budget of bytes that requests in flight share. Cloning shares it.
///
/// A sender may have one request of any size that fits. Further ones fit as long as all of the
/// sender's hold no more than what is left free: alone it gets half of the budget, one of two a
/// third each, and so on. So whoever comes next always finds room.
#[derive(Clone, Debug)]
pub struct InflightBytes {
    budget: Arc<Budget>,
}

#[derive(Debug)]
struct Budget {
    /// What the limit is called where it is set.
    name: &'static str,
    limit: u64,
    used: Mutex<Used>,
    beyond_share: AtomicU64,
}

/// Bytes that are held.
#[derive(Debug, Default)]
struct Used {
    all: u64,
    /// Of senders that hold some; so there are no more of them than requests in flight.
    by_sender: BTreeMap<Sender, u64>,
}

impl InflightBytes {
    /// A budget of `limit` bytes for requests, [`Limits::max_inflight_bytes`].
    ///
    /// [`Limits::max_inflight_bytes`]: crate::Limits::max_inflight_bytes
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self::named("max_inflight_bytes", limit)
    }

    /// A budget of `limit` bytes, whose refusals call it `name`.
    #[must_use]
    pub fn named(name: &'static str, limit: u64) -> Self {
        Self {
            budget: Arc::new(Budget {
                name,
                limit,
                used: Mutex::default(),
                beyond_share: AtomicU64::new(0),
            }),
        }
    }

    /// The whole budget in bytes.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.budget.limit
    }

    /// Bytes held by requests at this moment.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.budget.lock().all
    }

    /// How often a sender was refused more than its share, while there was room.
    #[must_use]
    pub fn refused_beyond_share(&self) -> u64 {
        self.budget.beyond_share.load(Ordering::Relaxed)
    }

    /// Takes `bytes` out of the budget until the permit is dropped. Never waits.
    ///
    /// # Errors
    /// [`RequestFault::Busy`] when fewer bytes are free.
    pub fn try_acquire(&self, bytes: u64) -> Result<BytePermit, RequestFault> {
        self.try_acquire_for(None, bytes)
    }

    /// The same for a request of a sender, within its share.
    ///
    /// # Errors
    /// [`RequestFault::Busy`] when fewer bytes are free, [`RequestFault::BeyondShare`] when others
    /// of the sender hold too much.
    pub fn try_acquire_for(
        &self,
        sender: Option<&Sender>,
        bytes: u64,
    ) -> Result<BytePermit, RequestFault> {
        let permit = BytePermit {
            inflight: self.clone(),
            sender: sender.cloned(),
            held: AtomicU64::new(0),
        };
        permit.grow(bytes)?;
        Ok(permit)
    }
}

impl Budget {
    /// No sum is left half changed under the lock, so a panic elsewhere does not matter here.
    fn lock(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes taken out of an [`InflightBytes`]; given back on drop.
#[derive(Debug)]
pub struct BytePermit {
    inflight: InflightBytes,
    sender: Option<Sender>,
    held: AtomicU64,
}

impl BytePermit {
    /// Bytes held.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// Takes `more` bytes on top. Never waits.
    ///
    /// # Errors
    /// As [`InflightBytes::try_acquire_for`]; what was held stays held.
    pub fn grow(&self, more: u64) -> Result<(), RequestFault> {
        let budget = &self.inflight.budget;
        let mut used = budget.lock();
        let after = used
            .all
            .checked_add(more)
            .filter(|all| *all <= budget.limit);
        let Some(after) = after else {
            return Err(RequestFault::Busy {
                name: budget.name,
                wanted: more,
                used: used.all,
                limit: budget.limit,
            });
        };
        if let Some(sender) = &self.sender {
            let of_sender = used.by_sender.get(sender).copied().unwrap_or(0);
            let has_others = of_sender > self.held();
            let of_sender = of_sender + more;
            if has_others && of_sender > budget.limit - after {
                budget.beyond_share.fetch_add(1, Ordering::Relaxed);
                return Err(RequestFault::BeyondShare {
                    name: budget.name,
                    wanted: more,
                    used: of_sender - more,
                    free: budget.limit - used.all,
                });
            }
            if of_sender > 0 {
                used.by_sender.insert(sender.clone(), of_sender);
            }
        }
        used.all = after;
        self.held.fetch_add(more, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for BytePermit {
    fn drop(&mut self) {
        let held = *self.held.get_mut();
        let mut used = self.inflight.budget.lock();
        used.all -= held;
        let Some(sender) = &self.sender else {
            return;
        };
        if let Some(of_sender) = used.by_sender.get_mut(sender) {
            *of_sender -= held;
            if *of_sender == 0 {
                used.by_sender.remove(sender);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(name: &str) -> Sender {
        Sender(name.into())
    }

    /// Takes requests of a size until one is refused; the refusal.
    fn flood(
        budget: &InflightBytes,
        sender: &Sender,
        size: u64,
        held: &mut Vec<BytePermit>,
    ) -> RequestFault {
        loop {
            match budget.try_acquire_for(Some(sender), size) {
                Ok(permit) => held.push(permit),
                Err(refusal) => return refusal,
            }
        }
    }

    #[test]
    fn whoever_floods_gets_its_share_and_leaves_room_for_others() {
        let budget = InflightBytes::new(1200);
        let mut held = Vec::new();
        for flooding in 1..=3_u64 {
            let refusal = flood(&budget, &sender(&flooding.to_string()), 10, &mut held);
            assert!(
                matches!(refusal, RequestFault::BeyondShare { .. }),
                "{refusal}"
            );
            // Half of what the earlier ones left.
            assert_eq!(budget.used(), 1200 - (1200 >> flooding));
            assert_eq!(budget.refused_beyond_share(), flooding);
        }
        // One that sends little is never refused, whatever the others try.
        for _ in 0..1000 {
            let modest = budget.try_acquire_for(Some(&sender("modest")), 20);
            modest.expect("there is room");
        }
        let one = budget.try_acquire_for(Some(&sender("large")), 150);
        one.expect("one request may be as large as what is free");
        held.clear();
        assert_eq!(budget.used(), 0);
        assert!(
            budget.budget.lock().by_sender.is_empty(),
            "nothing is remembered"
        );
    }

    #[test]
    fn a_single_request_may_grow_to_the_limit_and_a_second_one_may_not() {
        let budget = InflightBytes::new(100);
        let own = sender("own");
        let first = budget.try_acquire_for(Some(&own), 10).expect("room");
        first.grow(80).expect("it is alone");
        let refused = budget
            .try_acquire_for(Some(&own), 10)
            .expect_err("beyond its share");
        let text = refused.to_string();
        assert!(
            text.contains("hold 90 bytes") && text.contains("10 are free"),
            "{text}"
        );
        assert!(matches!(
            budget.try_acquire_for(Some(&own), 11),
            Err(RequestFault::Busy { used: 90, .. })
        ));
        // Those that say nothing of themselves share what is there, as ever.
        let nobody = budget.try_acquire(10).expect("room");
        drop((first, nobody));
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn what_is_refused_takes_nothing() {
        let budget = InflightBytes::new(100);
        let own = sender("own");
        let first = budget.try_acquire_for(Some(&own), 30).expect("room");
        let second = budget.try_acquire_for(Some(&own), 10).expect("room");
        second.grow(40).expect_err("beyond its share");
        assert_eq!((second.held(), budget.used()), (10, 40));
        drop(first);
        second.grow(90).expect("it is alone now");
        drop(second);
        assert_eq!(budget.used(), 0);
    }
}
