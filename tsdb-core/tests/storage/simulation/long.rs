//! One long run: seed after seed, with more lives, crashes at the syncs themselves, clean ends,
//! snapshots and a clock that jumps by years. `cargo xtask simulate` sets how long.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tsdb_core::model::ProtocolRules;

use super::Simulation;
use super::sync_sites::SyncSites;

/// How many operations a run has unless told otherwise, and from which seed on.
const OPERATIONS: u64 = 20_000;
const SEED: u64 = 1 << 32;
/// A run of so many operations must have seen every kind of sync, and crashes at each.
const WHOLE: u64 = 500_000;

fn number(variable: &str, default: u64) -> u64 {
    let text = std::env::var(variable);
    text.map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn a_long_run_breaks_no_promise() {
    let operations = number("TSDB_SIMULATE_OPERATIONS", OPERATIONS);
    let first = number("TSDB_SIMULATE_SEED", SEED);
    let (mut done, mut crashes, mut disk) = (0, 0, 0);
    let mut sites = SyncSites::default();
    let mut seed = first;
    while done < operations {
        let simulation = Simulation::long(seed, ProtocolRules::default());
        let world = simulation.world.clone();
        let outcome = catch_unwind(AssertUnwindSafe(|| simulation.run()));
        let outcome = outcome.unwrap_or_else(|_| Err("a panic".to_owned()));
        if let Err(what) = outcome {
            panic!(
                "seed {seed}: {what}; `cargo xtask simulate --operations 1 --seed {seed}` replays it"
            );
        }
        done += *world.steps.lock();
        crashes += *world.crashes.lock();
        disk += *world.disk_operations.lock();
        sites.add(&world.sites.lock());
        seed += 1;
        if (seed - first).is_multiple_of(200) {
            println!("seed {seed}: {done} of {operations} operations, {crashes} crashes");
        }
    }
    println!(
        "seeds {first}..{seed}: {done} operations, {disk} operations of the disk, {crashes} crashes"
    );
    for (site, (passed, crashed)) in &sites.of {
        println!("{passed:>9} passed {crashed:>6} crashed at: {site}");
    }
    if done >= WHOLE {
        assert!(crashes >= done / 1_000, "{crashes} crashes");
        sites.check().unwrap();
    }
}
