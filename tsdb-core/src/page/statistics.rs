//! What a page says about its values without being decoded.

use super::decimal::{SCALE_MAX, SCALE_ORDERED, integer, value};
use crate::bits::{ByteReader, DecodeError, put_ivarint, put_u64, put_uvarint};
use crate::model::is_stale;

/// First byte: the scale of the values, or [`SCALE_ORDERED`] for their plain bits.
const SCALE_MASK: u8 = 0x1f;
/// Values were seen; without it nothing else follows but the count.
const VALUES_BIT: u8 = 1 << 5;
/// The sum is an integer at the scale too, relative to `count` times the first value.
const SHORT_SUM_BIT: u8 = 1 << 6;
/// There were resets.
const RESETS_BIT: u8 = 1 << 7;

/// Facts over all values of a page, enough for `sum`, `avg`, `min`, `max`, `count`, `last` and
/// `first_over_time` and for `increase` over whole pages.
///
/// Stale markers are no samples: all facts are as if they were not there. When `count` is less
/// than the samples of the page, some are stale markers, and which ones only the page says; so a
/// reader that needs to know where the first or last sample stands decodes the page then.
/// Every other NaN is a sample.
#[derive(Clone, Copy, Debug)]
pub struct PageStatistics {
    /// Samples that are not stale markers, NaN included.
    pub count: u32,
    /// Their sum, compensated as Prometheus does in `sum_over_time`, rounded once. NaN when any is
    /// NaN, 0 when there are none.
    pub sum: f64,
    /// The least, NaN left out; NaN only when all are NaN or there are none.
    pub min: f64,
    /// The greatest, NaN left out; NaN only when all are NaN or there are none.
    pub max: f64,
    /// The first one, bit for bit, NaN included; NaN when there are none.
    pub first: f64,
    /// The last one, bit for bit, NaN included; NaN when there are none.
    pub last: f64,
    /// How many are less than the one before, inside the page. A comparison with NaN is never true.
    pub resets: u32,
    /// The sum of the values before each reset: the increase over a page is `last - first` and this.
    pub reset_sum: f64,
}

/// A sum that keeps what rounding loses (Neumaier), as Prometheus sums over time.
#[derive(Clone, Copy, Debug, Default)]
struct CompensatedSum {
    sum: f64,
    lost: f64,
}

impl CompensatedSum {
    fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        if sum.is_infinite() {
            self.lost = 0.0;
        } else if self.sum.abs() >= value.abs() {
            self.lost += (self.sum - sum) + value;
        } else {
            self.lost += (value - sum) + self.sum;
        }
        self.sum = sum;
    }

    fn total(self) -> f64 {
        if self.sum.is_infinite() {
            self.sum
        } else {
            self.sum + self.lost
        }
    }
}

impl PageStatistics {
    /// The facts of a column of values.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let mut facts = Self {
            count: 0,
            sum: 0.0,
            min: f64::NAN,
            max: f64::NAN,
            first: f64::NAN,
            last: f64::NAN,
            resets: 0,
            reset_sum: 0.0,
        };
        let (mut sum, mut reset_sum) = (CompensatedSum::default(), CompensatedSum::default());
        for value in values.iter().copied().filter(|value| !is_stale(*value)) {
            if facts.count == 0 {
                facts.first = value;
            } else if value < facts.last {
                facts.resets += 1;
                reset_sum.add(facts.last);
            }
            facts.count += 1;
            facts.last = value;
            // Not f64::min: which zero it gives back is open.
            if value < facts.min || facts.min.is_nan() {
                facts.min = value;
            }
            if value > facts.max || facts.max.is_nan() {
                facts.max = value;
            }
            sum.add(value);
        }
        facts.sum = sum.total();
        facts.reset_sum = reset_sum.total();
        facts
    }

    /// Appends the facts, in 2 to some 60 bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let resets = if self.resets > 0 { RESETS_BIT } else { 0 };
        if self.count == 0 {
            out.push(0);
            return;
        }
        let values = [self.first, self.last, self.min, self.max, self.reset_sum];
        let decimal = (0..=SCALE_MAX).find_map(|scale| {
            let integers = values.map(|value| integer(value, scale));
            let [
                Some(first),
                Some(last),
                Some(min),
                Some(max),
                Some(reset_sum),
            ] = integers
            else {
                return None;
            };
            Some((scale, [first, last, min, max, reset_sum]))
        });
        let Some((scale, [first, last, min, max, reset_sum])) = decimal else {
            out.push(SCALE_ORDERED | VALUES_BIT | resets);
            put_uvarint(out, u64::from(self.count));
            let values = [self.sum, self.first, self.last, self.min, self.max];
            values
                .iter()
                .for_each(|value| put_u64(out, value.to_bits()));
            if self.resets > 0 {
                put_uvarint(out, u64::from(self.resets));
                put_u64(out, self.reset_sum.to_bits());
            }
            return;
        };
        let sum = integer(self.sum, scale);
        let short = if sum.is_some() { SHORT_SUM_BIT } else { 0 };
        out.push(scale | VALUES_BIT | resets | short);
        put_uvarint(out, u64::from(self.count));
        put_ivarint(out, first);
        put_ivarint(out, last - first);
        put_ivarint(out, min - first.min(last));
        put_ivarint(out, max - first.max(last));
        match sum {
            Some(sum) => put_ivarint(out, sum.wrapping_sub(first.wrapping_mul(self.count.into()))),
            None => put_u64(out, self.sum.to_bits()),
        }
        if self.resets > 0 {
            put_uvarint(out, u64::from(self.resets));
            put_ivarint(out, reset_sum);
        }
    }

    /// Reads facts from where the reader stands.
    ///
    /// # Errors
    /// When no facts stand there.
    pub fn decode(reader: &mut ByteReader<'_>) -> Result<Self, DecodeError> {
        let head = reader.u8()?;
        if head & VALUES_BIT == 0 {
            return if head == 0 {
                Ok(Self::of(&[]))
            } else {
                Err(reader.error("unknown kind of page statistics"))
            };
        }
        let scale = head & SCALE_MASK;
        if scale > SCALE_MAX && scale != SCALE_ORDERED {
            return Err(reader.error("unknown scale of page statistics"));
        }
        let count = u32::try_from(reader.uvarint()?);
        let count = count.map_err(|_| reader.error("page statistics of too many samples"))?;
        let mut facts = Self::of(&[]);
        facts.count = count;
        if scale == SCALE_ORDERED {
            facts.sum = f64::from_bits(reader.u64()?);
            facts.first = f64::from_bits(reader.u64()?);
            facts.last = f64::from_bits(reader.u64()?);
            facts.min = f64::from_bits(reader.u64()?);
            facts.max = f64::from_bits(reader.u64()?);
        } else {
            let first = reader.ivarint()?;
            let last = first.wrapping_add(reader.ivarint()?);
            let min = first.min(last).wrapping_add(reader.ivarint()?);
            let max = first.max(last).wrapping_add(reader.ivarint()?);
            let of = |integer| value(integer, scale);
            (facts.first, facts.last) = (of(first), of(last));
            (facts.min, facts.max) = (of(min), of(max));
            facts.sum = if head & SHORT_SUM_BIT == 0 {
                f64::from_bits(reader.u64()?)
            } else {
                of(reader
                    .ivarint()?
                    .wrapping_add(first.wrapping_mul(count.into())))
            };
        }
        if head & RESETS_BIT != 0 {
            let resets = u32::try_from(reader.uvarint()?);
            facts.resets =
                resets.map_err(|_| reader.error("page statistics of too many resets"))?;
            facts.reset_sum = if scale == SCALE_ORDERED {
                f64::from_bits(reader.u64()?)
            } else {
                value(reader.ivarint()?, scale)
            };
        }
        Ok(facts)
    }
}
