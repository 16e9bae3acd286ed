//! What is left of a column of integers once the obvious is taken away: residuals near zero.

use super::zigzag::zigzag;
use crate::bits::uvarint_len;

/// Samples looked at for a median.
const MEDIAN_SAMPLES: usize = 33;

/// How an integer follows from those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Predictor {
    /// Near the median of all.
    Value,
    /// Like the one before.
    Delta,
    /// As far from the one before as that from its own.
    DeltaOfDelta,
    /// The median step away from the one before.
    CentredDelta,
}

impl Predictor {
    /// All of them, at their number in a header.
    pub(super) const ALL: [Self; 4] = [
        Self::Value,
        Self::Delta,
        Self::DeltaOfDelta,
        Self::CentredDelta,
    ];

    /// How many integers at the start have no residual.
    pub(super) fn skipped(self) -> usize {
        match self {
            Self::Value => 0,
            Self::Delta | Self::CentredDelta => 1,
            Self::DeltaOfDelta => 2,
        }
    }

    /// Whether it needs [`Prediction::second`].
    pub(super) fn has_second(self) -> bool {
        matches!(self, Self::DeltaOfDelta | Self::CentredDelta)
    }
}

/// What turns residuals into integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prediction {
    /// How residuals are read.
    pub(super) predictor: Predictor,
    /// The first integer, or the median of all.
    pub(super) first: i64,
    /// What all differences are multiples of.
    pub(super) divisor: u64,
    /// The first or the median difference, in divisors; else 0.
    pub(super) second: i64,
}

/// The residuals of a column under each predictor, keeping their allocations.
#[derive(Debug, Default)]
pub(super) struct Residuals {
    columns: [Vec<u64>; 4],
    deltas: Vec<i64>,
}

impl Residuals {
    /// Residuals under one predictor, after [`Residuals::fill`].
    pub(super) fn column(&self, predictor: Predictor) -> &[u64] {
        let [value, delta, delta_of_delta, centred] = &self.columns;
        match predictor {
            Predictor::Value => value,
            Predictor::Delta => delta,
            Predictor::DeltaOfDelta => delta_of_delta,
            Predictor::CentredDelta => centred,
        }
    }

    /// Works out all predictions of a column of at least two integers.
    pub(super) fn fill(&mut self, integers: &[i64]) -> [Prediction; 4] {
        self.deltas.clear();
        let pairs = integers.iter().zip(integers.iter().skip(1));
        self.deltas
            .extend(pairs.map(|(left, right)| right.wrapping_sub(*left)));
        let divisor = self.divisor(integers);
        if divisor > 1 {
            let exact = ExactDivision::by(divisor);
            self.deltas
                .iter_mut()
                .for_each(|delta| *delta = exact.divide(*delta));
        }
        let first = integers.first().copied().unwrap_or(0);
        let middle = median(integers);
        let step = median(&self.deltas);
        let [value, delta, delta_of_delta, centred] = &mut self.columns;
        let exact = ExactDivision::by(divisor);
        value.clear();
        value.extend(
            integers
                .iter()
                .map(|integer| zigzag(exact.divide(integer.wrapping_sub(middle)))),
        );
        delta.clear();
        delta.extend(self.deltas.iter().map(|delta| zigzag(*delta)));
        let pairs = self.deltas.iter().zip(self.deltas.iter().skip(1));
        delta_of_delta.clear();
        delta_of_delta.extend(pairs.map(|(left, right)| zigzag(right.wrapping_sub(*left))));
        centred.clear();
        centred.extend(
            self.deltas
                .iter()
                .map(|delta| zigzag(delta.wrapping_sub(step))),
        );
        let first_delta = self.deltas.first().copied().unwrap_or(0);
        let prediction = |predictor, first, second| Prediction {
            predictor,
            first,
            divisor,
            second,
        };
        [
            prediction(Predictor::Value, middle, 0),
            prediction(Predictor::Delta, first, 0),
            prediction(Predictor::DeltaOfDelta, first, first_delta),
            prediction(Predictor::CentredDelta, first, step),
        ]
    }

    /// The greatest common divisor of all differences; 1 when they are all zero.
    fn divisor(&self, integers: &[i64]) -> u64 {
        let mut divisor = 0;
        for delta in &self.deltas {
            let delta = delta.unsigned_abs();
            if divisor == 0 || !delta.is_multiple_of(divisor) {
                divisor = greatest_common_divisor(divisor, delta);
                if divisor == 1 {
                    return 1;
                }
            }
        }
        // Differences that wrapped are no multiples any more.
        let (least, most) = (integers.iter().min(), integers.iter().max());
        let range = most
            .zip(least)
            .and_then(|(most, least)| most.checked_sub(*least));
        if range.is_some() { divisor.max(1) } else { 1 }
    }
}

impl Prediction {
    /// Bytes that it takes in a header.
    pub(super) fn encoded_len(&self) -> usize {
        let second = if self.predictor.has_second() {
            uvarint_len(zigzag(self.second))
        } else {
            0
        };
        let divisor = if self.divisor > 1 {
            uvarint_len(self.divisor)
        } else {
            0
        };
        uvarint_len(zigzag(self.first)) + divisor + second
    }

    /// What is added to each residual before [`Prediction::restore`]: those who make residuals add
    /// something anyway, and adding up is then a chain of single additions.
    pub(super) fn residual_offset(&self) -> u64 {
        match self.predictor {
            Predictor::CentredDelta => self.second.cast_unsigned(),
            _ => 0,
        }
    }

    /// Turns residuals, with their offset added, into integers, in place. The residual of a number stands where the number goes.
    pub(super) fn restore(&self, column: &mut [u64]) {
        let skipped = self.predictor.skipped().min(column.len());
        let (head, rest) = column.split_at_mut(skipped);
        let mut value = self.first.cast_unsigned();
        let divisor = self.divisor;
        let mut delta = self.second.cast_unsigned().wrapping_mul(divisor);
        // What can be done to each number by itself is done first: compilers make vectors of it.
        if divisor != 1 {
            rest.iter_mut()
                .for_each(|slot| *slot = slot.wrapping_mul(divisor));
        }
        match self.predictor {
            Predictor::Value => rest
                .iter_mut()
                .for_each(|slot| *slot = slot.wrapping_add(value)),
            Predictor::Delta | Predictor::CentredDelta => {
                head.fill(value);
                add_up(rest, value);
            }
            Predictor::DeltaOfDelta => {
                for slot in head {
                    *slot = value;
                    value = value.wrapping_add(delta);
                }
                // The loop above went one step too far.
                value = value.wrapping_sub(delta);
                for slot in rest {
                    delta = delta.wrapping_add(*slot);
                    value = value.wrapping_add(delta);
                    *slot = value;
                }
            }
        }
    }
}

/// Replaces each number by the sum of all up to it and of `sum`.
#[inline(always)]
fn add_up(numbers: &mut [u64], mut sum: u64) {
    let (chunks, rest) = numbers.as_chunks_mut::<8>();
    let mut add = |number: &mut u64| {
        sum = sum.wrapping_add(*number);
        *number = sum;
    };
    // Eight at a time, so that counting them costs little.
    for chunk in chunks {
        chunk.iter_mut().for_each(&mut add);
    }
    rest.iter_mut().for_each(add);
}

/// Divides multiples of a number without a division: a shift, then the inverse modulo 2^64.
#[derive(Clone, Copy, Debug)]
struct ExactDivision {
    shift: u32,
    inverse: i64,
}

impl ExactDivision {
    fn by(divisor: u64) -> Self {
        let shift = divisor.trailing_zeros();
        let odd = divisor >> shift;
        // Newton's rule doubles the right low bits; an odd number is its own inverse in three.
        let mut inverse = odd;
        for _ in 0..5 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse)));
        }
        Self {
            shift,
            inverse: inverse.cast_signed(),
        }
    }

    #[inline(always)]
    fn divide(self, multiple: i64) -> i64 {
        (multiple >> self.shift).wrapping_mul(self.inverse)
    }
}

fn greatest_common_divisor(mut left: u64, mut right: u64) -> u64 {
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}

/// The median of a sample of the numbers.
fn median(numbers: &[i64]) -> i64 {
    let mut sample = [0; MEDIAN_SAMPLES];
    let step = numbers.len().div_ceil(MEDIAN_SAMPLES).max(1);
    let mut len = 0;
    for (slot, number) in sample.iter_mut().zip(numbers.iter().step_by(step)) {
        *slot = *number;
        len += 1;
    }
    let sample = sample.get_mut(..len).unwrap_or_default();
    sample.sort_unstable();
    sample.get(len / 2).copied().unwrap_or(0)
}
