//! Patched bit packing: blocks of 128 signed numbers in as few bits each as most of them need.
//!
//! A number of `w` bits is stored with `2^(w-1)` added. Those that do not fit store the low bits of
//! their zigzag code in their place and the high ones behind the block. Writers take zigzag codes,
//! readers give numbers.

use super::lanes;
use super::zigzag::unzigzag;
use crate::bits::{ByteReader, DecodeError};

/// Numbers of a block; the last one of a column may hold fewer.
pub(super) const BLOCK_VALUES: usize = 128;
/// Full blocks of numbers up to this wide are packed in four lanes, which vector units like.
pub(super) const LANES_WIDTH_MAX: usize = 32;
/// Lanes of a full block: number `i` is in lane `i % 4`.
pub(super) const LANES: usize = 4;
/// Set in a block's width byte when patches follow.
const PATCHED: u8 = 0x80;
/// Bytes that a block's packed numbers take at most.
const BLOCK_BYTES_MAX: usize = BLOCK_VALUES * 8;
/// Widest number that one load of eight bytes holds wherever it starts.
const LOAD_WIDTH_MAX: usize = 57;

/// Bits of a number.
#[inline(always)]
fn width(value: u64) -> usize {
    (u64::BITS - value.leading_zeros()) as usize
}

/// What is added to numbers of so many bits.
#[inline(always)]
fn bias(width: usize) -> u64 {
    mask(width) ^ (mask(width) >> 1)
}

#[inline(always)]
fn mask(width: usize) -> u64 {
    if width == 0 {
        0
    } else {
        u64::MAX >> (64 - width)
    }
}

/// How many numbers there are of each width.
#[derive(Clone, Debug)]
struct Widths([u32; 65]);

impl Widths {
    /// Counts the widths of a column.
    fn of(values: &[u64]) -> Self {
        let mut counts = [0; 65];
        for value in values {
            if let Some(count) = counts.get_mut(width(*value)) {
                *count += 1;
            }
        }
        Self(counts)
    }

    /// The cheapest width of a block, and the bytes that it takes with its patches.
    fn best(&self) -> (usize, usize) {
        let total = self.0.iter().sum::<u32>() as usize;
        let widest = self.0.iter().rposition(|count| *count > 0).unwrap_or(0);
        let mut best = (widest, 1 + (widest * total).div_ceil(8));
        let mut patches = 0;
        for width in (0..widest).rev() {
            patches += self.0.get(width + 1).copied().unwrap_or(0) as usize;
            let high = patches + (patches * (widest - width)).div_ceil(8);
            let bytes = 3 + (width * total).div_ceil(8) + high;
            if bytes < best.1 {
                best = (width, bytes);
            }
        }
        best
    }
}

/// Bytes that [`pack`] appends.
pub(super) fn packed_len(values: &[u64]) -> usize {
    let blocks = values.chunks(BLOCK_VALUES);
    blocks.map(|block| Widths::of(block).best().1).sum()
}

/// Appends the low `width` bits of each number, low bits first, up to a whole byte.
fn put_bits(values: impl Iterator<Item = u64>, width: usize, out: &mut Vec<u8>) {
    let mut pending = 0u128;
    let mut bits = 0;
    for value in values {
        pending |= u128::from(value & mask(width)) << bits;
        bits += width;
        if bits >= 64 {
            out.extend_from_slice(&((pending & u128::from(u64::MAX)) as u64).to_le_bytes());
            pending >>= 64;
            bits -= 64;
        }
    }
    let bytes = pending.to_le_bytes();
    out.extend_from_slice(bytes.get(..bits.div_ceil(8)).unwrap_or_default());
}

/// Appends the low `width` bits of each number of a full block, in lanes of words of 32 bits.
fn put_lanes(block: &[u64; BLOCK_VALUES], width: usize, out: &mut Vec<u8>) {
    let mut words = [[0u64; LANES]; LANES_WIDTH_MAX + 1];
    let (rows, _) = block.as_chunks::<LANES>();
    for (row, values) in rows.iter().enumerate() {
        let bit = row * width;
        for (lane, value) in values.iter().enumerate() {
            let shifted = (value & mask(width)) << (bit % 32);
            for (word, part) in words
                .iter_mut()
                .skip(bit / 32)
                .zip([shifted, shifted >> 32])
            {
                if let Some(word) = word.get_mut(lane) {
                    *word |= part & u64::from(u32::MAX);
                }
            }
        }
    }
    let words = words.iter().take(width).flatten();
    out.extend(words.flat_map(|word| (*word as u32).to_le_bytes()));
}

/// Appends a column in blocks.
pub(super) fn pack(values: &[u64], out: &mut Vec<u8>) {
    for block in values.chunks(BLOCK_VALUES) {
        pack_block(block, out);
    }
}

fn pack_block(block: &[u64], out: &mut Vec<u8>) {
    let widest = block.iter().fold(0, |all, value| all | value);
    let widest = width(widest);
    let (narrow, _) = Widths::of(block).best();
    let patched = widest > narrow;
    out.push(narrow as u8 | if patched { PATCHED } else { 0 });
    let stored = |code: &u64| {
        let fits = width(*code) <= narrow;
        if fits {
            unzigzag(*code).wrapping_add(bias(narrow))
        } else {
            *code
        }
    };
    match <&[u64; BLOCK_VALUES]>::try_from(block) {
        Ok(block) if narrow <= LANES_WIDTH_MAX => {
            put_lanes(&block.each_ref().map(stored), narrow, out)
        }
        _ => put_bits(block.iter().map(stored), narrow, out),
    }
    if patched {
        let high = || {
            block
                .iter()
                .enumerate()
                .filter(|(_, value)| width(**value) > narrow)
        };
        out.push(high().count() as u8);
        out.push((widest - narrow) as u8);
        out.extend(high().map(|(index, _)| index as u8));
        put_bits(
            high().map(|(_, value)| value >> narrow),
            widest - narrow,
            out,
        );
    }
}

/// Fills a column from its blocks and adds `offset` to each number. Work is bounded by the length of
/// the column.
pub(super) fn unpack(
    reader: &mut ByteReader<'_>,
    column: &mut [u64],
    offset: u64,
) -> Result<(), DecodeError> {
    let mut buffer = [0; BLOCK_BYTES_MAX + 16];
    for block in column.chunks_mut(BLOCK_VALUES) {
        unpack_block(reader, block, offset, &mut buffer)?;
    }
    Ok(())
}

fn unpack_block(
    reader: &mut ByteReader<'_>,
    block: &mut [u64],
    offset: u64,
    buffer: &mut [u8; BLOCK_BYTES_MAX + 16],
) -> Result<(), DecodeError> {
    let head = reader.u8()?;
    let narrow = usize::from(head & !PATCHED);
    if narrow > 64 {
        return Err(reader.error("width of a block above 64 bits"));
    }
    let unbias = offset.wrapping_sub(bias(narrow));
    match <&mut [u64; BLOCK_VALUES]>::try_from(&mut *block) {
        Ok(block) if (1..=LANES_WIDTH_MAX).contains(&narrow) => {
            lanes::unpack(
                reader.take(narrow * BLOCK_VALUES / 8)?,
                narrow,
                unbias,
                block,
            );
        }
        _ => unpack_bits(reader, narrow, unbias, block, buffer)?,
    }
    if head & PATCHED == 0 {
        return Ok(());
    }
    let patches = usize::from(reader.u8()?);
    let high = usize::from(reader.u8()?);
    if patches == 0 || patches > block.len() || high == 0 || narrow + high > 64 {
        return Err(reader.error("patches do not fit their block"));
    }
    let places = reader.take(patches)?;
    let mut values = [0; BLOCK_VALUES];
    let values = values.get_mut(..patches).unwrap_or_default();
    unpack_bits(reader, high, 0, values, buffer)?;
    for (place, value) in places.iter().zip(values) {
        let slot = block.get_mut(usize::from(*place));
        let slot = slot.ok_or_else(|| reader.error("patch behind the end of its block"))?;
        let low = slot.wrapping_sub(unbias) & mask(narrow);
        *slot = unzigzag(*value << narrow | low).wrapping_add(offset);
    }
    Ok(())
}

/// Fills `block` with numbers of `width` bits and adds `offset` to each.
fn unpack_bits(
    reader: &mut ByteReader<'_>,
    width: usize,
    offset: u64,
    block: &mut [u64],
    buffer: &mut [u8; BLOCK_BYTES_MAX + 16],
) -> Result<(), DecodeError> {
    if width == 0 {
        block.fill(offset);
        return Ok(());
    }
    let bytes = reader.take((block.len() * width).div_ceil(8))?;
    // Behind the bytes stands what the block before left: masked off, never read as a number.
    if let Some(start) = buffer.get_mut(..bytes.len()) {
        start.copy_from_slice(bytes);
    }
    let mask = mask(width);
    let mut bit = 0;
    let together = if width <= LOAD_WIDTH_MAX / 4 {
        block.len() / 4 * 4
    } else {
        0
    };
    let (fours, rest) = block.split_at_mut(together);
    for four in fours.as_chunks_mut::<4>().0 {
        let mut word = load(buffer, bit / 8) >> (bit % 8);
        for slot in four {
            *slot = (word & mask).wrapping_add(offset);
            word >>= width;
        }
        bit += 4 * width;
    }
    if width <= LOAD_WIDTH_MAX {
        for slot in rest {
            let number = load(buffer, bit / 8) >> (bit % 8) & mask;
            *slot = number.wrapping_add(offset);
            bit += width;
        }
    } else {
        for slot in rest {
            let low = u128::from(load(buffer, bit / 8));
            let word = low | u128::from(load(buffer, bit / 8 + 8)) << 64;
            let number = (word >> (bit % 8)) as u64 & mask;
            *slot = number.wrapping_add(offset);
            bit += width;
        }
    }
    Ok(())
}

/// Eight bytes of the buffer. Only the upper half of a number of 64 bits asks for more, and it has none.
#[inline(always)]
fn load(buffer: &[u8; BLOCK_BYTES_MAX + 16], at: usize) -> u64 {
    #[expect(clippy::indexing_slicing, reason = "masked to stay in the buffer")]
    let bytes = &buffer[at % BLOCK_BYTES_MAX..][..8];
    bytes
        .first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
