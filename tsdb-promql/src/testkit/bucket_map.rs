//! Histograms taken apart into buckets.

use std::collections::BTreeMap;

use tsdb_core::BucketSpan;
use tsdb_core::model::CUSTOM_BUCKETS_SCHEMA;

use crate::FloatHistogram;

/// A bucket by its bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// The lower bound.
    pub lower: f64,
    /// The upper bound.
    pub upper: f64,
    /// Observations in it.
    pub count: f64,
}

/// Counts by index.
pub(super) type Counts = BTreeMap<i32, f64>;

/// The counts of all buckets that spans name, empty ones too.
pub(super) fn counts(spans: &[BucketSpan], counts: &[f64]) -> Counts {
    let mut index = 0_i32;
    let mut found = Counts::new();
    let mut counts = counts.iter();
    for span in spans {
        index = index.saturating_add(span.offset);
        for _ in 0..span.length {
            let Some(count) = counts.next() else {
                return found;
            };
            found.insert(index, *count);
            index = index.saturating_add(1);
        }
    }
    found
}

/// The spans and counts of buckets by index.
pub(super) fn spans(counts: &Counts) -> (Vec<BucketSpan>, Vec<f64>) {
    let mut spans: Vec<BucketSpan> = Vec::new();
    let mut next = 0;
    for &index in counts.keys() {
        match spans.last_mut() {
            Some(last) if index == next => last.length += 1,
            _ => spans.push(BucketSpan {
                offset: index - next,
                length: 1,
            }),
        }
        next = index + 1;
    }
    (spans, counts.values().copied().collect())
}

/// Counts at a resolution that is `by` steps lower.
pub(super) fn coarser(fine: &Counts, by: u32) -> Counts {
    let mut counts = Counts::new();
    for (index, count) in fine {
        *counts.entry(((index - 1) >> by.min(31)) + 1).or_default() += count;
    }
    counts
}

/// Adds what `other` counts.
pub(super) fn add(counts: &mut Counts, other: &Counts, factor: f64) {
    for (index, count) in other {
        *counts.entry(*index).or_default() += factor * count;
    }
}

/// The buckets of a histogram that are not empty, from the lowest up, with their bounds, as the API
/// gives them: without a zero bucket whose count is negative or no number.
#[must_use]
pub fn buckets(histogram: &FloatHistogram) -> Vec<Bucket> {
    let positive = counts(&histogram.positive_spans, &histogram.positive_buckets);
    let negative = counts(&histogram.negative_spans, &histogram.negative_buckets);
    if histogram.schema == CUSTOM_BUCKETS_SCHEMA {
        let bound = |index: i32| {
            let index = usize::try_from(index).ok()?;
            histogram.custom_values.get(index).copied()
        };
        return filled(positive.iter().map(|(index, count)| Bucket {
            lower: bound(index - 1).unwrap_or(f64::NEG_INFINITY),
            upper: bound(*index).unwrap_or(f64::INFINITY),
            count: *count,
        }));
    }
    let bound = |index: i32| (f64::from(index) * (-f64::from(histogram.schema)).exp2()).exp2();
    let zero = (histogram.zero_count > 0.0).then_some(Bucket {
        lower: -histogram.zero_threshold,
        upper: histogram.zero_threshold,
        count: histogram.zero_count,
    });
    let below = negative.iter().rev().map(|(index, count)| Bucket {
        lower: -bound(*index),
        upper: -bound(index - 1),
        count: *count,
    });
    let above = positive.iter().map(|(index, count)| Bucket {
        lower: bound(index - 1),
        upper: bound(*index),
        count: *count,
    });
    filled(below.chain(zero).chain(above))
}

fn filled(buckets: impl Iterator<Item = Bucket>) -> Vec<Bucket> {
    buckets.filter(|bucket| bucket.count != 0.0).collect()
}

#[cfg(test)]
mod tests {
    use super::{Bucket, add, buckets, coarser, counts, spans};
    use crate::FloatHistogram;
    use tsdb_core::BucketSpan;

    fn span(offset: i32, length: u32) -> BucketSpan {
        BucketSpan { offset, length }
    }

    #[test]
    fn spans_and_counts_are_the_same_twice() {
        let found = counts(&[span(-2, 2), span(3, 1)], &[1.0, 0.0, 4.0]);
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            [(-2, 1.0), (-1, 0.0), (3, 4.0)]
        );
        let found = counts(&[span(-2, 2), span(3, 1)], &[1.0, 0.0, 4.0]);
        assert_eq!(
            spans(&found),
            (vec![span(-2, 2), span(3, 1)], vec![1.0, 0.0, 4.0])
        );
    }

    #[test]
    fn a_lower_resolution_adds_neighbours() {
        // Bucket 1 of schema 1 is (1, sqrt 2], 2 is (sqrt 2, 2]; both are 1 of schema 0.
        let fine = [(0, 1.0), (1, 2.0), (2, 4.0), (3, 8.0)].into();
        let mut found = coarser(&fine, 1);
        assert_eq!(found, [(0, 1.0), (1, 6.0), (2, 8.0)].into());
        add(&mut found, &[(2, 1.0), (5, 3.0)].into(), -1.0);
        assert_eq!(found, [(0, 1.0), (1, 6.0), (2, 7.0), (5, -3.0)].into());
    }

    #[test]
    fn bounds_rise_from_the_lowest() {
        let histogram = FloatHistogram {
            zero_threshold: 0.5,
            zero_count: 7.0,
            positive_spans: vec![span(1, 2)],
            positive_buckets: vec![3.0, 0.0],
            negative_spans: vec![span(0, 2)],
            negative_buckets: vec![1.0, 2.0],
            ..FloatHistogram::default()
        };
        let bucket = |lower, upper, count| Bucket {
            lower,
            upper,
            count,
        };
        assert_eq!(
            buckets(&histogram),
            [
                bucket(-2.0, -1.0, 2.0),
                bucket(-1.0, -0.5, 1.0),
                bucket(-0.5, 0.5, 7.0),
                bucket(1.0, 2.0, 3.0),
            ]
        );
        let custom = FloatHistogram {
            schema: -53,
            positive_spans: vec![span(0, 3)],
            positive_buckets: vec![1.0, 2.0, 4.0],
            custom_values: vec![5.0, 10.0],
            ..FloatHistogram::default()
        };
        let inf = f64::INFINITY;
        assert_eq!(
            buckets(&custom),
            [
                bucket(-inf, 5.0, 1.0),
                bucket(5.0, 10.0, 2.0),
                bucket(10.0, inf, 4.0),
            ]
        );
    }
}
