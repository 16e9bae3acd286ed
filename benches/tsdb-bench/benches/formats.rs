//! Texts of other formats: reading them into rows, and writing OpenMetrics.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark may panic"
)]

use std::fmt::Write as _;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tsdb_bench::{Fleet, bench_fleet};
use tsdb_core::model::Labels;
use tsdb_formats::openmetrics::{Dialect, Reader, SeriesWriter, write_end};
use tsdb_formats::{LineReader, Rows, csv, line_protocol, read_lines};

/// Series whose lines follow each other, and lines of each.
const SERIES: usize = 200;
const LINES: usize = 500;

/// Columns of one series.
type Columns = (Labels, Vec<i64>, Vec<f64>);

/// The first series of the fleet over many rounds.
fn columns(fleet: &Fleet) -> Vec<Columns> {
    let labels = fleet.labels().iter().take(SERIES);
    let mut all: Vec<Columns> = labels
        .map(|labels| (labels.clone(), Vec::new(), Vec::new()))
        .collect();
    for round in 0..LINES {
        for found in fleet.round(round) {
            if let Some((_, timestamps, values)) = all.get_mut(found.series) {
                timestamps.push(found.sample.timestamp);
                values.push(found.sample.value);
            }
        }
    }
    all
}

fn write(columns: &[Columns], out: &mut Vec<u8>) {
    for (labels, timestamps, values) in columns {
        let mut writer = SeriesWriter::new(labels);
        assert!(writer.write((timestamps, values), out, usize::MAX));
    }
}

/// One round, in which each line is of another series, as an exporter writes it.
fn scrape(fleet: &Fleet) -> Vec<u8> {
    let mut text = Vec::new();
    for found in fleet.round(0) {
        let column = (
            fleet.labels()[found.series].clone(),
            vec![found.sample.timestamp],
            vec![found.sample.value],
        );
        write(&[column], &mut text);
    }
    write_end(&mut text);
    text
}

fn read(c: &mut Criterion, name: &str, text: &[u8], reader: impl Fn() -> Box<dyn LineReader>) {
    let mut rows = Rows::new(false);
    let mut whole = || {
        rows.clear();
        let mut reader = reader();
        read_lines(&mut *reader, 1, text, &mut rows);
        reader.finish(&mut rows);
        assert!(rows.problems().is_empty(), "{:?}", rows.problems());
        rows.batch().samples_len()
    };
    let samples = whole();
    let mut group = c.benchmark_group("formats");
    for throughput in [
        Throughput::Elements(samples as u64),
        Throughput::Bytes(text.len() as u64),
    ] {
        let unit = match throughput {
            Throughput::Bytes(_) => "bytes",
            _ => "samples",
        };
        group.throughput(throughput);
        group.bench_function(format!("read {name}, {unit}"), |b| {
            b.iter(|| assert_eq!(whole(), samples));
        });
    }
    group.finish();
}

fn formats(c: &mut Criterion) {
    let fleet = bench_fleet().expect("a fleet");
    let open_metrics = || -> Box<dyn LineReader> { Box::new(Reader::new(Dialect::OpenMetrics, 0)) };
    read(c, "OpenMetrics of a scrape", &scrape(&fleet), open_metrics);
    let columns = columns(&fleet);
    let mut text = Vec::new();
    write(&columns, &mut text);
    write_end(&mut text);
    read(c, "OpenMetrics of an export", &text, open_metrics);

    let mut group = c.benchmark_group("formats");
    let samples: usize = columns.iter().map(|column| column.1.len()).sum();
    group.throughput(Throughput::Elements(samples as u64));
    let mut out = Vec::with_capacity(text.len());
    group.bench_function("write OpenMetrics, samples", |b| {
        b.iter(|| {
            out.clear();
            write(&columns, &mut out);
        });
    });
    group.finish();

    let (mut rows, mut points) = (String::new(), String::new());
    for number in 0..50_000_u32 {
        let (host, value) = (number % 500, f64::from(number) / 8.0);
        let row = writeln!(rows, "{},host-{host},{value}", 1_700_000_000 + number);
        row.expect("a String takes all");
        let point = writeln!(
            points,
            "cpu,host=host-{host},region=eu usage={value},idle={number}i 17000{number:05}000000000"
        );
        point.expect("a String takes all");
    }
    let format = "1:time:unix_s,2:label:host,3:metric:temperature";
    let format: csv::Format = format.parse().expect("a format");
    read(c, "CSV", rows.as_bytes(), || {
        Box::new(csv::Reader::new(format.clone(), false, 0))
    });
    read(c, "line protocol", points.as_bytes(), || {
        let precision = line_protocol::Precision::Nanoseconds;
        Box::new(line_protocol::Reader::new(precision, 0))
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = formats
}
criterion_main!(benches);
