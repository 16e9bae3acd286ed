use std::f64::consts::SQRT_2;

use super::super::{FloatHistogram, NanObservations};
use super::{assert_near, custom, exponential, with_zero};

#[test]
fn exponential_buckets_are_interpolated_by_logarithm() {
    let histogram = with_zero(exponential(0, &[2.0, 3.0, 4.0], &[]), 0.001, 1.0);
    let cases = [
        (0.0, 0.0),
        (0.05, 0.0005),
        (0.1, 0.001),
        (0.2, 0.5_f64.sqrt()),
        (0.3, 1.0),
        (0.45, 2_f64.sqrt()),
        (0.6, 2.0),
        (0.8, 8_f64.sqrt()),
        (1.0, 4.0),
    ];
    for (q, value) in cases {
        let (found, nan) = histogram.quantile(q);
        assert_near(found, value);
        assert_eq!(nan, None);
    }
}

#[test]
fn negative_buckets_are_the_mirror_of_positive_ones() {
    let positive = with_zero(exponential(1, &[2.0, 0.0, 3.0], &[]), 0.01, 2.0);
    let negative = with_zero(exponential(1, &[], &[2.0, 0.0, 3.0]), 0.01, 2.0);
    for step in 0..=20 {
        let q = f64::from(step) / 20.0;
        assert_near(-negative.quantile(1.0 - q).0, positive.quantile(q).0);
    }
}

#[test]
fn quantiles_outside_of_reason() {
    let histogram = exponential(0, &[2.0], &[]);
    assert_eq!(histogram.quantile(-0.1).0, f64::NEG_INFINITY);
    assert_eq!(histogram.quantile(1.1).0, f64::INFINITY);
    assert!(histogram.quantile(f64::NAN).0.is_nan());
    assert!(FloatHistogram::default().quantile(0.5).0.is_nan());
    assert!(FloatHistogram::default().fraction(0.0, 1.0).0.is_nan());
}

#[test]
fn custom_buckets_are_interpolated_evenly() {
    let histogram = custom(&[5.0, 10.0, 15.0, 20.0], 172.5, &[1.0, 6.0, 4.0, 3.0, 1.0]);
    assert_near(histogram.quantile(0.5).0, 10.625);
    assert_near(histogram.quantile(0.0).0, 0.0);
    assert_near(histogram.quantile(1.0).0, 20.0);
    let below_zero = custom(&[-3.0, 2.0], 0.0, &[4.0, 1.0, 1.0]);
    assert_near(below_zero.quantile(0.1).0, -3.0);
    assert_near(below_zero.quantile(0.75).0, -0.5);
}

#[test]
fn observations_of_nan_are_spoken_of() {
    // Three observations are in buckets, one is NaN.
    let mut histogram = exponential(0, &[1.0, 2.0], &[]);
    histogram.count = 4.0;
    histogram.sum = f64::NAN;
    assert_eq!(
        histogram.quantile(0.5),
        (2_f64.sqrt(), Some(NanObservations::ResultIsHigher))
    );
    let (nan, why) = histogram.quantile(0.9);
    assert!(nan.is_nan());
    assert_eq!(why, Some(NanObservations::ResultIsNan));
    assert_eq!(
        histogram.fraction(f64::NEG_INFINITY, f64::INFINITY),
        (0.75, Some(NanObservations::NotInFractions))
    );
    // Infinities of both signs make the sum NaN, but no observation is missing.
    histogram.count = 3.0;
    assert_eq!(histogram.quantile(0.5).1, None);
    assert_eq!(histogram.fraction(0.0, 1.0).1, None);
}

#[test]
fn fractions_are_what_lies_between() {
    let mut histogram = with_zero(
        exponential(0, &[2.0, 4.0, 8.0, 16.0], &[1.0, 2.0]),
        0.001,
        1.0,
    );
    histogram.sum = 123.75;
    let below = |value| histogram.fraction(f64::NEG_INFINITY, value).0 * histogram.count;
    let above = |value| histogram.fraction(value, f64::INFINITY).0 * histogram.count;
    let cases = [
        (2.0, 10.0, 24.0),
        (-1.0, 2.0, 32.0),
        (0.0, 3.5, 30.5),
        (SQRT_2, 8.0, 26.0),
        (f64::NEG_INFINITY, 0.0, 34.0),
        (f64::INFINITY, 34.0, 0.0),
    ];
    for (value, lower, upper) in cases {
        assert_near(below(value), lower);
        assert_near(above(value), upper);
    }
    assert_eq!(histogram.fraction(3.0, 3.0).0, 0.0);
    assert!(histogram.fraction(f64::NAN, 3.0).0.is_nan());
    let custom = custom(&[5.0, 10.0, 15.0, 20.0], 172.5, &[1.0, 6.0, 4.0, 3.0, 1.0]);
    assert_near(custom.fraction(f64::NEG_INFINITY, 13.0).0 * 15.0, 9.4);
    assert_near(custom.fraction(13.0, f64::INFINITY).0 * 15.0, 5.6);
}
