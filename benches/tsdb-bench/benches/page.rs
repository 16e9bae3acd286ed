//! The sealed codecs: columns of a real capture into pages and back.
#![expect(clippy::expect_used, reason = "a benchmark may panic")]

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use tsdb_bench::{Capture, is_tiny};
use tsdb_core::page::{
    PageDecoder, PageEncoder, PageStatistics, TokenTables, TokenTraining, decode_timestamps,
    encode_timestamps,
};

/// Samples of a page, as a window of two hours cuts them.
const PAGE_SAMPLES: usize = 480;
/// Pages decoded by one call.
const PAGES_TOGETHER: usize = 16;

fn columns(capture: &Capture) -> Vec<Vec<f64>> {
    let series = capture.targets.iter().flat_map(|target| &target.series);
    series
        .step_by(if is_tiny() { 40 } else { 1 })
        .map(|series| {
            series
                .values
                .iter()
                .flatten()
                .copied()
                .take(PAGE_SAMPLES)
                .collect()
        })
        .collect()
}

fn is_constant(column: &[f64]) -> bool {
    column
        .iter()
        .all(|value| Some(value.to_bits()) == column.first().map(|first| first.to_bits()))
}

fn samples<T>(columns: &[Vec<T>]) -> Throughput {
    Throughput::Elements(columns.iter().map(|column| column.len() as u64).sum())
}

fn encode(group: &mut BenchmarkGroup<'_, WallTime>, columns: &[Vec<f64>], tables: &TokenTables) {
    let mut encoder = PageEncoder::new();
    let mut page = Vec::new();
    group.bench_function("encode_packed", |b| {
        b.iter(|| {
            for column in columns {
                page.clear();
                encoder.encode_fresh(column, &mut page);
                black_box(&page);
            }
        });
    });
    group.bench_function("encode_tokens", |b| {
        b.iter(|| {
            for column in columns {
                page.clear();
                encoder.encode_dense(column, tables, &mut page);
                black_box(&page);
            }
        });
    });
    group.bench_function("train", |b| {
        b.iter(|| {
            let mut training = TokenTraining::new();
            columns
                .iter()
                .for_each(|column| encoder.observe(column, &mut training));
            black_box(training.train())
        });
    });
    group.bench_function("statistics", |b| {
        b.iter(|| {
            for column in columns {
                page.clear();
                PageStatistics::of(column).encode(&mut page);
                black_box(&page);
            }
        });
    });
}

fn decode(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    pages: &[(&[u8], usize)],
    tables: &TokenTables,
) {
    let mut decoder = PageDecoder::new();
    let mut columns = vec![Vec::new(); PAGES_TOGETHER];
    group.bench_function(format!("decode_{name}"), |b| {
        b.iter(|| {
            for (page, count) in pages {
                let column = columns.first_mut().expect("some columns");
                column.clear();
                decoder
                    .decode(page, *count, tables, column)
                    .expect("our own page");
                black_box(&columns);
            }
        });
    });
    group.bench_function(format!("decode_{name}_together"), |b| {
        b.iter(|| {
            for pages in pages.chunks(PAGES_TOGETHER) {
                columns.iter_mut().for_each(Vec::clear);
                let columns = columns.get_mut(..pages.len()).expect("enough columns");
                decoder
                    .decode_many(pages, tables, columns)
                    .expect("our own pages");
                black_box(&columns);
            }
        });
    });
}

/// Encodes and decodes all columns in each way.
fn codecs(c: &mut Criterion, name: &str, columns: &[Vec<f64>]) {
    let (mut encoder, mut training) = (PageEncoder::new(), TokenTraining::new());
    columns
        .iter()
        .for_each(|column| encoder.observe(column, &mut training));
    let tables = training.train();
    let mut group = c.benchmark_group(name);
    group.throughput(samples(columns));
    encode(&mut group, columns, &tables);
    let mut encoded = |dense: bool| -> Vec<Vec<u8>> {
        let pages = columns.iter().map(|column| {
            let mut page = Vec::new();
            if dense {
                encoder.encode_dense(column, &tables, &mut page);
            } else {
                encoder.encode_fresh(column, &mut page);
            }
            page
        });
        pages.collect()
    };
    for (name, pages) in [("packed", encoded(false)), ("tokens", encoded(true))] {
        let pages: Vec<(&[u8], usize)> = pages
            .iter()
            .zip(columns)
            .map(|(page, column)| (&page[..], column.len()))
            .collect();
        decode(&mut group, name, &pages, &tables);
    }
    group.finish();
}

fn page(c: &mut Criterion) {
    let capture = Capture::load().expect("the committed capture");
    let mut columns = columns(&capture);
    codecs(c, "page/all", &columns);
    columns.retain(|column| !is_constant(column));
    codecs(c, "page/not_constant", &columns);

    let times: Vec<Vec<i64>> = capture
        .targets
        .iter()
        .map(|target| target.times.clone())
        .collect();
    let mut group = c.benchmark_group("page/timestamps");
    group.throughput(samples(&times));
    let mut stored = Vec::new();
    group.bench_function("encode", |b| {
        b.iter(|| {
            stored = times
                .iter()
                .map(|times| {
                    let mut column = Vec::new();
                    encode_timestamps(times, &mut column);
                    column
                })
                .collect();
        });
    });
    group.bench_function("decode", |b| {
        let mut column = Vec::new();
        b.iter(|| {
            for (bytes, times) in stored.iter().zip(&times) {
                column.clear();
                decode_timestamps(bytes, times.len(), &mut column).expect("our own column");
                black_box(&column);
            }
        });
    });
    group.finish();
}

criterion_group!(benches, page);
criterion_main!(benches);
