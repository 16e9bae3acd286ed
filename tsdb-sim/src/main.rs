//! `tsdb-sim [--seeds N] [--from SEED]`: plays clusters, and names the seeds that break a promise.

use std::process::ExitCode;

use tsdb_sim::{ScenarioOptions, play};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, otherwise: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        let value = at.and_then(|at| arguments.get(at + 1));
        value
            .and_then(|value| value.parse().ok())
            .unwrap_or(otherwise)
    };
    let (seeds, from) = (number("--seeds", 200), number("--from", 1));
    let (mut passed, mut failed, mut acked, mut checked) = (0, 0, 0, 0);
    let mut requests = (0, 0);
    for seed in from..from + seeds {
        let outcome = play(seed, ScenarioOptions::default());
        acked += outcome.acked;
        checked += outcome.checked;
        requests = (
            requests.0 + outcome.requests.0,
            requests.1 + outcome.requests.1,
        );
        match outcome.violation {
            None => passed += 1,
            Some(violation) => {
                failed += 1;
                println!("seed {seed}: {}", violation.what);
                if seeds == 1 {
                    outcome
                        .events
                        .iter()
                        .for_each(|event| println!("  {event}"));
                }
            }
        }
    }
    println!(
        "{acked} samples acknowledged, {checked} checked, {} requests, {} more failed",
        requests.0, requests.1
    );
    println!("{passed} passed, {failed} failed");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
