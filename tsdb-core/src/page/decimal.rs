//! Doubles as integers and back, bit for bit: decimals over a power of ten, else the order of doubles.

/// The largest power of ten that a double holds exactly, as an exponent.
pub(super) const SCALE_MAX: u8 = 22;
/// The scale of a column that holds the order of doubles instead of decimals.
pub(super) const SCALE_ORDERED: u8 = 31;
/// Bits of the scale in a header.
pub(super) const SCALE_BITS: u32 = 5;

/// Integers of decimals are smaller than this, so that adding and taking away [`ROUNDING`] rounds them.
const INTEGER_LIMIT: f64 = 2_251_799_813_685_248.0;
/// 1.5 x 2^52: a sum with it has no bits for fractions, and its low bits are the integer.
const ROUNDING: f64 = 6_755_399_441_055_744.0;
/// One in so many samples may be an exception before decimals are given up.
const SAMPLES_PER_EXCEPTION: usize = 8;

/// Powers of ten by scale; the unused ones divide by one.
const POWERS: [f64; 1 << SCALE_BITS] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0,
];

/// Equal values that no integer of the column stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exception {
    /// Index of the first one.
    pub(super) start: usize,
    /// How many follow each other, at least one.
    pub(super) len: usize,
    /// The bits of their value.
    pub(super) bits: u64,
}

/// The power of ten of a scale.
#[inline]
pub(super) fn power(scale: u8) -> f64 {
    #[expect(clippy::indexing_slicing, reason = "masked to the length of the table")]
    POWERS[usize::from(scale & 0x1f)]
}

/// The integer of one value, and whether it gives the value back.
#[inline(always)]
fn round(value: f64, power: f64) -> (i64, bool) {
    let scaled = value * power;
    let shifted = scaled + ROUNDING;
    let back = (shifted - ROUNDING) / power;
    let exact = (back.to_bits() == value.to_bits()) & (scaled.abs() < INTEGER_LIMIT);
    let integer = shifted.to_bits().wrapping_sub(ROUNDING.to_bits());
    (integer.cast_signed(), exact)
}

/// The value of an integer. Exact below 2^51, which is all that a writer makes.
#[inline(always)]
fn unround(integer: i64) -> f64 {
    f64::from_bits(integer.cast_unsigned().wrapping_add(ROUNDING.to_bits())) - ROUNDING
}

/// Doubles in their total order as integers; its own inverse.
#[inline(always)]
pub(super) fn order(bits: u64) -> u64 {
    let sign = bits.cast_signed() >> 63;
    bits ^ (sign.cast_unsigned() >> 1)
}

/// The integer of one value at a scale, if it gives the value back bit for bit.
#[inline]
pub(super) fn integer(value: f64, scale: u8) -> Option<i64> {
    let (integer, exact) = round(value, power(scale));
    exact.then_some(integer)
}

/// The value of one integer at a scale.
#[inline]
pub(super) fn value(integer: i64, scale: u8) -> f64 {
    if scale == SCALE_ORDERED {
        f64::from_bits(order(integer.cast_unsigned()))
    } else {
        unround(integer) / power(scale)
    }
}

/// The smallest scale above `scale` at which the value is an integer.
fn larger_scale(value: f64, scale: u8) -> Option<u8> {
    if !value.is_finite() || value == 0.0 {
        return None;
    }
    (scale + 1..=SCALE_MAX).find(|scale| integer(value, *scale).is_some())
}

/// Converts columns, keeping its allocations.
#[derive(Debug, Default)]
pub(super) struct Decimals {
    /// One integer for each value; those of exceptions repeat a neighbour.
    pub(super) integers: Vec<i64>,
    /// What the integers do not say, in order.
    pub(super) exceptions: Vec<Exception>,
}

impl Decimals {
    /// Fills the integers and exceptions of a column; gives back its scale.
    pub(super) fn convert(&mut self, values: &[f64]) -> u8 {
        self.exceptions.clear();
        let inexact = self.round_all(values, 0);
        if inexact == 0 {
            return 0;
        }
        let limit = values.len() / SAMPLES_PER_EXCEPTION + 1;
        let mut scales = (0, 0);
        let mut failures = 0;
        for value in values {
            if integer(*value, scales.1).is_some() {
                continue;
            }
            match larger_scale(*value, scales.1) {
                Some(scale) => scales = (scales.1, scale),
                None if value.is_finite() => failures += 1,
                None => {}
            }
            if failures > limit {
                return self.order_all(values);
            }
        }
        // A few values of many digits must not spoil a column of short ones.
        for scale in [scales.1, scales.0] {
            self.round_all(values, scale);
            if self.collect_exceptions(values, scale, limit) {
                return scale;
            }
        }
        self.order_all(values)
    }

    /// Rounds all values at a scale; gives back how many are not exact.
    fn round_all(&mut self, values: &[f64], scale: u8) -> usize {
        let power = power(scale);
        let mut inexact = 0;
        self.integers.clear();
        self.integers.extend(values.iter().map(|value| {
            let (integer, exact) = round(*value, power);
            inexact += usize::from(!exact);
            integer
        }));
        inexact
    }

    /// Finds the exceptions at a scale and gives them integers that cost little. False when there are too many.
    fn collect_exceptions(&mut self, values: &[f64], scale: u8, limit: usize) -> bool {
        self.exceptions.clear();
        let mut last = None;
        for (index, (value, slot)) in values.iter().zip(&mut self.integers).enumerate() {
            let found = integer(*value, scale);
            if found.is_some() {
                last = found;
                continue;
            }
            *slot = last.unwrap_or(0);
            let bits = value.to_bits();
            match self.exceptions.last_mut() {
                Some(run) if run.bits == bits && run.start + run.len == index => run.len += 1,
                _ => self.exceptions.push(Exception {
                    start: index,
                    len: 1,
                    bits,
                }),
            }
        }
        // Exceptions at the start take the integer of the first value that is none.
        let leading = self.exceptions.iter().take_while({
            let mut end = 0;
            move |run| {
                let follows = run.start == end;
                end += run.len;
                follows
            }
        });
        let leading: usize = leading.map(|run| run.len).sum();
        if let Some(first) = self.integers.get(leading).copied() {
            self.integers
                .iter_mut()
                .take(leading)
                .for_each(|slot| *slot = first);
        }
        self.exceptions.len() <= limit
    }

    fn order_all(&mut self, values: &[f64]) -> u8 {
        self.exceptions.clear();
        self.integers.clear();
        self.integers.extend(
            values
                .iter()
                .map(|value| order(value.to_bits()).cast_signed()),
        );
        SCALE_ORDERED
    }
}

/// Appends the values of a column's integers.
pub(super) fn put_values(integers: &[u64], scale: u8, out: &mut Vec<f64>) {
    match scale {
        0 => out.extend(
            integers
                .iter()
                .map(|integer| unround(integer.cast_signed())),
        ),
        SCALE_ORDERED => out.extend(
            integers
                .iter()
                .map(|integer| f64::from_bits(order(*integer))),
        ),
        _ => {
            let power = power(scale);
            out.extend(
                integers
                    .iter()
                    .map(|integer| unround(integer.cast_signed()) / power),
            );
        }
    }
}
