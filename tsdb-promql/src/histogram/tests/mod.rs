//! Values here are derived by hand or are those of Prometheus' evaluation cases.

mod arithmetic;
mod classic;
mod layout;
mod properties;
mod quantile;
mod read_hints;
mod text;
mod trim;

use tsdb_core::BucketSpan;
use tsdb_core::model::CUSTOM_BUCKETS_SCHEMA;

use super::FloatHistogram;

pub(super) fn span(offset: i32, length: usize) -> BucketSpan {
    BucketSpan {
        offset,
        length: length as u32,
    }
}

/// Exponential buckets of both signs from bucket 0 on, without a zero bucket; the count is theirs.
pub(super) fn exponential(schema: i32, positive: &[f64], negative: &[f64]) -> FloatHistogram {
    let spans = |counts: &[f64]| match counts.len() {
        0 => Vec::new(),
        length => vec![span(0, length)],
    };
    FloatHistogram {
        schema,
        count: positive.iter().chain(negative).sum(),
        positive_spans: spans(positive),
        negative_spans: spans(negative),
        positive_buckets: positive.to_vec(),
        negative_buckets: negative.to_vec(),
        ..FloatHistogram::default()
    }
}

/// The same with a zero bucket.
pub(super) fn with_zero(mut histogram: FloatHistogram, width: f64, count: f64) -> FloatHistogram {
    histogram.zero_threshold = width;
    histogram.zero_count = count;
    histogram.count += count;
    histogram
}

/// Custom buckets from the first on.
pub(super) fn custom(bounds: &[f64], sum: f64, counts: &[f64]) -> FloatHistogram {
    FloatHistogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        sum,
        custom_values: bounds.to_vec(),
        ..exponential(0, counts, &[])
    }
}

/// Index and count of every bucket.
pub(super) fn positive_of(histogram: &FloatHistogram) -> Vec<(i32, f64)> {
    histogram
        .indexed(super::float_histogram::Side::Positive)
        .collect()
}

#[track_caller]
pub(super) fn assert_near(actual: f64, expected: f64) {
    let near = (actual - expected).abs() <= 1e-9 * (actual.abs() + expected.abs());
    assert!(near || actual == expected, "{actual} is not {expected}");
}
