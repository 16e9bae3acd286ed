use super::support::{all_copied, all_up, alone, id, ids, opened};
use crate::Incarnation;
use crate::topology::{ShardState, Topology};

/// `shard:state` of a node, with `<source` where there is one.
fn seen(topology: &Topology, name: &str) -> Vec<String> {
    let all = topology.replicas_by_node();
    let replicas = all.get(&id(name)).into_iter().flatten();
    let shown = replicas.map(|replica| {
        let source = replica.source.map(|source| format!("<{source}"));
        let state = replica.state.as_str();
        format!("{}:{state}{}", replica.shard, source.unwrap_or_default())
    });
    shown.collect()
}

#[test]
fn states_are_those_of_m3() {
    let first = Topology::init(alone(&["a", "b"]), 1, 2).expect("groups");
    assert_eq!(seen(&first, "a"), ["0:INITIALIZING"]);
    let up = all_up(first);
    assert_eq!(seen(&up, "a"), ["0:AVAILABLE"]);

    let begun = up.replace(&ids(&["b"]), alone(&["c"]), false).expect("new");
    let taking = opened(&all_up(begun.clone()));
    let copied = all_copied(&taking);
    for topology in [&begun, &taking, &copied] {
        assert_eq!(seen(topology, "a"), ["0:AVAILABLE"]);
        assert_eq!(seen(topology, "b"), ["0:LEAVING"]);
        assert_eq!(seen(topology, "c"), ["0:INITIALIZING<b"]);
    }
    for topology in [begun.abort_all(), taking.abort_all(), copied.abort_all()] {
        assert_eq!(seen(&topology, "b"), ["0:AVAILABLE"]);
        assert!(seen(&topology, "c").is_empty());
    }
    let done = opened(&copied);
    assert_eq!(seen(&done, "c"), ["0:AVAILABLE"]);
    assert!(seen(&done, "b").is_empty());

    let lost = done.rebind(&id("a"), Incarnation(1)).expect("a");
    assert_eq!(seen(&lost, "a"), ["0:INITIALIZING"]);
    assert_eq!(ShardState::Leaving.as_str(), "LEAVING");
}

#[test]
fn shards_of_a_node_come_in_order() {
    let topology = Topology::init(alone(&["a", "b", "c"]), 20, 2).expect("groups");
    for replicas in topology.replicas_by_node().into_values() {
        assert!(replicas.is_sorted_by_key(|replica| replica.shard));
    }
}
