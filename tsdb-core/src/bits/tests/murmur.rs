//! The hash of 32 bits, against numbers of its reference implementation.

use proptest::prelude::*;

use crate::bits::Murmur3;

fn hash(seed: u32, bytes: &[u8]) -> u32 {
    let mut hash = Murmur3::new(seed);
    hash.append(bytes);
    hash.finish()
}

#[test]
fn it_hashes_as_the_reference_does() {
    let every_byte: Vec<u8> = (0..=255).collect();
    let cases: [(u32, &[u8], u32); 9] = [
        (0, b"", 0),
        (1, b"", 1_364_076_727),
        (0, b"foo", 4_138_058_784),
        (42, b"foo", 2_972_666_014),
        (0, b"a", 1_009_084_850),
        (0, b"abcd", 1_139_631_978),
        (0, b"hello, world", 345_750_399),
        (7, &every_byte, 3_821_487_957),
        (u32::MAX, &[0xff; 300], 2_028_664_319),
    ];
    for (seed, bytes, expected) in cases {
        assert_eq!(hash(seed, bytes), expected, "{seed} {bytes:?}");
    }
    let of_prefixes = [
        3_262_916_883,
        3_834_873_953,
        288_822_663,
        118_347_127,
        3_400_953_812,
        21_594_098,
        1_326_265_952,
        2_087_020_833,
        3_562_418_060,
        3_692_612_191,
    ];
    for (len, expected) in of_prefixes.into_iter().enumerate() {
        assert_eq!(hash(9, &b"The quick brown fox"[..len]), expected);
    }
}

proptest! {
    #[test]
    fn pieces_hash_as_the_whole_does(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..12),
    ) {
        let mut in_pieces = Murmur3::new(5);
        for piece in &pieces {
            in_pieces.append(piece);
        }
        prop_assert_eq!(in_pieces.finish(), hash(5, &pieces.concat()));
    }
}
