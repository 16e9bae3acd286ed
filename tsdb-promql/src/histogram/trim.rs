//! Histograms without what lies above or below a value.

use super::bucket::Bucket;
use super::float_histogram::{FloatHistogram, Side};

/// Which observations are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    Below,
    Above,
}

/// Of a bucket: observations that are kept, and a value that stands for each of them.
struct Kept {
    count: f64,
    middle: f64,
}

impl Kept {
    const NOTHING: Self = Self {
        count: 0.0,
        middle: 0.0,
    };
}

impl FloatHistogram {
    /// The histogram without observations above the limit: `histogram </ limit`. What a bucket
    /// across the limit keeps is estimated, and so is the sum when anything is left out.
    #[must_use]
    pub fn trim_upper(&self, limit: f64) -> Self {
        self.trimmed(limit, Keep::Below)
    }

    /// The histogram without observations below the limit: `histogram >/ limit`.
    #[must_use]
    pub fn trim_lower(&self, limit: f64) -> Self {
        self.trimmed(limit, Keep::Above)
    }

    fn trimmed(&self, limit: f64, keep: Keep) -> Self {
        let mut trimmed = self.clone();
        let mut changed = false;
        let (mut count, mut sum) = (0.0, 0.0);
        let mut used = [false; 2];
        for (side, used) in Side::BOTH.into_iter().zip(&mut used) {
            let mut slots = self.slots(side, None);
            for (slot, bucket) in slots.iter_mut().zip(self.side_buckets(side)) {
                if bucket.count == 0.0 {
                    continue;
                }
                *used = true;
                let kept = self.kept_of(&bucket, side, limit, keep);
                count += kept.count;
                sum += kept.middle * kept.count;
                changed |= slot.count != kept.count;
                slot.count = kept.count;
            }
            trimmed.put_slots(side, None, &slots);
        }
        if self.zero_count > 0.0 {
            let [positive, negative] = used;
            let kept = self.kept_of_zero(limit, keep, positive, negative);
            changed |= kept.count != self.zero_count;
            count += kept.count;
            sum += kept.middle * kept.count;
            trimmed.zero_count = kept.count;
        }
        if !changed {
            return self.clone();
        }
        (trimmed.count, trimmed.sum) = (count, sum);
        trimmed.compact(0);
        trimmed
    }

    fn side_buckets(&self, side: Side) -> Vec<Bucket> {
        match side {
            Side::Positive => self.positive().collect(),
            Side::Negative => self.negative().collect(),
        }
    }

    fn kept_of(&self, bucket: &Bucket, side: Side, limit: f64, keep: Keep) -> Kept {
        let (all, some) = match keep {
            Keep::Below => (bucket.upper <= limit, bucket.lower < limit),
            Keep::Above => (bucket.lower >= limit, bucket.upper > limit),
        };
        if all {
            return Kept {
                count: bucket.count,
                middle: self.middle(side, bucket.lower, bucket.upper),
            };
        }
        if !some {
            return Kept::NOTHING;
        }
        if bucket.lower == f64::NEG_INFINITY || bucket.upper == f64::INFINITY {
            return kept_of_unbounded(bucket, limit, keep);
        }
        let below = bucket.count * self.share_below(bucket, side, limit);
        match keep {
            Keep::Below => Kept {
                count: below,
                middle: self.middle(side, bucket.lower, limit),
            },
            Keep::Above => Kept {
                count: bucket.count - below,
                middle: self.middle(side, limit, bucket.upper),
            },
        }
    }

    /// Share of a bucket's observations below a limit within it.
    fn share_below(&self, bucket: &Bucket, side: Side, limit: f64) -> f64 {
        if self.is_custom() {
            return (limit - bucket.lower) / (bucket.upper - bucket.lower);
        }
        let (lower, upper) = (bucket.lower.abs().log2(), bucket.upper.abs().log2());
        let limit = limit.abs().log2();
        match side {
            Side::Positive => (limit - lower) / (upper - lower),
            Side::Negative => 1.0 - (limit - upper) / (lower - upper),
        }
    }

    /// Half the sum of bounds for custom buckets, the root of their product for exponential ones.
    fn middle(&self, side: Side, lower: f64, upper: f64) -> f64 {
        if lower.is_infinite() {
            return match upper {
                _ if upper.is_infinite() => 0.0,
                _ if upper > 0.0 => upper / 2.0,
                _ => upper,
            };
        }
        if upper.is_infinite() {
            return lower;
        }
        if self.is_custom() {
            return (lower + upper) / 2.0;
        }
        let root = (lower * upper).abs().sqrt();
        match side {
            Side::Positive => root,
            Side::Negative => -root,
        }
    }

    /// The zero bucket is only on the side of zero where other observations are, if they are on one
    /// side only.
    fn kept_of_zero(&self, limit: f64, keep: Keep, positive: bool, negative: bool) -> Kept {
        let bucket = self.zero_bucket();
        let lower = if positive && !negative {
            0.0
        } else {
            bucket.lower
        };
        let upper = if negative && !positive {
            0.0
        } else {
            bucket.upper
        };
        let (from, to) = match keep {
            Keep::Below if limit <= lower => return Kept::NOTHING,
            Keep::Above if limit <= lower => (lower, upper),
            Keep::Below if limit >= upper => (lower, upper),
            Keep::Above if limit >= upper => return Kept::NOTHING,
            Keep::Below => (lower, limit),
            Keep::Above => (limit, upper),
        };
        let whole = (from, to) == (lower, upper);
        let share = match whole {
            true => 1.0,
            false => (to - from) / (upper - lower),
        };
        Kept {
            count: bucket.count * share,
            middle: (from + to) / 2.0,
        }
    }
}

/// Where observations are in a bucket without a bound is not known: they are left out, unless the
/// limit itself can stand for them.
fn kept_of_unbounded(bucket: &Bucket, limit: f64, keep: Keep) -> Kept {
    let kept = |count, middle| Kept { count, middle };
    if bucket.lower == f64::NEG_INFINITY {
        let bounded = bucket.upper != f64::INFINITY;
        return match keep {
            Keep::Below if limit > 0.0 && bucket.upper > 0.0 && bounded => {
                kept(bucket.count * limit / bucket.upper, limit / 2.0)
            }
            Keep::Below if bucket.upper <= 0.0 => kept(bucket.count, limit),
            Keep::Above if limit >= 0.0 && bounded => kept(
                bucket.count * (1.0 - limit / bucket.upper),
                (limit + bucket.upper) / 2.0,
            ),
            _ => Kept::NOTHING,
        };
    }
    match keep {
        Keep::Above if limit >= bucket.lower => kept(bucket.count, limit),
        _ => Kept::NOTHING,
    }
}
