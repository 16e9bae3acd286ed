//! Whether counting began anew between two histograms.

use tsdb_core::ResetHint;

use super::arithmetic::{common_bounds, place_in};
use super::float_histogram::{FloatHistogram, Side};
use super::layout::reduced;

impl FloatHistogram {
    /// Whether counting began anew between the histogram before and this one: this one says so, or
    /// some count but the sum is less than it was, or its resolution is finer or its zero bucket
    /// narrower. What this one says outweighs what the counts show.
    #[must_use]
    pub fn detect_reset(&self, previous: &Self) -> bool {
        match self.reset_hint {
            ResetHint::Reset => return true,
            ResetHint::NoReset => return false,
            ResetHint::Unknown | ResetHint::Gauge => {}
        }
        if self.count < previous.count {
            return true;
        }
        if self.is_custom() {
            if !previous.is_custom() {
                return true;
            }
            if self.custom_values != previous.custom_values {
                return self.common_buckets_fell(previous);
            }
        }
        if self.schema > previous.schema || self.zero_threshold < previous.zero_threshold {
            return true;
        }
        let (zero_count, threshold) = previous.zero_count_within(self.zero_threshold);
        if threshold != self.zero_threshold || self.zero_count < zero_count {
            return true;
        }
        Side::BOTH
            .into_iter()
            .any(|side| self.buckets_fell(previous, side))
    }

    fn buckets_fell(&self, previous: &Self, side: Side) -> bool {
        let steps = previous.schema.abs_diff(self.schema);
        let before = reduced(previous.outside_zero(side, self.zero_threshold), steps);
        fell(before, self.outside_zero(side, self.zero_threshold))
    }

    /// Compares the buckets between the bounds that both lists have.
    fn common_buckets_fell(&self, previous: &Self) -> bool {
        let bounds = common_bounds(&self.custom_values, &previous.custom_values);
        let counts = |histogram: &Self| {
            let mut counts = vec![0.0_f64; bounds.len() + 1];
            for (index, count) in histogram.indexed(Side::Positive) {
                let place = place_in(&bounds, index, &histogram.custom_values);
                if let Some(into) = counts.get_mut(place) {
                    *into += count;
                }
            }
            counts
        };
        let (now, before) = (counts(self), counts(previous));
        now.iter().zip(&before).any(|(now, before)| now < before)
    }
}

/// Whether some bucket has less than before; both come as index and count, their indexes rising.
pub(super) fn fell<Index: Ord>(
    before: impl Iterator<Item = (Index, f64)>,
    now: impl Iterator<Item = (Index, f64)>,
) -> bool {
    let mut now = now.peekable();
    for (index, count) in before {
        while now.next_if(|(mine, _)| *mine < index).is_some() {}
        let fell = match now.peek() {
            Some((mine, now)) if *mine == index => *now < count,
            _ => count != 0.0,
        };
        if fell {
            return true;
        }
    }
    false
}
