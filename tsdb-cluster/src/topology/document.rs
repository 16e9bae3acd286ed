//! A topology as it is kept: one JSON document that names each member once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::TopologyError;
use super::shard::{Member, Shard, Slot};
use super::topology::{Node, REPLICAS_MAX, Topology};
use crate::{Epoch, Incarnation, NodeId, ShardId};

/// The form that is kept.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Document {
    replicas: u8,
    nodes: BTreeMap<NodeId, Node>,
    members: Vec<KeptMember>,
    shards: Vec<KeptShard>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeptMember {
    node: NodeId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    incarnation: Option<Incarnation>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeptShard {
    epoch: Epoch,
    slots: Vec<KeptSlot>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<Vec<KeptSlot>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_sealing: bool,
}

/// Indices of members: the one it is settled at, or from and to.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum KeptSlot {
    Settled(u32),
    Handover([u32; 2]),
}

impl From<Topology> for Document {
    fn from(topology: Topology) -> Self {
        let mut indices: BTreeMap<&Member, u32> = BTreeMap::new();
        for shard in &topology.shards {
            let slots = shard.pairs().flat_map(|(now, next)| [now, next]);
            for member in slots.flat_map(Slot::members) {
                indices.insert(member, 0);
            }
        }
        for (index, number) in indices.values_mut().zip(0..) {
            *index = number;
        }
        let index = |member: &Member| indices.get(member).copied().unwrap_or_default();
        let kept_slot = |slot: &Slot| match slot {
            Slot::Settled(member) => KeptSlot::Settled(index(member)),
            Slot::Handover { from, to } => KeptSlot::Handover([index(from), index(to)]),
        };
        let kept = |slots: &[Slot]| slots.iter().map(kept_slot).collect();
        let kept_shard = |shard: &Shard| KeptShard {
            epoch: shard.epoch(),
            slots: kept(shard.slots()),
            next: shard.next().map(kept),
            is_sealing: shard.is_sealing(),
        };
        let kept_member = |member: &&Member| KeptMember {
            node: member.node.clone(),
            incarnation: member.incarnation,
        };
        let members = indices.keys().map(kept_member).collect();
        let shards = topology.shards.iter().map(kept_shard).collect();
        let (replicas, nodes) = (topology.replicas, topology.nodes);
        Self {
            replicas,
            nodes,
            members,
            shards,
        }
    }
}

impl TryFrom<Document> for Topology {
    type Error = TopologyError;

    fn try_from(kept: Document) -> Result<Self, TopologyError> {
        check_numbers(kept.shards.len(), kept.replicas)?;
        let members = kept.members.into_iter().map(|kept| Member {
            node: kept.node,
            incarnation: kept.incarnation,
        });
        let members: Vec<_> = members.collect();
        let member = |index: u32| {
            let found = members.get(usize::try_from(index).unwrap_or(usize::MAX));
            let (what, count) = ("member", members.len());
            found
                .cloned()
                .ok_or(TopologyError::BadIndex { what, index, count })
        };
        let slots = |kept: Vec<KeptSlot>| {
            let slot = |kept| match kept {
                KeptSlot::Settled(at) => member(at).map(Slot::Settled),
                KeptSlot::Handover([from, to]) => {
                    let (from, to) = (member(from)?, member(to)?);
                    Ok(Slot::Handover { from, to })
                }
            };
            kept.into_iter().map(slot).collect::<Result<Vec<_>, _>>()
        };
        let mut shards = Vec::new();
        for (id, shard) in (0..).zip(kept.shards) {
            let next = shard.next.map(slots).transpose()?;
            let (now, is_sealing) = (slots(shard.slots)?, shard.is_sealing);
            shards.push(Shard::new(id, shard.epoch, now, next, is_sealing)?);
        }
        let topology = Self {
            replicas: kept.replicas,
            nodes: kept.nodes,
            shards,
        };
        topology.check()?;
        Ok(topology)
    }
}

/// Whether so many shards of so many replicas may be.
pub(super) fn check_numbers(shards: usize, replicas: u8) -> Result<(), TopologyError> {
    let max = REPLICAS_MAX / u64::from(replicas.max(1));
    let shards = u64::try_from(shards).unwrap_or(u64::MAX);
    for (field, value, max) in [
        ("replicationFactor", u64::from(replicas), u8::MAX.into()),
        ("numShards", shards, max),
    ] {
        if value == 0 || value > max {
            return Err(TopologyError::OutOfRange { field, value, max });
        }
    }
    Ok(())
}

impl Topology {
    /// Whether the shards fit the nodes.
    fn check(&self) -> Result<(), TopologyError> {
        for (id, shard) in self.numbered() {
            let (slots, replicas) = (shard.slots().len(), self.replicas);
            if slots != usize::from(replicas) {
                let what = format!("it has {slots} slots, not {replicas}");
                return Err(TopologyError::BrokenShard { shard: id, what });
            }
            for member in shard.members_beside(usize::MAX) {
                self.check_member(id, member)?;
            }
        }
        Ok(())
    }

    /// A member without a folder is of a node without one, and the other way round.
    fn check_member(&self, shard: ShardId, member: &Member) -> Result<(), TopologyError> {
        let node = self.check_node(&member.node)?;
        match node.incarnation.is_some() == member.incarnation.is_some() {
            true => Ok(()),
            false => {
                let what = format!("{} has a data folder in one place only", member.node);
                Err(TopologyError::BrokenShard { shard, what })
            }
        }
    }
}
