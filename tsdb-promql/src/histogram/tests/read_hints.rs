//! Hints as they are stored, and as they are read.

use tsdb_core::ResetHint::{self, Gauge, NoReset, Reset, Unknown};
use tsdb_core::{Histogram, HistogramCounts};

use super::span;
use crate::queryable::SeriesSamples;

/// A histogram of so many observations between 1/2 and 1.
fn counted(count: u64) -> Histogram {
    Histogram {
        positive_spans: vec![span(0, 1)],
        counts: HistogramCounts::Integer {
            count,
            zero_count: 0,
            positive: vec![count as i64],
            negative: Vec::new(),
        },
        ..Histogram::default()
    }
}

fn hinted(count: u64, reset_hint: ResetHint) -> Histogram {
    Histogram {
        reset_hint,
        ..counted(count)
    }
}

/// The hints that histograms, a second apart, are read with where floats were at `float_times`.
fn read(histograms: &[Histogram], float_times: &[i64]) -> Vec<ResetHint> {
    let at = |place: usize| 1000 * place as i64;
    let places = histograms.iter().cloned().enumerate();
    let mut samples = SeriesSamples {
        timestamps: float_times.to_vec(),
        values: vec![1.0; float_times.len()],
        histograms: places.map(|(place, one)| (at(place), one)).collect(),
        ..SeriesSamples::default()
    };
    samples.settle_reset_hints();
    let hints = samples.histograms.iter().map(|(_, one)| one.reset_hint);
    hints.collect()
}

#[test]
fn counting_is_known_to_go_on_only_behind_another_histogram() {
    let counts = [counted(2), counted(2), counted(5)];
    assert_eq!(read(&counts, &[]), [Unknown, NoReset, NoReset]);
    assert_eq!(read(&counts, &[-1, 1500]), [Unknown, NoReset, Unknown]);
    assert_eq!(read(&counts, &[2500]), [Unknown, NoReset, NoReset]);
    let counts = [counted(5), counted(2), counted(2)];
    assert_eq!(read(&counts, &[]), [Unknown, Unknown, NoReset]);
}

#[test]
fn what_a_counter_came_with_is_not_what_it_is_read_with() {
    let counts = [hinted(1, NoReset), hinted(2, Reset), hinted(1, NoReset)];
    assert_eq!(read(&counts, &[]), [Unknown, Unknown, Unknown]);
    let counts = [hinted(1, Reset), hinted(2, NoReset)];
    assert_eq!(read(&counts, &[]), [Unknown, NoReset]);
}

#[test]
fn a_gauge_stays_one_and_nothing_goes_on_from_it() {
    let counts = [hinted(1, Gauge), hinted(2, Gauge), counted(3), counted(4)];
    assert_eq!(read(&counts, &[]), [Gauge, Gauge, Unknown, NoReset]);
}

#[test]
fn stale_markers_go_on_from_anything_and_only_they_from_them() {
    let stale = Histogram::stale(false);
    let counts = [counted(1), stale.clone(), stale, counted(2)];
    assert_eq!(read(&counts, &[]), [Unknown, NoReset, NoReset, Unknown]);
}

#[test]
fn another_layout_is_another_chunk() {
    let mut zero = counted(3);
    zero.zero_threshold = 0.5;
    let mut schema = counted(3);
    schema.schema = 1;
    let mut custom = counted(3);
    custom.schema = tsdb_core::model::CUSTOM_BUCKETS_SCHEMA;
    custom.custom_values = vec![1.0];
    let mut bounds = custom.clone();
    bounds.custom_values = vec![2.0];
    let mut float = counted(3);
    float.counts = HistogramCounts::Float {
        count: 3.0,
        zero_count: 0.0,
        positive: vec![3.0],
        negative: Vec::new(),
    };
    for other in [&zero, &schema, &custom, &float] {
        assert_eq!(read(&[counted(3), other.clone()], &[]), [Unknown; 2]);
        let same = [other.clone(), other.clone()];
        assert_eq!(read(&same, &[]), [Unknown, NoReset]);
    }
    assert_eq!(read(&[custom, bounds], &[]), [Unknown; 2]);
}

#[test]
fn every_bucket_is_looked_at() {
    let buckets = |positive: &[i64], negative: &[i64], zero_count| Histogram {
        positive_spans: vec![span(-1, 1), span(2, positive.len() - 1)],
        negative_spans: vec![span(3, negative.len())],
        counts: HistogramCounts::Integer {
            count: 100,
            zero_count,
            positive: positive.to_vec(),
            negative: negative.to_vec(),
        },
        ..Histogram::default()
    };
    let first = buckets(&[3, 1, -2], &[5], 7);
    let goes_on = |now: Histogram| read(&[first.clone(), now], &[])[1] == NoReset;
    assert!(goes_on(buckets(&[3, 1, -2], &[5], 7)));
    assert!(goes_on(buckets(&[3, 2, -3, 0], &[5, 1], 8)));
    assert!(!goes_on(buckets(&[3, 0, -1], &[5], 7)));
    assert!(!goes_on(buckets(&[3, 1, -3], &[5], 7)));
    assert!(!goes_on(buckets(&[3, 1], &[5], 7)));
    assert!(!goes_on(buckets(&[3, 1, -2], &[4, 2], 7)));
    assert!(!goes_on(buckets(&[3, 1, -2], &[5], 6)));
}
