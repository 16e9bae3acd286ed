//! Quantiles and fractions of native histograms.

use super::bucket::Bucket;
use super::float_histogram::FloatHistogram;

/// What observations of NaN did to a result; the evaluator has something to say about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NanObservations {
    /// The quantile is among them: it is NaN.
    ResultIsNan,
    /// They count as greater than all others: the quantile is higher than it would be.
    ResultIsHigher,
    /// No fraction has them.
    NotInFractions,
}

impl FloatHistogram {
    /// The value that a share `q` of all observations does not exceed. Within exponential buckets
    /// observations are taken to be spread evenly over the logarithm of values, within custom ones
    /// and the zero bucket over the values. Infinite for `q` outside of 0 to 1, NaN for NaN and
    /// without observations.
    #[must_use]
    pub fn quantile(&self, q: f64) -> (f64, Option<NanObservations>) {
        if q < 0.0 {
            return (f64::NEG_INFINITY, None);
        }
        if q > 1.0 {
            return (f64::INFINITY, None);
        }
        if self.count == 0.0 || q.is_nan() {
            return (f64::NAN, None);
        }
        // NaN is in no bucket but in the count: ranks from the top would be wrong then.
        let ascending = self.sum.is_nan() || q < 0.5;
        if ascending {
            self.quantile_among(self.buckets(), q * self.count, true)
        } else {
            self.quantile_among(self.buckets().rev(), (1.0 - q) * self.count, false)
        }
    }

    fn quantile_among(
        &self,
        mut buckets: impl Iterator<Item = Bucket>,
        mut rank: f64,
        ascending: bool,
    ) -> (f64, Option<NanObservations>) {
        let (mut bucket, mut count) = (Bucket::default(), 0.0);
        for next in buckets.by_ref() {
            bucket = next;
            if bucket.count == 0.0 {
                continue;
            }
            count += bucket.count;
            if count >= rank {
                break;
            }
        }
        if self.is_custom() {
            if bucket.lower == f64::NEG_INFINITY {
                if bucket.upper <= 0.0 {
                    return (bucket.upper, None);
                }
                bucket.lower = 0.0;
            } else if bucket.upper == f64::INFINITY {
                return (bucket.lower, None);
            }
        } else if bucket.lower < 0.0 && bucket.upper > 0.0 {
            self.cut_zero_bucket(&mut bucket);
        }
        count = if count > self.count {
            self.count
        } else {
            count
        };
        if count < rank {
            return match self.sum.is_nan() {
                true => (f64::NAN, Some(NanObservations::ResultIsNan)),
                false => (bucket.upper, None),
            };
        }
        rank = match ascending {
            true => rank - (count - bucket.count),
            false => count - rank,
        };
        let mut nan = None;
        if self.sum.is_nan() {
            let in_buckets = buckets.fold(count, |count, bucket| count + bucket.count);
            // Infinities of both signs make the sum NaN too, but they are in buckets.
            nan = (in_buckets < self.count).then_some(NanObservations::ResultIsHigher);
        }
        (self.value_within(&bucket, rank / bucket.count), nan)
    }

    /// Without values of one sign the zero bucket has none of them either.
    fn cut_zero_bucket(&self, bucket: &mut Bucket) {
        match (
            self.negative_buckets.is_empty(),
            self.positive_buckets.is_empty(),
        ) {
            (true, false) => bucket.lower = 0.0,
            (false, true) => bucket.upper = 0.0,
            _ => {}
        }
    }

    fn value_within(&self, bucket: &Bucket, fraction: f64) -> f64 {
        if self.is_custom() || (bucket.lower <= 0.0 && bucket.upper >= 0.0) {
            return bucket.lower + (bucket.upper - bucket.lower) * fraction;
        }
        let (lower, upper) = (bucket.lower.abs().log2(), bucket.upper.abs().log2());
        if bucket.lower > 0.0 {
            return (lower + (upper - lower) * fraction).exp2();
        }
        -(upper + (lower - upper) * (1.0 - fraction)).exp2()
    }

    /// Share of all observations between two values. NaN when a value is, and without
    /// observations.
    #[must_use]
    pub fn fraction(&self, lower: f64, upper: f64) -> (f64, Option<NanObservations>) {
        if self.count == 0.0 || lower.is_nan() || upper.is_nan() {
            return (f64::NAN, None);
        }
        if lower >= upper {
            return (0.0, None);
        }
        let (mut count, mut rank) = (0.0, 0.0);
        let (mut lower_rank, mut upper_rank) = (None, None);
        let mut buckets = self.buckets();
        for mut bucket in buckets.by_ref() {
            count += bucket.count;
            let mut linear = self.is_custom();
            if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
                linear = true;
                self.cut_zero_bucket(&mut bucket);
            }
            for (value, found) in [(lower, &mut lower_rank), (upper, &mut upper_rank)] {
                if found.is_none() {
                    *found = rank_within(&bucket, value, rank, linear);
                }
            }
            if lower_rank.is_some() && upper_rank.is_some() {
                break;
            }
            rank += bucket.count;
        }
        let mut nan = None;
        if self.sum.is_nan() {
            count = buckets.fold(count, |count, bucket| count + bucket.count);
            nan = (count < self.count).then_some(NanObservations::NotInFractions);
        } else {
            count = self.count;
        }
        let within = |rank: Option<f64>| match rank {
            Some(rank) if rank > count => count,
            Some(rank) => rank,
            None => count,
        };
        ((within(upper_rank) - within(lower_rank)) / self.count, nan)
    }
}

/// Observations below the value, when it is at the lower bound of the bucket, before it or in it.
fn rank_within(bucket: &Bucket, value: f64, rank: f64, linear: bool) -> Option<f64> {
    if bucket.lower >= value {
        return Some(rank);
    }
    if !(bucket.lower < value && bucket.upper > value) {
        return None;
    }
    if linear {
        // Nothing is known of where values are in a bucket without lower bound.
        return Some(match bucket.lower == f64::NEG_INFINITY {
            true => bucket.count,
            false => rank + bucket.count * (value - bucket.lower) / (bucket.upper - bucket.lower),
        });
    }
    let (lower, upper) = (bucket.lower.abs().log2(), bucket.upper.abs().log2());
    let log = value.abs().log2();
    let fraction = match value > 0.0 {
        true => (log - lower) / (upper - lower),
        false => 1.0 - (log - upper) / (lower - upper),
    };
    Some(rank + bucket.count * fraction)
}
