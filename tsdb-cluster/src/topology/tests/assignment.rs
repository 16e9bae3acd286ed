use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::support::{all_up, alone, assert_follows, assert_sound, finished, id, ids, node};
use crate::NodeId;
use crate::topology::shares::Shares;
use crate::topology::{Node, Topology, TopologyError};

/// Nodes of random weights in random groups, of which there are at least as many as replicas.
fn clusters(nodes_max: usize) -> impl Strategy<Value = (Vec<(NodeId, Node)>, u32, u8)> {
    let sizes = (1..=5_u8, 1..=40_u32, 0..=nodes_max);
    sizes.prop_flat_map(|(replicas, shards, more)| {
        let count = usize::from(replicas) + more;
        let details = prop::collection::vec((any::<u8>(), 1..=4_u32), count);
        details.prop_map(move |details| {
            let named = details.iter().enumerate().map(|(number, (group, weight))| {
                let own = number < usize::from(replicas);
                let group = if own { number } else { usize::from(group % 8) };
                node(&format!("n{number:02}"), &format!("g{group}"), *weight)
            });
            (named.collect(), shards, replicas)
        })
    })
}

/// Each node's share, rounded down and up.
fn bounds(topology: &Topology) -> BTreeMap<NodeId, (u64, u64)> {
    let shares = Shares::of_topology(topology).expect("groups").by_node();
    let bounds = |(id, share): (&NodeId, crate::topology::shares::Share)| {
        (id.clone(), (share.floor(), share.ceil()))
    };
    shares.into_iter().map(bounds).collect()
}

/// How much the node that is most over its share is over it.
fn most_over(topology: &Topology, of: impl Fn(&NodeId) -> bool) -> u64 {
    let (loads, bounds) = (topology.loads(), bounds(topology));
    let over = |(id, (_, ceil)): (&NodeId, &(u64, u64))| loads[id].saturating_sub(*ceil);
    let some = bounds.iter().filter(|(id, _)| of(id));
    some.map(over).max().unwrap_or(0)
}

/// Slots that have another target after a change than before: from whom to whom.
fn moves(before: &Topology, after: &Topology) -> Vec<(NodeId, NodeId)> {
    let pairs = before.shards().iter().zip(after.shards());
    let slots = pairs.flat_map(|(old, new)| old.planned().iter().zip(new.planned()));
    let moved = slots.map(|(old, new)| (&old.target().node, &new.target().node));
    let moved = moved.filter(|(old, new)| old != new);
    moved.map(|(old, new)| (old.clone(), new.clone())).collect()
}

/// All subsets of some nodes.
fn subsets(of: &[NodeId]) -> impl Iterator<Item = BTreeSet<&NodeId>> {
    (0..1_u32 << of.len()).map(move |bits| {
        let chosen = of.iter().enumerate();
        let chosen = chosen.filter(move |(at, _)| bits & (1 << at) != 0);
        chosen.map(|(_, id)| id).collect()
    })
}

/// Whether the slots of nodes that leave can go to the others with nobody more than `over` over
/// its share who takes any: by the theorem of the smallest cut, tried over all of them.
fn can_be_given(before: &Topology, after: &Topology, going: &[NodeId], over: u64) -> bool {
    let (loads, bounds) = (before.loads(), bounds(after));
    let takers: Vec<NodeId> = bounds.keys().cloned().collect();
    let group = |id: &NodeId| before.nodes()[id].isolation_group.clone();
    let mut wanted = 0;
    let mut shards = Vec::new();
    for shard in before.shards() {
        let nodes: Vec<_> = shard
            .slots()
            .iter()
            .map(|slot| &slot.target().node)
            .collect();
        let (leave, stay): (Vec<_>, Vec<_>) = nodes.into_iter().partition(|id| going.contains(id));
        wanted += leave.len();
        let taken: BTreeSet<_> = stay.into_iter().map(group).collect();
        let free = takers.iter().filter(|id| !taken.contains(&group(id)));
        shards.push((leave.len(), free.collect::<Vec<_>>()));
    }
    subsets(&takers).all(|cut| {
        let room = |id: &&NodeId| (bounds[*id].1 + over).saturating_sub(loads[*id]);
        let room: u64 = cut.iter().map(room).sum();
        let beside = |(leave, free): &(usize, Vec<&NodeId>)| {
            let groups = free
                .iter()
                .filter(|id| !cut.contains(**id))
                .map(|id| group(id));
            groups.collect::<BTreeSet<_>>().len().min(*leave)
        };
        usize::try_from(room).expect("small") + shards.iter().map(beside).sum::<usize>() >= wanted
    })
}

/// Whether one new node can take so much that nobody else is more than `over` over its share: by
/// Hall's theorem, tried over all sets of those that are.
fn can_be_taken(before: &Topology, after: &Topology, new: &NodeId, over: u64) -> bool {
    let (loads, bounds) = (before.loads(), bounds(after));
    let need = |id: &NodeId| loads[id].saturating_sub(bounds[id].1 + over);
    let group = |id: &NodeId| &after.nodes()[id].isolation_group;
    let old: Vec<NodeId> = loads.keys().map(|id| (*id).clone()).collect();
    if old.iter().map(need).sum::<u64>() > bounds[new].1 {
        return false;
    }
    let owners = before.shards().iter().map(|shard| {
        let nodes: Vec<_> = shard
            .slots()
            .iter()
            .map(|slot| &slot.target().node)
            .collect();
        let near = nodes.iter().find(|id| group(id) == group(new)).copied();
        near.map_or(nodes, |near| vec![near])
    });
    let owners: Vec<Vec<&NodeId>> = owners.collect();
    subsets(&old).all(|set| {
        let open = owners
            .iter()
            .filter(|of| of.iter().any(|id| set.contains(id)));
        set.iter().map(|id| need(id)).sum::<u64>() <= open.count() as u64
    })
}

/// A topology that has changed a few times, so that its loads are not as at first.
fn aged(mut topology: Topology, steps: &[(bool, usize)]) -> Topology {
    for (number, (adds, at)) in steps.iter().enumerate() {
        let names: Vec<NodeId> = topology.nodes().keys().cloned().collect();
        let changed = match adds {
            true => {
                let group = format!("g{}", at % 8);
                topology.add(vec![node(&format!("y{number}"), &group, 2)], false)
            }
            false => topology.remove(&names[at % names.len()..][..1]),
        };
        if let Ok(changed) = changed {
            topology = finished(changed);
        }
    }
    topology
}

/// Changes that came before.
fn steps() -> impl Strategy<Value = Vec<(bool, usize)>> {
    prop::collection::vec(any::<(bool, usize)>(), 0..4)
}

proptest! {
    #[test]
    fn the_first_one_gives_everybody_its_share((nodes, shards, replicas) in clusters(8)) {
        let topology = Topology::init(nodes.clone(), shards, replicas).expect("groups");
        assert_sound(&topology);
        prop_assert_eq!(&topology, &Topology::init(nodes, shards, replicas).expect("the same"));
        let loads = topology.loads();
        for (id, (floor, ceil)) in bounds(&topology) {
            prop_assert!((floor..=ceil).contains(&loads[&id]), "{id} {} {floor}", loads[&id]);
        }
    }

    #[test]
    fn who_is_added_takes_no_more_than_its_share_and_nothing_else_moves(
        (nodes, shards, replicas) in clusters(6), group in 0..9_u8, weight in 1..=4_u32,
        steps in steps(),
    ) {
        let first = Topology::init(nodes, shards, replicas).expect("groups");
        let before = aged(all_up(first), &steps);
        let new = id("x");
        let after = before.add(vec![node("x", &format!("g{group}"), weight)], false).expect("new");
        assert_follows(&before, &after);
        let moves = moves(&before, &after);
        prop_assert!(moves.iter().all(|(_, to)| *to == new));
        prop_assert_eq!(after.loads()[&new], moves.len() as u64);
        prop_assert!(moves.len() as u64 <= bounds(&after)[&new].1);
        let over = most_over(&after, |id| *id != new);
        prop_assert!(can_be_taken(&before, &after, &new, over));
        prop_assert!(over == 0 || !can_be_taken(&before, &after, &new, over - 1));
        let settled = finished(after);
        prop_assert_eq!(settled.in_change().count(), 0);
    }

    #[test]
    fn who_is_removed_gives_all_it_has_and_nothing_else_moves(
        (nodes, shards, replicas) in clusters(6),
        going in prop::collection::btree_set(0..9_usize, 1..3),
        steps in steps(),
    ) {
        let first = Topology::init(nodes, shards, replicas).expect("groups");
        let before = aged(all_up(first), &steps);
        let names: Vec<NodeId> = before.nodes().keys().cloned().collect();
        let going: BTreeSet<_> = going.iter().map(|at| names[at % names.len()].clone()).collect();
        let going: Vec<_> = going.into_iter().collect();
        let after = match before.remove(&going) {
            Ok(after) => after,
            Err(TopologyError::TooFewGroups { groups, .. }) => {
                let staying = before.nodes().iter().filter(|(id, _)| !going.contains(id));
                let left: BTreeSet<_> = staying.map(|(_, node)| &node.isolation_group).collect();
                prop_assert_eq!(left.len(), groups);
                prop_assert!(groups < usize::from(replicas));
                return Ok(());
            }
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        };
        assert_follows(&before, &after);
        let moves = moves(&before, &after);
        prop_assert!(moves.iter().all(|(from, to)| going.contains(from) && !going.contains(to)));
        let takers: BTreeSet<_> = moves.iter().map(|(_, to)| to).collect();
        let over = most_over(&after, |id| takers.contains(id));
        prop_assert!(can_be_given(&before, &after, &going, over));
        prop_assert!(over == 0 || !can_be_given(&before, &after, &going, over - 1));
        let settled = finished(after);
        prop_assert!(going.iter().all(|id| !settled.nodes().contains_key(id)));
    }

    /// Where every isolation group has a replica of every shard, nothing keeps nodes of a group
    /// from each other's shards.
    #[test]
    fn as_many_groups_as_replicas_stay_within_one_of_their_shares(
        steps in prop::collection::vec((any::<bool>(), 0..3_u8, any::<usize>()), 0..10),
        shards in 1..60_u32,
    ) {
        let first = (0..3).map(|number| node(&format!("n{number}"), &format!("g{number}"), 2));
        let mut topology = all_up(Topology::init(first.collect(), shards, 3).expect("groups"));
        for (number, (adds, group, at)) in steps.into_iter().enumerate() {
            let names: Vec<NodeId> = topology.nodes().keys().cloned().collect();
            let changed = match adds {
                true => topology.add(vec![node(&format!("m{number}"), &format!("g{group}"), 2)], false),
                false => topology.remove(&[names[at % names.len()].clone()]),
            };
            if let Ok(changed) = changed {
                topology = finished(changed);
                prop_assert!(most_over(&topology, |_| true) <= 1);
            }
        }
    }

    #[test]
    fn who_replaces_takes_exactly_what_leaves(
        (nodes, shards, replicas) in clusters(6), at in any::<usize>(), weights in prop::collection::vec(1..=4_u32, 1..=3),
    ) {
        let leaving = nodes[at % nodes.len()].clone();
        let before = all_up(Topology::init(nodes, shards, replicas).expect("groups"));
        let candidates = weights.iter().enumerate();
        let group = &leaving.1.isolation_group;
        let candidates = candidates.map(|(at, weight)| node(&format!("x{at}"), group, *weight));
        let after = before.replace(std::slice::from_ref(&leaving.0), candidates.collect(), false).expect("the group");
        assert_follows(&before, &after);
        let moves = moves(&before, &after);
        prop_assert!(moves.iter().all(|(from, to)| *from == leaving.0 && to.as_str().starts_with('x')));
        prop_assert_eq!(moves.len() as u64, before.loads()[&leaving.0]);
        let sum: u32 = weights.iter().sum();
        for (at, weight) in weights.iter().enumerate() {
            let load = after.loads()[&id(&format!("x{at}"))];
            let all = moves.len() as u64 * u64::from(*weight);
            prop_assert!(load >= all / u64::from(sum) && load <= all.div_ceil(u64::from(sum)));
        }
        prop_assert!(!finished(after).nodes().contains_key(&leaving.0));
    }
}

#[test]
fn shards_of_a_node_are_together_with_those_of_all_others() {
    let names: Vec<String> = (0..12).map(|number| format!("n{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let topology = Topology::init(alone(&names), 512, 3).expect("groups");
    for name in ids(&names) {
        let with = topology.shards().iter().filter(|shard| shard.has(&name));
        let others = with.flat_map(|shard| shard.slots().iter().map(|slot| &slot.target().node));
        assert_eq!(others.collect::<BTreeSet<_>>().len(), 12, "{name}");
    }
}

#[test]
fn a_group_of_too_much_weight_has_every_shard_once_and_the_others_share_the_rest() {
    let nodes = vec![
        node("a", "a", 900),
        node("b", "b", 100),
        node("c", "c", 100),
        node("d", "d", 100),
    ];
    let topology = Topology::init(nodes, 30, 2).expect("groups");
    assert_eq!(
        topology.loads().into_values().collect::<Vec<_>>(),
        [30, 10, 10, 10]
    );
}

#[test]
fn several_are_added_at_once_and_share_what_the_others_give() {
    let before = all_up(Topology::init(alone(&["a", "b", "c"]), 64, 3).expect("groups"));
    let after = before.add(alone(&["d", "e", "f"]), false).expect("new");
    assert_follows(&before, &after);
    assert_eq!(after.loads().into_values().collect::<Vec<_>>(), [32; 6]);
    assert_eq!(moves(&before, &after).len(), 96);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let init = |nodes, shards, replicas| {
        let error = Topology::init(nodes, shards, replicas).expect_err("refused");
        error.to_string()
    };
    assert!(init(Vec::new(), 4, 1).contains("name at least one in instances"));
    assert!(init(alone(&["a", "a"]), 4, 1).contains("a is named twice"));
    assert!(init(vec![node("a", "g", 0)], 4, 1).contains("a has weight 0: give it at least 1"));
    assert!(init(alone(&["a"]), 4, 0).contains("replicationFactor is 0"));
    assert!(
        init(alone(&["a"]), 16_385, 1).contains("numShards is 16385: it must be from 1 to 16384")
    );
    let both = vec![node("a", "g", 1), node("b", "g", 1)];
    assert!(init(both, 4, 2).contains("1 isolation groups would be left for 2 replicas"));

    let topology = all_up(Topology::init(alone(&["a", "b", "c"]), 4, 3).expect("groups"));
    let known = topology.add(alone(&["b"]), false).expect_err("is there");
    assert_eq!(known, TopologyError::KnownNode(id("b")));
    let unknown = topology.remove(&ids(&["x"])).expect_err("is not there");
    assert_eq!(unknown.to_string(), "instance x not found in placement");
    let few = topology.remove(&ids(&["a"])).expect_err("two are left");
    assert!(
        few.to_string()
            .contains("2 isolation groups would be left for 3 replicas")
    );
    let near = topology.replace(&ids(&["a"]), vec![node("x", "b", 1)], false);
    let shards = vec![0, 1, 2, 3];
    let (node_a, refused) = (id("a"), near.expect_err("b has all"));
    assert_eq!(
        refused,
        TopologyError::NoPlace {
            node: node_a,
            shards
        }
    );
    let forced = topology.replace(&ids(&["a"]), vec![node("x", "b", 1)], true);
    assert_eq!(forced.expect("forced").loads()[&id("x")], 4);
}
