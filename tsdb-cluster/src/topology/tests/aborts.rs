use super::support::{all_copied, all_up, alone, assert_follows, finished, id, ids, opened};
use crate::topology::Topology;

fn three(shards: u32) -> Topology {
    all_up(Topology::init(alone(&["a", "b", "c"]), shards, 3).expect("groups"))
}

#[test]
fn what_was_opened_is_undone_by_another_epoch() {
    let before = three(4);
    let taking = opened(&all_up(before.add(alone(&["d"]), false).expect("new")));
    let aborted = taking.abort_all();
    assert_follows(&taking, &aborted);
    assert!(aborted.nodes()[&id("d")].leaving);
    assert!(aborted.ready().eq(taking.in_change()), "to be opened");
    let late = aborted.copied(&id("d"), super::support::folder(&id("d")), &[0, 1, 2]);
    assert!(late.is_err(), "it is not to have them any more");
    let done = opened(&aborted);
    assert_eq!(done.nodes(), before.nodes());
    assert_eq!(done.loads(), before.loads());
    assert_eq!(done.in_change().count(), 0);
}

#[test]
fn what_has_finished_stays() {
    let taking = opened(&all_up(three(8).add(alone(&["d"]), false).expect("new")));
    let shards: Vec<_> = taking.in_change().collect();
    let (some, others) = shards.split_at(2);
    let folder = super::support::folder(&id("d"));
    let some_copied = taking.copied(&id("d"), folder, some).expect("handed over");
    let some_done = opened(&some_copied);
    let aborted = some_done.abort(others).expect("shards of it");
    let done = opened(&aborted);
    assert_eq!(done.in_change().count(), 0);
    assert_eq!(done.loads()[&id("d")], 2);
    assert!(!done.nodes()[&id("d")].leaving);
    let back = finished(done.remove(&ids(&["d"])).expect("the others have room"));
    assert_eq!(back.loads().into_values().collect::<Vec<_>>(), [8; 3]);
}

#[test]
fn who_was_to_leave_stays_with_what_it_has() {
    let four = all_up(Topology::init(alone(&["a", "b", "c", "d"]), 8, 3).expect("groups"));
    let leaving = four.remove(&ids(&["d"])).expect("three are left");
    assert!(leaving.nodes()[&id("d")].leaving);
    let aborted = opened(&opened(&leaving).abort_all());
    assert_eq!(aborted.nodes(), four.nodes());
    assert_eq!(aborted.loads(), four.loads());
    let copied = all_copied(&opened(&leaving));
    let undone = opened(&copied.abort_all());
    assert_eq!(undone.loads(), four.loads(), "copied, and not yet opened");
}

#[test]
fn some_shards_are_aborted_and_the_others_go_on() {
    let added = three(8).add(alone(&["d"]), false).expect("new");
    let shards: Vec<_> = added.in_change().collect();
    let aborted = added.abort(&shards[..2]).expect("shards of it");
    assert_eq!(aborted.in_change().count(), shards.len() - 2);
    assert_eq!(finished(aborted).loads()[&id("d")], 4);
    assert!(added.abort(&[8]).is_err());
    assert_eq!(three(8).abort(&[0]), Ok(three(8)), "nothing to undo");
}
