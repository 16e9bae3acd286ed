//! The first topology.

use std::collections::BTreeMap;

use super::chance::Chance;
use crate::topology::document::check_numbers;
use crate::topology::error::TopologyError;
use crate::topology::shard::Shard;
use crate::topology::shares::{Group, Shares};
use crate::topology::topology::{Node, Topology};
use crate::{NodeId, ShardId};

impl Topology {
    /// Gives each of `shards` shards to `replicas` nodes of as many isolation groups. Each node
    /// gets its share by weight, rounded up or down; a group that would get more than all shards
    /// gets each of them once, and the others share the rest.
    ///
    /// # Errors
    /// When a number is 0 or too large, an instance has no weight or is named twice, or there are
    /// fewer groups than replicas.
    pub fn init(
        nodes: Vec<(NodeId, Node)>,
        shards: ShardId,
        replicas: u8,
    ) -> Result<Self, TopologyError> {
        check_numbers(usize::try_from(shards).unwrap_or(usize::MAX), replicas)?;
        let nodes = new_nodes(nodes)?;
        let mut topology = Self {
            replicas,
            nodes,
            shards: Vec::new(),
        };
        let count = usize::try_from(shards).unwrap_or(usize::MAX);
        let shares = Shares::new(topology.nodes.iter(), count, replicas)?;
        let mut groups = shares.whole(replicas);
        let mut drawn = Vec::new();
        for shard in 0..shards {
            let mut members = draw(&mut groups, shard, shards - shard, replicas);
            // So that not always the same group is the first to be asked.
            let by = usize::try_from(shard).unwrap_or(0) % members.len().max(1);
            members.rotate_left(by);
            let members = members.into_iter().map(|id| topology.member(id)).collect();
            drawn.push(Shard::first(members));
        }
        topology.shards = drawn;
        Ok(topology)
    }
}

/// Nodes of a shard, when `left` shards including this one have none yet. Every group keeps at
/// most as many slots as shards are left: one that has so many is taken, the rest are drawn.
fn draw<'a>(
    groups: &mut [Group<'a>],
    shard: ShardId,
    left: ShardId,
    replicas: u8,
) -> Vec<&'a NodeId> {
    let mut chance = Chance::new(u64::from(shard));
    let all = groups.iter().enumerate();
    let must = all.filter(|(_, group)| group.sum >= u64::from(left));
    let mut taken: Vec<usize> = must.map(|(at, _)| at).collect();
    while taken.len() < usize::from(replicas) {
        let slots = groups.iter().enumerate().map(|(at, group)| {
            let is_taken = taken.contains(&at);
            if is_taken { 0 } else { group.sum }
        });
        match chance.draw(slots) {
            Some(at) => taken.push(at),
            None => break,
        }
    }
    let mut members = Vec::new();
    for at in taken {
        if let Some(group) = groups.get_mut(at)
            && let Some(at) = chance.draw(group.nodes.iter().map(|(_, slots)| *slots))
            && let Some((id, slots)) = group.nodes.get_mut(at)
        {
            group.sum -= 1;
            *slots -= 1;
            members.push(*id);
        }
    }
    members
}

/// New instances, checked one by one. That they leave is not theirs to say.
pub(super) fn new_nodes(
    nodes: Vec<(NodeId, Node)>,
) -> Result<BTreeMap<NodeId, Node>, TopologyError> {
    if nodes.is_empty() {
        let field = "instances";
        return Err(TopologyError::NoInstances { field });
    }
    let mut by_id = BTreeMap::new();
    for (id, node) in nodes {
        if node.weight == 0 {
            return Err(TopologyError::NoWeight(id));
        }
        let leaving = false;
        if by_id.insert(id.clone(), Node { leaving, ..node }).is_some() {
            return Err(TopologyError::NamedTwice(id));
        }
    }
    Ok(by_id)
}
