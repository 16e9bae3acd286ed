//! Mean and spread of a histogram's observations.

use crate::kahan::KahanSum;

use super::float_histogram::FloatHistogram;

impl FloatHistogram {
    /// Sum by count; NaN without observations.
    #[must_use]
    pub fn average(&self) -> f64 {
        self.sum / self.count
    }

    /// Variance, with every observation taken to be in the middle of its bucket: by the values in
    /// custom buckets and the zero bucket, by their logarithm in exponential ones.
    #[must_use]
    pub fn variance(&self) -> f64 {
        let mean = self.average();
        let mut squares = KahanSum::default();
        for bucket in self.buckets().filter(|bucket| bucket.count != 0.0) {
            let middle = if self.is_custom() {
                (bucket.upper + bucket.lower) / 2.0
            } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
                0.0
            } else {
                let root = (bucket.upper * bucket.lower).sqrt();
                if bucket.upper < 0.0 { -root } else { root }
            };
            let delta = middle - mean;
            squares.add(bucket.count * delta * delta);
        }
        squares.value() / self.count
    }

    /// The root of [`FloatHistogram::variance`].
    #[must_use]
    pub fn standard_deviation(&self) -> f64 {
        self.variance().sqrt()
    }
}
