use proptest::prelude::*;

use super::*;

fn spans(spans: &[(i32, u32)]) -> Vec<BucketSpan> {
    let spans = spans.iter();
    spans
        .map(|&(offset, length)| BucketSpan { offset, length })
        .collect()
}

fn integer(count: u64, zero_count: u64, positive: &[i64], negative: &[i64]) -> HistogramCounts {
    HistogramCounts::Integer {
        count,
        zero_count,
        positive: positive.to_vec(),
        negative: negative.to_vec(),
    }
}

fn float(count: f64, zero_count: f64, positive: &[f64], negative: &[f64]) -> HistogramCounts {
    HistogramCounts::Float {
        count,
        zero_count,
        positive: positive.to_vec(),
        negative: negative.to_vec(),
    }
}

/// Three positive observations, two negative ones, one zero.
fn valid() -> Histogram {
    Histogram {
        schema: 3,
        zero_threshold: 0.001,
        sum: 7.5,
        start_timestamp: 1_700_000_000_000,
        reset_hint: ResetHint::NoReset,
        positive_spans: spans(&[(-5, 1), (3, 1)]),
        negative_spans: spans(&[(0, 1)]),
        counts: integer(6, 1, &[1, 1], &[2]),
        ..Histogram::default()
    }
}

fn valid_float() -> Histogram {
    Histogram {
        counts: float(0.5, 0.25, &[1.0, f64::NAN], &[-0.0]),
        ..valid()
    }
}

fn valid_custom() -> Histogram {
    Histogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        zero_threshold: 0.0,
        positive_spans: spans(&[(0, 1), (1, 1)]),
        negative_spans: Vec::new(),
        custom_values: vec![-1.0, 0.5],
        counts: integer(3, 0, &[1, 1], &[]),
        ..valid()
    }
}

fn bytes(histogram: &Histogram) -> Vec<u8> {
    let mut out = Vec::new();
    histogram.put_bytes(&mut out);
    out
}

#[test]
fn what_keeps_the_rules_is_valid() {
    let stale = Histogram {
        sum: f64::from_bits(STALE_NAN_BITS),
        schema: 99,
        ..valid()
    };
    let unsure = Histogram {
        sum: f64::NAN,
        counts: integer(9, 1, &[1, 1], &[2]),
        ..valid()
    };
    for valid in [
        Histogram::default(),
        valid(),
        valid_float(),
        valid_custom(),
        stale,
        unsure,
    ] {
        assert_eq!(valid.validate(), Ok(()), "{valid:?}");
    }
}

fn broken(mut histogram: Histogram, change: fn(&mut Histogram), reason: &str) {
    change(&mut histogram);
    let error = histogram.validate().unwrap_err().to_string();
    assert!(error.contains(reason), "{reason}: {error}");
}

#[test]
fn every_rule_of_exponential_buckets_is_named() {
    let with = |change, reason| broken(valid(), change, reason);
    with(|h| h.schema = 9, "invalid schema");
    with(|h| h.schema = -5, "got schema -5");
    with(
        |h| h.positive_spans[1].offset = -1,
        "span number 2 with offset -1",
    );
    with(
        |h| h.positive_spans[1].length = 2,
        "spans need 3 buckets, have 2",
    );
    with(
        |h| h.negative_spans.clear(),
        "negative side: spans need 0 buckets",
    );
    with(
        |h| h.custom_values = vec![1.0],
        "must not have custom bounds",
    );
    with(
        |h| h.counts = integer(6, 1, &[1, -2], &[2]),
        "bucket number 2 has observation",
    );
    with(
        |h| h.counts = integer(7, 1, &[1, 1], &[2]),
        "6 observations found in buckets",
    );
    with(
        |h| h.counts = float(1.0, -1.0, &[1.0, 1.0], &[1.0]),
        "zero bucket",
    );
    with(
        |h| h.counts = float(-1.0, 1.0, &[1.0, 1.0], &[1.0]),
        "count is -1",
    );
    with(
        |h| h.counts = float(1.0, 1.0, &[1.0, -1.0], &[1.0]),
        "positive side: bucket",
    );
    with(
        |h| {
            h.sum = f64::NAN;
            h.counts = integer(5, 1, &[1, 1], &[2]);
        },
        "should be at least",
    );
}

#[test]
fn every_rule_of_custom_buckets_is_named() {
    let with = |change, reason| broken(valid_custom(), change, reason);
    with(|h| h.custom_values[1] = -1.0, "bound number 2");
    with(|h| h.custom_values[0] = f64::NAN, "must not be NaN");
    with(|h| h.custom_values[1] = f64::INFINITY, "last +Inf bound");
    with(|h| h.custom_values.truncate(1), "only 1 custom bounds");
    with(
        |h| h.positive_spans[0].offset = -1,
        "custom buckets: span number 1",
    );
    with(
        |h| h.counts = integer(3, 1, &[1, 1], &[]),
        "zero count of 0",
    );
    with(|h| h.zero_threshold = 1.0, "zero threshold of 0");
    with(
        |h| h.negative_spans = spans(&[(0, 0)]),
        "not have negative spans",
    );
    with(
        |h| h.counts = integer(3, 0, &[1, 1], &[0]),
        "not have negative buckets",
    );
    with(
        |h| h.counts = integer(4, 0, &[1, 1], &[]),
        "3 observations found",
    );
}

#[test]
fn canonical_bytes_come_back_and_no_others_are_taken() {
    for histogram in [Histogram::default(), valid(), valid_float(), valid_custom()] {
        let bytes = bytes(&histogram);
        assert_eq!(Histogram::from_bytes(&bytes), Ok(histogram));
        for at in 0..bytes.len() {
            assert!(Histogram::from_bytes(&bytes[..at]).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                if let Ok(other) = Histogram::from_bytes(&damaged) {
                    assert_eq!(self::bytes(&other), damaged);
                }
            }
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(Histogram::from_bytes(&longer).is_err());
    }
}

#[test]
fn canonical_bytes_are_those_of_the_page() {
    let expected = [
        [0x0c, 0x06].as_slice(),
        &0.001f64.to_bits().to_le_bytes(),
        &7.5f64.to_bits().to_le_bytes(),
        &[0x80, 0xa0, 0xab, 0xfe, 0xf9, 0x62],
        &[2, 9, 1, 6, 1, 1, 0, 1, 0],
        &[6, 1, 2, 2, 2, 1, 4],
    ]
    .concat();
    assert_eq!(bytes(&valid()), expected);
}

#[test]
fn exemplars_are_as_long_as_openmetrics_allows() {
    let exemplar = |value: &str| Exemplar {
        labels: labels(&[("trace_id", value)]),
        value: 1.0,
        timestamp: 1,
    };
    // Characters, not bytes.
    assert_eq!(exemplar(&"\u{e9}".repeat(120)).validate(), Ok(()));
    let error = exemplar(&"x".repeat(121)).validate().unwrap_err();
    assert!(
        error
            .to_string()
            .contains("129 characters or more, beyond the 128"),
        "{error}"
    );
    assert_ne!(
        exemplar("a"),
        Exemplar {
            value: -1.0,
            ..exemplar("a")
        }
    );
}

proptest! {
    #[test]
    fn any_bytes_are_canonical_or_refused(input in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(histogram) = Histogram::from_bytes(&input) {
            prop_assert_eq!(bytes(&histogram), input);
        }
    }
}
