//! The bytes of small pages, as docs/format/page.md draws them, and of pages that were kept.

use super::super::{
    PageDecoder, PageEncoder, PageStatistics, TokenTables, TokenTraining, decode_timestamps,
    encode_timestamps,
};
use super::nasty::bits;
use super::sample_columns;
use crate::bits::{ByteReader, put_uvarint};
use crate::model::STALE_NAN_BITS;

fn fresh(values: &[f64]) -> Vec<u8> {
    let mut page = Vec::new();
    PageEncoder::new().encode_fresh(values, &mut page);
    let mut decoded = Vec::new();
    let tables = TokenTables::none();
    PageDecoder::new()
        .decode(&page, values.len(), &tables, &mut decoded)
        .unwrap();
    assert_eq!(bits(&decoded), bits(values));
    page
}

#[test]
fn empty_and_constant_pages() {
    assert_eq!(fresh(&[]), []);
    assert_eq!(fresh(&[0.0; 3]), [0, 0]);
    // 425 / 10^1, in zigzag order 850.
    assert_eq!(fresh(&[42.5]), [1 << 2, 0xd2, 0x06]);
    let stale = f64::from_bits(STALE_NAN_BITS);
    assert_eq!(
        fresh(&[stale; 480]),
        [31 << 2, 2, 0, 0, 0, 0, 0, 0xf0, 0x7f]
    );
    assert_eq!(fresh(&[-0.0])[8], 0x80);
}

#[test]
fn a_packed_page() {
    // Tenths, in steps of 5 or 6 times 3.
    let values = [15.0, 16.5, 18.0, 19.8, 21.3, 22.8, 24.6];
    assert_eq!(
        fresh(&values),
        [
            0b0110_0101, // packed, delta, a divisor, scale 1
            0b0000_0000,
            0xac, // 150 in zigzag order
            0x02,
            3,    // divisor
            4,    // a block of four bits each, no patches
            0xdd, // 5, 5, 6, 5, 5, 6, each with 8 added
            0xde,
            0xed,
        ]
    );
}

#[test]
fn a_page_of_tokens() {
    let mut values: Vec<f64> = (0..40).map(f64::from).collect();
    values[7] = f64::from_bits(STALE_NAN_BITS);
    values[39] = 60.0;
    let (mut encoder, mut training) = (PageEncoder::new(), TokenTraining::new());
    encoder.observe(&values, &mut training);
    let tables = training.train();
    let mut page = Vec::new();
    encoder.encode_dense(&values, &tables, &mut page);
    assert_eq!(
        page,
        [
            0b0001_1110, // tokens, centred delta, exceptions, scale 0
            0b0000_0000, // table 0
            0,           // first
            2,           // second: 1
            0,           // one run of exceptions
            7 << 2,      // 7 samples before it, one long, a stale marker
            152, // a run of 5 zeros, then 1 and -1, as the exception repeats its neighbour, ..
            234,
            83,
        ]
    );
}

/// Written by an earlier state of this crate; see `put_golden`.
const GOLDEN: &[u8] = include_bytes!("../../../tests/testdata/v1/small.pages");

fn golden_timestamps() -> Vec<i64> {
    let jitter = |at: i64| if at % 10 == 3 { at % 7 - 3 } else { 0 };
    (0..480)
        .map(|at| 1_700_000_000_000 + at * 15_000 + jitter(at))
        .collect()
}

/// Each part behind its length: the tables; a fresh page, a dense page and the facts of each column; timestamps.
fn put_golden(out: &mut Vec<u8>) {
    let (mut encoder, mut training) = (PageEncoder::new(), TokenTraining::new());
    let columns = sample_columns();
    columns
        .iter()
        .for_each(|values| encoder.observe(values, &mut training));
    let tables = training.train();
    let mut put = |encode: &mut dyn FnMut(&mut Vec<u8>)| {
        let mut part = Vec::new();
        encode(&mut part);
        put_uvarint(out, part.len() as u64);
        out.extend(part);
    };
    put(&mut |part| tables.encode(part));
    for values in &columns {
        put(&mut |part| encoder.encode_fresh(values, part));
        put(&mut |part| encoder.encode_dense(values, &tables, part));
        put(&mut |part| PageStatistics::of(values).encode(part));
    }
    put(&mut |part| encode_timestamps(&golden_timestamps(), part));
}

#[test]
fn kept_pages_decode_to_the_same_values() {
    let mut reader = ByteReader::new(GOLDEN);
    let mut part = || {
        let len = reader.uvarint().unwrap();
        reader.take(usize::try_from(len).unwrap()).unwrap()
    };
    let tables = TokenTables::decode(part()).unwrap();
    let mut decoder = PageDecoder::new();
    for values in sample_columns() {
        for page in [part(), part()] {
            let mut decoded = Vec::new();
            decoder
                .decode(page, values.len(), &tables, &mut decoded)
                .unwrap();
            assert_eq!(bits(&decoded), bits(&values));
        }
        let facts = PageStatistics::decode(&mut ByteReader::new(part())).unwrap();
        assert_eq!(
            format!("{facts:?}"),
            format!("{:?}", PageStatistics::of(&values))
        );
    }
    let mut timestamps = Vec::new();
    decode_timestamps(part(), 480, &mut timestamps).unwrap();
    assert_eq!(timestamps, golden_timestamps());
    assert!(reader.is_empty());
}

#[test]
#[ignore = "writes the golden file anew: only before its format was released"]
fn write_golden() {
    use crate::vfs::{OsVfs, Vfs as _, write_all_at};
    let mut bytes = Vec::new();
    put_golden(&mut bytes);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testdata/v1");
    let file = OsVfs::new(folder)
        .create(std::path::Path::new("small.pages"))
        .unwrap();
    write_all_at(&*file, &bytes, 0).unwrap();
}
