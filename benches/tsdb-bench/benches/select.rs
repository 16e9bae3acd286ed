//! Reading back: from open buffers, and from a run on disk.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark may panic"
)]

use std::num::NonZeroU32;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tsdb_bench::{Capture, Fleet, bench_fleet, is_tiny};
use tsdb_core::{Db, DbOptions, Matcher, ShardSet, TimeRange, WriteBatch};

/// Rounds that are stored before anything is read: half an hour of scrapes.
const ROUNDS: usize = 120;

fn select(c: &mut Criterion) {
    let fleet = bench_fleet().expect("a fleet");
    let folder = tempfile::tempdir().expect("a folder");
    let db = Db::open(folder.path(), DbOptions::default()).expect("a new database");
    let metrics = db.default_namespace();
    for round in 0..if is_tiny() { 3 } else { ROUNDS } {
        let mut batch = WriteBatch::new();
        for found in fleet.round(round) {
            batch.push(&fleet.labels()[found.series], found.sample);
        }
        metrics.write(&batch).expect("a write");
    }
    let read = |matchers: &[Matcher]| -> u64 {
        let found = metrics.select(TimeRange::ALL, matchers).expect("a select");
        found
            .map(|series| series.expect("a series").timestamps().len() as u64)
            .sum()
    };
    let queries = [
        (
            "one metric of all hosts",
            vec![Matcher::equal("__name__", "up")],
        ),
        (
            "all of one host",
            vec![Matcher::equal("instance", "localhost:9100")],
        ),
    ];
    for place in ["buffers", "runs"] {
        let mut group = c.benchmark_group(format!("select from {place}"));
        for (name, matchers) in &queries {
            let samples = read(matchers);
            assert!(samples > 0 || is_tiny(), "{name} selects nothing");
            group.throughput(Throughput::Elements(samples.max(1)));
            group.bench_function(*name, |b| b.iter(|| assert_eq!(read(matchers), samples)));
        }
        group.bench_function("label values", |b| {
            b.iter(|| metrics.label_values("__name__", TimeRange::ALL, &[], 10_000));
        });
        group.finish();
        db.flush().expect("a flush");
    }
    db.close().expect("a clean close");
}

/// What asking for placement shards costs, of series that are in memory and of those in a block.
fn shards(c: &mut Criterion) {
    let count = if is_tiny() { 100 } else { 100_000 };
    let fleet = Fleet::new(Capture::load().expect("the capture"), count, 1).expect("a fleet");
    let folder = tempfile::tempdir().expect("a folder");
    let db = Db::open(folder.path(), DbOptions::default()).expect("a new database");
    let metrics = db.default_namespace();
    for round in 0..2 {
        let mut batch = WriteBatch::new();
        for found in fleet.round(round) {
            batch.push(&fleet.labels()[found.series], found.sample);
        }
        metrics.write(&batch).expect("a write");
    }
    let of = NonZeroU32::new(64).expect("more than none");
    let set = |step| ShardSet::new(of, (0..64).step_by(step)).expect("shards");
    let cases = [
        ("no shards asked for", vec![]),
        ("all shards", vec![Matcher::shards(set(1))]),
        ("a third of the shards", vec![Matcher::shards(set(3))]),
    ];
    for place in ["buffers", "runs", "blocks"] {
        let mut group = c.benchmark_group(format!("{} series of {place}", fleet.labels().len()));
        for (name, matchers) in &cases {
            group.bench_function(format!("select, {name}"), |b| {
                b.iter(|| {
                    let set = metrics.select(TimeRange::ALL, matchers).expect("a select");
                    set.len_at_most()
                });
            });
            group.bench_function(format!("labels, {name}"), |b| {
                b.iter(|| metrics.series(TimeRange::ALL, matchers, usize::MAX));
            });
            group.bench_function(format!("samples, {name}"), |b| {
                b.iter(|| {
                    let set = metrics.select(TimeRange::ALL, matchers).expect("a select");
                    set.map(|one| one.expect("a series").values().len())
                        .sum::<usize>()
                });
            });
        }
        group.bench_function("digests of all shards", |b| {
            let digests = || metrics.digests(TimeRange::ALL, &set(1), 3_600_000);
            b.iter(|| digests().expect("digests").len());
        });
        group.finish();
        match place {
            "buffers" => db.flush().expect("a flush"),
            _ => db.compact().expect("a compaction"),
        }
    }
    db.close().expect("a clean close");
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = select, shards
}
criterion_main!(benches);
