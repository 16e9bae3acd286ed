use super::support::{
    all_copied, all_seal, all_up, alone, assert_follows, finished, folder, handover, id, ids,
    locked, member, opened, settled,
};
use crate::topology::{Member, Seals, Slot, Topology, TopologyError};
use crate::{Incarnation, NodeId};

/// Three nodes that have all shards, and are up.
fn three(shards: u32) -> Topology {
    all_up(Topology::init(alone(&["a", "b", "c"]), shards, 3).expect("groups"))
}

fn sorted(slots: &[Slot]) -> Vec<&NodeId> {
    let mut nodes: Vec<_> = slots.iter().map(|slot| &slot.target().node).collect();
    nodes.sort();
    nodes
}

#[test]
fn a_replica_is_fresh_until_its_node_comes_up() {
    let first = Topology::init(alone(&["a", "b", "c"]), 1, 3).expect("groups");
    assert_eq!(first.shards()[0].epoch(), 1);
    assert!(first.shards()[0].slots().iter().all(Slot::is_fresh));
    assert_eq!(first.in_change().count(), 0, "nothing is locked");
    let one = first.bind(&id("a"), folder(&id("a"))).expect("a");
    assert_follows(&first, &one);
    assert_eq!(one.shards()[0].epoch(), 2);
    let fresh = one.shards()[0]
        .slots()
        .iter()
        .filter(|slot| slot.is_fresh());
    assert_eq!(fresh.count(), 2);
    assert_eq!(one.bind(&id("a"), folder(&id("a"))), Ok(one.clone()));
    let other = one.bind(&id("a"), Incarnation(1)).expect_err("another");
    assert!(other.to_string().contains("instance a has the data folder"));
    assert_eq!(all_up(one).shards()[0].epoch(), 4);
}

#[test]
fn a_change_is_begun_sealed_opened_copied_sealed_and_opened() {
    let before = three(1);
    let begun = before
        .replace(&ids(&["c"]), alone(&["d"]), false)
        .expect("new");
    assert_follows(&before, &begun);
    assert_eq!(begun.shards()[0].slots(), before.shards()[0].slots());
    assert!(!begun.shards()[0].is_ready(), "d has not come up");
    let seals = all_seal(&begun, 0);
    let waits = begun
        .open(std::slice::from_ref(&seals))
        .expect_err("d is awaited");
    assert_eq!(
        waits,
        TopologyError::Awaited {
            shard: 0,
            node: id("d")
        }
    );

    let up = all_up(begun);
    assert_eq!(up.ready().collect::<Vec<_>>(), [0]);
    let epoch = up.shards()[0].epoch();
    let mut few = Seals::new(0, epoch);
    few.sealed(member("a"));
    let refused = up.open(&[few]).expect_err("one of two");
    assert_eq!(
        refused.to_string(),
        "shard 0: 1 replicas sealed epoch 4, 2 must"
    );
    let old = up.open(&[Seals::new(0, epoch - 1)]).expect_err("old");
    assert_eq!(
        old.to_string(),
        "shard 0 is in epoch 4, not in 3: seal that"
    );

    let taking = opened(&up);
    assert_follows(&up, &taking);
    assert_eq!(taking.shards()[0].epoch(), epoch + 1);
    assert!(taking.shards()[0].slots().contains(&handover("c", "d")));
    assert_eq!(
        taking.open(&[all_seal(&taking, 0)]),
        Err(TopologyError::NothingToOpen(0))
    );
    let copied = all_copied(&taking);
    assert_follows(&taking, &copied);
    assert_eq!(all_copied(&copied), copied, "told twice");
    assert!(copied.shards()[0].slots().contains(&handover("c", "d")));
    let done = opened(&copied);
    assert!(done.shards()[0].slots().contains(&settled("d")));
    assert!(!done.nodes().contains_key(&id("c")), "c has nothing left");
    assert_eq!(done.shards()[0].epoch(), epoch + 2);
}

#[test]
fn shards_in_change_are_locked_and_the_others_are_not() {
    let added = three(8).add(alone(&["d"]), false).expect("new");
    let changing: Vec<_> = added.in_change().collect();
    assert_eq!(changing.len(), 6, "a quarter of 24");
    let named = locked(added.remove(&ids(&["a"])));
    assert!(!named.is_empty() && named.iter().all(|shard| changing.contains(shard)));
    let text = added.remove(&ids(&["a"])).expect_err("locked").to_string();
    assert!(
        text.ends_with("in change: wait until they are not, or abort them"),
        "{text}"
    );
    assert_eq!(locked(added.add(alone(&["e"]), false)), changing);
    let forced = added.add(alone(&["e"]), true).expect("of the others");
    assert_eq!(
        forced.loads()[&id("e")],
        2,
        "the shards that are not locked"
    );
    assert_follows(&added, &forced);
    finished(forced);
}

#[test]
fn a_newcomer_that_never_comes_up_blocks_nothing_and_goes_at_any_time() {
    let before = three(8);
    let added = before.add(alone(&["d"]), false).expect("new");
    assert_eq!(added.ready().count(), 0, "nobody seals for it");
    assert_eq!(added.remove(&ids(&["d"])), Ok(before.clone()));
    assert_eq!(added.abort_all(), before);
    let other = added
        .replace(&ids(&["d"]), alone(&["e"]), false)
        .expect("another");
    assert!(!other.nodes().contains_key(&id("d")));
    assert_eq!(finished(other).loads()[&id("e")], 6);
}

/// `name` came up, with its first folder.
fn up(topology: &Topology, name: &str) -> Topology {
    let bound = topology.bind(&id(name), folder(&id(name)));
    bound.expect("of the topology")
}

#[test]
fn newcomers_of_one_shard_do_not_wait_for_each_other() {
    let both = three(1).replace(&ids(&["b", "c"]), alone(&["d", "e"]), false);
    let begun = both.expect("new");
    assert_eq!(begun.ready().count(), 0);
    let one_up = up(&begun, "d");
    assert!(one_up.shards()[0].is_ready(), "for d");
    let taking = opened(&one_up);
    assert_follows(&one_up, &taking);
    let at = |topology: &Topology, name: &str| {
        let slots = topology.shards()[0].slots();
        let found = slots.iter().find(|slot| slot.target().node == id(name));
        found.cloned()
    };
    assert!(at(&taking, "d").is_some_and(|slot| slot.is_handover()));
    assert_eq!(at(&taking, "e"), None, "it has not come up");
    assert!(!taking.shards()[0].is_ready(), "nobody seals for e");
    let copied = taking.copied(&id("d"), folder(&id("d")), &[0]);
    let settled = opened(&copied.expect("d has it"));
    assert_follows(&taking, &settled);
    assert_eq!(at(&settled, "d"), Some(super::support::settled("d")));
    assert_eq!(settled.in_change().count(), 1, "e may still come");
    assert_eq!(settled.abort_all().in_change().count(), 0);
    let all = finished(settled);
    assert_eq!(
        sorted(all.shards()[0].slots()),
        [&id("a"), &id("d"), &id("e")]
    );
    assert_eq!(all.nodes().len(), 3);
}

#[test]
fn a_lost_folder_is_filled_though_a_newcomer_never_comes_up() {
    let begun = three(1).replace(&ids(&["c"]), alone(&["d"]), false);
    let begun = begun.expect("new");
    let lost = begun.rebind(&id("b"), Incarnation(1)).expect("b");
    assert!(lost.shards()[0].is_ready(), "for b");
    let taking = opened(&lost);
    let filled = opened(&taking.copied(&id("b"), Incarnation(1), &[0]).expect("b"));
    let renewed = Slot::Settled(Member {
        node: id("b"),
        incarnation: Some(Incarnation(1)),
    });
    assert!(filled.shards()[0].slots().contains(&renewed));
}

#[test]
fn who_sealed_for_a_newcomer_does_not_wait_for_another() {
    let begun = three(1).replace(&ids(&["c"]), alone(&["d"]), false);
    let ready = up(&begun.expect("new"), "d");
    let seals = all_seal(&ready, 0);
    let other = ready.replace(&ids(&["d"]), alone(&["e"]), false);
    let other = other.expect("another");
    assert_follows(&ready, &other);
    assert!(other.shards()[0].is_ready(), "members may have sealed");
    let opened = other.open(&[seals]).expect("sealed");
    assert_follows(&other, &opened);
    assert_eq!(opened.shards()[0].slots(), ready.shards()[0].slots());
    assert!(!opened.shards()[0].is_ready(), "nobody seals for e");
    assert_eq!(
        sorted(finished(opened).shards()[0].slots()),
        [&id("a"), &id("b"), &id("e")]
    );
}

#[test]
fn a_first_node_that_never_comes_up_is_replaced_at_once() {
    let first = Topology::init(alone(&["a", "b", "c"]), 4, 3).expect("groups");
    let up = ["a", "b"].iter().fold(first, |topology, name| {
        topology
            .bind(&id(name), folder(&id(name)))
            .expect("one of it")
    });
    let replaced = up.replace(&ids(&["c"]), alone(&["d"]), false).expect("new");
    assert_follows(&up, &replaced);
    assert_eq!(replaced.in_change().count(), 0);
    assert!(!replaced.nodes().contains_key(&id("c")));
    let four = Topology::init(alone(&["a", "b", "c", "d"]), 4, 3).expect("groups");
    let removed = four.remove(&ids(&["c"])).expect("three are left");
    assert_follows(&four, &removed);
    assert_eq!(removed.loads()[&id("d")], 4);
    finished(removed);
}

#[test]
fn a_node_that_lost_its_data_copies_from_the_others() {
    let before = three(1);
    let lost = before.rebind(&id("b"), Incarnation(1)).expect("b");
    assert_follows(&before, &lost);
    let renewed = Member {
        node: id("b"),
        incarnation: Some(Incarnation(1)),
    };
    let expected = Slot::Handover {
        from: member("b"),
        to: renewed.clone(),
    };
    assert!(lost.shards()[0].planned().contains(&expected));
    let epoch = lost.shards()[0].epoch();
    let mut seals = Seals::new(0, epoch);
    seals.sealed(renewed.clone());
    seals.sealed(member("a"));
    assert!(
        lost.open(&[seals.clone()]).is_err(),
        "b sealed nothing of its old folder"
    );
    seals.sealed(member("c"));
    let taking = lost.open(&[seals]).expect("both others");
    let late = taking.copied(&id("b"), folder(&id("b")), &[0]);
    assert!(matches!(late, Err(TopologyError::OtherIncarnation { .. })));
    let done = finished(taking.copied(&id("b"), Incarnation(1), &[0]).expect("b"));
    assert!(done.shards()[0].slots().contains(&Slot::Settled(renewed)));
    assert_eq!(done.abort_all(), done);
}

#[test]
fn a_folder_that_is_found_again_is_taken_back() {
    let before = three(1);
    let lost = before.rebind(&id("b"), Incarnation(1)).expect("b");
    let found = lost.rebind(&id("b"), folder(&id("b"))).expect("b");
    assert_eq!(found.shards()[0].planned(), before.shards()[0].slots());
    assert!(found.shards()[0].is_ready(), "who sealed waits for it");
    let found = finished(opened(&lost).rebind(&id("b"), folder(&id("b"))).expect("b"));
    assert_eq!(found.shards()[0].slots(), before.shards()[0].slots());
}

#[test]
fn a_newcomer_that_loses_its_data_copies_once_more() {
    let added = three(1)
        .replace(&ids(&["c"]), alone(&["d"]), false)
        .expect("new");
    let copied = all_copied(&opened(&all_up(added)));
    let lost = copied.rebind(&id("d"), Incarnation(1)).expect("d");
    assert_follows(&copied, &lost);
    let renewed = Member {
        node: id("d"),
        incarnation: Some(Incarnation(1)),
    };
    let expected = Slot::Handover {
        from: member("c"),
        to: renewed,
    };
    assert!(
        lost.shards()[0].planned().contains(&expected),
        "not settled: c has it"
    );
    finished(lost);
}

#[test]
fn who_hands_over_and_loses_its_data_is_handed_over_still() {
    let added = three(1)
        .replace(&ids(&["c"]), alone(&["d"]), false)
        .expect("new");
    let taking = opened(&all_up(added));
    let lost = taking.rebind(&id("c"), Incarnation(1)).expect("c");
    assert_eq!(lost.shards(), taking.shards());
    let aborted = lost.abort_all();
    assert_follows(&lost, &aborted);
    let renewed = Member {
        node: id("c"),
        incarnation: Some(Incarnation(1)),
    };
    let expected = Slot::Handover {
        from: member("c"),
        to: renewed,
    };
    assert!(
        aborted.shards()[0].planned().contains(&expected),
        "c copies what it lost"
    );
    assert_eq!(
        sorted(finished(aborted).shards()[0].slots()),
        [&id("a"), &id("b"), &id("c")]
    );
    assert!(!finished(lost).nodes().contains_key(&id("c")));
}

#[test]
fn who_never_came_up_and_who_is_not_there_copied_nothing() {
    let added = three(2).add(alone(&["d"]), false).expect("new");
    let copied = added
        .copied(&id("d"), Incarnation(1), &[0])
        .expect_err("not up");
    assert_eq!(copied, TopologyError::NotBound(id("d")));
    let up = all_up(added);
    let early = up
        .copied(&id("d"), folder(&id("d")), &[0])
        .expect_err("not opened");
    assert_eq!(
        early,
        TopologyError::NotHandedOver {
            shard: 0,
            node: id("d")
        }
    );
    assert!(up.copied(&id("x"), Incarnation(1), &[0]).is_err());
    let nowhere = up
        .copied(&id("d"), folder(&id("d")), &[7])
        .expect_err("no shard");
    assert_eq!(
        nowhere.to_string(),
        "shard 7 is not there: there are 2, from 0 on"
    );
}
