//! Bit for bit, whatever the values.

use proptest::prelude::*;

use super::super::{
    PAGE_SAMPLES_MAX, PageDecoder, PageEncoder, TokenTables, TokenTraining, decode_timestamps,
    encode_timestamps,
};
use super::nasty::{bits, columns, timestamps};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn fresh_pages_give_back_every_bit(values in columns(PAGE_SAMPLES_MAX)) {
        let mut page = Vec::new();
        PageEncoder::new().encode_fresh(&values, &mut page);
        let mut decoded = vec![7.0];
        let tables = TokenTables::none();
        PageDecoder::new().decode(&page, values.len(), &tables, &mut decoded).unwrap();
        prop_assert_eq!(decoded[0], 7.0);
        prop_assert_eq!(bits(&decoded[1..]), bits(&values));
    }

    #[test]
    fn timestamps_give_back_every_bit(timestamps in timestamps(1_000)) {
        let mut column = Vec::new();
        encode_timestamps(&timestamps, &mut column);
        let mut decoded = vec![7];
        decode_timestamps(&column, timestamps.len(), &mut decoded).unwrap();
        prop_assert_eq!(&decoded[1..], timestamps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Tables of some pages serve all others: alone and together.
    #[test]
    fn dense_pages_give_back_every_bit(
        pages in proptest::collection::vec(columns(PAGE_SAMPLES_MAX), 1..12),
        trained in 0usize..12,
    ) {
        let (mut encoder, mut training) = (PageEncoder::new(), TokenTraining::new());
        for values in pages.iter().take(trained) {
            encoder.observe(values, &mut training);
        }
        let trained = training.train();
        let mut stored = Vec::new();
        trained.encode(&mut stored);
        let tables = TokenTables::decode(&stored).unwrap();
        let mut decoder = PageDecoder::new();
        let encoded: Vec<Vec<u8>> = pages
            .iter()
            .map(|values| {
                let mut page = Vec::new();
                encoder.encode_dense(values, &trained, &mut page);
                page
            })
            .collect();
        let counted: Vec<(&[u8], usize)> =
            encoded.iter().zip(&pages).map(|(page, values)| (&page[..], values.len())).collect();
        let mut together = vec![vec![7.0]; pages.len()];
        decoder.decode_many(&counted, &tables, &mut together).unwrap();
        for (((page, count), values), column) in counted.iter().zip(&pages).zip(&together) {
            let mut alone = Vec::new();
            decoder.decode(page, *count, &tables, &mut alone).unwrap();
            prop_assert_eq!(bits(&alone), bits(values));
            prop_assert_eq!(bits(&column[1..]), bits(values));
        }
    }
}
