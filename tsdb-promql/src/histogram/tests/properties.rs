use proptest::collection::vec;
use proptest::prelude::*;
use tsdb_core::model::CUSTOM_BUCKETS_SCHEMA;
use tsdb_core::{BucketSpan, ResetHint};

use super::super::{ClassicBucket, FloatHistogram, bucket_fraction, bucket_quantile};
use super::span;

/// Spans of up to 12 buckets that are where buckets can be, with whole counts.
fn side() -> impl Strategy<Value = (Vec<BucketSpan>, Vec<f64>)> {
    vec((-20..20_i32, 0..4_usize), 0..4).prop_flat_map(|spans| {
        let length: usize = spans.iter().map(|(_, length)| length).sum();
        let spans: Vec<_> = spans
            .iter()
            .enumerate()
            .map(|(number, (offset, length))| {
                let offset = if number == 0 { *offset } else { offset.abs() };
                span(offset, *length)
            })
            .collect();
        let counts = vec((0..1000_u32).prop_map(f64::from), length);
        (Just(spans), counts)
    })
}

fn valid() -> impl Strategy<Value = FloatHistogram> {
    let threshold = prop_oneof![Just(0.0), Just(0.001), Just(1.0), Just(0.7), Just(3.0)];
    (0..4_i32, threshold, 0..100_u32, side(), side()).prop_map(
        |(schema, zero_threshold, zero_count, positive, negative)| {
            let zero_count = f64::from(zero_count);
            let counts = positive.1.iter().chain(&negative.1).sum::<f64>();
            let mut histogram = FloatHistogram {
                schema,
                zero_count,
                count: counts + zero_count,
                positive_spans: positive.0,
                positive_buckets: positive.1,
                negative_spans: negative.0,
                negative_buckets: negative.1,
                ..FloatHistogram::default()
            };
            // No bucket is within the zero bucket.
            let wide = FloatHistogram {
                schema,
                zero_threshold,
                ..FloatHistogram::default()
            };
            histogram.add(&wide).unwrap();
            histogram
        },
    )
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        -3.0..3.0,
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(0.0),
    ]
}

fn any_side() -> impl Strategy<Value = (Vec<BucketSpan>, Vec<f64>)> {
    let offset = prop_oneof![any::<i32>(), -3..3_i32];
    let length = prop_oneof![any::<u32>(), 0..4_u32];
    let spans = vec((offset, length), 0..5).prop_map(|spans| {
        let spans = spans.into_iter();
        spans
            .map(|(offset, length)| BucketSpan { offset, length })
            .collect()
    });
    (spans, vec(any_number(), 0..8))
}

/// Whatever the fields can hold.
fn arbitrary() -> impl Strategy<Value = FloatHistogram> {
    let schema = prop_oneof![Just(CUSTOM_BUCKETS_SCHEMA), -6..10_i32, any::<i32>()];
    let hint = (0..4_usize).prop_map(|number| ResetHint::ALL[number]);
    let numbers = (any_number(), any_number(), any_number(), any_number());
    (
        schema,
        hint,
        numbers,
        any_side(),
        any_side(),
        vec(any_number(), 0..6),
    )
        .prop_map(
            |(schema, reset_hint, numbers, positive, negative, custom_values)| FloatHistogram {
                reset_hint,
                schema,
                zero_threshold: numbers.0,
                zero_count: numbers.1,
                count: numbers.2,
                sum: numbers.3,
                positive_spans: positive.0,
                positive_buckets: positive.1,
                negative_spans: negative.0,
                negative_buckets: negative.1,
                custom_values,
            },
        )
}

fn bucket_sum(histogram: &FloatHistogram) -> f64 {
    let sides = histogram.positive_buckets.iter();
    sides.chain(&histogram.negative_buckets).sum::<f64>() + histogram.zero_count
}

proptest! {
    #[test]
    fn sums_do_not_depend_on_order(left in valid(), right in valid()) {
        let (mut one, mut other) = (left.clone(), right.clone());
        prop_assert!(one.add(&right).is_ok());
        prop_assert!(other.add(&left).is_ok());
        one.compact(0);
        other.compact(0);
        prop_assert!(one.equals(&other), "{} is not {}", one, other);
        prop_assert_eq!(bucket_sum(&one), one.count);
    }

    #[test]
    fn what_was_added_can_be_taken_away(left in valid(), right in valid()) {
        let mut sum = left.clone();
        prop_assert!(sum.add(&right).is_ok());
        prop_assert!(!sum.detect_reset(&left), "{} after {}", sum, left);
        prop_assert!(sum.sub(&right).is_ok());
        // The rest is the histogram before, with the layout that the sum needed.
        let mut expected = left.clone();
        let layout = FloatHistogram {
            schema: sum.schema,
            zero_threshold: sum.zero_threshold,
            ..FloatHistogram::default()
        };
        prop_assert!(expected.add(&layout).is_ok());
        sum.compact(0);
        expected.compact(0);
        prop_assert!(sum.equals(&expected), "{} is not {}", sum, expected);
    }

    #[test]
    fn compensated_sums_are_plain_sums_of_whole_numbers(left in valid(), right in valid()) {
        let (mut plain, mut sum) = (left.clone(), left.clone());
        let mut compensation = sum.no_compensation();
        for term in [&right, &left, &right] {
            prop_assert!(plain.add(term).is_ok());
            prop_assert!(sum.kahan_add(term, &mut compensation).is_ok());
            prop_assert_eq!(&sum.positive_spans, &compensation.positive_spans);
            prop_assert_eq!(sum.negative_buckets.len(), compensation.negative_buckets.len());
        }
        sum.add_compensation(&compensation);
        plain.compact(0);
        sum.compact(0);
        prop_assert!(sum.equals(&plain), "{} is not {}", sum, plain);
    }

    #[test]
    fn quantiles_rise(histogram in valid(), left in 0.0..=1.0, right in 0.0..=1.0) {
        prop_assume!(histogram.count > 0.0);
        let (low, high) = if left < right { (left, right) } else { (right, left) };
        let (low, high) = (histogram.quantile(low).0, histogram.quantile(high).0);
        prop_assert!(low <= high + 1e-9 * (low.abs() + high.abs()), "{low} > {high}");
    }

    #[test]
    fn resolution_and_compaction_keep_counts(histogram in valid(), steps in 0..6_i32) {
        let mut coarse = histogram.copy_to_schema(histogram.schema - steps);
        prop_assert_eq!(bucket_sum(&coarse), bucket_sum(&histogram));
        prop_assert_eq!(coarse.schema, histogram.schema - steps);
        coarse.compact(steps as usize);
        prop_assert_eq!(bucket_sum(&coarse), bucket_sum(&histogram));
        prop_assert!(!coarse.detect_reset(&histogram));
        let ascending: Vec<_> = histogram.buckets().collect();
        let mut descending: Vec<_> = histogram.buckets().rev().collect();
        descending.reverse();
        prop_assert_eq!(ascending, descending);
    }

    #[test]
    fn nothing_panics(
        left in arbitrary(),
        right in arbitrary(),
        number in any_number(),
        other in any_number(),
        schema in any::<i32>(),
        counts in vec((any_number(), any_number()), 0..8),
    ) {
        let mut sum = left.clone();
        let mut compensation = right.clone();
        let _ = sum.add(&right);
        let _ = sum.sub(&left);
        let _ = sum.kahan_add(&right, &mut compensation);
        sum.add_compensation(&compensation);
        sum.mul(number);
        sum.compact(7);
        sum.div(other);
        for histogram in [&left, &sum] {
            let _ = histogram.detect_reset(&right);
            let _ = histogram.copy_to_schema(schema);
            let _ = histogram.equals(&right);
            let _ = (histogram.quantile(0.3), histogram.quantile(0.7), histogram.quantile(number));
            let _ = (histogram.fraction(number, other), histogram.variance());
            let _ = (histogram.trim_lower(number), histogram.trim_upper(other));
            let _ = (histogram.to_string(), histogram.test_expression());
            prop_assert_eq!(histogram.buckets().count(), histogram.buckets().rev().count());
            prop_assert!(FloatHistogram::from_core(&histogram.to_core()).equals(histogram)
                || histogram.zero_threshold.is_nan()
                || histogram.custom_values.iter().any(|bound| bound.is_nan()));
        }
        let buckets: Vec<_> = counts
            .iter()
            .map(|(upper_bound, count)| ClassicBucket { upper_bound: *upper_bound, count: *count })
            .collect();
        let _ = bucket_quantile(0.5, &mut buckets.clone());
        let _ = bucket_fraction(number, other, &mut buckets.clone());
        let _ = FloatHistogram::from_classic(buckets, Some(number), other);
    }
}
