use super::super::{
    ClassicBucket, ClassicError, FloatHistogram, ForcedMonotonicity, bucket_fraction,
    bucket_quantile,
};
use super::{assert_near, positive_of, span};

const INF: f64 = f64::INFINITY;

fn buckets(counts: &[(f64, f64)]) -> Vec<ClassicBucket> {
    let bucket = |(upper_bound, count): &(f64, f64)| ClassicBucket {
        upper_bound: *upper_bound,
        count: *count,
    };
    counts.iter().map(bucket).collect()
}

fn quantile(q: f64, counts: &[(f64, f64)]) -> f64 {
    bucket_quantile(q, &mut buckets(counts)).0
}

const POSITIVE: [(f64, f64); 4] = [(INF, 12.0), (0.1, 5.0), (0.2, 7.0), (1.0, 11.0)];
const NEGATIVE: [(f64, f64); 4] = [(-0.2, 1.0), (-0.1, 2.0), (0.3, 2.0), (INF, 3.0)];

#[test]
fn quantiles_are_interpolated_between_bounds() {
    assert_near(quantile(0.0, &POSITIVE), 0.0);
    assert_near(quantile(0.2, &POSITIVE), 0.048);
    assert_near(quantile(0.5, &POSITIVE), 0.15);
    assert_near(quantile(0.8, &POSITIVE), 0.72);
    assert_near(quantile(1.0, &POSITIVE), 1.0);
    assert_near(quantile(0.2, &NEGATIVE), -0.2);
    assert_near(quantile(0.5, &NEGATIVE), -0.15);
    assert_near(quantile(0.8, &NEGATIVE), 0.3);
    for (q, value) in [(1.0 / 6.0, 1.0), (0.5, 3.0), (5.0 / 6.0, 5.0)] {
        let counts = [(0.0, 0.0), (2.0, 1.0), (4.0, 2.0), (6.0, 3.0), (INF, 3.0)];
        assert_near(quantile(q, &counts), value);
    }
}

#[test]
fn quantiles_that_are_none() {
    assert_eq!(quantile(-1.0, &[]), -INF);
    assert_eq!(quantile(1.01, &POSITIVE), INF);
    assert!(quantile(f64::NAN, &POSITIVE).is_nan());
    assert!(quantile(0.5, &[]).is_nan());
    assert!(quantile(0.5, &[(1.0, 1.0)]).is_nan());
    assert!(quantile(0.5, &[(INF, 1.0)]).is_nan());
    assert!(quantile(0.5, &[(1.0, 0.0), (INF, 0.0)]).is_nan());
    assert!(quantile(0.5, &[(INF, 1.0), (f64::NAN, 1.0)]).is_nan());
}

#[test]
fn falling_counts_are_repaired_and_told() {
    let counts = [
        (0.1, 2.0),
        (1.0, 1.0),
        (10.0, 5.0),
        (100.0, 4.0),
        (1000.0, 9.0),
        (INF, 8.0),
    ];
    let mut repaired = buckets(&counts);
    let (_, forced) = bucket_quantile(0.5, &mut repaired);
    assert_eq!(
        forced,
        Some(ForcedMonotonicity {
            min_bucket: 1.0,
            max_bucket: INF,
            max_difference: 1.0,
        })
    );
    let counts: Vec<f64> = repaired.iter().map(|bucket| bucket.count).collect();
    assert_eq!(counts, [2.0, 2.0, 5.0, 5.0, 9.0, 9.0]);
    assert_near(
        quantile(0.01, &[(0.1, 2.0), (1.0, 1.0), (10.0, 5.0), (INF, 9.0)]),
        0.0045,
    );
}

#[test]
fn small_differences_are_taken_away_in_silence() {
    let mut noisy = buckets(&[
        (1.0, 1.0),
        (2.0, 1.0 - 1e-13),
        (3.0, 1.0 + 1e-13),
        (INF, 1.0),
    ]);
    let (value, forced) = bucket_quantile(1.0, &mut noisy);
    assert_eq!((value, forced), (1.0, None));
    assert!(noisy.iter().all(|bucket| bucket.count == 1.0));
}

#[test]
fn buckets_of_one_bound_are_joined() {
    let counts = [
        (0.1, 1.0),
        (0.2, 1.0),
        (0.1, 1.0),
        (0.2, 2.0),
        (INF, 3.0),
        (INF, 1.0),
    ];
    let mut joined = buckets(&counts);
    assert_near(bucket_quantile(0.5, &mut joined).0, 0.1);
    assert_eq!(joined, buckets(&[(0.1, 2.0), (0.2, 3.0), (INF, 4.0)]));
}

#[test]
fn fractions_lie_between_values() {
    let fraction =
        |lower, upper, counts: &[(f64, f64)]| bucket_fraction(lower, upper, &mut buckets(counts));
    assert_near(fraction(0.0, 0.2, &POSITIVE), 7.0 / 12.0);
    assert_near(fraction(0.1, 0.15, &POSITIVE), 1.0 / 12.0);
    assert_near(fraction(-INF, INF, &POSITIVE), 1.0);
    assert_near(fraction(2.0, INF, &POSITIVE), 1.0 / 12.0);
    assert_near(fraction(-INF, -0.2, &NEGATIVE), 1.0 / 3.0);
    assert_near(fraction(-0.2, 0.1, &NEGATIVE), 1.0 / 3.0);
    assert_eq!(fraction(1.0, 1.0, &POSITIVE), 0.0);
    assert!(fraction(f64::NAN, 1.0, &POSITIVE).is_nan());
    assert!(fraction(0.0, 1.0, &[(1.0, 1.0)]).is_nan());
    assert!(fraction(0.0, 1.0, &[]).is_nan());
}

#[test]
fn classic_histograms_become_custom_buckets() {
    let made = FloatHistogram::from_classic(buckets(&POSITIVE), None, 33.0).unwrap();
    assert!(made.is_custom());
    assert_eq!(made.custom_values, [0.1, 0.2, 1.0]);
    assert_eq!(made.positive_buckets, [5.0, 2.0, 4.0, 1.0]);
    assert_eq!((made.count, made.sum), (12.0, 33.0));

    let without_infinity = buckets(&[(1.0, 1.0), (2.0, 1.0), (1.0, 7.0), (3.0, 1.5)]);
    let made = FloatHistogram::from_classic(without_infinity, Some(4.0), 0.0).unwrap();
    assert_eq!(positive_of(&made), [(0, 1.0), (2, 0.5), (3, 2.5)]);
    let whole = buckets(&[(1.0, 1.0), (2.0, 1.0), (3.0, 2.0), (4.0, 2.0), (INF, 2.0)]);
    let made = FloatHistogram::from_classic(whole, Some(2.0), 0.0).unwrap();
    assert_eq!(made.positive_spans, [span(0, 3)]);
    let made = FloatHistogram::from_classic(Vec::new(), Some(3.0), 0.0).unwrap();
    assert_eq!(
        (made.positive_buckets, made.custom_values),
        (vec![3.0], vec![])
    );
}

#[test]
fn contradictory_classic_histograms_become_nothing() {
    let error = |counts: &[(f64, f64)], count| {
        FloatHistogram::from_classic(buckets(counts), count, 0.0).unwrap_err()
    };
    let cases = [
        (
            error(&[(f64::NAN, 1.0)], None),
            "bucket boundary must not be NaN",
        ),
        (
            error(&[(1.0, -1.0)], None),
            "bucket count must be non-negative: le=1, count=-1",
        ),
        (
            error(&[(1.0, 2.0), (2.0, 1.0)], None),
            "count is not cumulative: 1 < 2",
        ),
        (
            error(&[], Some(-2.0)),
            "count must be non-negative: count=-2",
        ),
        (
            error(&[], None),
            "count must be provided when no buckets are present",
        ),
        (
            error(&[(INF, 2.0)], Some(3.0)),
            "count mismatch: count=3 != le=+Inf count=2",
        ),
    ];
    for (error, text) in cases {
        assert_eq!(error.to_string(), text);
    }
    assert_eq!(error(&[], None), ClassicError::NothingCounted);
}
