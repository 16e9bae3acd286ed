use tsdb_core::BucketSpan;

use super::super::bounds::upper_bound;
use super::super::layout::Indexed;
use super::super::{Bucket, FloatHistogram};
use super::{custom, exponential, positive_of, span, with_zero};

#[test]
fn bounds_are_powers_of_two() {
    let bound = |index, schema| upper_bound(index, schema, &[]);
    assert_eq!(bound(0, 0), 1.0);
    assert_eq!(bound(3, 0), 8.0);
    assert_eq!(bound(-2, 0), 0.25);
    assert_eq!(bound(1, 1), 2.0 * 0.7071067811865475);
    assert_eq!(bound(-1, 1), 0.7071067811865475);
    assert_eq!(bound(1, 8), 1.0027112750502025);
    assert_eq!(bound(1, -4), 65536.0);
    assert_eq!(bound(-1, -2), 0.0625);
    for index in -600..600 {
        for schema in 0..9 {
            let exact = (f64::from(index) / f64::from(1 << schema)).exp2();
            assert!((bound(index, schema) / exact - 1.0).abs() < 1e-14);
        }
    }
}

#[test]
fn the_last_bound_is_the_greatest_number() {
    for schema in -4..9 {
        let last = if schema < 0 {
            1024 >> -schema
        } else {
            1024 << schema
        };
        assert_eq!(upper_bound(last, schema, &[]), f64::MAX);
        assert_eq!(upper_bound(last + 1, schema, &[]), f64::INFINITY);
        assert!(upper_bound(last - 1, schema, &[]) < f64::MAX);
    }
    assert_eq!(upper_bound(-1074, 0, &[]), 5e-324);
    assert_eq!(upper_bound(i32::MIN, i32::MAX, &[]), 0.25);
    assert_eq!(upper_bound(i32::MIN, i32::MIN, &[]), 0.0);
    assert_eq!(upper_bound(i32::MAX, 0, &[]), f64::INFINITY);
}

#[test]
fn buckets_come_in_order_from_both_ends() {
    let histogram = with_zero(exponential(0, &[2.0, 4.0], &[1.0, 3.0]), 0.7, 5.0);
    let bucket = |lower, upper, inclusive: (bool, bool), count| Bucket {
        lower,
        upper,
        lower_inclusive: inclusive.0,
        upper_inclusive: inclusive.1,
        count,
    };
    let mut expected = vec![
        bucket(-2.0, -1.0, (true, false), 3.0),
        bucket(-1.0, -0.7, (true, false), 1.0),
        bucket(-0.7, 0.7, (true, true), 5.0),
        bucket(0.7, 1.0, (false, true), 2.0),
        bucket(1.0, 2.0, (false, true), 4.0),
    ];
    assert_eq!(histogram.buckets().collect::<Vec<_>>(), expected);
    let rules: Vec<u8> = expected.iter().map(Bucket::rule).collect();
    assert_eq!(rules, [1, 1, 3, 0, 0]);
    expected.reverse();
    assert_eq!(histogram.buckets().rev().collect::<Vec<_>>(), expected);
}

#[test]
fn custom_buckets_have_the_listed_bounds() {
    let histogram = custom(&[5.0, 10.0], 0.0, &[1.0, 2.0, 3.0]);
    let buckets: Vec<_> = histogram
        .buckets()
        .map(|bucket| (bucket.rule(), bucket.lower, bucket.upper, bucket.count))
        .collect();
    assert_eq!(
        buckets,
        [
            (3, f64::NEG_INFINITY, 5.0, 1.0),
            (0, 5.0, 10.0, 2.0),
            (0, 10.0, f64::INFINITY, 3.0)
        ]
    );
}

#[test]
fn spans_without_length_and_without_counts_are_walked_over() {
    let spans = [span(1, 0), span(2, 2), span(0, 0), span(1, 1), span(9, 4)];
    let counts = [1.0, 2.0, 3.0];
    let expected = [(3, 1.0), (4, 2.0), (6, 3.0)];
    assert!(Indexed::new(&spans, &counts).eq(expected));
    assert!(
        Indexed::new(&spans, &counts)
            .rev()
            .eq(expected.into_iter().rev())
    );
    assert!(Indexed::new(&spans[..2], &[1.0; 9]).eq([(3, 1.0), (4, 1.0)]));
    assert_eq!(Indexed::new(&spans[..2], &[1.0; 9]).len(), 2);
    assert_eq!(Indexed::new(&spans, &[]).next_back(), None);
    let huge = BucketSpan {
        offset: i32::MAX,
        length: u32::MAX,
    };
    let walked: Vec<_> = Indexed::new(&[huge, huge], &[1.0, 2.0]).collect();
    assert_eq!(walked, [(i32::MAX, 1.0), (i32::MAX, 2.0)]);
}

#[test]
fn compaction_takes_out_empty_buckets() {
    let loose = || {
        let mut histogram = exponential(0, &[0.0, 1.0, 0.0, 0.0, 2.0, 0.0, 0.0, 3.0, 0.0], &[]);
        histogram.positive_spans = vec![span(-2, 3), span(0, 2), span(0, 0), span(2, 4)];
        histogram
    };
    // Indexes: -2 0, -1 1, 0 0, 1 0, 2 2, gap 3 4, 5 0, 6 0, 7 3, 8 0.
    let mut histogram = loose();
    histogram.compact(0);
    assert_eq!(
        histogram.positive_spans,
        [span(-1, 1), span(2, 1), span(4, 1)]
    );
    assert_eq!(histogram.positive_buckets, [1.0, 2.0, 3.0]);
    let mut histogram = loose();
    histogram.compact(3);
    assert_eq!(histogram.positive_spans, [span(-1, 4), span(4, 1)]);
    assert_eq!(histogram.positive_buckets, [1.0, 0.0, 0.0, 2.0, 3.0]);
    let mut histogram = loose();
    histogram.compact(usize::MAX);
    assert_eq!(histogram.positive_spans, [span(-1, 9)]);
    let mut empty = exponential(0, &[0.0, 0.0], &[0.0]);
    empty.compact(0);
    assert!(empty.positive_spans.is_empty() && empty.negative_spans.is_empty());
}

#[test]
fn coarser_buckets_hold_the_finer_ones() {
    let fine = exponential(2, &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0], &[5.0]);
    let mut coarse = fine.clone();
    coarse.reduce_resolution(0);
    assert_eq!(positive_of(&coarse), [(0, 1.0), (1, 30.0), (2, 32.0)]);
    assert_eq!(coarse.negative_buckets, [5.0]);
    assert!(fine.copy_to_schema(1).copy_to_schema(0).equals(&coarse));
    coarse.reduce_resolution(3);
    assert_eq!(coarse.schema, 0);
    let listed = custom(&[1.0], 0.0, &[1.0]);
    assert!(listed.copy_to_schema(-60).equals(&listed));
}

#[test]
fn equality_is_that_of_bits_and_places() {
    let mut left = exponential(0, &[1.0, 2.0], &[]);
    let mut right = left.clone();
    right.positive_spans = vec![span(-3, 0), span(3, 2), span(4, 0)];
    assert!(left.equals(&right));
    right.reset_hint = tsdb_core::ResetHint::Gauge;
    assert!(left.equals(&right));
    left.sum = f64::NAN;
    assert!(!left.equals(&right));
    right.sum = f64::NAN;
    assert!(left.equals(&right));
    right.positive_spans = vec![span(1, 2)];
    assert!(!left.equals(&right));
    let zero = |zero_count| FloatHistogram {
        zero_count,
        ..FloatHistogram::default()
    };
    assert!(!zero(0.0).equals(&zero(-0.0)));
}
