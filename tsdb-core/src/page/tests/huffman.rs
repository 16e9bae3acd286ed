//! Prefix codes: complete, no longer than allowed, and no worse than any other.

use proptest::prelude::*;

use super::super::huffman::{CODE_BITS_MAX, code_lengths, codes};

fn kraft(lengths: &[u8]) -> u32 {
    let used = lengths.iter().filter(|length| **length > 0);
    used.map(|length| 1 << (CODE_BITS_MAX - u32::from(*length)))
        .sum()
}

/// Bits under Huffman's own code, which knows no limit.
fn unlimited_bits(weights: &[u64]) -> u64 {
    let mut heap: Vec<u64> = weights
        .iter()
        .copied()
        .filter(|weight| *weight > 0)
        .collect();
    let mut bits = 0;
    while heap.len() > 1 {
        heap.sort_unstable_by(|left, right| right.cmp(left));
        let sum = heap.pop().unwrap() + heap.pop().unwrap();
        bits += sum;
        heap.push(sum);
    }
    bits
}

#[test]
fn codes_are_canonical_and_stored_lowest_bit_first() {
    let lengths = code_lengths(&[8, 0, 4, 2, 1]);
    assert_eq!(lengths, [1, 0, 2, 3, 3]);
    assert_eq!(codes(&lengths), Some([0b0, 0, 0b01, 0b011, 0b111]));
    assert_eq!(code_lengths(&[0, 5]), [0, 1]);
    assert_eq!(code_lengths(&[0, 0]), [0, 0]);
    assert_eq!(codes(&[1, 1, 1]), None, "more codes than there are");
}

proptest! {
    #[test]
    fn codes_are_complete_and_as_short_as_can_be(
        weights in proptest::array::uniform32(prop_oneof![Just(0u64), 0u64..10, 0u64..1 << 30]),
    ) {
        let lengths = code_lengths(&weights);
        let used = weights.iter().filter(|weight| **weight > 0).count();
        prop_assert!(weights.iter().zip(&lengths).all(|(weight, length)| (*weight > 0) == (*length > 0)));
        prop_assert!(lengths.iter().all(|length| u32::from(*length) <= CODE_BITS_MAX));
        prop_assert!(codes(&lengths).is_some());
        if used > 1 {
            prop_assert_eq!(kraft(&lengths), 1 << CODE_BITS_MAX);
            let bits: u64 = weights.iter().zip(&lengths).map(|(weight, length)| weight * u64::from(*length)).sum();
            let best = unlimited_bits(&weights);
            prop_assert!(bits >= best);
            // Where Huffman's own code obeys the limit, nothing is lost.
            let total: u64 = weights.iter().sum();
            if weights.iter().all(|weight| *weight == 0 || weight * 80 > total) {
                prop_assert_eq!(bits, best);
            }
        }
    }
}
