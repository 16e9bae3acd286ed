//! Bytes that are not what was written: an error or other values, never a panic, never more work than the count.

use proptest::prelude::*;

use super::super::{
    PAGE_SAMPLES_MAX, PageDecoder, PageEncoder, PageStatistics, TokenTables, TokenTraining,
    decode_timestamps, encode_timestamps,
};
use super::sample_columns;
use crate::bits::ByteReader;

/// Decodes alone and together with a sound page; both must agree and leave nothing behind an error.
fn assert_total(decoder: &mut PageDecoder, page: &[u8], count: usize, tables: &TokenTables) {
    let mut alone = vec![7.0];
    let decoded = decoder.decode(page, count, tables, &mut alone);
    let sound: &[u8] = &[0, 2];
    let pages = [
        (sound, 9),
        (page, count),
        (page, count),
        (page, count),
        (page, count),
        (sound, 9),
    ];
    let mut together = vec![vec![7.0]; pages.len()];
    let many = decoder.decode_many(&pages, tables, &mut together);
    match decoded {
        Ok(()) => {
            assert_eq!(alone.len(), count + 1);
            many.unwrap();
            let bits = |column: &[f64]| {
                column
                    .iter()
                    .map(|value| value.to_bits())
                    .collect::<Vec<_>>()
            };
            assert_eq!(bits(&together[3]), bits(&alone));
            assert_eq!(
                together[5],
                [7.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
            );
        }
        Err(error) => {
            assert!(error.offset <= page.len(), "{error}");
            assert_eq!(alone, [7.0]);
            assert!(many.is_err());
            assert!(together.iter().all(|column| column == &[7.0]));
        }
    }
}

fn flipped(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..bytes.len() * 8).map(|bit| {
        let mut other = bytes.to_vec();
        other[bit / 8] ^= 1 << (bit % 8);
        other
    })
}

#[test]
fn every_flipped_bit_and_every_cut_of_a_page_is_survived() {
    let (mut encoder, mut training) = (PageEncoder::new(), TokenTraining::new());
    let columns = sample_columns();
    columns
        .iter()
        .for_each(|values| encoder.observe(values, &mut training));
    let tables = training.train();
    let mut decoder = PageDecoder::new();
    for values in &columns {
        let (mut fresh, mut dense) = (Vec::new(), Vec::new());
        encoder.encode_fresh(values, &mut fresh);
        encoder.encode_dense(values, &tables, &mut dense);
        for page in [fresh, dense] {
            for count in [
                0,
                1,
                values.len() - 1,
                values.len() + 1,
                PAGE_SAMPLES_MAX,
                PAGE_SAMPLES_MAX + 1,
                usize::MAX,
            ] {
                assert_total(&mut decoder, &page, count, &tables);
            }
            for cut in 0..page.len() {
                let mut out = Vec::new();
                decoder
                    .decode(&page[..cut], values.len(), &tables, &mut out)
                    .unwrap_err();
            }
            let longer = [&page[..], &[0]].concat();
            decoder
                .decode(&longer, values.len(), &tables, &mut Vec::new())
                .unwrap_err();
            for other in flipped(&page) {
                assert_total(&mut decoder, &other, values.len(), &tables);
                assert_total(&mut decoder, &other, values.len(), &TokenTables::none());
            }
        }
    }
}

#[test]
fn every_flipped_bit_of_tables_timestamps_and_statistics_is_survived() {
    let (mut encoder, mut training) = (PageEncoder::new(), TokenTraining::new());
    let columns = sample_columns();
    columns
        .iter()
        .for_each(|values| encoder.observe(values, &mut training));
    let mut tables = Vec::new();
    training.train().encode(&mut tables);
    let mut page = Vec::new();
    encoder.encode_dense(&columns[1], &training.train(), &mut page);
    let mut decoder = PageDecoder::new();
    for other in flipped(&tables) {
        // A table that is still one may say anything.
        if let Ok(tables) = TokenTables::decode(&other) {
            assert_total(&mut decoder, &page, columns[1].len(), &tables);
        }
    }
    for cut in 0..tables.len() {
        TokenTables::decode(&tables[..cut]).unwrap_err();
    }

    let timestamps: Vec<i64> = (0..300).map(|at| 1_000 * at + at * at % 7).collect();
    let mut column = Vec::new();
    encode_timestamps(&timestamps, &mut column);
    for other in flipped(&column) {
        for count in [0, 1, 299, 300, 301, 1 << 40] {
            let mut out = vec![7];
            match decode_timestamps(&other, count, &mut out) {
                Ok(()) => {
                    assert_eq!(out.len(), count + 1);
                    assert!(out[1..].is_sorted_by(|left, right| left < right));
                }
                Err(_) => assert_eq!(out, [7]),
            }
        }
    }

    for values in &columns {
        let mut facts = Vec::new();
        PageStatistics::of(values).encode(&mut facts);
        for other in flipped(&facts) {
            let mut reader = ByteReader::new(&other);
            let facts = PageStatistics::decode(&mut reader);
            assert!(facts.is_err() || reader.position() <= other.len());
        }
        for cut in 0..facts.len() {
            PageStatistics::decode(&mut ByteReader::new(&facts[..cut])).unwrap_err();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_are_survived(
        first in 0u8..8,
        mut page in proptest::collection::vec(any::<u8>(), 1..80),
        count in 0usize..520,
    ) {
        // All codecs, predictors and flags are tried: the first bits choose them.
        page[0] = page[0] & !3 | first & 3;
        let (mut encoder, mut training) = (PageEncoder::new(), TokenTraining::new());
        encoder.observe(&sample_columns()[1], &mut training);
        assert_total(&mut PageDecoder::new(), &page, count, &training.train());
        let mut out = Vec::new();
        if decode_timestamps(&page, count, &mut out).is_ok() {
            prop_assert_eq!(out.len(), count);
        }
    }
}
