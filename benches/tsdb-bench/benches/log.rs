//! The commit log: frames in and out, and one durable commit on this machine's disk.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark may panic"
)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tsdb_bench::bench_fleet;
use tsdb_core::model::{NamespaceId, SeriesId, ShardId};
use tsdb_core::wal::{Row, SampleFrame, SampleFrameEncoder};
use tsdb_core::{Db, DbOptions, Sample, WriteBatch};

fn rows() -> Vec<Row> {
    let fleet = bench_fleet().expect("a fleet");
    fleet
        .round(1)
        .map(|found| Row {
            series: SeriesId(found.series as u64),
            timestamp: found.sample.timestamp,
            value: (found.series % 3 != 0).then(|| found.sample.value.to_bits()),
        })
        .collect()
}

fn frames(c: &mut Criterion) {
    let rows = rows();
    let mut group = c.benchmark_group("log");
    group.throughput(Throughput::Elements(rows.len() as u64));
    let mut encoder = SampleFrameEncoder::new();
    let mut encode = |out: &mut Vec<u8>| {
        out.clear();
        encoder.start(rows[0].timestamp);
        for row in &rows {
            encoder.push(*row);
        }
        encoder.finish(NamespaceId(0), ShardId(0), out);
    };
    let mut payload = Vec::new();
    group.bench_function("encode", |b| b.iter(|| encode(&mut payload)));
    group.bench_function("decode", |b| {
        b.iter(|| {
            let mut decoded = SampleFrame::decode(&payload).expect("our own frame").rows();
            let mut count = 0;
            while let Some(row) = decoded.next_row().expect("our own row") {
                black_box(row);
                count += 1;
            }
            assert_eq!(count, rows.len());
        });
    });
    group.finish();
}

fn commit(c: &mut Criterion) {
    let fleet = bench_fleet().expect("a fleet");
    let folder = tempfile::tempdir().expect("a folder");
    let db = Db::open(folder.path(), DbOptions::default()).expect("a new database");
    let mut timestamp = 1_700_000_000_000;
    let mut group = c.benchmark_group("log");
    group.bench_function("commit of one sample with fdatasync", |b| {
        b.iter(|| {
            timestamp += 15_000;
            let mut batch = WriteBatch::new();
            batch.push(&fleet.labels()[0], Sample::new(timestamp, 1.0));
            db.default_namespace().write(&batch).expect("a write")
        });
    });
    group.finish();
    db.close().expect("a clean close");
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = frames, commit
}
criterion_main!(benches);
