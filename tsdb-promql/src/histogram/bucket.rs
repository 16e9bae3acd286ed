//! Buckets one by one.

use super::bounds::upper_bound;
use super::float_histogram::{FloatHistogram, Side};

/// A bucket: the values it counts and how many there were.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bucket {
    /// Least value.
    pub lower: f64,
    /// Greatest value.
    pub upper: f64,
    /// Whether the least value itself is in it.
    pub lower_inclusive: bool,
    /// Whether the greatest value itself is in it.
    pub upper_inclusive: bool,
    /// Observations.
    pub count: f64,
}

impl Bucket {
    /// Number of its kind in answers: 0 is `(lower,upper]`, 1 `[lower,upper)`, 2 `(lower,upper)`
    /// and 3 `[lower,upper]`.
    #[must_use]
    pub const fn rule(&self) -> u8 {
        match (self.lower_inclusive, self.upper_inclusive) {
            (false, true) => 0,
            (true, false) => 1,
            (false, false) => 2,
            (true, true) => 3,
        }
    }
}

impl FloatHistogram {
    /// Buckets of positive values, away from zero; of custom buckets all, ascending.
    pub fn positive(&self) -> impl DoubleEndedIterator<Item = Bucket> {
        self.indexed(Side::Positive)
            .map(|(index, count)| self.bucket(Side::Positive, index, count))
    }

    /// Buckets of negative values, away from zero.
    pub fn negative(&self) -> impl DoubleEndedIterator<Item = Bucket> {
        self.indexed(Side::Negative)
            .map(|(index, count)| self.bucket(Side::Negative, index, count))
    }

    /// The zero bucket, also an empty one. Custom buckets have none to speak of.
    #[must_use]
    pub fn zero_bucket(&self) -> Bucket {
        Bucket {
            lower: -self.zero_threshold,
            upper: self.zero_threshold,
            lower_inclusive: true,
            upper_inclusive: true,
            count: self.zero_count,
        }
    }

    /// All buckets, ascending; the zero bucket when it is not empty. Buckets end where the zero
    /// bucket begins.
    pub fn buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> {
        let zero = (self.zero_count > 0.0).then(|| self.zero_bucket());
        self.negative()
            .rev()
            .map(|bucket| self.beside_zero(bucket))
            .chain(zero)
            .chain(self.positive().map(|bucket| self.beside_zero(bucket)))
    }

    fn beside_zero(&self, mut bucket: Bucket) -> Bucket {
        if bucket.upper < 0.0 && bucket.upper > -self.zero_threshold {
            bucket.upper = -self.zero_threshold;
        } else if bucket.lower > 0.0 && bucket.lower < self.zero_threshold {
            bucket.lower = self.zero_threshold;
        }
        bucket
    }

    fn bucket(&self, side: Side, index: i32, count: f64) -> Bucket {
        let bound = |index| upper_bound(index, self.schema, &self.custom_values);
        let (near, far) = (bound(index.saturating_sub(1)), bound(index));
        let (lower, upper) = match side {
            Side::Positive => (near, far),
            Side::Negative => (-far, -near),
        };
        let (lower_inclusive, upper_inclusive) = match self.is_custom() {
            true => (index == 0, true),
            false => (lower < 0.0, upper > 0.0),
        };
        Bucket {
            lower,
            upper,
            lower_inclusive,
            upper_inclusive,
            count,
        }
    }
}
