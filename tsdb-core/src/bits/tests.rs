mod bytes;
mod murmur;

use proptest::prelude::*;

use super::{BitReader, BitWriter, ByteReader, put_ivarint, put_pending, put_uvarint, uvarint_len};

fn low_bits(value: u64, width: u32) -> u64 {
    if width == 64 {
        value
    } else {
        value & ((1 << width) - 1)
    }
}

#[test]
fn writes_most_significant_bit_first() {
    let mut out = vec![0xaa];
    let mut writer = BitWriter::new(&mut out);
    writer.write(0b1, 1);
    writer.write(0b0110, 4);
    writer.write(0x1_ff, 9);
    writer.finish();
    assert_eq!(out, [0xaa, 0b1011_0111, 0b1111_1100]);
}

#[test]
fn a_full_word_is_spilled_whatever_the_split() {
    for first in 1..=63u32 {
        let mut out = Vec::new();
        let mut writer = BitWriter::new(&mut out);
        writer.write(low_bits(u64::MAX, first), first);
        writer.write(low_bits(u64::MAX, 64 - first), 64 - first);
        let state = writer.suspend();
        assert_eq!((out, state), (vec![0xff; 8], (0, 0)), "split at {first}");
    }
}

#[test]
fn reading_behind_the_end_gives_zeros_and_is_noticed() {
    let mut reader = BitReader::new(&[0xff], 0);
    assert_eq!(reader.take(8), 0xff);
    assert!(!reader.is_past_end());
    assert_eq!(reader.take(64), 0);
    assert!(reader.is_past_end());
    let mut reader = BitReader::new(&[0xff, 0xff], 1);
    let error = reader.read(9).unwrap_err();
    assert_eq!((error.what, error.offset), ("truncated bits", 1));
    assert!(BitReader::new(&[], 7).is_past_end());
}

#[test]
fn varints_of_every_length_are_read_with_and_without_bytes_behind() {
    for shift in 0..64 {
        for value in [1u64 << shift, (1u64 << shift) - 1, u64::MAX >> shift] {
            for behind in [0usize, 1, 20] {
                let mut bytes = Vec::new();
                put_uvarint(&mut bytes, value);
                let len = bytes.len();
                assert_eq!(len, uvarint_len(value));
                for cut in 0..len {
                    let error = ByteReader::new(&bytes[..cut]).uvarint().unwrap_err();
                    assert_eq!(error.what, "truncated varint");
                }
                bytes.extend(std::iter::repeat_n(0xff, behind));
                let mut reader = ByteReader::new(&bytes);
                assert_eq!(
                    (reader.uvarint(), reader.position()),
                    (Ok(value), len),
                    "{value:#x}"
                );
            }
        }
    }
    let too_wide = [0xff; 9].into_iter().chain([2, 0, 0]).collect::<Vec<u8>>();
    let error = ByteReader::new(&too_wide).uvarint().unwrap_err();
    assert_eq!(error.what, "varint wider than 64 bits");
    // More bytes than needed are allowed: 0 in ten.
    let padded = [[0x80; 9].as_slice(), &[0]].concat();
    assert_eq!(ByteReader::new(&padded).uvarint(), Ok(0));
}

proptest! {
    #[test]
    fn varints_come_back(values in prop::collection::vec((any::<i64>(), 0u32..64), 0..50)) {
        let mut bytes = Vec::new();
        for (value, shift) in &values {
            put_ivarint(&mut bytes, value >> shift);
        }
        let mut reader = ByteReader::new(&bytes);
        for (value, shift) in &values {
            prop_assert_eq!(reader.ivarint(), Ok(value >> shift));
        }
        prop_assert!(reader.is_empty());
    }

    #[test]
    fn what_is_written_is_read(
        fields in prop::collection::vec((any::<u64>(), 1u32..=64), 0..200),
        suspend_every in 1usize..7,
    ) {
        let mut out = Vec::new();
        let (mut word, mut filled) = (0, 0);
        for group in fields.chunks(suspend_every) {
            let mut writer = BitWriter::resume(&mut out, word, filled);
            for &(value, width) in group {
                writer.write(low_bits(value, width), width);
            }
            (word, filled) = writer.suspend();
        }
        put_pending(&mut out, word, filled);
        let bits: usize = fields.iter().map(|&(_, width)| width as usize).sum();
        prop_assert_eq!(out.len(), bits.div_ceil(8));
        let mut reader = BitReader::new(&out, 0);
        for &(value, width) in &fields {
            prop_assert_eq!(reader.read(width), Ok(low_bits(value, width)));
        }
        prop_assert!(reader.remaining() < 8);
    }
}
