//! What is known of counter resets between stored histograms, as Prometheus' store tells it.
//!
//! It gives no hint back as it came: a histogram is of a gauge if it came as one, is known to go on
//! if it can be in one chunk with its predecessor, and otherwise nothing is known.

use tsdb_core::{BucketSpan, Histogram, HistogramCounts, ResetHint};

use super::float_histogram::Side;
use super::reset::fell;

/// Gives the histograms of a series the hints that they are read with, where they have those that
/// they came with. A histogram behind one of the floats of the series has no predecessor.
pub(crate) fn settle(histograms: &mut [(i64, Histogram)], float_times: &[i64]) {
    // From the last to the first: the hint that its predecessor came with is looked at.
    for place in (0..histograms.len()).rev() {
        let (before, now) = histograms.split_at_mut(place);
        let Some((time, histogram)) = now.first_mut() else {
            continue;
        };
        histogram.reset_hint = match histogram.reset_hint {
            ResetHint::Gauge => ResetHint::Gauge,
            ResetHint::Reset => ResetHint::Unknown,
            ResetHint::Unknown | ResetHint::NoReset => match before.last() {
                Some((since, before))
                    if !has_between(float_times, *since, *time) && goes_on(before, histogram) =>
                {
                    ResetHint::NoReset
                }
                _ => ResetHint::Unknown,
            },
        };
    }
}

fn has_between(times: &[i64], since: i64, until: i64) -> bool {
    let next = times.partition_point(|time| *time <= since);
    times.get(next).is_some_and(|time| *time < until)
}

/// Whether a histogram can be in one chunk with its predecessor.
fn goes_on(before: &Histogram, now: &Histogram) -> bool {
    if before.reset_hint == ResetHint::Gauge || before.is_float() != now.is_float() {
        return false;
    }
    if before.is_stale() || now.is_stale() {
        return now.is_stale();
    }
    before.schema == now.schema
        && before.zero_threshold == now.zero_threshold
        && before.custom_values == now.custom_values
        && !counts_fell(before, now)
}

/// Whether some count is less than it was; the sum is none.
fn counts_fell(before: &Histogram, now: &Histogram) -> bool {
    let (totals, totals_now) = (totals(before), totals(now));
    if totals
        .iter()
        .zip(totals_now)
        .any(|(before, now)| now < *before)
    {
        return true;
    }
    Side::BOTH
        .into_iter()
        .any(|side| fell(buckets(before, side), buckets(now, side)))
}

/// All observations, and those in the zero bucket.
fn totals(histogram: &Histogram) -> [f64; 2] {
    match &histogram.counts {
        HistogramCounts::Integer {
            count, zero_count, ..
        } => [*count as f64, *zero_count as f64],
        HistogramCounts::Float {
            count, zero_count, ..
        } => [*count, *zero_count],
    }
}

/// Index and count of each bucket of a sign.
fn buckets(histogram: &Histogram, side: Side) -> impl Iterator<Item = (i64, f64)> {
    let spans = match side {
        Side::Positive => &histogram.positive_spans,
        Side::Negative => &histogram.negative_spans,
    };
    let (differences, absolute): (&[i64], &[f64]) = match (&histogram.counts, side) {
        (HistogramCounts::Integer { positive, .. }, Side::Positive) => (positive, &[]),
        (HistogramCounts::Integer { negative, .. }, Side::Negative) => (negative, &[]),
        (HistogramCounts::Float { positive, .. }, Side::Positive) => (&[], positive),
        (HistogramCounts::Float { negative, .. }, Side::Negative) => (&[], negative),
    };
    let summed = differences.iter().scan(0_i64, |count, difference| {
        *count = count.saturating_add(*difference);
        Some(*count as f64)
    });
    indexes(spans).zip(summed.chain(absolute.iter().copied()))
}

fn indexes(spans: &[BucketSpan]) -> impl Iterator<Item = i64> {
    let mut next = 0_i64;
    spans.iter().flat_map(move |span| {
        let first = next.saturating_add(i64::from(span.offset));
        next = first.saturating_add(i64::from(span.length));
        first..next
    })
}
