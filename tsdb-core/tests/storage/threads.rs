//! Real threads: appenders, one that maintains, one that commits, readers. Bounded by counts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tsdb_core::clock::ManualClock;
use tsdb_core::model::ProtocolRules;
use tsdb_core::vfs::{MemVfs, OsVfs};
use tsdb_core::{Db, Matcher, Sample, TimeRange, Vfs, WriteBatch};

use crate::support::{START, Universe, small_options};

const APPENDERS: usize = 4;
const BATCHES: u64 = 400;
const SAMPLES: u64 = 8;

/// The value of a sample follows from its place, so that a reader knows a wrong one.
fn right(rank: usize, timestamp: i64) -> u64 {
    let place = (rank as u64 + 1) << 48 ^ timestamp.unsigned_abs();
    place.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 2
}

/// Each appender has series of its own and one that all share.
fn append_all(db: &Db, universe: &Universe, appender: usize, unacked: &Arc<AtomicU64>) {
    let namespace = db.default_namespace();
    let own = 1 + appender * 3;
    for batch_number in 0..BATCHES {
        let mut batch = WriteBatch::new();
        for sample in 0..SAMPLES {
            let step = (batch_number * SAMPLES + sample).cast_signed();
            let rank = [0, own, own + 1, own + 2][sample as usize % 4];
            // Every third batch comes late.
            let late = if batch_number % 3 == 2 { 200_000 } else { 0 };
            let timestamp = START + step * 1000 - late;
            let value = f64::from_bits(right(rank, timestamp));
            batch.push(&universe.series[rank], Sample::new(timestamp, value));
        }
        let appended = namespace.append(&batch).unwrap();
        assert_eq!(appended.report.appended, SAMPLES);
        if batch_number % 2 == 0 {
            appended.ticket.wait().unwrap();
        } else {
            unacked.fetch_add(1, Ordering::AcqRel);
            let unacked = Arc::clone(unacked);
            appended.ticket.on_commit(move |done| {
                done.unwrap();
                unacked.fetch_sub(1, Ordering::AcqRel);
            });
        }
    }
}

fn written(appender: usize) -> BTreeMap<(usize, i64), u64> {
    let own = 1 + appender * 3;
    let mut all = BTreeMap::new();
    for step in 0..BATCHES * SAMPLES {
        let (batch_number, sample) = (step / SAMPLES, step % SAMPLES);
        let rank = [0, own, own + 1, own + 2][sample as usize % 4];
        let late = if batch_number % 3 == 2 { 200_000 } else { 0 };
        let timestamp = START + step.cast_signed() * 1000 - late;
        all.insert((rank, timestamp), right(rank, timestamp));
    }
    all
}

/// Reads what is there and checks each value; answers how many samples there were.
fn read(db: &Db, universe: &Universe, matchers: &[Matcher]) -> BTreeMap<(usize, i64), u64> {
    let mut all = BTreeMap::new();
    let namespace = db.default_namespace();
    for series in namespace.select(TimeRange::ALL, matchers).unwrap() {
        let series = series.unwrap();
        let rank = universe.rank(series.labels()).unwrap();
        assert!(series.timestamps().windows(2).all(|pair| pair[0] < pair[1]));
        for sample in series.samples() {
            assert_eq!(sample.bits(), right(rank, sample.timestamp));
            all.insert((rank, sample.timestamp), sample.bits());
        }
    }
    all
}

/// Reads again and again until the writers are done; a sample once seen stays.
fn read_on(db: &Db, universe: &Universe, done: &AtomicBool) {
    let matchers = [Matcher::regex("__name__", "up|cpu.*").unwrap()];
    let mut seen = 0;
    while !done.load(Ordering::Acquire) {
        let found = read(db, universe, &matchers).len();
        assert!(found >= seen, "{found} samples after {seen}");
        seen = found;
    }
}

fn maintain_on(db: &Db, clock: &ManualClock, done: &AtomicBool) {
    while !done.load(Ordering::Acquire) {
        db.maintain().unwrap();
        clock.advance(1_000);
        std::thread::yield_now();
    }
}

fn commit_on(db: &Db, done: &AtomicBool) {
    while !done.load(Ordering::Acquire) {
        if db.wait_for_work(Duration::from_millis(5)) {
            db.commit().unwrap();
        }
    }
}

fn play(vfs: Arc<dyn Vfs>) {
    let universe = Universe::new(6);
    let clock = Arc::new(ManualClock::new(START));
    let mut options = small_options(ProtocolRules::default());
    options.log_cap_bytes = 64 << 10;
    let db = Db::open_with(Arc::clone(&vfs), clock.clone(), options.clone()).unwrap();
    let (done, unacked) = (AtomicBool::new(false), Arc::new(AtomicU64::new(0)));
    std::thread::scope(|threads| {
        let appenders: Vec<_> = (0..APPENDERS)
            .map(|number| {
                let (db, universe, unacked) = (&db, &universe, &unacked);
                threads.spawn(move || append_all(db, universe, number, unacked))
            })
            .collect();
        threads.spawn(|| read_on(&db, &universe, &done));
        threads.spawn(|| maintain_on(&db, &clock, &done));
        threads.spawn(|| commit_on(&db, &done));
        let ended: Vec<_> = appenders.into_iter().map(|one| one.join()).collect();
        db.commit().unwrap();
        done.store(true, Ordering::Release);
        assert!(ended.iter().all(Result::is_ok), "an appender failed");
    });
    db.commit().unwrap();
    assert_eq!(unacked.load(Ordering::Acquire), 0, "callbacks never came");
    let mut all = BTreeMap::new();
    (0..APPENDERS).for_each(|number| all.extend(written(number)));
    assert!(
        read(&db, &universe, &[]) == all,
        "read back before reopening"
    );
    assert!(db.stats().flushes > 0, "{:?}", db.stats());
    drop(db);
    let db = Db::open_with(vfs, clock, options).unwrap();
    assert!(
        read(&db, &universe, &[]) == all,
        "read back after reopening"
    );
    assert_eq!(db.verify().unwrap().problems, []);
}

#[test]
fn threads_over_memory() {
    play(Arc::new(MemVfs::new()));
}

#[test]
fn threads_over_files() {
    let folder = tempfile::tempdir().unwrap();
    play(Arc::new(OsVfs::new(folder.path())));
}
