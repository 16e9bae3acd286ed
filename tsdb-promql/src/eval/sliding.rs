//! Windows that overlap much: what is known of the samples that stay is used again, and nothing is ever
//! taken back, which floats do not bear. After "two stacks": the samples of a window are those before
//! a place, of which all that end there are known, and those behind it, which are folded as they come.

/// Folds the values of windows whose ends only rise; each value is looked at twice at most.
#[derive(Debug)]
pub(super) struct Sliding<'v, T, F> {
    values: &'v [f64],
    single: F,
    combine: fn(T, T) -> T,
    /// What the values from each place up to `middle` fold to, the last of them first.
    behind: Vec<T>,
    middle: usize,
    ahead: Option<T>,
    /// One behind the last value in `ahead`.
    to: usize,
}

impl<'v, T: Copy, F: Fn(f64) -> T> Sliding<'v, T, F> {
    /// Of values that each are made `single`, and folded by `combine`.
    pub(super) fn new(values: &'v [f64], single: F, combine: fn(T, T) -> T) -> Self {
        Self {
            values,
            single,
            combine,
            behind: Vec::new(),
            middle: 0,
            ahead: None,
            to: 0,
        }
    }

    /// What the values of `from..to` fold to; neither end may be before that of the call before.
    pub(super) fn window(&mut self, from: usize, to: usize) -> Option<T> {
        if from >= self.middle {
            self.turn(from, to);
        }
        for value in self.values.get(self.to..to).unwrap_or_default() {
            let value = (self.single)(*value);
            self.ahead = Some(match self.ahead {
                Some(before) => (self.combine)(before, value),
                None => value,
            });
        }
        self.to = self.to.max(to);
        let behind = self.middle.checked_sub(from).filter(|count| *count > 0);
        let behind = behind.and_then(|count| self.behind.get(count - 1)).copied();
        match (behind, self.ahead) {
            (Some(behind), Some(ahead)) => Some((self.combine)(behind, ahead)),
            (one, other) => one.or(other),
        }
    }

    /// Makes the whole window what is before the place.
    fn turn(&mut self, from: usize, to: usize) {
        self.behind.clear();
        (self.middle, self.to, self.ahead) = (to, to, None);
        let mut all: Option<T> = None;
        for value in self.values.get(from..to).unwrap_or_default().iter().rev() {
            let value = (self.single)(*value);
            let folded = all.map_or(value, |behind| (self.combine)(value, behind));
            self.behind.push(folded);
            all = Some(folded);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_fold_to_what_their_values_fold_to() {
        let values: Vec<f64> = (0..100).map(|n| f64::from(n * 37 % 101)).collect();
        for width in [1, 2, 7, 40] {
            for stride in [1, 3, 50] {
                let mut most = Sliding::new(&values, |value| value, f64::max);
                for from in (0..values.len()).step_by(stride) {
                    let to = (from + width).min(values.len());
                    let expected = values[from..to].iter().copied().reduce(f64::max);
                    assert_eq!(most.window(from, to), expected, "{from}..{to}");
                }
            }
        }
    }

    #[test]
    fn order_is_kept() {
        // Not commutative: the first of two.
        let values: Vec<f64> = (0..30).map(f64::from).collect();
        let mut first = Sliding::new(&values, |value| value, |left, _| left);
        for from in 0..20 {
            assert_eq!(first.window(from, from + 10), Some(f64::from(from as u8)));
        }
        assert_eq!(first.window(25, 25), None);
    }
}
