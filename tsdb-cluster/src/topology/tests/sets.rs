use std::collections::BTreeSet;

use super::support::{all_up, alone, assert_follows, finished, id, ids, locked, node, opened};
use crate::NodeId;
use crate::topology::Topology;

fn targets(shards: &[&[&str]]) -> Vec<BTreeSet<NodeId>> {
    let targets = shards.iter().map(|names| ids(names).into_iter().collect());
    targets.collect()
}

fn three() -> Topology {
    all_up(Topology::init(alone(&["a", "b", "c"]), 2, 2).expect("groups"))
}

#[test]
fn shards_go_to_whom_it_says_by_epochs() {
    let before = three();
    let wanted = targets(&[&["b", "d"], &["c", "d"]]);
    let after = before
        .set(alone(&["b", "c", "d"]), &wanted, false)
        .expect("fits");
    assert_follows(&before, &after);
    let done = finished(after);
    assert!(done.nodes().keys().eq(&ids(&["b", "c", "d"])));
    for (shard, wanted) in done.shards().iter().zip(wanted) {
        let has = shard.slots().iter().map(|slot| slot.target().node.clone());
        assert_eq!(has.collect::<BTreeSet<_>>(), wanted);
    }
}

#[test]
fn nodes_get_what_is_said_of_them_and_keep_their_folders() {
    let before = three();
    let owners = before.shards().iter().map(|shard| {
        let nodes = shard.slots().iter().map(|slot| slot.target().node.clone());
        nodes.collect()
    });
    let owners: Vec<_> = owners.collect();
    let mut nodes = alone(&["a", "b", "c"]);
    nodes[0].1.endpoint = "elsewhere:9000".to_owned();
    let after = before.set(nodes, &owners, false).expect("fits");
    assert_eq!(after.nodes()[&id("a")].endpoint, "elsewhere:9000");
    assert!(after.nodes()[&id("a")].incarnation.is_some());
    assert_eq!(after.shards(), before.shards());
}

#[test]
fn a_set_takes_a_change_back() {
    let before = three();
    let wanted = targets(&[&["a", "d"], &["b", "c"]]);
    let nodes = || alone(&["a", "b", "c", "d"]);
    let set = before.set(nodes(), &wanted, false).expect("fits");
    let taking = opened(&all_up(set));
    let changing: Vec<_> = taking.in_change().collect();
    let back = targets(&[&["a", "b"], &["b", "c"]]);
    assert_eq!(locked(taking.set(nodes(), &back, false)), changing[..1]);
    let forced = taking.set(nodes(), &back, true).expect("forced");
    assert_follows(&taking, &forced);
    finished(forced);
}

#[test]
fn what_does_not_fit_is_refused_with_a_reason() {
    let refused = |nodes, wanted: &[&[&str]]| {
        let error = three().set(nodes, &targets(wanted), false);
        error.expect_err("refused").to_string()
    };
    let nodes = || alone(&["a", "b", "c"]);
    let few = refused(nodes(), &[&["a", "b"]]);
    assert!(
        few.contains("shard 1: 1 shards are said, there are 2"),
        "{few}"
    );
    let many = refused(nodes(), &[&["a", "b", "c"], &["a", "b"]]);
    assert!(many.contains("shard 0: 3 instances are said, there are 2 replicas"));
    let unknown = refused(nodes(), &[&["a", "x"], &["a", "b"]]);
    assert_eq!(unknown, "instance x not found in placement");
    let near = vec![node("a", "g", 1), node("b", "g", 1), node("c", "h", 1)];
    let group = refused(near.clone(), &[&["a", "b"], &["a", "c"]]);
    assert!(
        group.contains("shard 0: a and b are both in isolation group g"),
        "{group}"
    );
    assert!(
        three()
            .set(near, &targets(&[&["a", "b"], &["a", "c"]]), true)
            .is_ok()
    );
}
