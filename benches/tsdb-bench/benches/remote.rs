//! Remote write bodies, as Prometheus cuts them: unpacking, decoding, and storing them.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark may panic"
)]

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tsdb_bench::{Fleet, bench_fleet};
use tsdb_core::{Db, DbOptions};
use tsdb_remote::client::write::WriteEncoder;
use tsdb_remote::write::{DecodeScratch, WriteRequest};

/// Samples that Prometheus puts into a request.
const SAMPLES_PER_REQUEST: usize = 2_000;
const DECODED_BYTES_MAX: usize = 32 << 20;

fn bodies(fleet: &Fleet, round: usize) -> Vec<Bytes> {
    let mut bodies = Vec::new();
    let mut encoder = WriteEncoder::new();
    for found in fleet.round(round) {
        encoder.series(&fleet.labels()[found.series], &[found.sample]);
        if encoder.samples_len() == SAMPLES_PER_REQUEST {
            bodies.push(encoder.finish().expect("a body"));
        }
    }
    bodies.push(encoder.finish().expect("a body"));
    bodies
}

fn remote(c: &mut Criterion) {
    let fleet = bench_fleet().expect("a fleet");
    let mut group = c.benchmark_group("remote write");
    group.throughput(Throughput::Elements(fleet.labels().len() as u64));

    let round = bodies(&fleet, 0);
    let mut scratch = DecodeScratch::new();
    group.bench_function("unpack and decode", |b| {
        b.iter(|| {
            for body in &round {
                let request = WriteRequest::from_body(body.clone(), DECODED_BYTES_MAX);
                let request = request.expect("our own body");
                let decoded = request.decode(&mut scratch).expect("our own body");
                assert!(decoded.batch.samples_len() <= SAMPLES_PER_REQUEST);
            }
        });
    });

    let db = Db::in_memory(DbOptions::default()).expect("a database in memory");
    let metrics = db.default_namespace();
    let mut number = 0;
    group.bench_function("unpack, decode and store", |b| {
        b.iter_batched(
            || {
                number += 1;
                bodies(&fleet, number)
            },
            |round| {
                for body in round {
                    let request = WriteRequest::from_body(body, DECODED_BYTES_MAX);
                    let request = request.expect("our own body");
                    let decoded = request.decode(&mut scratch).expect("our own body");
                    let report = metrics.write(&decoded.batch).expect("a write");
                    assert_eq!(report.rejected_samples, 0);
                }
                while db.maintain().expect("maintenance").more {}
            },
            criterion::BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = remote
}
criterion_main!(benches);
