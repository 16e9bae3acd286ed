//! Sums that do not forget small terms.

/// A sum and what rounding took from it, in the way of Kahan and Neumaier. Not even the order of
/// the steps may differ from Prometheus': results are compared to the last bit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct KahanSum {
    /// The sum as floats add.
    pub sum: f64,
    /// What rounding took from it so far.
    pub compensation: f64,
}

impl KahanSum {
    /// A sum to begin from.
    #[must_use]
    pub const fn new(sum: f64) -> Self {
        Self {
            sum,
            compensation: 0.0,
        }
    }

    /// Adds a term. An infinite sum has no compensation, which could only make it NaN.
    pub fn add(&mut self, term: f64) {
        let sum = self.sum + term;
        if sum.is_infinite() {
            self.compensation = 0.0;
        } else if self.sum.abs() >= term.abs() {
            self.compensation += (self.sum - sum) + term;
        } else {
            self.compensation += (term - sum) + self.sum;
        }
        self.sum = sum;
    }

    /// The sum with all that rounding took.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.sum + self.compensation
    }
}

impl Extend<f64> for KahanSum {
    fn extend<T: IntoIterator<Item = f64>>(&mut self, terms: T) {
        terms.into_iter().for_each(|term| self.add(term));
    }
}

#[cfg(test)]
mod tests {
    use super::KahanSum;

    fn sum(terms: &[f64]) -> f64 {
        let mut sum = KahanSum::default();
        sum.extend(terms.iter().copied());
        sum.value()
    }

    #[test]
    fn small_terms_between_large_ones_are_kept() {
        assert_eq!(sum(&[1e16, 1.0, -1e16]), 1.0);
        assert_eq!(sum(&[1.0, 1e100, 1.0, -1e100]), 2.0);
        assert_eq!(sum(&[0.1; 10]), 1.0);
    }

    #[test]
    fn infinite_sums_stay_infinite() {
        assert_eq!(sum(&[f64::INFINITY, 1.0]), f64::INFINITY);
        assert_eq!(sum(&[1.0, f64::NEG_INFINITY, 5.0]), f64::NEG_INFINITY);
        assert_eq!(sum(&[f64::MAX, f64::MAX]), f64::INFINITY);
        assert!(sum(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
        assert!(sum(&[f64::NAN, 2.0]).is_nan());
    }
}
