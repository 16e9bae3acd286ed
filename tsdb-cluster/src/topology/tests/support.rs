//! Topologies to play with.

use std::collections::{BTreeMap, BTreeSet};

use crate::topology::{Member, Node, Seals, Shard, Slot, Topology, TopologyError};
use crate::{Incarnation, NodeId, ShardId};

pub(super) fn id(name: &str) -> NodeId {
    NodeId::from(name)
}

pub(super) fn ids(names: &[&str]) -> Vec<NodeId> {
    names.iter().copied().map(id).collect()
}

/// A node of a group and a weight.
pub(super) fn node(name: &str, group: &str, weight: u32) -> (NodeId, Node) {
    let node = Node {
        endpoint: format!("{name}:9000"),
        isolation_group: group.to_owned(),
        zone: "embedded".to_owned(),
        weight,
        hostname: name.to_owned(),
        port: 9000,
        ..Node::default()
    };
    (id(name), node)
}

/// Nodes, each a group of its own.
pub(super) fn alone(names: &[&str]) -> Vec<(NodeId, Node)> {
    names.iter().map(|name| node(name, name, 100)).collect()
}

/// The folder that a node has first.
pub(super) fn folder(id: &NodeId) -> Incarnation {
    let bytes = id.as_str().bytes();
    Incarnation(bytes.fold(7, |sum: u128, byte| {
        sum.wrapping_mul(257) ^ u128::from(byte)
    }))
}

pub(super) fn member(name: &str) -> Member {
    let node = id(name);
    let incarnation = Some(folder(&node));
    Member { node, incarnation }
}

pub(super) fn settled(name: &str) -> Slot {
    Slot::Settled(member(name))
}

pub(super) fn handover(from: &str, to: &str) -> Slot {
    let (from, to) = (member(from), member(to));
    Slot::Handover { from, to }
}

/// All nodes came up that never did.
pub(super) fn all_up(mut topology: Topology) -> Topology {
    let never: Vec<_> = topology.nodes().iter().collect();
    let never = never.iter().filter(|(_, node)| node.incarnation.is_none());
    let never: Vec<NodeId> = never.map(|(id, _)| (*id).clone()).collect();
    for id in never {
        topology = topology.bind(&id, folder(&id)).expect("a node of it");
    }
    topology
}

/// Seals of all that answer in a shard.
pub(super) fn all_seal(topology: &Topology, shard: ShardId) -> Seals {
    let of = topology.shard(shard).expect("a shard");
    let mut seals = Seals::new(shard, of.epoch());
    for slot in of.slots() {
        seals.sealed(slot.answering().clone());
    }
    seals
}

/// Opens what is ready.
pub(super) fn opened(topology: &Topology) -> Topology {
    let seals: Vec<_> = topology.ready().map(|id| all_seal(topology, id)).collect();
    topology.open(&seals).expect("ready and sealed")
}

/// All newcomers copied what is handed over to them.
pub(super) fn all_copied(topology: &Topology) -> Topology {
    let mut after = topology.clone();
    for (id, shard) in topology.numbered() {
        for (now, planned) in shard.pairs() {
            let to = now.target();
            if now.is_handover() && planned.target() == to {
                let folder = to.incarnation.expect("came up");
                after = after.copied(&to.node, folder, &[id]).expect("handed over");
            }
        }
    }
    after
}

/// Everything under way comes to its end.
pub(super) fn finished(topology: Topology) -> Topology {
    let mut topology = all_up(topology);
    let mut rounds = 0;
    while topology.in_change().next().is_some() {
        topology = all_copied(&opened(&topology));
        rounds += 1;
        assert!(rounds < 8, "it comes to no end: {topology:?}");
    }
    topology
}

/// Whether two replicas are in one group: of those that answer, of those that are planned, or of
/// one with the other.
fn shares_a_group(topology: &Topology, shard: &Shard) -> bool {
    let group = |member: &Member| topology.nodes()[&member.node].isolation_group.clone();
    let pairs: Vec<_> = shard.pairs().collect();
    let groups = |slot: &(&Slot, &Slot)| {
        let (from, to) = (slot.0.answering(), slot.1.target());
        BTreeSet::from([group(from), group(to)])
    };
    let mut all: BTreeMap<String, usize> = BTreeMap::new();
    for group in pairs.iter().flat_map(groups) {
        *all.entry(group).or_default() += 1;
    }
    all.values().any(|slots| *slots > 1)
}

/// What always holds.
pub(super) fn assert_sound(topology: &Topology) {
    for (id, shard) in topology.numbered() {
        assert_eq!(shard.slots().len(), usize::from(topology.replicas()));
        let rebuilt = Shard::new(
            id,
            shard.epoch(),
            shard.slots().to_vec(),
            shard.next().map(<[_]>::to_vec),
            shard.is_sealing(),
        );
        assert_eq!(rebuilt.as_ref(), Ok(shard));
        assert!(!shares_a_group(topology, shard), "{shard:?}");
    }
    let text = serde_json::to_string(topology).expect("JSON");
    let read: Topology = serde_json::from_str(&text).expect("what was written");
    assert_eq!(&read, topology);
}

/// What changed keeps what it must: no epoch falls, and slots change only with it.
pub(super) fn assert_follows(before: &Topology, after: &Topology) {
    for (old, new) in before.shards().iter().zip(after.shards()) {
        assert!(new.epoch() >= old.epoch());
        assert!(new.epoch() > old.epoch() || new.slots() == old.slots());
    }
    assert_sound(after);
}

pub(super) fn locked(result: Result<Topology, TopologyError>) -> Vec<ShardId> {
    match result {
        Err(TopologyError::Locked { shards }) => shards,
        other => panic!("{other:?} is not locked"),
    }
}
