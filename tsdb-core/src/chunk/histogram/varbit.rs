//! Numbers behind a prefix of one bits that says how wide they are.

use crate::bits::{BitReader, BitWriter, DecodeError};

/// Widths of numbers behind 1, 2, ... one bits and a zero; behind eight ones follow 64 bits, and
/// behind nothing but a zero bit the number is 0.
const WIDTHS: [u32; 7] = [3, 6, 9, 12, 18, 25, 56];
/// One bits before a number of 64 bits.
const MOST_ONES: u32 = 8;

/// Writes a signed number. A code of n bits holds -(2^(n-1) - 1) to 2^(n-1).
pub(super) fn put_signed(writer: &mut BitWriter<'_>, value: i64) {
    let fits = |width: &u32| {
        let highest = 1i64 << (width - 1);
        value > -highest && value <= highest
    };
    put(writer, value.cast_unsigned(), fits);
}

/// Writes an unsigned number. A code of n bits holds 0 to 2^n - 1.
pub(super) fn put_unsigned(writer: &mut BitWriter<'_>, value: u64) {
    put(writer, value, |width| value >> width == 0);
}

fn put(writer: &mut BitWriter<'_>, bits: u64, fits: impl Fn(&u32) -> bool) {
    if bits == 0 {
        writer.write(0, 1);
        return;
    }
    match WIDTHS.iter().zip(1u32..).find(|(width, _)| fits(width)) {
        Some((&width, ones)) => {
            writer.write((1 << (ones + 1)) - 2, ones + 1);
            writer.write(bits & ((1 << width) - 1), width);
        }
        None => {
            writer.write(0xff, MOST_ONES);
            writer.write(bits, 64);
        }
    }
}

pub(super) fn signed(reader: &mut BitReader<'_>) -> Result<i64, DecodeError> {
    let (bits, width) = take(reader)?;
    let wraps = width < 64 && bits > 1 << width >> 1;
    let value = bits.wrapping_sub(u64::from(wraps) << (width & 63));
    Ok(value.cast_signed())
}

pub(super) fn unsigned(reader: &mut BitReader<'_>) -> Result<u64, DecodeError> {
    take(reader).map(|(bits, _)| bits)
}

/// A number's bits and how many they were.
fn take(reader: &mut BitReader<'_>) -> Result<(u64, u32), DecodeError> {
    let ones = (!reader.peek()).leading_zeros().min(MOST_ONES);
    let width = match ones {
        0 => {
            reader.read(1)?;
            return Ok((0, 0));
        }
        MOST_ONES => {
            reader.skip(MOST_ONES);
            64
        }
        _ => {
            reader.skip(ones + 1);
            WIDTHS.get(ones as usize - 1).copied().unwrap_or(64)
        }
    };
    Ok((reader.read(width)?, width))
}
