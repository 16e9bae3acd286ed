//! Blocks that Prometheus' own programs made: every sample is known from what they were made of.

use tsdb_core::model::{BucketSpan, HistogramCounts, ResetHint, STALE_NAN_BITS};

use super::*;

const T0: i64 = 1_700_000_000_000;
const STEP: i64 = 15_000;

#[test]
fn floats_of_promtool_are_what_they_were_made_of() {
    let all = whole(&floats());
    let names: Vec<&str> = all.iter().map(|(labels, _, _)| labels.as_str()).collect();
    assert_eq!(
        names,
        [
            "fixture_requests_total{instance=\"a:1\", method=\"GET\"}",
            "fixture_requests_total{instance=\"a:1\", method=\"POST\"}",
            "fixture_requests_total{instance=\"b:2\", method=\"GET\"}",
            "fixture_temperature{place=\"caf\u{e9}\"}",
        ]
    );
    for (number, (_, samples, histograms)) in all.iter().take(3).enumerate() {
        let wanted: Vec<(i64, u64)> = (0..5 + number as i64 * 130)
            .map(|k| (T0 + k * STEP, ((k * 3 + number as i64) as f64).to_bits()))
            .collect();
        assert_eq!(*samples, wanted);
        assert!(histograms.is_empty());
    }
    let nan = f64::from_bits(0x7ff8_0000_0000_0001);
    let values = [
        1.5,
        nan,
        -0.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        1e-300,
        36.6,
        36.6,
        36.6,
    ];
    let wanted: Vec<(i64, u64)> = (0..)
        .zip(values)
        .map(|(k, v)| (T0 + k * 60_000 + 250, v.to_bits()))
        .collect();
    assert_eq!(all[3].1, wanted);
}

#[test]
fn what_meta_json_says_is_what_is_there() {
    for (files, series, samples, chunks) in [(floats(), 4, 414, 5), (histograms(), 4, 164, 6)] {
        let block = open(&files).expect("it opens");
        let meta = block.meta();
        assert_eq!(
            (meta.series, meta.samples, meta.chunks),
            (series, samples, chunks)
        );
        assert_eq!(block.series_len(), series);
        assert_eq!((meta.min_time, meta.level, meta.resolution), (T0, 1, 0));
    }
}

/// Integer histograms over two counter resets, and a stale marker.
#[test]
fn histograms_come_back_as_prometheus_tells_them() {
    let all = whole(&histograms());
    let names: Vec<&str> = all.iter().map(|(labels, _, _)| labels.as_str()).collect();
    assert_eq!(
        names,
        [
            "gone{job=\"api\"}",
            "latency{job=\"api\"}",
            "queue_size{job=\"api\"}",
            "up{job=\"api\"}"
        ]
    );
    let latency = &all[1].2;
    assert_eq!(latency.len(), 24);
    let span = |offset, length| BucketSpan { offset, length };
    for (k, (time, histogram)) in (0..).zip(latency) {
        assert_eq!(*time, T0 + k * STEP);
        if k == 22 {
            let stale = Histogram {
                sum: f64::from_bits(STALE_NAN_BITS),
                ..Histogram::default()
            };
            assert_eq!(*histogram, stale);
            continue;
        }
        let hint = match k {
            0 | 23 => ResetHint::Unknown,
            20 => ResetHint::Reset,
            _ => ResetHint::NoReset,
        };
        let (sum, zero_threshold, counts) = match k {
            20 | 21 => (0.5, 1e-128, (3, 0, vec![1, 1], vec![])),
            k => (
                1.25 * k as f64,
                1e-128,
                (
                    14 + 5 * k.unsigned_abs(),
                    2,
                    vec![1 + k, 1, 1, 1 + k],
                    vec![2],
                ),
            ),
        };
        let (count, zero_count, positive, negative) = counts;
        let few = matches!(k, 20 | 21);
        let wanted = Histogram {
            schema: 3,
            zero_threshold,
            sum,
            reset_hint: hint,
            positive_spans: if few {
                vec![span(0, 2)]
            } else {
                vec![span(0, 2), span(3, 2)]
            },
            negative_spans: if few { vec![] } else { vec![span(1, 1)] },
            counts: HistogramCounts::Integer {
                count,
                zero_count,
                positive,
                negative,
            },
            ..Histogram::default()
        };
        assert_eq!(*histogram, wanted, "histogram {k}");
    }
}

/// A whole series, the first two of six histograms, and eleven of 132 floats.
#[test]
fn deleted_samples_are_left_out() {
    let files = histograms();
    let mut block = open(&files).expect("it opens");
    let (mut deleted, mut samples) = (Vec::new(), ChunkSamples::default());
    while let Some(series) = block.next_series().expect("a series") {
        let mut gone = 0;
        for chunk in &series.chunks {
            gone += block
                .read_chunk(&series, chunk, &mut samples)
                .expect("a chunk");
        }
        deleted.push(gone);
    }
    assert_eq!(deleted, [2, 0, 2, 11]);
    let all = whole(&files);
    assert!(all[0].1.is_empty());
    let gauges = &all[2].2;
    assert_eq!(gauges.len(), 4);
    assert_eq!(gauges[0].0, T0 + 2 * STEP);
    // This Prometheus lost on their way that they are gauges.
    for (k, (_, gauge)) in (2..).zip(gauges) {
        let wanted = Histogram {
            zero_threshold: 0.001,
            sum: -3.25,
            reset_hint: ResetHint::NoReset,
            positive_spans: vec![
                BucketSpan {
                    offset: -2,
                    length: 1,
                },
                BucketSpan {
                    offset: 1,
                    length: 2,
                },
            ],
            counts: HistogramCounts::Float {
                count: 6.5 + f64::from(k),
                zero_count: 0.5,
                positive: vec![1.5, 2.5, 2.0 + f64::from(k)],
                negative: Vec::new(),
            },
            ..Histogram::default()
        };
        assert_eq!(*gauge, wanted);
    }
    let floats = &all[3].1;
    assert!(
        floats
            .iter()
            .all(|(time, _)| !(T0 + 150_000..=T0 + 300_000).contains(time))
    );
    assert_eq!(floats.len(), 121);
    let last: Vec<u64> = floats.iter().rev().take(2).map(|(_, bits)| *bits).collect();
    assert_eq!(last, [0x7ff8_0000_0000_0001, STALE_NAN_BITS]);
    let without: BlockFiles = files
        .into_iter()
        .filter(|(name, _)| *name != "tombstones")
        .collect();
    assert_eq!(
        whole(&without)[3].1.len(),
        132,
        "a block needs no tombstones"
    );
}

#[test]
fn an_import_goes_on_where_it_was() {
    let mut block = open(&floats()).expect("it opens");
    let (all, _) = read(&mut block);
    for position in 0..=5 {
        block.seek(position);
        let (rest, errors) = read(&mut block);
        assert!(errors.is_empty());
        assert_eq!(rest, all[usize::try_from(position).expect("few").min(4)..]);
        assert_eq!(block.position(), 4);
    }
}
