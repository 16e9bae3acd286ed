//! Deletes as a user meets them: what is hidden, where, until when, and what is refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use tsdb_core::clock::ManualClock;
use tsdb_core::model::ProtocolRules;
use tsdb_core::vfs::MemVfs;
use tsdb_core::{Db, ErrorKind, Labels, Matcher, Sample, TimeRange, WriteBatch};

use crate::support::{START, small_options};

const STEP_MS: i64 = 15_000;
const SAMPLES: i64 = 200;

fn open(vfs: &Arc<MemVfs>) -> Db {
    let mut options = small_options(ProtocolRules::default());
    options.log_cap_bytes = 1 << 20;
    options.tombstones_max = 3;
    let clock = Arc::new(ManualClock::new(START + 400 * 24 * 3_600_000));
    Db::open_with(vfs.clone(), clock, options).unwrap()
}

fn labels(host: &str) -> Labels {
    Labels::from_pairs([("__name__", "up"), ("host", host)]).unwrap()
}

fn time(step: i64) -> i64 {
    START + step * STEP_MS
}

fn steps(from: i64, to: i64) -> TimeRange {
    TimeRange::inclusive(time(from), time(to)).unwrap()
}

fn write(db: &Db, host: &str, from: i64, to: i64, value: f64) {
    let mut batch = WriteBatch::new();
    let labels = labels(host);
    for step in from..to {
        batch.push(&labels, Sample::new(time(step), value));
    }
    let report = db.default_namespace().write(&batch).unwrap();
    assert!(report.rejected.is_empty());
}

fn host(name: &str) -> [Matcher; 1] {
    [Matcher::equal("host", name)]
}

/// Steps by host, by decoded samples and by chunks, which must agree inside the range.
fn read(db: &Db, range: TimeRange) -> BTreeMap<String, Vec<i64>> {
    let mut found = BTreeMap::new();
    for series in db.default_namespace().select(range, &[]).unwrap() {
        let series = series.unwrap();
        let times = series.timestamps().iter().map(|t| (t - START) / STEP_MS);
        let host = series.labels().get("host").unwrap().to_owned();
        found.insert(host, times.collect::<Vec<_>>());
    }
    let mut set = db.default_namespace().select(range, &[]).unwrap();
    let mut chunks = BTreeMap::new();
    while let Some(series) = set.next_chunks().unwrap() {
        let mut times = Vec::new();
        for chunk in &series.chunks {
            for sample in tsdb_core::chunk::ChunkIter::new(&chunk.bytes).unwrap() {
                times.push((sample.unwrap().timestamp - START) / STEP_MS);
            }
        }
        times.retain(|step| range.contains(time(*step)));
        if !times.is_empty() {
            chunks.insert(series.labels.get("host").unwrap().to_owned(), times);
        }
    }
    assert_eq!(found, chunks);
    found
}

fn hosts(db: &Db, range: TimeRange) -> (Vec<String>, Vec<String>) {
    let namespace = db.default_namespace();
    let series = namespace.series(range, &[], usize::MAX).unwrap().values;
    let of_series = series.iter().map(|one| one.get("host").unwrap().to_owned());
    let values = namespace.label_values("host", range, &[], usize::MAX);
    (of_series.collect(), values.unwrap().values.to_vec())
}

/// A folder with blocks, runs and buffers of three series each.
fn filled(vfs: &Arc<MemVfs>) -> Db {
    let db = open(vfs);
    for (part, settle) in [(0, 2), (1, 1), (2, 0)] {
        for name in ["a", "b", "c"] {
            let third = SAMPLES / 3;
            write(&db, name, part * third, (part + 1) * third, 1.0);
        }
        match settle {
            2 => db.compact().unwrap(),
            1 => db.flush().unwrap(),
            _ => {}
        }
    }
    db
}

#[test]
fn a_delete_hides_what_is_older_wherever_it_is() {
    let vfs = Arc::new(MemVfs::new());
    let mut db = filled(&vfs);
    let all = SAMPLES / 3 * 3;
    let range = steps(10, 150);
    let report = db.default_namespace().delete(range, &host("a")).unwrap();
    assert_eq!(report.series, 1);
    let left: Vec<i64> = (0..all).filter(|step| !(10..=150).contains(step)).collect();
    let whole: Vec<i64> = (0..all).collect();
    let check = |db: &Db| {
        let found = read(db, TimeRange::ALL);
        assert_eq!(
            (&found["a"], &found["b"], &found["c"]),
            (&left, &whole, &whole)
        );
        // A range in which nothing is left shows no series.
        assert_eq!(
            read(db, steps(20, 140)).keys().collect::<Vec<_>>(),
            ["b", "c"]
        );
        assert_eq!(read(db, steps(150, 152))["a"], [151, 152]);
    };
    check(&db);
    // After a kill the log still has it, whoever opens.
    let clock = Arc::new(ManualClock::new(START));
    check(&Db::open_read_only_with(vfs.clone(), clock).unwrap());
    drop(db);
    db = open(&vfs);
    check(&db);
    // Flushed, compacted and gone from the list: still hidden.
    db.flush().unwrap();
    check(&db);
    db.compact().unwrap();
    check(&db);
    db.close().unwrap();
    let db = open(&vfs);
    check(&db);
    let stats = db.stats().namespaces.remove(0);
    assert_eq!(stats.tombstones, 0);
    assert_eq!(stats.block_samples, (left.len() + 2 * whole.len()) as u64);
    assert_eq!(db.verify().unwrap().problems, []);
    // What is written afterwards, to the same times, is seen.
    write(&db, "a", 100, 101, 0.5);
    assert!(read(&db, TimeRange::ALL)["a"].contains(&100));
}

#[test]
fn what_is_written_after_a_delete_is_seen_through_every_merge() {
    let vfs = Arc::new(MemVfs::new());
    let db = filled(&vfs);
    let namespace = db.default_namespace();
    namespace.delete(TimeRange::ALL, &host("b")).unwrap();
    write(&db, "b", 5, 8, 0.25);
    for _ in 0..3 {
        assert_eq!(read(&db, TimeRange::ALL)["b"], [5, 6, 7]);
        db.compact().unwrap();
    }
    let kept = namespace.select(TimeRange::ALL, &host("b")).unwrap().next();
    assert_eq!(kept.unwrap().unwrap().values(), [0.25; 3]);
    assert_eq!(db.stats().namespaces[0].tombstones, 0);
}

#[test]
fn a_series_deleted_whole_is_in_no_answer() {
    let vfs = Arc::new(MemVfs::new());
    let db = filled(&vfs);
    let namespace = db.default_namespace();
    namespace.delete(TimeRange::ALL, &host("b")).unwrap();
    let pair = || vec!["a".to_owned(), "c".to_owned()];
    for range in [TimeRange::ALL, steps(0, 500)] {
        let (series, values) = hosts(&db, range);
        assert_eq!((series, values), (pair(), pair()));
    }
    // In a part of the time only, it is missed there alone.
    namespace.delete(steps(0, 120), &host("c")).unwrap();
    assert_eq!(hosts(&db, steps(0, 60)).0, ["a"]);
    assert_eq!(hosts(&db, steps(0, 60)).1, ["a"]);
    assert_eq!(hosts(&db, steps(140, 160)).0, ["a", "c"]);
    let again = namespace.delete(TimeRange::ALL, &host("b")).unwrap();
    assert_eq!((again.series, again.generation), (0, None));
}

#[test]
fn upkeep_alone_takes_deleted_samples_off_the_disk() {
    let vfs = Arc::new(MemVfs::new());
    let db = filled(&vfs);
    db.compact().unwrap();
    let before = db.stats().namespaces.remove(0);
    let namespace = db.default_namespace();
    // One that leaves nothing of a row, one that leaves a gap in it.
    namespace.delete(TimeRange::ALL, &host("a")).unwrap();
    namespace.delete(steps(30, 40), &host("c")).unwrap();
    db.flush().unwrap();
    assert_eq!(db.stats().namespaces[0].tombstones, 2);
    while db.maintain().unwrap().more {}
    let after = db.stats().namespaces.remove(0);
    let gone = (SAMPLES / 3 * 3 + 11) as u64;
    assert_eq!(after.tombstones, 0);
    assert_eq!(before.block_samples - after.block_samples, gone);
    // And it comes to rest.
    let compactions = db.stats().compactions;
    while db.maintain().unwrap().more {}
    assert_eq!(db.stats().compactions, compactions);
}

#[test]
fn dangerous_and_too_many_deletes_are_refused() {
    let vfs = Arc::new(MemVfs::new());
    let db = filled(&vfs);
    let namespace = db.default_namespace();
    let error = namespace.delete(TimeRange::ALL, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("delete_all_series"), "{error}");
    let long = [Matcher::not_equal("host", "x".repeat(20 << 10))];
    let error = namespace.delete(TimeRange::ALL, &long).unwrap_err();
    assert!(error.to_string().contains("16 KiB"), "{error}");
    let many: Vec<Matcher> = (0..65)
        .map(|at| Matcher::not_equal("host", at.to_string()))
        .collect();
    let error = namespace.delete(TimeRange::ALL, &many).unwrap_err();
    assert!(error.to_string().contains("at most 64"), "{error}");
    for step in 0..3 {
        namespace.delete(steps(step, step), &host("a")).unwrap();
    }
    let error = namespace.delete(steps(9, 9), &host("a")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Backpressure);
    assert!(error.to_string().contains("tombstones_max is 3"), "{error}");
    assert!(read(&db, TimeRange::ALL)["a"].contains(&9));
    // Compaction makes room.
    db.compact().unwrap();
    namespace.delete(steps(9, 9), &host("a")).unwrap();
    assert_eq!(
        namespace.delete_all_series(TimeRange::ALL).unwrap().series,
        3
    );
    assert!(read(&db, TimeRange::ALL).is_empty());
    db.compact().unwrap();
    let stats = db.stats().namespaces.remove(0);
    assert_eq!((stats.runs, stats.blocks, stats.tombstones), (0, 0, 0));
}
