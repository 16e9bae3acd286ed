//! Reading back: from open buffers, and from a run on disk.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark may panic"
)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tsdb_bench::{bench_fleet, is_tiny};
use tsdb_core::{Db, DbOptions, Matcher, TimeRange, WriteBatch};

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

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = select
}
criterion_main!(benches);
