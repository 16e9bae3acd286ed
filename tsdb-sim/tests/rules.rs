//! Each rule that safety rests on, taken away, is seen to be missed by what users read; with it, the
//! same seeds break nothing.
#![cfg(test)]

use std::time::Duration;

use tsdb_cluster::{Rule, Rules};
use tsdb_sim::{Fault, Repairs, ScenarioOptions, play};

/// Much changes, and whoever has not heard of it goes on.
const CHANGES: &[Fault] = &[
    Fault::Change,
    Fault::Change,
    Fault::Stale,
    Fault::Stale,
    Fault::Stale,
    Fault::Cut,
    Fault::Slow,
    Fault::Loss,
];
const CRASHES: &[Fault] = &[Fault::Power, Fault::Slow, Fault::Loss];
const DISKS: &[Fault] = &[Fault::Disk, Fault::Loss, Fault::Loss];
const LOSSES: &[Fault] = &[Fault::Loss, Fault::Cut, Fault::Crash];
const LATE: &[Fault] = &[Fault::Loss, Fault::Loss, Fault::Crash, Fault::Slow];
const HANDOVERS: &[Fault] = &[Fault::Handover];

/// What breaks something fast where a rule is missing.
fn scenario(rule: Rule) -> ScenarioOptions {
    let (faults, deletes) = match rule {
        Rule::Seal | Rule::Epoch => (CHANGES, None),
        Rule::Incarnation => (DISKS, None),
        Rule::Quorum => (LOSSES, None),
        Rule::Sync => (CRASHES, None),
        Rule::Leave => (HANDOVERS, None),
        Rule::Deletes => (LATE, Some(Duration::from_millis(500))),
    };
    ScenarioOptions {
        pace: Duration::from_millis(800),
        trouble: Duration::from_secs(30),
        faults,
        writers: 12,
        deletes,
        repairs: Repairs::None,
        inspect: false,
        ..ScenarioOptions::default()
    }
}

/// The first seed that breaks a promise where a rule is missing; none does where it holds.
fn is_missed(rule: Rule, seeds: u64) {
    let with = scenario(rule);
    let without = ScenarioOptions {
        rules: Rules::without(rule),
        ..with
    };
    for seed in 1..=seeds {
        let outcome = play(seed, with);
        assert_eq!(outcome.violation, None, "seed {seed} with {rule:?}");
        if let Some(violation) = play(seed, without).violation {
            println!("{rule:?}: seed {seed}: {}", violation.what);
            let is_of_sample = violation.sample.is_some();
            assert!(is_of_sample, "a sample is lost or back, not {violation:?}");
            return;
        }
    }
    panic!("nobody misses {rule:?} in {seeds} seeds");
}

#[test]
fn a_new_epoch_waits_for_seals() {
    is_missed(Rule::Seal, 100);
}

#[test]
fn a_node_takes_writes_of_its_epoch_only() {
    is_missed(Rule::Epoch, 50);
}

#[test]
fn another_data_folder_is_another_replica() {
    is_missed(Rule::Incarnation, 50);
}

#[test]
fn a_write_has_the_votes_of_its_level() {
    is_missed(Rule::Quorum, 50);
}

#[test]
fn a_node_answers_a_write_that_is_durable() {
    is_missed(Rule::Sync, 50);
}

#[test]
fn a_new_epoch_waits_for_the_writes_before() {
    is_missed(Rule::Leave, 50);
}

#[test]
fn deletes_and_writes_have_one_order() {
    is_missed(Rule::Deletes, 50);
}
