use tsdb_core::{Histogram, HistogramCounts, ResetHint};

use super::super::{FloatHistogram, MixedSchemas, Reconciled};
use super::{assert_near, custom, exponential, positive_of, span, with_zero};

#[test]
fn differences_become_counts() {
    let stored = Histogram {
        schema: 1,
        sum: 3.5,
        positive_spans: vec![span(-1, 2), span(3, 1)],
        negative_spans: vec![span(0, 1)],
        counts: HistogramCounts::Integer {
            count: 13,
            zero_count: 1,
            positive: vec![2, 1, -2],
            negative: vec![4],
        },
        ..Histogram::default()
    };
    let histogram = FloatHistogram::from_core(&stored);
    assert_eq!(histogram.positive_buckets, [2.0, 3.0, 1.0]);
    assert_eq!(histogram.negative_buckets, [4.0]);
    assert_eq!((histogram.count, histogram.zero_count), (13.0, 1.0));
    assert!(FloatHistogram::from_core(&histogram.to_core()).equals(&histogram));
    assert!(!histogram.is_stale());
    assert!(FloatHistogram::from_core(&Histogram::stale(false)).is_stale());
    assert_eq!(histogram.size(), 168 + 8 * (2 + 1 + 3 + 1));
}

#[test]
fn sum_has_the_buckets_of_both() {
    let mut sum = exponential(0, &[1.0, 2.0], &[1.0]);
    let mut other = exponential(0, &[4.0, 8.0], &[]);
    other.positive_spans = vec![span(1, 1), span(2, 1)];
    other.sum = 20.0;
    assert_eq!(sum.add(&other), Ok(Reconciled::default()));
    assert_eq!(positive_of(&sum), [(0, 1.0), (1, 6.0), (4, 8.0)]);
    assert_eq!(sum.positive_spans, [span(0, 2), span(2, 1)]);
    assert_eq!(sum.negative_buckets, [1.0]);
    assert_eq!((sum.count, sum.sum), (16.0, 20.0));
    assert_eq!(sum.sub(&other), Ok(Reconciled::default()));
    sum.compact(0);
    assert_eq!(positive_of(&sum), [(0, 1.0), (1, 2.0)]);
    assert_eq!((sum.count, sum.sum), (4.0, 0.0));
}

#[test]
fn resolution_becomes_the_lower_one() {
    let fine = exponential(1, &[1.0, 2.0, 4.0, 8.0], &[3.0]);
    let coarse = exponential(0, &[10.0, 20.0], &[]);
    for (mut sum, other) in [(fine.clone(), &coarse), (coarse.clone(), &fine)] {
        assert!(sum.add(other).is_ok());
        assert_eq!(sum.schema, 0);
        assert_eq!(positive_of(&sum), [(0, 11.0), (1, 26.0), (2, 8.0)]);
        assert_eq!(sum.negative_buckets, [3.0]);
    }
}

#[test]
fn zero_bucket_takes_in_what_it_would_cut() {
    // Bucket 0 is (0.5,1]: a threshold of 0.6 cuts it, so that the zero bucket grows to 1.
    let mut sum = with_zero(exponential(0, &[3.0, 5.0], &[2.0, 7.0]), 0.001, 1.0);
    let wide = with_zero(exponential(0, &[], &[]), 0.6, 10.0);
    assert!(sum.add(&wide).is_ok());
    assert_eq!((sum.zero_threshold, sum.zero_count), (1.0, 16.0));
    assert_eq!(positive_of(&sum), [(1, 5.0)]);
    assert_eq!(sum.negative_buckets, [7.0]);
    assert_eq!(sum.count, 28.0);

    let mut sum = wide;
    let narrow = with_zero(exponential(0, &[3.0, 5.0], &[2.0, 7.0]), 0.001, 1.0);
    assert!(sum.sub(&narrow).is_ok());
    assert_eq!((sum.zero_threshold, sum.zero_count), (1.0, 4.0));
    assert_eq!(positive_of(&sum), [(1, -5.0)]);
}

#[test]
fn empty_buckets_do_not_widen_the_zero_bucket() {
    let mut sum = with_zero(exponential(0, &[0.0, 5.0], &[]), 0.001, 1.0);
    let wide = with_zero(exponential(0, &[], &[]), 0.6, 10.0);
    assert!(sum.add(&wide).is_ok());
    assert_eq!((sum.zero_threshold, sum.zero_count), (0.6, 11.0));
    assert_eq!(positive_of(&sum), [(1, 5.0)]);
}

#[test]
fn custom_bounds_that_differ_are_intersected() {
    let mut sum = custom(&[1.0, 2.0, 3.0], 5.0, &[1.0, 2.0, 4.0, 8.0]);
    let other = custom(&[2.0, 3.0, 5.0], 7.0, &[10.0, 20.0, 40.0, 80.0]);
    let reconciled = sum.add(&other).unwrap();
    assert!(reconciled.custom_bounds && !reconciled.reset_conflict);
    assert_eq!(sum.custom_values, [2.0, 3.0]);
    assert_eq!(positive_of(&sum), [(0, 13.0), (1, 24.0), (2, 128.0)]);
    assert_eq!((sum.count, sum.sum), (165.0, 12.0));

    let mut none = custom(&[1.0], 0.0, &[1.0, 2.0]);
    assert!(none.sub(&custom(&[7.0], 0.0, &[4.0, 8.0])).is_ok());
    assert_eq!(none.custom_values, [] as [f64; 0]);
    assert_eq!(positive_of(&none), [(0, -9.0)]);
}

#[test]
fn exponential_and_custom_buckets_do_not_mix() {
    let mut sum = exponential(0, &[1.0], &[]);
    let error = sum.add(&custom(&[1.0], 0.0, &[1.0])).unwrap_err();
    assert_eq!(error, MixedSchemas);
    assert_eq!(
        error.to_string(),
        "cannot apply this operation on histograms with a mix of exponential and custom bucket schemas"
    );
    assert_eq!(sum.count, 1.0);
}

#[test]
fn reset_hints_are_joined() {
    use ResetHint::{Gauge, NoReset, Reset, Unknown};
    let cases = [
        (Unknown, NoReset, Unknown, false),
        (Reset, Unknown, Unknown, false),
        (NoReset, NoReset, NoReset, false),
        (Reset, NoReset, Unknown, true),
        (NoReset, Reset, Unknown, true),
        (Gauge, Reset, Gauge, false),
        (NoReset, Gauge, Gauge, false),
    ];
    for (mine, other, joined, conflict) in cases {
        let hinted = |reset_hint| FloatHistogram {
            reset_hint,
            ..FloatHistogram::default()
        };
        let mut sum = hinted(mine);
        let reconciled = sum.add(&hinted(other)).unwrap();
        assert_eq!(
            (sum.reset_hint, reconciled.reset_conflict),
            (joined, conflict)
        );
    }
}

#[test]
fn compensated_sums_keep_small_counts() {
    let large = with_zero(exponential(0, &[1e16, 0.0], &[1e16]), 0.001, 1e16);
    let mut small = with_zero(exponential(0, &[1.0, 1.0], &[1.0]), 0.001, 1.0);
    small.sum = 1.0;
    let mut minus = large.clone();
    minus.mul(-1.0);
    let mut sum = large.clone();
    sum.sum = 1e16;
    minus.sum = -1e16;
    let mut compensation = sum.no_compensation();
    for term in [&small, &small, &minus] {
        assert!(sum.kahan_add(term, &mut compensation).is_ok());
    }
    sum.add_compensation(&compensation);
    assert_eq!(sum.positive_buckets, [2.0, 2.0]);
    assert_eq!(sum.negative_buckets, [2.0]);
    assert_eq!((sum.zero_count, sum.sum), (2.0, 2.0));
    assert_near(sum.count, 8.0);
}

#[test]
fn compensation_follows_the_layout() {
    let mut sum = with_zero(exponential(1, &[1e16, 1.0, 1e16, 4.0], &[]), 0.001, 0.0);
    let mut compensation = sum.no_compensation();
    let small = with_zero(exponential(1, &[1.0, 1.0, 1.0, 1.0], &[]), 0.001, 0.0);
    assert!(sum.kahan_add(&small, &mut compensation).is_ok());
    assert_eq!(compensation.positive_buckets, [1.0, 0.0, 1.0, 0.0]);
    // Schema 0 merges buckets 1 and 2, and a threshold of 1 takes bucket 0 in.
    let coarse = with_zero(exponential(0, &[], &[]), 1.0, 2.0);
    assert!(sum.kahan_add(&coarse, &mut compensation).is_ok());
    assert_eq!(compensation.positive_spans, sum.positive_spans);
    assert_eq!(compensation.schema, 0);
    let mut minus = exponential(0, &[0.0, 1e16], &[]);
    minus.mul(-1.0);
    let minus = with_zero(minus, 1.0, -1e16);
    assert!(sum.kahan_add(&minus, &mut compensation).is_ok());
    sum.add_compensation(&compensation);
    assert_eq!(positive_of(&sum), [(1, 3.0), (2, 5.0)]);
    assert_eq!(sum.zero_count, 3.0);
}

#[test]
fn negative_factors_make_gauges() {
    let mut histogram = with_zero(exponential(0, &[4.0], &[2.0]), 0.001, 6.0);
    histogram.sum = 10.0;
    histogram.mul(0.5);
    assert_eq!(histogram.reset_hint, ResetHint::Unknown);
    assert_eq!(histogram.positive_buckets, [2.0]);
    histogram.div(-2.0);
    assert_eq!(histogram.reset_hint, ResetHint::Gauge);
    assert_eq!((histogram.count, histogram.sum), (-3.0, -2.5));
    assert_eq!(histogram.negative_buckets, [-0.5]);
    histogram.div(0.0);
    assert!(histogram.positive_buckets.is_empty() && histogram.negative_spans.is_empty());
    assert_eq!(histogram.count, f64::NEG_INFINITY);
    assert!(histogram.has_overflow());
}

#[test]
fn resets_are_seen_in_counts() {
    let before = with_zero(exponential(1, &[1.0, 2.0, 0.0, 4.0], &[3.0]), 0.001, 1.0);
    let reset = |change: &dyn Fn(&mut FloatHistogram)| {
        let mut now = before.clone();
        now.count += 100.0;
        change(&mut now);
        now.detect_reset(&before)
    };
    assert!(!reset(&|_| {}));
    assert!(reset(&|now| now.count = 1.0));
    assert!(reset(&|now| now.positive_buckets[1] = 1.5));
    assert!(reset(&|now| now.negative_buckets[0] = 2.0));
    assert!(reset(&|now| now.zero_count = 0.5));
    assert!(reset(&|now| now.zero_threshold = 0.0001));
    assert!(reset(&|now| now.schema = 2));
    assert!(!reset(&|now| now.reduce_resolution(0)));
    assert!(
        !reset(&|now| now.compact(0)),
        "only an empty bucket is gone"
    );
    assert!(reset(&|now| now.positive_buckets[3] = 0.0));
    assert!(reset(&|now| now.reset_hint = ResetHint::Reset));
    assert!(!reset(&|now| {
        now.count = 0.0;
        now.reset_hint = ResetHint::NoReset;
    }));
    // A threshold of 1 takes in bucket 0 of both signs; 1.2 would cut bucket 1.
    let widened = |now: &mut FloatHistogram, threshold| {
        let mut empty = with_zero(exponential(1, &[], &[]), threshold, 0.0);
        std::mem::swap(now, &mut empty);
        now.add(&empty).unwrap();
    };
    assert!(!reset(&|now| widened(now, 1.0)));
    assert!(reset(&|now| now.zero_threshold = 1.2));
    assert!(custom(&[1.0], 0.0, &[9.0, 99.0]).detect_reset(&before));
}

#[test]
fn resets_of_custom_buckets_are_seen_between_common_bounds() {
    let before = custom(&[2.0, 4.0, 6.0], 55.0, &[1.0, 2.0, 5.0, 7.0]);
    let fell = custom(&[2.0, 3.0, 4.0, 6.0], 56.0, &[1.0, 0.0, 1.0, 5.0, 8.0]);
    assert!(fell.detect_reset(&before));
    let rose = custom(&[2.0, 3.0, 4.0, 6.0], 56.0, &[1.0, 1.0, 1.0, 5.0, 8.0]);
    assert!(!rose.detect_reset(&before));
    let merged = custom(&[4.0], 56.0, &[3.0, 12.0]);
    assert!(!merged.detect_reset(&before));
}
