//! Blocks of Prometheus: the samples of a real capture, read series by series.
#![expect(clippy::expect_used, reason = "a benchmark may panic")]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tsdb_bench::Capture;
use tsdb_core::Vfs;
use tsdb_core::chunk::encode;
use tsdb_core::model::Sample;
use tsdb_core::vfs::{MemVfs, write_all_at};
use tsdb_formats::prometheus_block::{Block, ChunkSamples, WrittenSeries, write_block};

/// Samples of a chunk, as Prometheus cuts them.
const CHUNK_SAMPLES: usize = 120;
/// Chunks of a segment.
const SEGMENT_CHUNKS: usize = 4096;

/// A block of the whole capture, and how many samples it has.
fn block() -> (Arc<dyn Vfs>, usize) {
    let capture = Capture::load().expect("the committed capture");
    let (mut all, mut count) = (Vec::new(), 0);
    for target in &capture.targets {
        for series in &target.series {
            let samples = target.times.iter().zip(&series.values);
            let samples = samples.filter_map(|(time, value)| Some(Sample::new(*time, (*value)?)));
            let samples: Vec<Sample> = samples.collect();
            count += samples.len();
            let chunks = samples.chunks(CHUNK_SAMPLES).map(|part| {
                let ends = part.first().zip(part.last()).expect("a chunk is not empty");
                let bytes = encode(part.iter().copied());
                (1, ends.0.timestamp, ends.1.timestamp, bytes)
            });
            let mut labels = series.labels.clone();
            labels.sort_unstable();
            let one: WrittenSeries = (labels, chunks.collect());
            all.push(one);
        }
    }
    let vfs = MemVfs::new();
    vfs.create_dir(Path::new("")).expect("a root");
    vfs.create_dir(Path::new("chunks")).expect("a folder");
    for (name, bytes) in write_block(2, &all, SEGMENT_CHUNKS) {
        let file = vfs.create(Path::new(&name)).expect("a file");
        write_all_at(&*file, &bytes, 0).expect("memory takes it");
    }
    (Arc::new(vfs), count)
}

/// Reads all of it; how many samples that are.
fn read(vfs: &Arc<dyn Vfs>) -> usize {
    let mut block = Block::open(vfs, Path::new("")).expect("our own block");
    let (mut samples, mut count) = (ChunkSamples::default(), 0);
    while let Some(series) = block.next_series().expect("a series") {
        for chunk in &series.chunks {
            block
                .read_chunk(&series, chunk, &mut samples)
                .expect("a chunk");
            count += black_box(&samples).len();
        }
    }
    count
}

fn prometheus_block(c: &mut Criterion) {
    let (vfs, count) = block();
    assert_eq!(read(&vfs), count);
    let mut group = c.benchmark_group("prometheus_block");
    group.throughput(Throughput::Elements(count as u64));
    group.bench_function("read", |b| b.iter(|| read(&vfs)));
    group.finish();
}

criterion_group!(benches, prometheus_block);
criterion_main!(benches);
