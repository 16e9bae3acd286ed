//! Decoders that no larger bench passes through often: of a delete, of native histograms in the
//! log, and of the series that a clean stop saves.
#![expect(clippy::expect_used, reason = "a benchmark may panic")]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tsdb_bench::bench_fleet;
use tsdb_core::chunk::encode;
use tsdb_core::model::{
    FingerprintKey, Generation, MatcherText, NamespaceId, SeriesId, ShardId, Tombstone,
};
use tsdb_core::series::{SeriesSnapshot, snapshot_path};
use tsdb_core::vfs::{MemVfs, OpenMode, Vfs, read_to_end};
use tsdb_core::wal::{
    DeleteFrame, FRAME_STAMP_BYTES, HistogramFrame, HistogramFrameEncoder, HistogramRow,
};
use tsdb_core::{
    BucketSpan, ChunkPart, Db, DbOptions, Encoding, Histogram, HistogramCounts, Labels, Matcher,
    Sample, Series, ShardSet, SystemClock, TimeRange, WriteBatch,
};

const START: i64 = 1_700_000_000_000;
const KEY: [u8; 16] = [7; 16];
/// Histograms of a frame.
const ROWS: u64 = 2_000;

fn delete_frame(c: &mut Criterion) {
    let matchers = [
        Matcher::equal("__name__", "node_cpu_seconds_total"),
        Matcher::regex("instance", "host-[0-9]+:9100").expect("a pattern"),
        Matcher::not_equal("mode", "idle"),
    ];
    let frame = DeleteFrame {
        namespace: NamespaceId(1),
        epoch: 0,
        delete_seen: Generation(3),
        tombstone: Tombstone {
            generation: Generation(9),
            range: TimeRange::new(START, START + 3_600_000).expect("a range"),
            matchers: matchers.iter().map(MatcherText::of).collect(),
        },
    };
    let bytes = frame.encode();
    let payload = bytes.get(FRAME_STAMP_BYTES..).expect("a payload");
    let mut group = c.benchmark_group("decoders");
    group.throughput(Throughput::Bytes(payload.len() as u64));
    group.bench_function("delete frame", |b| {
        b.iter(|| {
            let decoded = DeleteFrame::decode(black_box(payload));
            assert_eq!(decoded.expect("our own frame"), frame);
        });
    });
    group.finish();
}

fn histogram(number: u64) -> Histogram {
    Histogram {
        schema: 3,
        zero_threshold: 1e-128,
        sum: number as f64 / 8.0,
        positive_spans: vec![
            BucketSpan {
                offset: -12,
                length: 8,
            },
            BucketSpan {
                offset: 3,
                length: 4,
            },
        ],
        counts: HistogramCounts::Integer {
            count: 12 * (10 + number),
            zero_count: 0,
            positive: std::iter::once(10 + number.cast_signed())
                .chain([0; 11])
                .collect(),
            negative: Vec::new(),
        },
        ..Histogram::default()
    }
}

fn histogram_frame(c: &mut Criterion) {
    let mut encoder = HistogramFrameEncoder::default();
    encoder.start(START);
    for number in 0..ROWS {
        let mut bytes = Vec::new();
        histogram(number).put_bytes(&mut bytes);
        encoder.push(HistogramRow {
            series: SeriesId(number * 3),
            timestamp: START + 15_000,
            bytes: &bytes,
        });
    }
    let mut payload = Vec::new();
    encoder.finish(NamespaceId(1), ShardId(0), &mut payload);
    let mut group = c.benchmark_group("decoders");
    group.throughput(Throughput::Elements(ROWS));
    group.bench_function("histogram frame", |b| {
        b.iter(|| {
            let frame = HistogramFrame::decode(black_box(&payload)).expect("our own frame");
            let (mut rows, mut count) = (frame.rows(), 0);
            while let Some(row) = rows.next_row().expect("our own row") {
                black_box(Histogram::from_bytes(row.bytes).expect("our own histogram"));
                count += 1;
            }
            assert_eq!(count, ROWS);
        });
    });
    group.finish();
}

fn series_snapshot(c: &mut Criterion) {
    let fleet = bench_fleet().expect("a fleet");
    let vfs = Arc::new(MemVfs::new());
    let options = DbOptions {
        fingerprint_key: Some(KEY),
        ..DbOptions::default()
    };
    let db = Db::open_with(vfs.clone(), Arc::new(SystemClock::new()), options);
    let db = db.expect("a new database");
    let mut batch = WriteBatch::new();
    for labels in fleet.labels() {
        batch.push(labels, Sample::new(START, 1.0));
    }
    db.default_namespace().write(&batch).expect("a write");
    db.close().expect("a clean stop");
    let path = snapshot_path(Path::new("default"));
    let file = vfs.open(&path, OpenMode::Read).expect("a snapshot");
    let bytes = read_to_end(&*file).expect("reading memory");
    let key = FingerprintKey::new(KEY);
    let mut group = c.benchmark_group("decoders");
    group.throughput(Throughput::Elements(fleet.labels().len() as u64));
    group.bench_function("series snapshot", |b| {
        b.iter(|| {
            let snapshot = SeriesSnapshot::decode(black_box(&bytes), &key);
            let registry = snapshot.expect("our own snapshot").registry();
            assert_eq!(registry.expect("our own").len(), fleet.labels().len());
        });
    });
    group.finish();
}

/// A series as a coordinator makes it of what three replicas answer.
fn series_chunks(c: &mut Criterion) {
    const SAMPLES: i64 = 720;
    let chunks = |from: i64, len: usize| -> Vec<ChunkPart> {
        let samples: Vec<Sample> = (from..SAMPLES)
            .map(|at| Sample::new(START + at * 15_000, (at / 7) as f64 * 0.25))
            .collect();
        let part = |samples: &[Sample]| ChunkPart {
            min: samples.first().expect("samples").timestamp,
            max: samples.last().expect("samples").timestamp,
            count: samples.len() as u32,
            encoding: Encoding::Xor,
            bytes: encode(samples.iter().copied()).into(),
        };
        samples.chunks(len).map(part).collect()
    };
    let alike = [chunks(0, 120), chunks(0, 120), chunks(0, 120)].concat();
    let unlike = [chunks(0, 120), chunks(3, 110), chunks(7, 130)].concat();
    let mut group = c.benchmark_group("decoders");
    group.throughput(Throughput::Elements(SAMPLES.unsigned_abs()));
    for (name, chunks) in [("alike", alike), ("unlike", unlike)] {
        group.bench_function(format!("series of three replicas, {name}"), |b| {
            b.iter(|| {
                let chunks = black_box(&chunks).clone();
                let series = Series::from_chunks(Labels::default(), chunks, TimeRange::ALL);
                assert_eq!(series.expect("our own").samples_len(), SAMPLES as usize);
            });
        });
    }
    group.finish();
    let text = "0-127,200,202,204,300-411,1000-1023 of 4096";
    c.bench_function("set of shards", |b| {
        b.iter(|| black_box(text).parse::<ShardSet>().expect("a set").len());
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = delete_frame, histogram_frame, series_snapshot, series_chunks
}
criterion_main!(benches);
