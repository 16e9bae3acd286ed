//! An outage at every operation of letting series leave and of rewriting series files; and the rules
//! that keep it harmless, taken away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tsdb_core::clock::ManualClock;
use tsdb_core::model::ProtocolRules;
use tsdb_core::vfs::{FaultVfs, Outage, SimulatedCrash, Verdict};
use tsdb_core::{Db, Error, Labels, MaintenanceStep, Sample, WriteBatch};

use crate::support::{START, Universe, chain, open_at, read_all, small_options};

const NAMES: [&str; 1] = ["default"];

fn write(db: &Db, series: &[Labels], timestamp: i64) -> Result<(), Error> {
    let mut batch = WriteBatch::new();
    for (at, labels) in series.iter().enumerate() {
        batch.push(labels, Sample::new(timestamp, at as f64));
    }
    db.default_namespace().write(&batch).map(|_| ())
}

/// Upkeep until there is none; how many steps let series leave.
fn settle(db: &Db, clock: &ManualClock) -> Result<usize, Error> {
    let mut forgotten = 0;
    loop {
        match db.maintain()?.step {
            MaintenanceStep::Idle => return Ok(forgotten),
            MaintenanceStep::Forget => forgotten += 1,
            _ => {}
        }
        clock.advance(1);
    }
}

/// All series are in a block, some in a run as well, others in the log; then the rest leaves, which
/// has the highest ids, until the operation `crash_at`. Some come back, in another order.
fn live(vfs: &FaultVfs, rules: ProtocolRules, crash_at: u64) -> Result<(), Error> {
    let universe = Universe::new(6);
    let clock = Arc::new(ManualClock::new(START));
    let db = Db::open_with(Arc::new(vfs.clone()), clock.clone(), small_options(rules))?;
    write(&db, &universe.series, START)?;
    db.compact()?;
    write(&db, &universe.series[..6], START + 1)?;
    db.flush()?;
    write(&db, &universe.series[3..8], START + 2)?;
    let left = AtomicU64::new(crash_at);
    vfs.on_operation(move |_, _| match left.fetch_sub(1, Ordering::Relaxed) {
        1 => Verdict::Crash,
        _ => Verdict::Proceed,
    });
    settle(&db, &clock)?;
    vfs.clear_hook();
    write(&db, &universe.series[12..15], START + 3)?;
    write(&db, &universe.series[9..10], START + 3)?;
    Ok(())
}

/// Plays an outage at each operation in turn, until there are no more of them.
fn play(rules: ProtocolRules) -> Result<u64, String> {
    let universe = Universe::new(6);
    for crash_at in 1.. {
        let vfs = FaultVfs::new(crash_at);
        let whole = match live(&vfs, rules, crash_at) {
            Ok(()) => true,
            Err(error) if SimulatedCrash::caused(&error) => false,
            Err(error) => return Err(format!("operation {crash_at}: {}", chain(&error))),
        };
        for seed in [None, Some(crash_at), Some(crash_at + 1_000)] {
            let outage = seed.map_or(Outage::Kill, |seed| Outage::PowerCut { seed });
            let image = vfs.image(outage);
            check(&image, rules, &universe, whole)
                .map_err(|what| format!("operation {crash_at}, {outage:?}: {what}"))?;
        }
        vfs.crash();
        if whole {
            return Ok(crash_at);
        }
    }
    unreachable!("there is an end")
}

/// All that was acked is there, now, after another forgetting and after another start.
fn check(
    vfs: &FaultVfs,
    rules: ProtocolRules,
    universe: &Universe,
    whole: bool,
) -> Result<(), String> {
    let mut expected = Vec::new();
    let mut note = |ranks: std::ops::Range<usize>, timestamp: i64| {
        for (at, rank) in ranks.enumerate() {
            expected.push(((0, rank, timestamp), (at as f64).to_bits()));
        }
    };
    note(0..universe.series.len(), START);
    note(0..6, START + 1);
    note(3..8, START + 2);
    if whole {
        note(12..15, START + 3);
        note(9..10, START + 3);
    }
    expected.sort_unstable();
    for life in 0..2 {
        let clock = ManualClock::new(START + 10);
        let db = open_at(vfs, START + 10, rules).map_err(|error| chain(&error))?;
        for settled in [false, true] {
            let found = read_all(&db, &NAMES, universe)?;
            if found != expected {
                return Err(format!(
                    "life {life}, {settled}: {found:x?}, not {expected:x?}"
                ));
            }
            if !settled {
                settle(&db, &clock).map_err(|error| chain(&error))?;
            }
        }
        let report = db.verify().map_err(|error| chain(&error))?;
        if !report.problems.is_empty() {
            return Err(format!("{report:?}"));
        }
    }
    Ok(())
}

#[test]
fn an_outage_at_any_operation_of_forgetting_loses_nothing() {
    let operations = play(ProtocolRules::default()).unwrap();
    println!("{operations} operations");
    assert!(operations > 30, "{operations} operations");
}

#[test]
fn each_rule_of_forgetting_is_needed() {
    let with = |change: fn(&mut ProtocolRules)| {
        let mut rules = ProtocolRules::default();
        change(&mut rules);
        play(rules)
    };
    let violations = [
        with(|rules| rules.forgetting_spares_runs = false),
        with(|rules| rules.forgetting_spares_buffers = false),
        with(|rules| rules.ids_are_never_reused = false),
        with(|rules| rules.series_file_listed_before_sealed_go = false),
    ];
    for (number, violation) in violations.into_iter().enumerate() {
        let what = violation.expect_err("nobody misses this rule");
        println!("rule {number}: {what}");
    }
}
