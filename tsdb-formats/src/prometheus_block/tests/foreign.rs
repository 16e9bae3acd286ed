//! Layouts that only other versions of Prometheus write.

use tsdb_core::chunk::{encode, encode_histograms};
use tsdb_core::model::{BucketSpan, CUSTOM_BUCKETS_SCHEMA, HistogramCounts, ResetHint};

use super::*;
use crate::prometheus_block::{WrittenSeries, write_block as write};

fn labels(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = pairs.iter();
    owned
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Series with three chunks each, of which the second overlaps the first.
fn many(count: usize) -> Vec<WrittenSeries> {
    let chunk = |from: i64, value: f64| {
        let samples = (0..10).map(|k| Sample::new(from + k * 10, value + k as f64));
        (1, from, from + 90, encode(samples))
    };
    let one = |number: usize| {
        let value = format!("host-{number:05}");
        let labels = labels(&[("__name__", "up"), ("instance", &value)]);
        let at = number as f64;
        (
            labels,
            vec![chunk(-1000, at), chunk(-950, at), chunk(5000, at)],
        )
    };
    (0..count).map(one).collect()
}

#[test]
fn both_layouts_of_the_index_are_read() {
    let series = many(100);
    for version in [1, 2] {
        let all = whole(&write(version, &series, 150));
        assert_eq!(all.len(), 100);
        for (number, (labels, samples, _)) in all.iter().enumerate() {
            assert_eq!(*labels, format!("up{{instance=\"host-{number:05}\"}}"));
            let wanted = [-1000, -950, 5000].map(|from| {
                let samples = (0..10).map(|k| Sample::new(from + k * 10, number as f64 + k as f64));
                bits(&samples.collect::<Vec<_>>())
            });
            assert_eq!(*samples, wanted.concat());
        }
    }
    let unknown = open(&write(3, &series, 150)).expect_err("a later layout");
    assert!(
        matches!(unknown, BlockError::Unsupported { offset: 4, .. }),
        "{unknown}"
    );
}

/// More symbols than fit into the pages that stay in memory.
#[test]
fn symbols_are_found_whatever_their_number() {
    let long = "x".repeat(40_000);
    let one = |number: usize| {
        let value = format!("{number:05}{long}");
        (labels(&[("__name__", "up"), ("value", &value)]), Vec::new())
    };
    let series: Vec<WrittenSeries> = (0..1000).map(one).collect();
    let files = write(2, &series, 1);
    assert!(files[1].1.len() > 33 << 20);
    for (number, (labels, _, _)) in whole(&files).iter().enumerate() {
        assert_eq!(*labels, format!("up{{value=\"{number:05}{long}\"}}"));
    }
}

#[test]
fn custom_buckets_and_hints_come_through() {
    let span = BucketSpan {
        offset: 0,
        length: 3,
    };
    let one = |count: u64, reset_hint| Histogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        sum: 0.1 * count as f64,
        reset_hint,
        positive_spans: vec![span],
        custom_values: vec![0.005, 0.1, 33_554.5],
        counts: HistogramCounts::Integer {
            count,
            zero_count: 0,
            positive: vec![1, 0, count.cast_signed() - 3],
            negative: Vec::new(),
        },
        ..Histogram::default()
    };
    let float = |value: f64, hint| Histogram {
        counts: HistogramCounts::Float {
            count: value,
            zero_count: 0.0,
            positive: vec![value, 0.0, 0.0],
            negative: Vec::new(),
        },
        ..one(3, hint)
    };
    let histograms = [
        (1, one(3, ResetHint::NoReset)),
        (2, one(5, ResetHint::NoReset)),
        (3, one(4, ResetHint::Reset)),
        (4, float(2.5, ResetHint::NoReset)),
        (5, float(3.5, ResetHint::NoReset)),
        (6, float(3.5, ResetHint::Gauge)),
        (7, float(0.5, ResetHint::Gauge)),
    ];
    let chunks = encode_histograms(histograms.iter().map(|(time, one)| (*time, one)), 100);
    let chunks: Vec<_> = chunks
        .into_iter()
        .map(|chunk| {
            (
                if chunk.is_float { 3 } else { 2 },
                chunk.min,
                chunk.max,
                chunk.bytes,
            )
        })
        .collect();
    assert_eq!(chunks.len(), 4);
    let files = write(2, &[(labels(&[("__name__", "sizes")]), chunks)], 2);
    let read = &whole(&files)[0].2;
    // What is before a chunk is not known, so that it began without a reset says nothing.
    let mut wanted = histograms.to_vec();
    for first in [0, 3] {
        wanted[first].1.reset_hint = ResetHint::Unknown;
    }
    assert_eq!(*read, wanted);
}

#[test]
fn what_cannot_be_read_yet_is_said() {
    let block = |encoding| {
        write(
            2,
            &[(labels(&[("a", "b")]), vec![(encoding, 0, 9, vec![0; 9])])],
            1,
        )
    };
    for (encoding, said) in [(4, "XOR2"), (255, "Thanos"), (9, "unknown")] {
        let (_, errors) = read(&mut open(&block(encoding)).expect("it opens"));
        let [error @ BlockError::Unsupported { .. }] = errors.as_slice() else {
            panic!("{errors:?}");
        };
        assert!(error.to_string().contains(said), "{error}");
        assert!(
            error.to_string().starts_with("chunks/000001: byte 9: "),
            "{error}"
        );
    }
}
