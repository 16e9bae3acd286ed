//! A scrape of every series into a database in memory: look-up, frame, buffers, no disk.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark may panic"
)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tsdb_bench::{Fleet, bench_fleet};
use tsdb_core::{Db, DbOptions, WriteBatch};

fn fill<'f>(batch: &mut WriteBatch<'f>, fleet: &'f Fleet, round: usize) {
    for found in fleet.round(round) {
        batch.push(&fleet.labels()[found.series], found.sample);
    }
}

fn append(c: &mut Criterion) {
    let fleet = bench_fleet().expect("a fleet");
    let mut group = c.benchmark_group("append");
    group.throughput(Throughput::Elements(fleet.labels().len() as u64));

    let db = Db::in_memory(DbOptions::default()).expect("a database in memory");
    let metrics = db.default_namespace();
    let mut round = 0;
    group.bench_function("known series", |b| {
        b.iter_batched(
            || {
                round += 1;
                let mut batch = WriteBatch::new();
                fill(&mut batch, &fleet, round);
                batch
            },
            |batch| {
                let report = metrics.write(&batch).expect("a write");
                assert_eq!(report.rejected_samples, 0);
                while db.maintain().expect("maintenance").more {}
            },
            criterion::BatchSize::PerIteration,
        );
    });

    let mut batch = WriteBatch::new();
    fill(&mut batch, &fleet, 0);
    group.bench_function("new series", |b| {
        b.iter_batched(
            || Db::in_memory(DbOptions::default()).expect("a database in memory"),
            |db| {
                let report = db.default_namespace().write(&batch).expect("a write");
                assert_eq!(report.rejected_samples, 0);
                db
            },
            criterion::BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = append
}
criterion_main!(benches);
