//! What the generated message of a native histogram means.

use tsdb_core::model::{BucketSpan, Histogram, HistogramCounts, ResetHint};
use tsdb_proto::prometheus::{self, histogram as parts};

/// Time and histogram of a message.
pub(crate) fn histogram(message: prometheus::Histogram) -> (i64, Histogram) {
    let counts = match message.count {
        Some(parts::Count::CountFloat(count)) => HistogramCounts::Float {
            count,
            zero_count: match message.zero_count {
                Some(parts::ZeroCount::ZeroCountFloat(zeros)) => zeros,
                _ => 0.0,
            },
            positive: message.positive_counts,
            negative: message.negative_counts,
        },
        count => HistogramCounts::Integer {
            count: match count {
                Some(parts::Count::CountInt(count)) => count,
                _ => 0,
            },
            zero_count: match message.zero_count {
                Some(parts::ZeroCount::ZeroCountInt(zeros)) => zeros,
                _ => 0,
            },
            positive: message.positive_deltas,
            negative: message.negative_deltas,
        },
    };
    let hint = u64::from(message.reset_hint.cast_unsigned());
    let histogram = Histogram {
        schema: message.schema,
        zero_threshold: message.zero_threshold,
        sum: message.sum,
        reset_hint: ResetHint::from_number(hint).unwrap_or_default(),
        start_timestamp: 0,
        positive_spans: spans(message.positive_spans),
        negative_spans: spans(message.negative_spans),
        custom_values: message.custom_values,
        counts,
    };
    (message.timestamp, histogram)
}

fn spans(spans: Vec<prometheus::BucketSpan>) -> Vec<BucketSpan> {
    let span = |span: prometheus::BucketSpan| BucketSpan {
        offset: span.offset,
        length: span.length,
    };
    spans.into_iter().map(span).collect()
}
