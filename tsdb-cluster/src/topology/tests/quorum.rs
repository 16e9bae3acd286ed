use proptest::prelude::*;

use super::support::{handover, id, member, settled};
use crate::Incarnation;
use crate::topology::{
    Member, ReadDecision, ReadLevel, ReadVotes, Seals, Slot, WriteDecision, WriteLevel, WriteVotes,
    majority, seals_needed,
};

const WRITES: [WriteLevel; 3] = [WriteLevel::One, WriteLevel::Majority, WriteLevel::All];
const READS: [ReadLevel; 4] = [
    ReadLevel::One,
    ReadLevel::UnstrictMajority,
    ReadLevel::Majority,
    ReadLevel::All,
];

#[test]
fn seals_are_the_fewest_that_meet_every_majority() {
    for replicas in 1..=9 {
        let (majority, seals) = (majority(replicas), seals_needed(replicas));
        assert!(2 * majority > replicas && 2 * (majority - 1) <= replicas);
        assert!(seals + majority > replicas && seals - 1 + majority <= replicas);
    }
    assert_eq!((2..=5).map(seals_needed).collect::<Vec<_>>(), [1, 2, 2, 3]);
}

#[test]
fn levels_have_the_names_of_m3_and_no_others() {
    for level in WRITES {
        assert_eq!(level.to_string().parse(), Ok(level));
    }
    for level in READS {
        assert_eq!(level.to_string().parse(), Ok(level));
    }
    let error = "quorum".parse::<ReadLevel>().expect_err("no level");
    assert_eq!(
        error.to_string(),
        "\"quorum\" is no consistency level of reads: \
         use one of one, unstrict_majority, majority, all"
    );
    assert!("unstrict_majority".parse::<WriteLevel>().is_err());
    assert_eq!(WriteLevel::default(), WriteLevel::Majority);
    assert_eq!(ReadLevel::default(), ReadLevel::UnstrictMajority);
}

fn fresh(name: &str) -> Slot {
    let (node, incarnation) = (id(name), None);
    Slot::Settled(Member { node, incarnation })
}

fn renewed(name: &str) -> Slot {
    let (node, incarnation) = (id(name), Some(Incarnation(1)));
    let to = Member { node, incarnation };
    Slot::Handover {
        from: member(name),
        to,
    }
}

/// Slots of all kinds: fresh, settled, handed over, and copying anew.
fn slots(kinds: &[u8]) -> Vec<Slot> {
    let slot = |(index, kind): (usize, &u8)| {
        let (from, to) = (format!("a{index}"), format!("b{index}"));
        match kind % 4 {
            0 => fresh(&from),
            1 => settled(&from),
            2 => handover(&from, &to),
            _ => renewed(&from),
        }
    };
    kinds.iter().enumerate().map(slot).collect()
}

/// What was heard of a member.
#[derive(Clone, Copy, PartialEq)]
enum Heard {
    Nothing,
    Yes,
    No,
}

/// What is known of all members after some events, told from the events alone.
fn heard(members: &[Member], events: &[(usize, u8)]) -> Vec<Heard> {
    let mut heard = vec![Heard::Nothing; members.len()];
    for &(at, kind) in events {
        let who = &members[at % members.len()];
        for (member, known) in members.iter().zip(&mut heard) {
            if member.node != who.node || *known == Heard::Yes {
                continue;
            }
            let is_it = member.incarnation == who.incarnation && who.incarnation.is_some();
            match (kind % 2, who.incarnation) {
                (0, Some(_)) if is_it => *known = Heard::Yes,
                (0, None) => {}
                _ => *known = Heard::No,
            }
        }
    }
    heard
}

/// All ways in which those that nothing was heard of may still answer.
fn endings(heard: &[Heard]) -> Vec<Vec<Heard>> {
    let mut endings = vec![Vec::new()];
    for known in heard {
        let choices: &[Heard] = match known {
            Heard::Nothing => &[Heard::Yes, Heard::No],
            Heard::Yes => &[Heard::Yes],
            Heard::No => &[Heard::No],
        };
        let longer = |ending: Vec<Heard>| {
            let with = move |choice: &Heard| [ending.as_slice(), &[*choice]].concat();
            choices.iter().map(with).collect::<Vec<_>>()
        };
        endings = endings.into_iter().flat_map(longer).collect();
    }
    endings
}

/// The slots whose members in `at` all said yes; fresh ones never do.
fn slots_with(slots: &[Slot], members: &[Member], heard: &[Heard], all: bool) -> usize {
    let says = |member: &Member| {
        let at = members.iter().position(|other| other == member);
        member.incarnation.is_some() && at.is_some_and(|at| heard[at] == Heard::Yes)
    };
    let has = |slot: &&Slot| match all {
        true => slot.members().all(says),
        false => says(slot.answering()),
    };
    slots.iter().filter(has).count()
}

proptest! {
    #[test]
    fn write_votes_are_as_the_definition_says(
        kinds in prop::collection::vec(any::<u8>(), 1..=5),
        events in prop::collection::vec((any::<usize>(), any::<u8>()), 0..12),
        level in 0..3_usize,
    ) {
        let (slots, level) = (slots(&kinds), WRITES[level]);
        let members: Vec<Member> = slots.iter().flat_map(Slot::members).cloned().collect();
        let mut votes = WriteVotes::new(&slots, level);
        for (number, &(at, kind)) in events.iter().enumerate() {
            let who = &members[at % members.len()];
            match (kind % 2, who.incarnation) {
                (0, Some(incarnation)) => votes.acked(&who.node, incarnation),
                (0, None) => votes.acked(&who.node, Incarnation(9)),
                _ => votes.failed(&who.node),
            }
            let known = heard(&members, &events[..=number]);
            let needed = level.needed(slots.len());
            let reached = |heard: &[Heard]| slots_with(&slots, &members, heard, true) >= needed;
            let now = slots_with(&slots, &members, &known, true);
            prop_assert_eq!(votes.successes(), now);
            let expected = match (now >= needed, endings(&known).iter().any(|end| reached(end))) {
                (true, _) => WriteDecision::Reached,
                (false, true) => WriteDecision::Undecided,
                (false, false) => WriteDecision::Impossible,
            };
            prop_assert_eq!(votes.decision(), expected);
        }
    }

    #[test]
    fn read_votes_are_as_the_definition_says(
        kinds in prop::collection::vec(any::<u8>(), 1..=5),
        events in prop::collection::vec((any::<usize>(), any::<u8>()), 0..12),
        level in 0..4_usize,
    ) {
        let (slots, level) = (slots(&kinds), READS[level]);
        let came_up = slots.iter().filter(|slot| !slot.is_fresh());
        let members: Vec<Member> = came_up.map(|slot| slot.answering().clone()).collect();
        let mut votes = ReadVotes::new(&slots, level, |_| 0);
        prop_assert_eq!(votes.first().count() + votes.spares().count(), members.len());
        for (number, &(at, kind)) in events.iter().enumerate() {
            if members.is_empty() {
                prop_assert_eq!(votes.decision(), ReadDecision::Impossible);
                break;
            }
            let who = &members[at % members.len()];
            match (kind % 2, who.incarnation) {
                (0, Some(incarnation)) => votes.answered(&who.node, incarnation),
                _ => votes.failed(&who.node),
            }
            let known = heard(&members, &events[..=number]);
            let needed = level.needed(slots.len());
            let count = |heard: &[Heard]| slots_with(&slots, &members, heard, false);
            let is_open = known.contains(&Heard::Nothing);
            let is_unstrict = level == ReadLevel::UnstrictMajority;
            let least = if is_unstrict { 1 } else { needed };
            let can_be = endings(&known).iter().any(|end| count(end) >= least);
            let expected = match count(&known) {
                now if now >= needed => ReadDecision::Reached,
                1.. if is_unstrict && !is_open => ReadDecision::ReachedBelowMajority,
                _ if can_be => ReadDecision::Undecided,
                _ => ReadDecision::Impossible,
            };
            prop_assert_eq!(votes.decision(), expected);
        }
    }
}

#[test]
fn a_handover_counts_when_both_have_it_and_answers_by_who_hands_over() {
    let slots = [settled("a"), settled("b"), handover("c", "d")];
    let incarnation = |name| member(name).incarnation.expect("came up");
    let mut votes = WriteVotes::new(&slots, WriteLevel::Majority);
    assert!(votes.nodes().eq(&[id("a"), id("b"), id("c"), id("d")]));
    votes.acked(&id("a"), incarnation("a"));
    votes.acked(&id("c"), incarnation("c"));
    assert_eq!(votes.decision(), WriteDecision::Undecided);
    votes.failed(&id("b"));
    assert_eq!(votes.decision(), WriteDecision::Undecided);
    votes.acked(&id("d"), incarnation("d"));
    assert_eq!(votes.decision(), WriteDecision::Reached);
    let reads = ReadVotes::new(&slots, ReadLevel::Majority, |node| *node != id("c"));
    assert!(reads.first().eq(&[id("c"), id("a")]));
    assert!(reads.spares().eq(&[id("b")]));
}

#[test]
fn a_node_that_lost_its_data_is_asked_once_and_does_not_count_where_it_was() {
    let slots = [settled("a"), renewed("b")];
    let mut votes = WriteVotes::new(&slots, WriteLevel::Majority);
    assert!(votes.nodes().eq(&[id("a"), id("b")]));
    votes.acked(&id("b"), Incarnation(1));
    assert_eq!(votes.decision(), WriteDecision::Impossible);
}

#[test]
fn seals_count_by_who_answers_and_fresh_slots_are_sealed() {
    let slots = [settled("a"), fresh("b"), handover("c", "d")];
    let mut seals = Seals::new(3, 7);
    assert_eq!((seals.shard(), seals.epoch()), (3, 7));
    assert_eq!(seals.count(&slots), 1);
    seals.sealed(member("d"));
    let other = Some(Incarnation(5));
    seals.sealed(Member {
        node: id("a"),
        incarnation: other,
    });
    assert!(!seals.enough(&slots), "neither of them answers here");
    seals.sealed(member("c"));
    assert!(seals.enough(&slots));
}
