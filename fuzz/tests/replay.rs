//! Replays every target without libFuzzer: kept inputs, then seeded mutations of them.

use std::path::Path;

use peak_alloc::PeakAlloc;
use tsdb_fuzz::{Harness, TARGETS, find};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Inputs for each target unless `TSDB_FUZZ_MUTATIONS` says otherwise.
const MUTATIONS: u32 = 40_000;

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{variable} is no number: {text}")),
        Err(_) => default,
    }
}

/// One test, not one a target: memory is counted for the whole process.
#[test]
fn no_target_but_the_canary_fails() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let harness = Harness {
        memory: &MEMORY,
        mutations: u32::try_from(number("TSDB_FUZZ_MUTATIONS", u64::from(MUTATIONS))).unwrap(),
        seed: number("TSDB_FUZZ_SEED", 1),
    };
    let only = std::env::var("TSDB_FUZZ_TARGET").ok();
    let mut failures = Vec::new();
    for target in TARGETS.iter().filter(|target| target.name != "canary") {
        if only.as_deref().is_some_and(|only| only != target.name) {
            continue;
        }
        match harness.play(target, folder) {
            Ok(played) => println!("{:<20} {played} inputs", target.name),
            Err(failure) => failures.push(failure.to_string()),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));

    let canary = Harness {
        mutations: 20_000,
        ..harness
    };
    let failure = canary.play(find("canary").unwrap(), folder).unwrap_err();
    assert_eq!(failure.message, "the canary was found");
    assert!(failure.input.starts_with(b"c"));

    let mut greedy = *find("canary").unwrap();
    greedy.run = |input| drop(std::hint::black_box(vec![0u8; (1 << 20) + input.len()]));
    let failure = canary.play(&greedy, folder).unwrap_err();
    assert!(
        failure.message.starts_with("took 1048"),
        "{}",
        failure.message
    );
}

#[test]
fn every_kept_input_belongs_to_a_target() {
    for kind in ["corpus", "regressions"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(kind);
        for entry in std::fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let folder = entry.file_type().unwrap().is_dir();
            assert!(
                !folder || find(&name).is_some(),
                "{kind}/{name} has no target"
            );
        }
    }
}
