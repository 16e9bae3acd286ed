//! The codec: samples of a real capture into chunks and back.
#![expect(clippy::expect_used, reason = "a benchmark may panic")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tsdb_bench::Capture;
use tsdb_core::chunk::{ChunkAppender, decode_into, encode};
use tsdb_core::model::Sample;

/// Samples of a chunk, as a flushed window of two hours cuts them.
const CHUNK_SAMPLES: usize = 120;

fn columns() -> Vec<Vec<Sample>> {
    let capture = Capture::load().expect("the committed capture");
    let mut columns = Vec::new();
    for target in &capture.targets {
        for series in &target.series {
            let samples: Vec<Sample> = target
                .times
                .iter()
                .zip(&series.values)
                .filter_map(|(time, value)| Some(Sample::new(*time, (*value)?)))
                .take(CHUNK_SAMPLES)
                .collect();
            columns.push(samples);
        }
    }
    columns
}

fn chunk(c: &mut Criterion) {
    let columns = columns();
    let samples: usize = columns.iter().map(Vec::len).sum();
    let chunks: Vec<Vec<u8>> = columns
        .iter()
        .map(|column| encode(column.iter().copied()))
        .collect();
    let mut group = c.benchmark_group("chunk");
    group.throughput(Throughput::Elements(samples as u64));
    group.bench_function("append", |b| {
        let mut out = Vec::new();
        b.iter(|| {
            for column in &columns {
                out.clear();
                let mut appender = ChunkAppender::new();
                for sample in column {
                    appender.push(&mut out, sample.timestamp, sample.value);
                }
                black_box(appender.encoded_len(&out));
            }
        });
    });
    group.bench_function("decode", |b| {
        let (mut timestamps, mut values) = (Vec::new(), Vec::new());
        b.iter(|| {
            for chunk in &chunks {
                timestamps.clear();
                values.clear();
                decode_into(chunk, &mut timestamps, &mut values).expect("our own chunk");
                black_box((&timestamps, &values));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, chunk);
criterion_main!(benches);
