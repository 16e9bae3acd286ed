mod histogram;
mod label;
mod matcher;
mod placement;
mod symbols;
mod texts;

use super::*;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

#[test]
fn winner_is_order_free_and_prefers_real_values() {
    let stale = f64::from_bits(STALE_NAN_BITS);
    let values = [
        stale,
        f64::NAN,
        0.0,
        -0.0,
        1.0,
        -1.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ];
    for a in values {
        for b in values {
            assert_eq!(winner(a, b).to_bits(), winner(b, a).to_bits());
            for c in values {
                let left = winner(winner(a, b), c).to_bits();
                assert_eq!(left, winner(a, winner(b, c)).to_bits());
            }
        }
        assert_eq!(winner(a, stale).to_bits(), a.to_bits());
    }
    assert_eq!(winner(0.0, -0.0).to_bits(), (-0.0f64).to_bits());
    assert_eq!(
        winner(f64::NAN, f64::INFINITY).to_bits(),
        f64::NAN.to_bits()
    );
}

#[test]
fn samples_are_equal_by_bits() {
    assert_eq!(Sample::new(1, f64::NAN), Sample::new(1, f64::NAN));
    assert_ne!(Sample::new(1, 0.0), Sample::new(1, -0.0));
    assert_ne!(Sample::new(1, 0.0), Sample::new(2, 0.0));
}

#[test]
fn time_ranges_hold_their_ends() {
    let range = TimeRange::new(10, 20).unwrap();
    assert_eq!((range.min(), range.max()), (10, 19));
    assert!(range.contains(10) && range.contains(19));
    assert!(!range.contains(9) && !range.contains(20));
    assert!(range.overlaps(0, 10) && range.overlaps(19, 30) && range.overlaps(0, 99));
    assert!(!range.overlaps(0, 9) && !range.overlaps(20, 30) && !range.overlaps(15, 14));
    assert_eq!(
        TimeRange::new(5, 5),
        Err(TimeRangeError { start: 5, end: 5 })
    );
    assert_eq!(
        TimeRange::inclusive(5, 5).unwrap(),
        TimeRange::new(5, 6).unwrap()
    );
    assert_eq!(
        TimeRange::inclusive(i64::MIN, i64::MAX).unwrap(),
        TimeRange::ALL
    );
    assert!(TimeRange::new(i64::MIN, i64::MIN).is_err());
}

#[test]
fn metric_kinds_keep_their_numbers() {
    for (number, kind) in (0u64..).zip(MetricKind::ALL) {
        assert_eq!(u64::from(kind.number()), number);
        assert_eq!(MetricKind::from_number(number), Some(kind));
    }
    assert_eq!(MetricKind::from_number(8), None);
    assert_eq!(MetricKind::from_number(u64::MAX), None);
}

#[test]
fn a_batch_gives_back_its_columns() {
    let (a, b) = (labels(&[("a", "1")]), labels(&[("b", "2")]));
    let mut batch = WriteBatch::new();
    batch.push(&a, Sample::new(1, 1.0));
    batch.push(&a, Sample::new(2, 2.0));
    batch.begin(SeriesKey::Labels(&b));
    batch.push(&a, Sample::new(3, 3.0));
    let parse = |bytes: &[u8], out: &mut LabelsBuilder| {
        out.push_bytes(b"n", bytes);
        Ok(())
    };
    batch.begin(SeriesKey::Encoded(EncodedLabels {
        bytes: b"raw",
        parse,
    }));
    batch.sample(4, 4.0);
    batch.sample(5, 5.0);
    batch.symbol(b"s");
    batch.begin_symbols();
    batch.push_ref(0);
    batch.push_ref(1);
    batch.sample(6, 6.0);
    batch.cancel();
    batch.begin_symbols();
    batch.push_ref(0);
    batch.push_ref(1);
    batch.sample(7, 7.0);
    batch.symbol(b"t");
    batch.begin(SeriesKey::Symbols(SymbolLabels {
        refs: &[1, 0],
        symbols: &[b"u", b"v"],
    }));
    batch.begin(SeriesKey::Symbols(SymbolLabels {
        refs: &[0, 2],
        symbols: &[b"w", b"x"],
    }));
    batch.symbol(b"not this one");

    assert_eq!((batch.series_len(), batch.samples_len()), (7, 6));
    let mut builder = LabelsBuilder::new();
    let series: Vec<_> = batch
        .series()
        .map(|(key, timestamps, values)| {
            builder.clear();
            let parsed = key.parse(&mut builder);
            let text = match parsed.and_then(|()| builder.finish()) {
                Ok(labels) => labels.to_string(),
                Err(error) => error.to_string(),
            };
            (text, timestamps.to_vec(), values.to_vec())
        })
        .collect();
    let (index, symbols) = (u32::MAX, 7);
    let unknown = LabelsError::UnknownSymbol { index, symbols };
    let expected = [
        ("{a=\"1\"}".to_owned(), vec![1, 2], vec![1.0, 2.0]),
        ("{b=\"2\"}".to_owned(), vec![], vec![]),
        ("{a=\"1\"}".to_owned(), vec![3], vec![3.0]),
        ("{n=\"raw\"}".to_owned(), vec![4, 5], vec![4.0, 5.0]),
        ("{s=\"t\"}".to_owned(), vec![7], vec![7.0]),
        ("{v=\"u\"}".to_owned(), vec![], vec![]),
        (unknown.to_string(), vec![], vec![]),
    ];
    assert_eq!(series, expected);
}

#[test]
fn a_batch_keeps_what_is_newer() {
    let (a, b) = (labels(&[("n", "a")]), labels(&[("n", "b")]));
    let mut batch = WriteBatch::new();
    assert_eq!(batch.times(), None);
    for (series, times) in [(&a, &[5, 1, 7][..]), (&b, &[2]), (&a, &[]), (&b, &[9, 6])] {
        batch.begin(SeriesKey::Labels(series));
        for &ms in times {
            batch.sample(ms, ms as f64);
            batch.exemplar(ms, 0.5, Ok(a.clone()));
        }
    }
    assert_eq!(batch.times(), Some((1, 9)));
    batch.keep_newer_than(5);
    let kept: Vec<_> = batch
        .series()
        .map(|(_, times, values)| (times.to_vec(), values.to_vec()))
        .collect();
    let expected = [vec![7], vec![], vec![], vec![9, 6]];
    let expected =
        expected.map(|times| (times.clone(), times.iter().map(|ms| *ms as f64).collect()));
    assert_eq!(kept, expected);
    assert_eq!(
        batch
            .exemplars()
            .iter()
            .map(|one| one.timestamp)
            .collect::<Vec<_>>(),
        [7, 9, 6]
    );
}

#[test]
fn a_recycled_batch_keeps_its_memory() {
    let mut kept = WriteBatch::new();
    let mut before = 0;
    for round in 0..3 {
        let borrowed = labels(&[("a", "1")]);
        let mut batch: WriteBatch<'_> = kept;
        for _ in 0..1000 {
            batch.begin(SeriesKey::Labels(&borrowed));
            batch.sample(1, 1.0);
        }
        if round > 0 {
            assert_eq!(batch.heap_bytes(), before);
        }
        before = batch.heap_bytes();
        kept = batch.recycle();
        assert_eq!(
            (kept.series_len(), kept.samples_len(), kept.heap_bytes()),
            (0, 0, before)
        );
    }
}

#[test]
#[should_panic(expected = "no series was begun")]
fn a_sample_without_series_is_a_bug() {
    WriteBatch::new().sample(1, 1.0);
}

#[test]
fn a_report_lists_some_and_counts_all() {
    let refuse = |report: &mut AppendReport| {
        report.reject(2, true, || Rejected {
            series: "{a=\"1\"}".to_owned(),
            timestamp: None,
            samples: 2,
            reason: RejectReason::NoMetricName,
        });
    };
    let (mut left, mut right) = (AppendReport::default(), AppendReport::default());
    assert!(left.is_complete());
    (0..70).for_each(|_| refuse(&mut left));
    (0..130).for_each(|_| refuse(&mut right));
    assert_eq!(right.rejected.len(), AppendReport::MAX_LISTED);
    left.merge(right);
    assert!(!left.is_complete());
    assert_eq!((left.rejected_samples, left.rejected_series), (400, 200));
    assert_eq!(left.rejected.len(), AppendReport::MAX_LISTED);
}

#[test]
fn refusals_name_the_limit_its_value_and_the_way_out() {
    let rejected = Rejected {
        series: "up{job=\"x\"}".to_owned(),
        timestamp: Some(5000),
        samples: 1,
        reason: RejectReason::TooFarInFuture {
            timestamp: 5000,
            now: 1000,
            limit_ms: 3000,
        },
    };
    assert_eq!(
        rejected.to_string(),
        "series up{job=\"x\"} at 5000: timestamp 5000 is 4000 ms ahead of the clock, more than \
         the limit max_future of 3000 ms: check the sender's clock and this server's, or raise max_future"
    );
    let reason = RejectReason::TooManyLabels {
        count: 200,
        limit: 128,
    };
    let text = reason.to_string();
    assert!(
        text.contains("200") && text.contains("max_labels of 128"),
        "{text}"
    );
}

#[test]
fn fingerprints_depend_on_key_domain_and_bytes() {
    let key = FingerprintKey::new([7; 16]);
    let text = vec![b'x'; 1_500];
    let mut seen = HashSet::new();
    for len in 0..=1_500 {
        for domain in [FingerprintDomain::Canonical, FingerprintDomain::Encoded] {
            let fingerprint = key.of(domain, &text[..len]);
            assert_eq!(
                fingerprint,
                FingerprintKey::new([7; 16]).of(domain, &text[..len])
            );
            assert!(
                seen.insert(fingerprint.lookup()),
                "length {len}, {domain:?}"
            );
            assert!(
                seen.insert(fingerprint.verify()),
                "length {len}, {domain:?}"
            );
        }
    }
    let mut other = [7; 16];
    for bit in 0..128 {
        other[bit / 8] ^= 1 << (bit % 8);
        assert!(
            seen.insert(
                FingerprintKey::new(other)
                    .of(FingerprintDomain::Canonical, &text[..700])
                    .lookup()
            )
        );
        other[bit / 8] ^= 1 << (bit % 8);
    }
    assert_eq!(format!("{key:?}"), "FingerprintKey { .. }");
}

#[test]
fn fingerprints_are_the_same_on_every_machine_and_in_every_version() {
    use FingerprintDomain::{Canonical, Encoded};
    let key = FingerprintKey::new(*b"0123456789abcdef");
    let inputs: [(FingerprintDomain, &[u8]); 6] = [
        (Canonical, b""),
        (Canonical, b"\x08__name__\x02up"),
        (Encoded, b"\x08__name__\x02up"),
        (Canonical, &[b'x'; 32]),
        (Canonical, &[b'x'; 300]),
        (Canonical, &[b'x'; 1_100]),
    ];
    let found = inputs.map(|(domain, bytes)| format!("{:032x}", key.of(domain, bytes).0));
    let pinned = [
        "d8798c08644cfef012de5218ac9b18d5",
        "e188a051de4996c5b78a72c9f74674c5",
        "9bf1021fa97551e1b484454e6d8b4ad3",
        "1492a841e4e39edeb9d3f6be6c1cc504",
        "1f60d643072758956cb34cd948d65392",
        "9e2e557f955d1c8c3f07e57fe04b98b9",
    ];
    assert_eq!(found, pinned);
}

#[test]
fn every_bit_of_every_length_changes_both_halves_of_a_fingerprint() {
    let key = FingerprintKey::new([9; 16]);
    for len in [1, 7, 8, 15, 16, 17, 31, 33, 270, 1_023, 1_024, 1_025] {
        let mut text = vec![0xa5; len];
        let before = key.of(FingerprintDomain::Encoded, &text);
        for bit in 0..len * 8 {
            text[bit / 8] ^= 1 << (bit % 8);
            let after = key.of(FingerprintDomain::Encoded, &text);
            assert_ne!(after.lookup(), before.lookup(), "length {len}, bit {bit}");
            assert_ne!(after.verify(), before.verify(), "length {len}, bit {bit}");
            text[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
