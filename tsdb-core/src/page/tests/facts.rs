//! Page statistics against the plain rules of queries.

use proptest::prelude::*;

use super::super::{PAGE_SAMPLES_MAX, PageStatistics};
use super::nasty::columns;
use crate::bits::ByteReader;
use crate::model::{STALE_NAN_BITS, is_stale};

fn fields(facts: &PageStatistics) -> (u32, u32, [u64; 6]) {
    let values = [
        facts.sum,
        facts.min,
        facts.max,
        facts.first,
        facts.last,
        facts.reset_sum,
    ];
    (facts.count, facts.resets, values.map(f64::to_bits))
}

fn stored(facts: &PageStatistics) -> Vec<u8> {
    let mut bytes = Vec::new();
    facts.encode(&mut bytes);
    let mut reader = ByteReader::new(&bytes);
    let decoded = PageStatistics::decode(&mut reader).unwrap();
    assert!(reader.is_empty());
    assert_eq!(fields(&decoded), fields(facts));
    bytes
}

#[test]
fn stale_markers_are_no_samples_and_nan_is() {
    let stale = f64::from_bits(STALE_NAN_BITS);
    let facts = PageStatistics::of(&[stale, 4.0, f64::NAN, 9.0, stale, 2.0, 1.0, stale]);
    assert_eq!((facts.count, facts.resets), (5, 2));
    assert!(facts.sum.is_nan());
    assert_eq!((facts.min, facts.max), (1.0, 9.0));
    assert_eq!((facts.first, facts.last), (4.0, 1.0));
    assert_eq!(facts.reset_sum, 11.0);

    let none = PageStatistics::of(&[stale; 3]);
    assert_eq!((none.count, none.sum), (0, 0.0));
    assert!(none.min.is_nan() && none.max.is_nan() && none.first.is_nan() && none.last.is_nan());
    assert_eq!(stored(&none), [0]);
    let nan = PageStatistics::of(&[f64::NAN]);
    assert!(nan.count == 1 && nan.sum.is_nan() && nan.min.is_nan() && nan.max.is_nan());
}

#[test]
fn sums_keep_what_rounding_loses() {
    assert_eq!(PageStatistics::of(&[1e100, 1.0, -1e100]).sum, 1.0);
    assert_eq!(PageStatistics::of(&[0.1; 10]).sum, 1.0);
    assert_eq!(
        PageStatistics::of(&[1.0, f64::INFINITY, 2.0]).sum,
        f64::INFINITY
    );
    assert!(
        PageStatistics::of(&[f64::INFINITY, f64::NEG_INFINITY])
            .sum
            .is_nan()
    );
}

#[test]
fn a_counter_takes_few_bytes() {
    let counter: Vec<f64> = (0..480).map(|at| f64::from(1_000_000 + at * 37)).collect();
    let facts = PageStatistics::of(&counter);
    // The increase of a page, from its facts alone.
    assert_eq!(facts.last - facts.first + facts.reset_sum, 479.0 * 37.0);
    assert!(stored(&facts).len() <= 16, "{:?}", stored(&facts));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn facts_come_back_bit_for_bit_and_hold(values in columns(PAGE_SAMPLES_MAX)) {
        let facts = PageStatistics::of(&values);
        stored(&facts);
        let samples: Vec<f64> = values.into_iter().filter(|value| !is_stale(*value)).collect();
        prop_assert_eq!(facts.count as usize, samples.len());
        let first = samples.first().copied().unwrap_or(f64::NAN).to_bits();
        let last = samples.last().copied().unwrap_or(f64::NAN).to_bits();
        prop_assert_eq!((facts.first.to_bits(), facts.last.to_bits()), (first, last));
        let numbers = || samples.iter().copied().filter(|value| !value.is_nan());
        prop_assert!(numbers().all(|value| facts.min <= value && value <= facts.max));
        prop_assert_eq!(numbers().count() == 0, facts.min.is_nan());
        let dropped: Vec<f64> = samples
            .windows(2)
            .filter(|pair| pair[1] < pair[0])
            .map(|pair| pair[0])
            .collect();
        prop_assert_eq!(facts.resets as usize, dropped.len());
    }
}
