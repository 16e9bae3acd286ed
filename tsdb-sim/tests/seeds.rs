//! Whole clusters from seeds: no promise is broken.
#![cfg(test)]

use std::time::Duration;

use tsdb_sim::{Fault, Repairs, ScenarioOptions, play};

fn run(options: ScenarioOptions, from: u64, seeds: u64) {
    let mut failed = Vec::new();
    for seed in from..from + seeds {
        let outcome = play(seed, options);
        assert!(outcome.acked > 0, "seed {seed} wrote nothing: {outcome:#?}");
        if outcome.violation.is_some() {
            println!("seed {seed}: {outcome:#?}");
            failed.push(seed);
        }
    }
    assert_eq!(failed, [] as [u64; 0], "these seeds break a promise");
}

/// Nothing is refused whatever of this breaks.
fn nothing_fails(faults: &'static [Fault], seeds: u64) {
    let options = ScenarioOptions {
        faults,
        pace: Duration::from_millis(800),
        ..ScenarioOptions::default()
    };
    for seed in 1..=seeds {
        let outcome = play(seed, options);
        assert_eq!(outcome.violation, None, "seed {seed}: {outcome:#?}");
        assert_eq!(outcome.requests.1, 0, "seed {seed}: {outcome:#?}");
        assert!(outcome.acked > 1000 && outcome.checked > 10_000);
    }
}

#[test]
fn nothing_breaks_and_nothing_fails() {
    nothing_fails(&[], 2);
}

#[test]
fn a_seed_decides_everything() {
    let options = ScenarioOptions::default();
    assert_eq!(play(1, options), play(1, options));
    assert_ne!(play(1, options).trace, play(2, options).trace);
}

#[test]
fn without_metadata_nothing_but_deletes_fails() {
    nothing_fails(&[Fault::Metadata, Fault::Stale], 8);
}

#[test]
fn whatever_clocks_show_nothing_fails() {
    nothing_fails(&[Fault::Clock], 8);
}

/// A disk that is new knows no time but that of its clock, which may be far behind: what is copied to
/// it is stored nevertheless.
#[test]
fn a_new_disk_is_filled_whatever_its_clock_shows() {
    let options = ScenarioOptions {
        faults: &[Fault::Clock, Fault::Clock, Fault::Disk],
        pace: Duration::from_millis(800),
        ..ScenarioOptions::default()
    };
    run(options, 1, 12);
}

#[test]
fn without_repair_replicas_stay_different() {
    let with = ScenarioOptions {
        faults: &[Fault::Loss, Fault::Crash],
        ..ScenarioOptions::default()
    };
    let without = ScenarioOptions {
        repairs: Repairs::None,
        ..with
    };
    run(with, 1, 3);
    for seed in 1..=3 {
        let what = play(seed, without)
            .violation
            .map(|violation| violation.what);
        let is_different = |what: &String| what.contains("replicas still differ");
        assert!(
            what.as_ref().is_some_and(is_different),
            "seed {seed}: {what:?}"
        );
    }
}

#[test]
fn no_promise_is_broken_whatever_breaks() {
    run(ScenarioOptions::default(), 1, 100);
}

#[test]
fn no_promise_is_broken_by_others_either() {
    run(ScenarioOptions::default(), 101, 100);
}
