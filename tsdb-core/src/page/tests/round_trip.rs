//! Bit for bit, whatever the values.

use proptest::prelude::*;

use super::super::{
    PAGE_SAMPLES_MAX, PageDecoder, PageEncoder, TokenTables, decode_timestamps, encode_timestamps,
};
use super::nasty::{bits, columns, timestamps};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

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
