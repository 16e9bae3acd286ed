//! Remote write bodies, as Prometheus cuts them: unpacking, decoding, and storing them.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark may panic"
)]

use std::hint::black_box;

use bytes::Bytes;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use tsdb_bench::{Fleet, WriteEncoder, bench_fleet};
use tsdb_core::model::{FingerprintDomain, FingerprintKey, SeriesKey};
use tsdb_core::{Db, DbOptions};
use tsdb_remote::write::{DecodeScratch, WriteProtocol, WriteRequest};

/// Samples that Prometheus puts into a request.
const SAMPLES_PER_REQUEST: usize = 2_000;
const DECODED_BYTES_MAX: usize = 32 << 20;

/// The requests of one round, all of one protocol.
fn bodies(fleet: &Fleet, round: usize, protocol: WriteProtocol) -> Vec<Bytes> {
    let mut bodies = Vec::new();
    let mut encoder = WriteEncoder::new(protocol);
    for found in fleet.round(round) {
        encoder.series(&fleet.labels()[found.series], &[found.sample]);
        if encoder.samples_len() == SAMPLES_PER_REQUEST {
            bodies.push(encoder.finish().expect("a body"));
        }
    }
    bodies.push(encoder.finish().expect("a body"));
    bodies
}

fn request(body: Bytes, protocol: WriteProtocol) -> WriteRequest {
    let request = WriteRequest::from_body(body, DECODED_BYTES_MAX).expect("our own body");
    request.speaking(protocol)
}

fn remote(c: &mut Criterion) {
    let fleet = bench_fleet().expect("a fleet");
    for protocol in [WriteProtocol::V1, WriteProtocol::V2] {
        let mut group = c.benchmark_group(format!("remote write {}", protocol.version()));
        group.throughput(Throughput::Elements(fleet.labels().len() as u64));
        decode(&mut group, &fleet, protocol);
        store(&mut group, &fleet, protocol);
        group.finish();
    }
}

fn decode(group: &mut BenchmarkGroup<'_, WallTime>, fleet: &Fleet, protocol: WriteProtocol) {
    let round = bodies(fleet, 0, protocol);
    let mut scratch = DecodeScratch::new();
    group.bench_function("unpack and decode", |b| {
        b.iter(|| {
            for body in &round {
                let request = request(body.clone(), protocol);
                let decoded = request.decode(&mut scratch).expect("our own body");
                assert!(decoded.batch.samples_len() <= SAMPLES_PER_REQUEST);
            }
        });
    });
    let key = FingerprintKey::new([1; 16]);
    let mut hashes = Vec::new();
    group.bench_function("unpack, decode and hash", |b| {
        b.iter(|| {
            for body in &round {
                let request = request(body.clone(), protocol);
                let decoded = request.decode(&mut scratch).expect("our own body");
                let batch = &decoded.batch;
                hashes.clear();
                hashes.extend(batch.symbols().iter().map(|text| key.symbol(text)));
                let mut lists = key.symbol_lists(&hashes);
                for (series, ..) in batch.series() {
                    black_box(match series {
                        SeriesKey::Labels(labels) => {
                            key.of(FingerprintDomain::Canonical, labels.as_bytes())
                        }
                        SeriesKey::Encoded(encoded) => {
                            key.of(FingerprintDomain::Encoded, encoded.bytes)
                        }
                        SeriesKey::Symbols(labels) => lists.fingerprint(labels.refs),
                    });
                }
            }
        });
    });
}

fn store(group: &mut BenchmarkGroup<'_, WallTime>, fleet: &Fleet, protocol: WriteProtocol) {
    let mut scratch = DecodeScratch::new();
    let db = Db::in_memory(DbOptions::default()).expect("a database in memory");
    let metrics = db.default_namespace();
    let mut number = 0;
    group.bench_function("unpack, decode and store", |b| {
        b.iter_batched(
            || {
                number += 1;
                bodies(fleet, number, protocol)
            },
            |round| {
                for body in round {
                    let request = request(body, protocol);
                    let decoded = request.decode(&mut scratch).expect("our own body");
                    let report = metrics.write(&decoded.batch).expect("a write");
                    assert_eq!(report.rejected_samples, 0);
                }
                while db.maintain().expect("maintenance").more {}
            },
            criterion::BatchSize::PerIteration,
        );
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = remote
}
criterion_main!(benches);
