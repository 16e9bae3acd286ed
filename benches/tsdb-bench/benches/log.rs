//! The commit log: frames in and out, and one durable commit on this machine's disk.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark may panic"
)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tsdb_bench::bench_fleet;
use tsdb_core::exemplar::{ExemplarRing, ExemplarsImage, RingLimits};
use tsdb_core::model::{Generation, NamespaceId, SeriesId, ShardId};
use tsdb_core::wal::{
    ExemplarFrame, ExemplarFrameEncoder, ExemplarRow, Row, SampleFrame, SampleFrameEncoder,
};
use tsdb_core::{Db, DbOptions, Exemplar, Labels, Sample, WriteBatch};

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

const EXEMPLARS: u64 = 10_000;

fn trace(number: u64) -> Labels {
    let trace = format!(
        "{:032x}",
        u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    );
    Labels::from_pairs([("trace_id", &trace)]).expect("labels")
}

/// Exemplars of as many series as the fleet has: their frame, the ring and its file.
fn exemplars(c: &mut Criterion) {
    let fleet = bench_fleet().expect("a fleet");
    let series = |number: u64| &fleet.labels()[number as usize % fleet.labels().len()];
    let mut encoder = ExemplarFrameEncoder::default();
    let mut payload = Vec::new();
    encoder.start(0, 0);
    for number in 0..EXEMPLARS {
        encoder.push(ExemplarRow {
            series: SeriesId(number % 100),
            timestamp: 1_700_000_000_000 + number as i64,
            bits: (number as f64).to_bits(),
            labels: trace(number).as_bytes(),
        });
    }
    encoder.finish(NamespaceId(0), ShardId(0), &mut payload);
    let limits = RingLimits {
        exemplars: EXEMPLARS as usize / 2,
        bytes: usize::MAX,
    };
    let fill = || {
        let mut ring = ExemplarRing::new(limits);
        for number in 0..EXEMPLARS {
            let exemplar = Exemplar {
                labels: trace(number),
                value: number as f64,
                timestamp: 1_700_000_000_000 + number as i64,
            };
            ring.append(series(number), Generation(1), exemplar);
        }
        ring
    };
    let file = fill().image(NamespaceId(0)).encode();
    let mut group = c.benchmark_group("exemplars");
    group.throughput(Throughput::Elements(EXEMPLARS));
    group.bench_function("decode a frame", |b| {
        b.iter(|| {
            let mut rows = ExemplarFrame::decode(&payload).expect("our own").rows();
            while let Some(row) = rows.next_row().expect("our own row") {
                black_box(row);
            }
        });
    });
    group.bench_function("append to the ring", |b| b.iter(|| fill().len()));
    group.throughput(Throughput::Elements(EXEMPLARS / 2));
    group.bench_function("decode the file", |b| {
        b.iter(|| ExemplarsImage::decode(&file).expect("our own file"));
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
    targets = frames, exemplars, commit
}
criterion_main!(benches);
