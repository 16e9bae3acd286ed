//! The first scrapes of the capture of real exporters that the benchmarks have.

use std::io::Read as _;
use std::path::Path;

use super::data::{Line, SCRAPES, STEP};

/// What is taken of it: counters, gauges, summaries, histograms, labels of many shapes.
const NAMES: [&str; 17] = [
    "etcd_disk_wal_fsync_duration_seconds_bucket",
    "etcd_disk_wal_fsync_duration_seconds_count",
    "etcd_disk_wal_fsync_duration_seconds_sum",
    "go_gc_duration_seconds",
    "go_goroutines",
    "go_memstats_alloc_bytes",
    "net_conntrack_dialer_conn_failed_total",
    "node_cpu_seconds_total",
    "node_filesystem_avail_bytes",
    "node_load1",
    "node_memory_MemFree_bytes",
    "node_network_info",
    "node_network_receive_bytes_total",
    "process_cpu_seconds_total",
    "process_start_time_seconds",
    "prometheus_http_request_duration_seconds_bucket",
    "prometheus_target_interval_length_seconds",
];

/// Its series, their first scrape at `start` and then as far apart as the exporters' were.
pub(super) fn lines(start: i64) -> Vec<Line> {
    let file = "../benches/tsdb-bench/data/capture.txt.gz";
    let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect("a capture");
    let mut text = String::new();
    let mut unpacked = flate2::read::GzDecoder::new(&bytes[..]);
    unpacked.read_to_string(&mut text).expect("gzip of UTF-8");
    let mut rows = text.lines().skip(1);
    let (mut target, mut times, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    while let (Some(head), Some(below)) = (rows.next(), rows.next()) {
        if let Some(labels) = head.strip_prefix("target ") {
            target = pairs(labels);
            let offsets = below.split(' ').skip(2).map(|gap| gap.parse::<i64>());
            let mut time = start;
            times = vec![time];
            for gap in offsets.take(SCRAPES - 1) {
                time += gap.expect("a difference");
                times.push(time);
            }
            assert!((times[SCRAPES - 1] - start - STEP * (SCRAPES as i64 - 1)).abs() < 1000);
            continue;
        }
        let head = head.strip_prefix("series ").expect("a series");
        let (name, rest) = head.split_at(head.find('{').unwrap_or(head.len()));
        if NAMES.contains(&name) {
            let mut labels = vec![("__name__".to_owned(), name.to_owned())];
            labels.extend(pairs(rest.trim_matches(['{', '}'])));
            labels.extend(target.clone());
            let values = times.iter().zip(values(below));
            let samples = values.filter_map(|(time, value)| Some((*time, value?)));
            lines.push(Line::new(labels, samples.collect()));
        }
    }
    assert!(lines.len() > 100, "{} series", lines.len());
    lines
}

/// `a="b",c="d"`; the series taken have no escapes.
fn pairs(text: &str) -> Vec<(String, String)> {
    let ends = text.split("\",").filter(|pair| !pair.is_empty());
    let pair = ends.map(|pair| pair.split_once("=\"").expect("a label"));
    pair.map(|(name, value)| (name.to_owned(), value.trim_end_matches('"').to_owned()))
        .collect()
}

/// A value for each scrape; `=N` is the one before, N times, and `!N` is N scrapes without.
fn values(text: &str) -> Vec<Option<f64>> {
    let mut values = Vec::new();
    for field in text.split(' ') {
        let (value, count) = match (field.strip_prefix('='), field.strip_prefix('!')) {
            (Some(count), _) => (values.last().copied().flatten(), count),
            (_, Some(count)) => (None, count),
            _ => (Some(field.parse().expect("a number")), "1"),
        };
        let count = count.parse().expect("a count");
        values.extend(std::iter::repeat_n(value, count));
    }
    values.truncate(SCRAPES);
    values
}
