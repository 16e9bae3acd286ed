//! The two steps of a change: a sealed epoch is followed by the next, a copied slot is settled.

use crate::topology::error::TopologyError;
use crate::topology::quorum::seals_needed;
use crate::topology::seals::Seals;
use crate::topology::shard::Member;
use crate::topology::topology::Topology;
use crate::{Incarnation, NodeId, ShardId};

impl Topology {
    /// Opens the next epoch of shards whose present one is sealed. Nodes that leave and have
    /// nothing left go. What waits for a newcomer to come up stays as it is, and to be changed.
    ///
    /// # Errors
    /// When one is not about to change, only waits for newcomers to come up, is in another epoch
    /// than the sealed one, or too few members sealed.
    pub fn open(&self, sealed: &[Seals]) -> Result<Self, TopologyError> {
        let mut after = self.clone();
        for seals in sealed {
            let id = seals.shard();
            let shard = self.check_shard(id)?;
            if seals.epoch() != shard.epoch() {
                return Err(TopologyError::OtherEpoch {
                    shard: id,
                    present: shard.epoch(),
                    sealed: seals.epoch(),
                });
            }
            if shard.next().is_none() {
                return Err(TopologyError::NothingToOpen(id));
            }
            if let Some(node) = shard.awaited().filter(|_| !shard.is_ready()) {
                let node = node.clone();
                return Err(TopologyError::Awaited { shard: id, node });
            }
            if !seals.enough(shard.slots()) {
                return Err(TopologyError::TooFewSeals {
                    shard: id,
                    epoch: shard.epoch(),
                    sealed: seals.count(shard.slots()),
                    needed: seals_needed(shard.slots().len()),
                });
            }
            after.alter(id, |shard| shard.open());
        }
        Ok(after.swept())
    }

    /// A node copied some shards that are handed over to it, each from enough members that sealed
    /// the epoch before it came ([`Seals::enough`] of the slots it copied from): in the next epoch
    /// they are its own. Whoever calls this answers for the copy.
    ///
    /// # Errors
    /// When the node has another data folder by now, or a shard is not, or no more, handed over to it.
    pub fn copied(
        &self,
        id: &NodeId,
        incarnation: Incarnation,
        shards: &[ShardId],
    ) -> Result<Self, TopologyError> {
        let node = id.clone();
        match self.check_node(id)?.incarnation {
            None => return Err(TopologyError::NotBound(node)),
            Some(present) if present != incarnation => {
                return Err(TopologyError::OtherIncarnation {
                    node,
                    present,
                    other: incarnation,
                });
            }
            Some(_) => {}
        }
        let member = Member {
            node,
            incarnation: Some(incarnation),
        };
        let mut after = self.clone();
        for &shard in shards {
            self.check_shard(shard)?;
            let settled = after.alter(shard, |shard| shard.settle(&member));
            if settled != Some(true) {
                let node = member.node;
                return Err(TopologyError::NotHandedOver { shard, node });
            }
        }
        Ok(after)
    }
}
