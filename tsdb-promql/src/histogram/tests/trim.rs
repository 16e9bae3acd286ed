use std::f64::consts::SQRT_2;

use super::super::FloatHistogram;
use super::{assert_near, custom, exponential, positive_of, with_zero};

const INF: f64 = f64::INFINITY;

fn summed(mut histogram: FloatHistogram, sum: f64) -> FloatHistogram {
    histogram.sum = sum;
    histogram
}

/// Count, sum and count of the zero bucket.
#[track_caller]
fn assert_totals(histogram: &FloatHistogram, count: f64, sum: f64, zero_count: f64) {
    assert_near(histogram.count, count);
    assert_near(histogram.sum, sum);
    assert_near(histogram.zero_count, zero_count);
}

fn both_sides() -> FloatHistogram {
    let buckets = exponential(0, &[2.0, 4.0, 8.0, 16.0], &[1.0, 2.0]);
    summed(with_zero(buckets, 0.001, 1.0), 123.75)
}

#[test]
fn limits_beyond_all_keep_all_or_nothing() {
    let histogram = both_sides();
    assert!(histogram.trim_lower(-INF).equals(&histogram));
    assert!(histogram.trim_upper(INF).equals(&histogram));
    for nothing in [histogram.trim_lower(INF), histogram.trim_upper(-INF)] {
        assert_totals(&nothing, 0.0, 0.0, 0.0);
        assert!(nothing.positive_spans.is_empty() && nothing.negative_buckets.is_empty());
        assert_eq!(nothing.zero_threshold, 0.001);
    }
}

#[test]
fn buckets_across_the_limit_keep_a_share_by_logarithm() {
    let below = both_sides().trim_upper(SQRT_2);
    assert_totals(&below, 8.0, 0.2570938866, 1.0);
    assert_near(below.positive_buckets[1], 2.0);
    let above = both_sides().trim_lower(SQRT_2);
    assert_totals(&above, 26.0, 116.5006706507, 0.0);
    assert!(above.negative_buckets.is_empty());
    let above = both_sides().trim_lower(0.0);
    assert_totals(&above, 30.5, 120.20840280171308, 0.5);
    let below = both_sides().trim_upper(0.0);
    assert_totals(&below, 3.5, -3.535_783_905_932_738, 0.5);
    let above = both_sides().trim_lower(-1.0);
    assert_totals(&above, 32.0, 119.50104602052653, 1.0);
    assert_eq!(above.negative_buckets, [1.0]);
    let above = both_sides().trim_lower(2.0);
    assert_totals(&above, 24.0, 113.13708498984761, 0.0);
    assert_eq!(positive_of(&above), [(2, 8.0), (3, 16.0)]);
}

#[test]
fn negative_buckets_are_cut_too() {
    let buckets = exponential(2, &[1.0, 2.0, 4.0, 7.0, 3.0], &[1.0, 5.0, 3.0, 1.0]);
    let histogram = summed(with_zero(buckets, 0.001, 1.0), 12.8286080906);
    assert_totals(
        &histogram.trim_upper(1.13),
        13.410582181123704,
        -9.385798726068233,
        1.0,
    );
    assert_totals(
        &histogram.trim_lower(-1.3),
        25.54213947904476,
        16.29588491217537,
        1.0,
    );
    assert_totals(
        &histogram.trim_upper(-1.3),
        2.45786052095524,
        -3.5189307983595066,
        0.0,
    );
}

#[test]
fn zero_buckets_lie_where_other_observations_are() {
    let positive = summed(
        with_zero(exponential(0, &[10.0], &[]), 0.5, 2.0),
        8.021_067_811_865_475,
    );
    assert_totals(&positive.trim_lower(0.1), 11.6, 7.551067811865476, 1.6);
    assert_totals(&positive.trim_upper(0.5), 2.0, 0.5, 2.0);
    assert_totals(&positive.trim_upper(0.1), 0.4, 0.02, 0.4);
    let negative = summed(with_zero(exponential(0, &[], &[10.0]), 0.5, 2.0), -8.0);
    assert_totals(&negative.trim_upper(-0.1), 11.6, -7.551067811865476, 1.6);
    assert_totals(&negative.trim_lower(-0.5), 2.0, -0.5, 2.0);
    let alone = with_zero(exponential(0, &[], &[]), 0.1, 5.0);
    assert_totals(&alone.trim_lower(0.05), 1.25, 0.09375, 1.25);
    assert_totals(&alone.trim_upper(0.05), 3.75, -0.09375, 3.75);
    assert_totals(&alone.trim_upper(-0.1), 0.0, 0.0, 0.0);
    assert!(alone.trim_lower(-0.1).equals(&alone));
}

#[test]
fn custom_buckets_across_the_limit_keep_an_even_share() {
    let histogram = custom(&[5.0, 10.0, 15.0, 20.0], 172.5, &[1.0, 6.0, 4.0, 3.0, 1.0]);
    assert_totals(&histogram.trim_upper(15.0), 11.0, 97.5, 0.0);
    assert_totals(&histogram.trim_lower(15.0), 4.0, 72.5, 0.0);
    assert_totals(&histogram.trim_upper(13.0), 9.4, 75.1, 0.0);
    assert_totals(&histogram.trim_lower(13.0), 5.6, 94.9, 0.0);
    assert_totals(&histogram.trim_upper(50.0), 14.0, 150.0, 0.0);
    assert!(histogram.trim_lower(0.0).equals(&histogram));
    assert_totals(&histogram.trim_upper(0.0), 0.0, 0.0, 0.0);
}

#[test]
fn buckets_without_a_bound_are_kept_or_not() {
    let below_zero = custom(&[-10.0, 5.0], 0.0, &[2.0, 1.0, 6.0]);
    assert_totals(&below_zero.trim_upper(2.0), 2.8, -23.2, 0.0);
    assert_totals(&below_zero.trim_upper(-15.0), 2.0, -30.0, 0.0);
    let one = custom(&[], 100.0, &[100.0]);
    assert_totals(&one.trim_upper(10.0), 0.0, 0.0, 0.0);
    assert_totals(&one.trim_lower(10.0), 0.0, 0.0, 0.0);
    assert!(one.trim_upper(INF).equals(&one) && one.trim_lower(-INF).equals(&one));
    let two = custom(&[5.0], 33.0, &[1.0, 100.0]);
    assert_totals(&two.trim_upper(2.0), 0.4, 0.4, 0.0);
    assert_totals(&two.trim_lower(-10.0), 100.0, 500.0, 0.0);
    assert_totals(&two.trim_lower(2.0), 100.6, 502.1, 0.0);
    assert_totals(&two.trim_lower(10.0), 100.0, 1000.0, 0.0);
    assert!(two.trim_lower(0.0).equals(&two));
    let negative = custom(&[-5.0], 33.0, &[1.0, 100.0]);
    assert_totals(&negative.trim_lower(-2.0), 100.0, -200.0, 0.0);
    assert_totals(&negative.trim_upper(-10.0), 1.0, -10.0, 0.0);
}

#[test]
fn trims_keep_what_fractions_tell() {
    let histogram = both_sides();
    for limit in [-1.5, -1.0, -0.0005, 0.0, 0.7, 1.0, 3.0, 5.5, 8.0] {
        let below = histogram.fraction(-INF, limit).0 * histogram.count;
        assert_near(histogram.trim_upper(limit).count, below);
        let above = histogram.fraction(limit, INF).0 * histogram.count;
        assert_near(histogram.trim_lower(limit).count, above);
    }
}
