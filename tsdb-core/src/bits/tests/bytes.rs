use proptest::prelude::*;

use crate::bits::*;

#[test]
fn reading_past_the_end_is_an_error_that_says_where() {
    let mut reader = ByteReader::new(&[1, 2, 3]);
    assert_eq!(reader.u16(), Ok(0x0201));
    assert_eq!(
        reader.u16(),
        Err(DecodeError {
            what: "truncated",
            offset: 2
        })
    );
    assert_eq!((reader.position(), reader.remaining()), (2, 1));
    assert_eq!(
        reader.take(usize::MAX),
        Err(DecodeError {
            what: "truncated",
            offset: 2
        })
    );
    assert_eq!(reader.u8(), Ok(3));
    assert!(reader.is_empty());
    assert_eq!(
        reader.u8(),
        Err(DecodeError {
            what: "truncated",
            offset: 3
        })
    );
    assert_eq!(reader.take(0), Ok(&[][..]));
    assert_eq!(reader.error("what").to_string(), "what at byte 3");
}

#[test]
fn numbers_wider_than_64_bits_are_refused() {
    let widest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    assert_eq!(ByteReader::new(&widest).uvarint(), Ok(u64::MAX));
    let wider = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
    assert!(ByteReader::new(&wider).uvarint().is_err());
    assert!(ByteReader::new(&[0x80; 11]).uvarint().is_err());
    for len in 0..widest.len() {
        let mut reader = ByteReader::new(&widest[..len]);
        assert!(reader.uvarint().is_err());
        assert_eq!(reader.position(), 0);
    }
}

#[test]
fn checksums_are_castagnoli() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    assert_eq!(crc32c_append(crc32c(b"1234"), b"56789"), 0xe306_9283);
    assert_eq!(crc32c(b""), 0);
}

proptest! {
    #[test]
    fn what_is_put_is_read(
        unsigned in prop::collection::vec(any::<u64>().prop_flat_map(|n| (0..64u32).prop_map(move |s| n >> s)), 0..20),
        signed in prop::collection::vec(any::<i64>().prop_flat_map(|n| (0..64u32).prop_map(move |s| n >> s)), 0..20),
        fixed in any::<(u16, u32, u64, i64)>(),
    ) {
        let mut out = Vec::new();
        for &number in &unsigned {
            let start = out.len();
            put_uvarint(&mut out, number);
            prop_assert_eq!(out.len() - start, uvarint_len(number));
        }
        signed.iter().for_each(|&number| put_ivarint(&mut out, number));
        put_u16(&mut out, fixed.0);
        put_u32(&mut out, fixed.1);
        put_u64(&mut out, fixed.2);
        put_i64(&mut out, fixed.3);

        let mut reader = ByteReader::new(&out);
        for number in unsigned {
            prop_assert_eq!(reader.uvarint(), Ok(number));
        }
        for number in signed {
            prop_assert_eq!(reader.ivarint(), Ok(number));
        }
        prop_assert_eq!(reader.u16(), Ok(fixed.0));
        prop_assert_eq!(reader.u32(), Ok(fixed.1));
        prop_assert_eq!(reader.u64(), Ok(fixed.2));
        prop_assert_eq!(reader.i64(), Ok(fixed.3));
        prop_assert!(reader.is_empty());
    }

    #[test]
    fn any_bytes_are_a_number_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
        let mut reader = ByteReader::new(&bytes);
        while !reader.is_empty() {
            let before = reader.position();
            match reader.uvarint() {
                Ok(number) => prop_assert!(reader.position() - before >= uvarint_len(number)),
                Err(error) => {
                    prop_assert_eq!(error.offset, before);
                    break;
                }
            }
        }
    }
}
