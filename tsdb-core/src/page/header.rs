//! What stands before the residuals of a page.

use super::decimal::{Exception, SCALE_BITS, SCALE_MAX, SCALE_ORDERED, value};
use super::prediction::{Prediction, Predictor};
use crate::bits::{ByteReader, DecodeError, put_ivarint, put_u16, put_u64, put_uvarint};

/// Most samples of a page.
pub const PAGE_SAMPLES_MAX: usize = 512;

/// Bits of a page's first byte that say how it is coded.
const CODEC_MASK: u8 = 0b11;
/// One value, repeated: a header of one byte.
const CODEC_CONSTANT: u8 = 0;
/// Residuals in packed blocks.
const CODEC_PACKED: u8 = 1;
/// Residuals as tokens under a table of the file.
const CODEC_TOKENS: u8 = 2;

const SCALE_OF_CONSTANT_SHIFT: u32 = 2;
const PREDICTOR_SHIFT: u32 = 2;
const EXCEPTIONS_BIT: u16 = 1 << 4;
const DIVISOR_BIT: u16 = 1 << 5;
const SCALE_SHIFT: u32 = 6;
const TABLE_SHIFT: u32 = 11;
const SCALE_MASK: u16 = (1 << SCALE_BITS) - 1;

/// How the residuals of a page are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// In packed blocks.
    Packed,
    /// As tokens under the table of this number.
    Tokens(u8),
}

/// The header of a page that is not constant, but for its exceptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) body: Body,
    pub(super) scale: u8,
    pub(super) prediction: Prediction,
}

/// What a page starts with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum PageStart {
    Constant(f64),
    Column(Header),
}

/// Appends a whole page of one value. `integer` is the value at `scale`.
pub(super) fn put_constant(scale: u8, integer: i64, out: &mut Vec<u8>) {
    out.push(CODEC_CONSTANT | scale << SCALE_OF_CONSTANT_SHIFT);
    if scale == SCALE_ORDERED {
        put_u64(out, value(integer, scale).to_bits());
    } else {
        put_ivarint(out, integer);
    }
}

impl Header {
    /// Appends the header and the exceptions behind it.
    pub(super) fn put(&self, exceptions: &[Exception], out: &mut Vec<u8>) {
        let prediction = &self.prediction;
        let (codec, table) = match self.body {
            Body::Packed => (CODEC_PACKED, 0),
            Body::Tokens(table) => (CODEC_TOKENS, table),
        };
        let mut head = u16::from(codec)
            | (prediction.predictor as u16) << PREDICTOR_SHIFT
            | u16::from(self.scale) << SCALE_SHIFT
            | u16::from(table) << TABLE_SHIFT;
        if !exceptions.is_empty() {
            head |= EXCEPTIONS_BIT;
        }
        if prediction.divisor > 1 {
            head |= DIVISOR_BIT;
        }
        put_u16(out, head);
        put_ivarint(out, prediction.first);
        if prediction.divisor > 1 {
            put_uvarint(out, prediction.divisor);
        }
        if prediction.predictor.has_second() {
            put_ivarint(out, prediction.second);
        }
        if !exceptions.is_empty() {
            put_exceptions(exceptions, out);
        }
    }
}

/// Reads all of a page up to its residuals; exceptions go to `exceptions`, all within `count` values.
pub(super) fn read(
    reader: &mut ByteReader<'_>,
    count: usize,
    exceptions: &mut Vec<Exception>,
) -> Result<PageStart, DecodeError> {
    exceptions.clear();
    if count > PAGE_SAMPLES_MAX {
        return Err(reader.error("page of more samples than fit one"));
    }
    let first_byte = reader.u8()?;
    if first_byte & CODEC_MASK == CODEC_CONSTANT {
        return read_constant(first_byte >> SCALE_OF_CONSTANT_SHIFT, reader);
    }
    let head = u16::from_le_bytes([first_byte, reader.u8()?]);
    let table = (head >> TABLE_SHIFT) as u8;
    let body = match first_byte & CODEC_MASK {
        CODEC_PACKED if table == 0 => Body::Packed,
        CODEC_TOKENS => Body::Tokens(table),
        _ => return Err(reader.error("unknown codec of a page")),
    };
    let scale = (head >> SCALE_SHIFT & SCALE_MASK) as u8;
    if scale > SCALE_MAX && scale != SCALE_ORDERED {
        return Err(reader.error("unknown scale of a page"));
    }
    let predictor = Predictor::ALL.get(usize::from(head >> PREDICTOR_SHIFT & 3));
    let predictor = *predictor.ok_or_else(|| reader.error("unknown predictor of a page"))?;
    if count < 2 {
        return Err(reader.error("page of residuals for less than two samples"));
    }
    let first = reader.ivarint()?;
    let divisor = if head & DIVISOR_BIT == 0 {
        1
    } else {
        reader.uvarint()?
    };
    let second = if predictor.has_second() {
        reader.ivarint()?
    } else {
        0
    };
    if head & EXCEPTIONS_BIT != 0 {
        read_exceptions(reader, count, exceptions)?;
    }
    Ok(PageStart::Column(Header {
        body,
        scale,
        prediction: Prediction {
            predictor,
            first,
            divisor,
            second,
        },
    }))
}

fn read_constant(scale: u8, reader: &mut ByteReader<'_>) -> Result<PageStart, DecodeError> {
    Ok(PageStart::Constant(match scale {
        SCALE_ORDERED => f64::from_bits(reader.u64()?),
        0..=SCALE_MAX => value(reader.ivarint()?, scale),
        _ => return Err(reader.error("unknown scale of a constant page")),
    }))
}

/// Each run of equal exceptions: how far behind the run before, whether it is longer than one, whether
/// its bits are not those of the run before.
fn put_exceptions(exceptions: &[Exception], out: &mut Vec<u8>) {
    put_uvarint(out, exceptions.len() as u64 - 1);
    let (mut end, mut bits) = (0, crate::model::STALE_NAN_BITS);
    for run in exceptions {
        let longer = u64::from(run.len > 1);
        let other = u64::from(run.bits != bits);
        put_uvarint(out, ((run.start - end) as u64) << 2 | longer << 1 | other);
        if run.len > 1 {
            put_uvarint(out, run.len as u64 - 2);
        }
        if run.bits != bits {
            put_u64(out, run.bits);
        }
        end = run.start + run.len;
        bits = run.bits;
    }
}

fn read_exceptions(
    reader: &mut ByteReader<'_>,
    count: usize,
    exceptions: &mut Vec<Exception>,
) -> Result<(), DecodeError> {
    let runs = reader.uvarint()?;
    if runs >= count as u64 {
        return Err(reader.error("more exceptions than samples"));
    }
    let (mut end, mut bits) = (0, crate::model::STALE_NAN_BITS);
    for _ in 0..=runs {
        let head = reader.uvarint()?;
        let more = if head & 2 == 0 {
            0
        } else {
            reader.uvarint()?.saturating_add(1)
        };
        if head & 1 != 0 {
            bits = reader.u64()?;
        }
        let left = (count - end) as u64;
        if (head >> 2).saturating_add(more) >= left {
            return Err(reader.error("exception behind the end of its page"));
        }
        let start = end + (head >> 2) as usize;
        let len = 1 + more as usize;
        exceptions.push(Exception { start, len, bits });
        end = start + len;
    }
    Ok(())
}
