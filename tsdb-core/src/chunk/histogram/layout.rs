//! What all histograms of a chunk have in common, at its front.

use super::varbit::{put_signed, put_unsigned, signed, unsigned};
use crate::bits::{BitReader, BitWriter, DecodeError};
use crate::model::{BucketSpan, CUSTOM_BUCKETS_SCHEMA, Histogram, ResetHint};

/// Bytes in front of a chunk's bits: a count, big endian, and flags.
pub(super) const HEADER_BYTES: usize = 3;
/// Place of the reset hint's two bits in the flags.
const HINT_SHIFT: u8 = 6;
/// A byte for a zero threshold that is written in full behind it.
const FULL_THRESHOLD: u8 = 0xff;
/// What the exponent of a zero threshold is stored above: 1 says 2^-243.
const THRESHOLD_BIAS: i32 = 244;
/// Exponent of the smallest normal number.
const EXPONENT_BIAS: i32 = 1023;
/// Largest custom bound in thousandths that is written as a whole number.
const WHOLE_BOUND_MAX: f64 = 33_554_430.0;

/// The flags for a chunk that begins with this hint.
pub(super) fn hint_flags(hint: ResetHint) -> u8 {
    let bits = match hint {
        ResetHint::Unknown => 0b00,
        ResetHint::NoReset => 0b01,
        ResetHint::Reset => 0b10,
        ResetHint::Gauge => 0b11,
    };
    bits << HINT_SHIFT
}

/// The hint that flags say.
pub(super) fn flags_hint(flags: u8) -> ResetHint {
    match flags >> HINT_SHIFT {
        0b00 => ResetHint::Unknown,
        0b01 => ResetHint::NoReset,
        0b10 => ResetHint::Reset,
        _ => ResetHint::Gauge,
    }
}

/// Schema, zero threshold, spans and bounds.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    pub(super) schema: i32,
    pub(super) zero_threshold: f64,
    pub(super) positive_spans: Vec<BucketSpan>,
    pub(super) negative_spans: Vec<BucketSpan>,
    pub(super) custom_values: Vec<f64>,
}

impl Layout {
    /// That of a histogram. Only custom buckets have bounds.
    pub(super) fn of(histogram: &Histogram) -> Self {
        let custom = histogram.schema == CUSTOM_BUCKETS_SCHEMA;
        let bounds = &histogram.custom_values;
        Self {
            schema: histogram.schema,
            zero_threshold: histogram.zero_threshold,
            positive_spans: histogram.positive_spans.clone(),
            negative_spans: histogram.negative_spans.clone(),
            custom_values: if custom { bounds.clone() } else { Vec::new() },
        }
    }

    /// Whether a histogram has this layout, bit for bit.
    pub(super) fn is_of(&self, histogram: &Histogram) -> bool {
        let bits = |values: &[f64]| {
            values
                .iter()
                .map(|value| value.to_bits())
                .collect::<Vec<_>>()
        };
        self.schema == histogram.schema
            && self.zero_threshold.to_bits() == histogram.zero_threshold.to_bits()
            && self.positive_spans == histogram.positive_spans
            && self.negative_spans == histogram.negative_spans
            && bits(&self.custom_values) == bits(&histogram.custom_values)
    }

    pub(super) fn put(&self, writer: &mut BitWriter<'_>) {
        put_threshold(writer, self.zero_threshold);
        put_signed(writer, i64::from(self.schema));
        for spans in [&self.positive_spans, &self.negative_spans] {
            put_unsigned(writer, spans.len() as u64);
            for span in spans {
                put_unsigned(writer, u64::from(span.length));
                put_signed(writer, i64::from(span.offset));
            }
        }
        if self.schema == CUSTOM_BUCKETS_SCHEMA {
            put_unsigned(writer, self.custom_values.len() as u64);
            self.custom_values
                .iter()
                .for_each(|&bound| put_bound(writer, bound));
        }
    }

    pub(super) fn take(reader: &mut BitReader<'_>) -> Result<Self, DecodeError> {
        let zero_threshold = take_threshold(reader)?;
        let schema = narrow(reader, "a schema is wider than 32 bits")?;
        let positive_spans = take_spans(reader)?;
        let negative_spans = take_spans(reader)?;
        let mut custom_values = Vec::new();
        if schema == CUSTOM_BUCKETS_SCHEMA {
            let count = take_len(reader, 1)?;
            for _ in 0..count {
                custom_values.push(take_bound(reader)?);
            }
        }
        Ok(Self {
            schema,
            zero_threshold,
            positive_spans,
            negative_spans,
            custom_values,
        })
    }
}

fn error(reader: &BitReader<'_>, what: &'static str) -> DecodeError {
    DecodeError {
        what,
        offset: reader.offset(),
    }
}

/// A number of things of at least `least` bits each.
fn take_len(reader: &mut BitReader<'_>, least: usize) -> Result<usize, DecodeError> {
    let len = usize::try_from(unsigned(reader)?).unwrap_or(usize::MAX);
    if len > reader.remaining() / least {
        return Err(error(reader, "a list is longer than its chunk"));
    }
    Ok(len)
}

fn narrow(reader: &mut BitReader<'_>, what: &'static str) -> Result<i32, DecodeError> {
    let number = signed(reader)?;
    i32::try_from(number).map_err(|_| error(reader, what))
}

fn take_spans(reader: &mut BitReader<'_>) -> Result<Vec<BucketSpan>, DecodeError> {
    let mut spans = Vec::new();
    for _ in 0..take_len(reader, 2)? {
        let length = u32::try_from(unsigned(reader)?)
            .map_err(|_| error(reader, "a span's length is wider than 32 bits"))?;
        let offset = narrow(reader, "a span's offset is wider than 32 bits")?;
        spans.push(BucketSpan { offset, length });
    }
    Ok(spans)
}

/// Powers of two from 2^-243 to 2^10 take a byte, all others but zero nine.
fn put_threshold(writer: &mut BitWriter<'_>, threshold: f64) {
    if threshold.to_bits() == 0 {
        writer.write(0, 8);
        return;
    }
    let bits = threshold.to_bits();
    // Sign and exponent; those that are no power of two keep a fraction.
    let exponent = i32::try_from(bits >> 52).unwrap_or(i32::MAX) - EXPONENT_BIAS;
    if bits << 12 == 0 && (-243..=10).contains(&exponent) {
        writer.write(u64::from((exponent + THRESHOLD_BIAS).unsigned_abs()), 8);
        return;
    }
    writer.write(u64::from(FULL_THRESHOLD), 8);
    writer.write(bits, 64);
}

fn take_threshold(reader: &mut BitReader<'_>) -> Result<f64, DecodeError> {
    let byte = reader.read(8)?;
    if byte == 0 {
        return Ok(0.0);
    }
    if byte == u64::from(FULL_THRESHOLD) {
        return reader.read(64).map(f64::from_bits);
    }
    let shift = u64::from((EXPONENT_BIAS - THRESHOLD_BIAS).unsigned_abs());
    Ok(f64::from_bits((byte + shift) << 52))
}

/// Thousandths up to 33,554.43 take up to four bytes, all others 65 bits.
fn put_bound(writer: &mut BitWriter<'_>, bound: f64) {
    let thousandths = bound * 1000.0;
    let whole = thousandths.round();
    // Zero with a sign is none of them.
    let exact = (whole as u64 as f64 / 1000.0).to_bits() == bound.to_bits();
    if (0.0..=WHOLE_BOUND_MAX).contains(&thousandths) && exact {
        put_unsigned(writer, whole as u64 + 1);
        return;
    }
    writer.write(0, 1);
    writer.write(bound.to_bits(), 64);
}

fn take_bound(reader: &mut BitReader<'_>) -> Result<f64, DecodeError> {
    match unsigned(reader)? {
        0 => reader.read(64).map(f64::from_bits),
        number => Ok((number - 1) as f64 / 1000.0),
    }
}
