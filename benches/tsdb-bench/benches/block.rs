//! Blocks: writing, reading, compacting, and what a sample takes on disk in the end.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark may panic, and tells what it measured"
)]

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tsdb_bench::{Capture, Fleet, bench_fleet, is_tiny};
use tsdb_core::block::{BlockHeader, BlockReader, BlockScan, BlockWriter, Sealing};
use tsdb_core::model::{BlockId, Generation, NamespaceId, RowKey, SeriesId, ShardId, Window};
use tsdb_core::page::{PAGE_SAMPLES_MAX, PageEncoder, TokenTraining};
use tsdb_core::vfs::{MemVfs, OpenMode};
use tsdb_core::{Db, DbOptions, Labels, TimeRange, Vfs, WriteBatch};

const PATH: &str = "1.block";
/// Scrapes of each series in a block: two hours of them.
const ROUNDS: usize = 480;

/// A series and its columns.
struct Row {
    labels: Labels,
    timestamps: Vec<i64>,
    values: Vec<f64>,
}

fn rows(fleet: &Fleet, rounds: usize) -> Vec<Row> {
    let mut rows: Vec<Row> = fleet
        .labels()
        .iter()
        .map(|labels| Row {
            labels: labels.clone(),
            timestamps: Vec::new(),
            values: Vec::new(),
        })
        .collect();
    for round in 0..rounds {
        for found in fleet.round(round) {
            let row = &mut rows[found.series];
            row.timestamps.push(found.sample.timestamp);
            row.values.push(found.sample.value);
        }
    }
    rows.retain(|row| !row.timestamps.is_empty());
    rows
}

fn window(rows: &[Row]) -> Window {
    let times = || rows.iter().flat_map(|row| row.timestamps.iter().copied());
    Window {
        start: times().min().expect("a sample"),
        last: times().max().expect("a sample"),
    }
}

fn tables(rows: &[Row]) -> Sealing {
    let (mut encoder, mut training) = (PageEncoder::new(), TokenTraining::new());
    for row in rows.iter().step_by(8) {
        for page in row.values.chunks(PAGE_SAMPLES_MAX) {
            encoder.observe(page, &mut training);
        }
    }
    Sealing::Dense(training.train())
}

fn write(rows: &[Row], window: Window, sealing: Sealing) -> Arc<BlockReader> {
    let vfs = MemVfs::new();
    let path = Path::new(PATH);
    let header = BlockHeader {
        namespace: NamespaceId(0),
        id: BlockId(1),
        first_generation: Generation(1),
        last_generation: Generation(1),
        window,
    };
    let file = vfs.create(path).expect("a file");
    let mut writer = BlockWriter::create(path, file, header, sealing).expect("a block");
    for (id, row) in (1..).zip(rows) {
        let key = RowKey::new(ShardId(0), SeriesId(id));
        let written = writer.row(key, &row.labels, &row.timestamps, &row.values);
        written.expect("a row");
    }
    writer.finish().expect("a block").expect("rows");
    let file = vfs.open(path, OpenMode::Read).expect("a file");
    Arc::new(BlockReader::open(path, file).expect("a block"))
}

fn scan(reader: &Arc<BlockReader>) -> u64 {
    let first = RowKey::new(ShardId(0), SeriesId(0));
    let mut scan = BlockScan::new(Arc::clone(reader), first).expect("a scan");
    let (mut samples, mut values) = (0, Vec::new());
    while scan.key().is_some() {
        samples += scan.read(&mut values).expect("a row").len() as u64;
        scan.advance().expect("the next row");
    }
    samples
}

fn blocks(c: &mut Criterion) {
    let fleet = bench_fleet().expect("a fleet");
    let rounds = if is_tiny() { 20 } else { ROUNDS };
    let rows = rows(&fleet, rounds.min(fleet.rounds_len()));
    let window = window(&rows);
    let samples = rows.iter().map(|row| row.timestamps.len() as u64).sum();
    let mut group = c.benchmark_group("block");
    group.throughput(Throughput::Elements(samples));
    type Seal = fn(&[Row]) -> Sealing;
    let sealings: [(&str, Seal); 2] = [("fresh", |_| Sealing::Fresh), ("dense", tables)];
    for (name, seal) in sealings {
        group.bench_function(format!("write {name}"), |b| {
            b.iter(|| write(&rows, window, seal(&rows)));
        });
        let reader = write(&rows, window, seal(&rows));
        let meta = *reader.meta();
        assert_eq!(scan(&reader), samples);
        println!(
            "{name}: {:.3} B a sample, labels and all",
            meta.bytes as f64 / samples as f64
        );
        group.bench_function(format!("scan {name}"), |b| b.iter(|| scan(&reader)));
        let all: Vec<u32> = (0..meta.rows).collect();
        group.bench_function(format!("read all rows of {name}"), |b| {
            b.iter(|| {
                let read = reader.read_rows(&all, TimeRange::ALL, |_, times, values| {
                    std::hint::black_box((times, values));
                    ControlFlow::Continue(())
                });
                read.expect("all rows");
            });
        });
    }
    group.finish();
}

/// A database whose samples lie in eight runs.
fn in_runs(fleet: &Fleet, rounds: usize) -> (Db, Arc<MemVfs>) {
    let vfs = Arc::new(MemVfs::new());
    let clock = Arc::new(tsdb_core::SystemClock::new());
    let options = DbOptions {
        log_cap_bytes: 1 << 30,
        ..DbOptions::default()
    };
    let db = Db::open_with(Arc::clone(&vfs) as Arc<dyn Vfs>, clock, options).expect("a database");
    for round in 0..rounds {
        let mut batch = WriteBatch::new();
        for found in fleet.round(round) {
            batch.push(&fleet.labels()[found.series], found.sample);
        }
        db.default_namespace().write(&batch).expect("a write");
        if (round + 1) % rounds.div_ceil(8) == 0 {
            db.flush().expect("a flush");
        }
    }
    db.flush().expect("a flush");
    (db, vfs)
}

fn compaction(c: &mut Criterion) {
    let fleet = bench_fleet().expect("a fleet");
    let rounds = if is_tiny() { 20 } else { 120 };
    let samples: u64 = (0..rounds)
        .map(|round| fleet.round(round).count() as u64)
        .sum();
    let mut group = c.benchmark_group("compaction");
    group.throughput(Throughput::Elements(samples));
    group.bench_function("eight runs to a dense block", |b| {
        b.iter_batched(
            || in_runs(&fleet, rounds),
            |(db, _)| db.compact().expect("a compaction"),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// Bytes of all files of a folder.
fn folder_bytes(vfs: &dyn Vfs, folder: &Path) -> u64 {
    let names = vfs.list(folder).expect("a folder");
    let of_one = |name: &String| {
        let path = folder.join(name);
        match vfs.open(&path, OpenMode::Read) {
            Ok(file) => file.len().expect("a length"),
            Err(_) => folder_bytes(vfs, &path),
        }
    };
    names.iter().map(of_one).sum()
}

/// What the capture itself, not cloned, takes after a compaction and a clean stop.
fn size(_: &mut Criterion) {
    let capture = Capture::load().expect("the capture");
    let (series, scrapes) = (capture.series_len(), capture.scrapes_len());
    let rounds = if is_tiny() { 20 } else { scrapes };
    let fleet = Fleet::new(capture, series, 1).expect("a fleet");
    let samples: u64 = (0..rounds)
        .map(|round| fleet.round(round).count() as u64)
        .sum();
    let (db, vfs) = in_runs(&fleet, rounds);
    db.compact().expect("a compaction");
    let stats = db.stats().namespaces[0].clone();
    db.close().expect("a clean stop");
    let all = folder_bytes(&*vfs, Path::new(""));
    println!(
        "capture, {series} series x {rounds}, {samples} samples: {:.3} B a sample in {} blocks, {:.3} in all files",
        stats.block_bytes as f64 / samples as f64,
        stats.blocks,
        all as f64 / samples as f64
    );
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = size, blocks, compaction
}
criterion_main!(benches);
