//! Full blocks of packed numbers, four lanes at once: plain code that compilers turn into vectors.

use super::packed::{BLOCK_VALUES, LANES};

/// Bytes of one word of each lane.
const ROW_BYTES: usize = LANES * size_of::<u32>();

/// Unpacks the row of this number: which words and shifts it needs is known when compiling.
macro_rules! unpack_rows {
    ($mask:ident, $bias:ident, $words:ident, $rows:ident, $($row:literal)*) => {$(
        let (word, shift) = ($row * WIDTH / 32, $row * WIDTH % 32);
        let low = lanes_of(&$words[word]);
        $rows[$row] = if shift + WIDTH > 32 {
            let high = lanes_of(&$words[word + 1]);
            let mut values = [0; LANES];
            for ((value, low), high) in values.iter_mut().zip(low).zip(high) {
                *value = ((u64::from(low) | u64::from(high) << 32) >> shift & $mask).wrapping_sub($bias);
            }
            values
        } else {
            low.map(|lane| (u64::from(lane >> shift) & $mask).wrapping_sub($bias))
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
fn unpack_width<const WIDTH: usize>(words: &[[u8; ROW_BYTES]], block: &mut [u64; BLOCK_VALUES]) {
    let (rows, _) = block.as_chunks_mut::<LANES>();
    let words: Result<&[[u8; ROW_BYTES]; WIDTH], _> = words.try_into();
    let rows: Result<&mut [[u64; LANES]; 32], _> = rows.try_into();
    if let (Ok(words), Ok(rows)) = (words, rows) {
        let mask = u64::from(u32::MAX >> (32 - WIDTH));
        let bias = 1 << (WIDTH - 1);
        unpack_rows!(mask, bias, words, rows, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
    }
}

/// Fills a block with numbers of `width` bits, 1 to 32, stored with `2^(width-1)` added, out of the
/// bytes that so many take.
pub(super) fn unpack(bytes: &[u8], width: usize, block: &mut [u64; BLOCK_VALUES]) {
    let (words, _) = bytes.as_chunks();
    match width {
        1 => unpack_width::<1>(words, block),
        2 => unpack_width::<2>(words, block),
        3 => unpack_width::<3>(words, block),
        4 => unpack_width::<4>(words, block),
        5 => unpack_width::<5>(words, block),
        6 => unpack_width::<6>(words, block),
        7 => unpack_width::<7>(words, block),
        8 => unpack_width::<8>(words, block),
        9 => unpack_width::<9>(words, block),
        10 => unpack_width::<10>(words, block),
        11 => unpack_width::<11>(words, block),
        12 => unpack_width::<12>(words, block),
        13 => unpack_width::<13>(words, block),
        14 => unpack_width::<14>(words, block),
        15 => unpack_width::<15>(words, block),
        16 => unpack_width::<16>(words, block),
        17 => unpack_width::<17>(words, block),
        18 => unpack_width::<18>(words, block),
        19 => unpack_width::<19>(words, block),
        20 => unpack_width::<20>(words, block),
        21 => unpack_width::<21>(words, block),
        22 => unpack_width::<22>(words, block),
        23 => unpack_width::<23>(words, block),
        24 => unpack_width::<24>(words, block),
        25 => unpack_width::<25>(words, block),
        26 => unpack_width::<26>(words, block),
        27 => unpack_width::<27>(words, block),
        28 => unpack_width::<28>(words, block),
        29 => unpack_width::<29>(words, block),
        30 => unpack_width::<30>(words, block),
        31 => unpack_width::<31>(words, block),
        32 => unpack_width::<32>(words, block),
        _ => {}
    }
}
