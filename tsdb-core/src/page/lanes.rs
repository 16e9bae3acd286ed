//! Full blocks of packed numbers, four lanes at once: plain code that compilers turn into vectors.

use super::packed::{BLOCK_VALUES, LANES};

/// Bytes of one word of each lane.
const ROW_BYTES: usize = LANES * size_of::<u32>();

/// Unpacks the row of this number: which words and shifts it needs is known when compiling.
macro_rules! unpack_rows {
    ($mask:ident, $offset:ident, $words:ident, $rows:ident, $($row:literal)*) => {$(
        let (word, shift) = ($row * WIDTH / 32, $row * WIDTH % 32);
        let low = lanes_of(&$words[word]);
        $rows[$row] = if shift + WIDTH > 32 {
            let high = lanes_of(&$words[word + 1]);
            let mut values = [0; LANES];
            for ((value, low), high) in values.iter_mut().zip(low).zip(high) {
                *value = ((u64::from(low) | u64::from(high) << 32) >> shift & $mask).wrapping_add($offset);
            }
            values
        } else {
            low.map(|lane| (u64::from(lane >> shift) & $mask).wrapping_add($offset))
        };
    )*};
}

/// The word of each lane.
#[inline(always)]
fn lanes_of(bytes: &[u8; ROW_BYTES]) -> [u32; LANES] {
    let (words, _) = bytes.as_chunks();
    let mut lanes = [0; LANES];
    for (lane, word) in lanes.iter_mut().zip(words) {
        *lane = u32::from_le_bytes(*word);
    }
    lanes
}

#[inline(never)]
fn unpack_width<const WIDTH: usize>(
    words: &[[u8; ROW_BYTES]],
    offset: u64,
    block: &mut [u64; BLOCK_VALUES],
) {
    let (rows, _) = block.as_chunks_mut::<LANES>();
    let words: Result<&[[u8; ROW_BYTES]; WIDTH], _> = words.try_into();
    let rows: Result<&mut [[u64; LANES]; 32], _> = rows.try_into();
    if let (Ok(words), Ok(rows)) = (words, rows) {
        let mask = u64::from(u32::MAX >> (32 - WIDTH));
        unpack_rows!(mask, offset, words, rows, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
    }
}

/// Fills a block with numbers of `width` bits, 1 to 32, out of the bytes that so many take, and adds
/// `offset` to each.
pub(super) fn unpack(bytes: &[u8], width: usize, offset: u64, block: &mut [u64; BLOCK_VALUES]) {
    let (words, _) = bytes.as_chunks();
    match width {
        1 => unpack_width::<1>(words, offset, block),
        2 => unpack_width::<2>(words, offset, block),
        3 => unpack_width::<3>(words, offset, block),
        4 => unpack_width::<4>(words, offset, block),
        5 => unpack_width::<5>(words, offset, block),
        6 => unpack_width::<6>(words, offset, block),
        7 => unpack_width::<7>(words, offset, block),
        8 => unpack_width::<8>(words, offset, block),
        9 => unpack_width::<9>(words, offset, block),
        10 => unpack_width::<10>(words, offset, block),
        11 => unpack_width::<11>(words, offset, block),
        12 => unpack_width::<12>(words, offset, block),
        13 => unpack_width::<13>(words, offset, block),
        14 => unpack_width::<14>(words, offset, block),
        15 => unpack_width::<15>(words, offset, block),
        16 => unpack_width::<16>(words, offset, block),
        17 => unpack_width::<17>(words, offset, block),
        18 => unpack_width::<18>(words, offset, block),
        19 => unpack_width::<19>(words, offset, block),
        20 => unpack_width::<20>(words, offset, block),
        21 => unpack_width::<21>(words, offset, block),
        22 => unpack_width::<22>(words, offset, block),
        23 => unpack_width::<23>(words, offset, block),
        24 => unpack_width::<24>(words, offset, block),
        25 => unpack_width::<25>(words, offset, block),
        26 => unpack_width::<26>(words, offset, block),
        27 => unpack_width::<27>(words, offset, block),
        28 => unpack_width::<28>(words, offset, block),
        29 => unpack_width::<29>(words, offset, block),
        30 => unpack_width::<30>(words, offset, block),
        31 => unpack_width::<31>(words, offset, block),
        32 => unpack_width::<32>(words, offset, block),
        _ => {}
    }
}
