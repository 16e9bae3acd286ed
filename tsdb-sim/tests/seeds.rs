//! Whole clusters from seeds: no promise is broken.

use tsdb_sim::{Faults, ScenarioOptions, play};

/// How many seeds a run plays unless `TSDB_SIM_SEEDS` says otherwise.
const SEEDS: u64 = 20;

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

#[test]
fn nothing_breaks_and_nothing_fails() {
    let options = ScenarioOptions {
        faults: Faults::NONE,
        ..ScenarioOptions::default()
    };
    let outcome = play(1, options);
    assert_eq!(outcome.violation, None, "{outcome:#?}");
    assert_eq!(outcome.requests.1, 0, "{outcome:#?}");
    assert!(
        outcome.acked > 1000 && outcome.checked > 10_000,
        "{outcome:#?}"
    );
    assert_eq!(play(1, options), outcome, "a seed decides everything");
}

#[test]
fn no_promise_is_broken_whatever_breaks() {
    run(ScenarioOptions::default(), 1, SEEDS);
}
