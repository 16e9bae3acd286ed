//! Counter reset hints as Prometheus' store gives them back.
//!
//! It keeps none: a histogram is of a gauge if it came as one, is known to follow its predecessor
//! without reset if both are in one chunk, and nothing is known of the first of a chunk.

use tsdb_core::ResetHint;
use tsdb_core::model::{CUSTOM_BUCKETS_SCHEMA, is_stale};

use super::bucket_map::{Counts, counts};
use crate::FloatHistogram;

/// The hint that `histogram` is read with when `before` came before it in the series.
pub(super) fn read_hint(before: Option<&FloatHistogram>, histogram: &FloatHistogram) -> ResetHint {
    match histogram.reset_hint {
        ResetHint::Gauge => ResetHint::Gauge,
        ResetHint::Reset => ResetHint::Unknown,
        ResetHint::Unknown | ResetHint::NoReset => match before {
            Some(before) if continues(before, histogram) => ResetHint::NoReset,
            _ => ResetHint::Unknown,
        },
    }
}

/// Whether it can be in one chunk with what came before.
fn continues(before: &FloatHistogram, histogram: &FloatHistogram) -> bool {
    if before.reset_hint == ResetHint::Gauge {
        return false;
    }
    if is_stale(histogram.sum) || is_stale(before.sum) {
        return is_stale(histogram.sum);
    }
    if histogram.schema == CUSTOM_BUCKETS_SCHEMA && before.custom_values != histogram.custom_values
    {
        return false;
    }
    let same_layout =
        histogram.schema == before.schema && histogram.zero_threshold == before.zero_threshold;
    let positive = |of: &FloatHistogram| counts(&of.positive_spans, &of.positive_buckets);
    let negative = |of: &FloatHistogram| counts(&of.negative_spans, &of.negative_buckets);
    same_layout
        && histogram.count >= before.count
        && histogram.zero_count >= before.zero_count
        && grows(&positive(before), &positive(histogram))
        && grows(&negative(before), &negative(histogram))
}

fn grows(before: &Counts, after: &Counts) -> bool {
    let count = |index| after.get(index).copied().unwrap_or(0.0);
    before.iter().all(|(index, before)| count(index) >= *before)
}
