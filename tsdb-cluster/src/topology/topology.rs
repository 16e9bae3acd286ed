//! Nodes and shards as a whole.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::document::Document;
use super::error::TopologyError;
use super::shard::{Member, Shard, Slot};
use crate::{Incarnation, NodeId, ShardId};

/// The most replicas that all shards have together: a topology is one value, and is read as one.
pub const REPLICAS_MAX: u64 = 16_384;

/// A storage node, as M3 has an instance of a placement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Node {
    /// Where it listens.
    pub endpoint: String,
    /// What fails together with it. No two replicas of a shard share one.
    pub isolation_group: String,
    /// Where its metadata is.
    pub zone: String,
    /// Its share of the shards.
    pub weight: u32,
    /// Its machine.
    pub hostname: String,
    /// The port of its endpoint.
    pub port: u32,
    /// The port that its debug routes are at; 0 where nobody said.
    #[serde(skip_serializing_if = "is_zero")]
    pub debug_port: u32,
    /// The data folder it has; `None` as long as it never came up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<Incarnation>,
    /// It gets no more shards, and goes when it has none.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub leaving: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Who has what. Its changes make a new one, and leave this one as it is.
///
/// As JSON it is one small document: members are named once, and by their index in each shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Document", into = "Document")]
pub struct Topology {
    pub(super) replicas: u8,
    pub(super) nodes: BTreeMap<NodeId, Node>,
    pub(super) shards: Vec<Shard>,
}

impl Topology {
    /// How many replicas each shard has.
    #[must_use]
    pub fn replicas(&self) -> u8 {
        self.replicas
    }

    /// All nodes.
    #[must_use]
    pub fn nodes(&self) -> &BTreeMap<NodeId, Node> {
        &self.nodes
    }

    /// All shards; the index is the id.
    #[must_use]
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// Into how many shards series are divided: at least one.
    #[must_use]
    pub fn shard_count(&self) -> NonZeroU32 {
        let count = u32::try_from(self.shards.len()).unwrap_or(u32::MAX);
        NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN)
    }

    /// The data folder that a node has now, if it ever came up.
    #[must_use]
    pub fn incarnation(&self, id: &NodeId) -> Option<Incarnation> {
        self.nodes.get(id)?.incarnation
    }

    /// Whether the node of a member still has the folder that it had as one: else it can neither
    /// acknowledge nor answer for it.
    #[must_use]
    pub fn is_there(&self, member: &Member) -> bool {
        member.incarnation.is_some() && member.incarnation == self.incarnation(&member.node)
    }

    /// A shard.
    #[must_use]
    pub fn shard(&self, id: ShardId) -> Option<&Shard> {
        self.shards.get(usize::try_from(id).ok()?)
    }

    /// Shards with their ids.
    pub fn numbered(&self) -> impl Iterator<Item = (ShardId, &Shard)> {
        (0..).zip(&self.shards)
    }

    /// The shards that are in change.
    pub fn in_change(&self) -> impl Iterator<Item = ShardId> {
        let changing = self.numbered().filter(|(_, shard)| shard.is_in_change());
        changing.map(|(id, _)| id)
    }

    /// The shards whose epoch may be sealed now, so that the next one can be opened.
    pub fn ready(&self) -> impl Iterator<Item = ShardId> {
        let ready = self.numbered().filter(|(_, shard)| shard.is_ready());
        ready.map(|(id, _)| id)
    }

    /// The slots that each node has once all is settled; every node is there.
    #[must_use]
    pub fn loads(&self) -> BTreeMap<&NodeId, u64> {
        let mut loads: BTreeMap<_, _> = self.nodes.keys().map(|id| (id, 0)).collect();
        for slot in self.shards.iter().flat_map(Shard::planned) {
            if let Some(load) = loads.get_mut(&slot.target().node) {
                *load += 1;
            }
        }
        loads
    }

    pub(super) fn check_shard(&self, id: ShardId) -> Result<&Shard, TopologyError> {
        let shards = self.shards.len();
        let unknown = TopologyError::UnknownShard { shard: id, shards };
        self.shard(id).ok_or(unknown)
    }

    pub(super) fn check_node(&self, id: &NodeId) -> Result<&Node, TopologyError> {
        let unknown = || TopologyError::UnknownNode(id.clone());
        self.nodes.get(id).ok_or_else(unknown)
    }

    /// The node with the folder it has now.
    pub(super) fn member(&self, id: &NodeId) -> Member {
        Member {
            node: id.clone(),
            incarnation: self.incarnation(id),
        }
    }

    /// What fails together with a node.
    pub(super) fn group(&self, id: &NodeId) -> &str {
        self.nodes
            .get(id)
            .map_or("", |node| node.isolation_group.as_str())
    }

    pub(super) fn is_leaving(&self, id: &NodeId) -> bool {
        self.nodes.get(id).is_some_and(|node| node.leaving)
    }

    /// Nodes that stay.
    pub(super) fn staying(&self) -> impl Iterator<Item = (&NodeId, &Node)> {
        self.nodes.iter().filter(|(_, node)| !node.leaving)
    }

    /// Does something to a shard that was found before.
    pub(super) fn alter<T>(
        &mut self,
        id: ShardId,
        change: impl FnOnce(&mut Shard) -> T,
    ) -> Option<T> {
        let index = usize::try_from(id).ok()?;
        self.shards.get_mut(index).map(change)
    }

    /// Lets nodes go that are leaving and have nothing left.
    pub(super) fn swept(mut self) -> Self {
        let shards = &self.shards;
        self.nodes
            .retain(|id, node| !node.leaving || shards.iter().any(|shard| shard.has(id)));
        self
    }

    /// Slots with where they are: shard, index, now and planned.
    pub(super) fn places(&self) -> impl Iterator<Item = (Place, &Slot, &Slot)> {
        self.numbered().flat_map(|(shard, of)| {
            let pairs = of.pairs().enumerate();
            pairs.map(move |(index, (now, next))| (Place { shard, index }, now, next))
        })
    }
}

/// Which slot of which shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) shard: ShardId,
    pub(super) index: usize,
}
