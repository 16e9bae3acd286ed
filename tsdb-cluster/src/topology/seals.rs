//! Who sealed an epoch, or was copied from.

use std::collections::BTreeSet;

use super::quorum::seals_needed;
use super::shard::{Member, Slot};
use crate::{Epoch, ShardId};

/// The members that durably sealed an epoch of a shard: they take no more of its writes. Also
/// counts those that a newcomer copied from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seals {
    shard: ShardId,
    epoch: Epoch,
    members: BTreeSet<Member>,
}

impl Seals {
    /// Nobody has.
    #[must_use]
    pub fn new(shard: ShardId, epoch: Epoch) -> Self {
        let members = BTreeSet::new();
        Self {
            shard,
            epoch,
            members,
        }
    }

    /// Of which shard.
    #[must_use]
    pub fn shard(&self) -> ShardId {
        self.shard
    }

    /// Of which epoch.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// One more has, with the data folder it named.
    pub fn sealed(&mut self, member: Member) {
        self.members.insert(member);
    }

    /// How many slots have: a handover when `from` has. A fresh one has by itself, as no write
    /// ever counted there.
    #[must_use]
    pub fn count(&self, slots: &[Slot]) -> usize {
        let has = |slot: &&Slot| slot.is_fresh() || self.members.contains(slot.answering());
        slots.iter().filter(has).count()
    }

    /// Whether every majority of the slots has one that did.
    #[must_use]
    pub fn enough(&self, slots: &[Slot]) -> bool {
        self.count(slots) >= seals_needed(slots.len())
    }
}
