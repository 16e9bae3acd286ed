use proptest::prelude::*;

use super::*;
use crate::bits::DecodeError;
use crate::model::{BucketSpan, Histogram, HistogramCounts, ResetHint, STALE_NAN_BITS};

/// Chunks that Prometheus 3.15's `tsdb/chunkenc` made of the histograms below: name and bytes.
const PROMETHEUS: &str = include_str!("tests/prometheus.txt");

fn prometheus(name: &str) -> Vec<u8> {
    let mut lines = PROMETHEUS.lines().filter_map(|line| line.split_once(' '));
    let (_, hex) = lines.find(|(found, _)| *found == name).unwrap();
    let digits = hex.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

fn time(i: i64) -> i64 {
    1_700_000_000_000 + i * 15_000 + (i % 3) * 7
}

fn spans(spans: &[(i32, u32)]) -> Vec<BucketSpan> {
    let spans = spans.iter();
    spans
        .map(|&(offset, length)| BucketSpan { offset, length })
        .collect()
}

fn exponential(i: i64) -> Histogram {
    Histogram {
        schema: 3,
        zero_threshold: (-128f64).exp2(),
        sum: 1.5 + i as f64 * 0.25 * (i % 2) as f64,
        positive_spans: spans(&[(-2, 3), (4, 2)]),
        negative_spans: spans(&[(1, 2)]),
        counts: HistogramCounts::Integer {
            count: (100 + i * i * 7) as u64,
            zero_count: i as u64 * 3,
            positive: vec![5 + i, -2, 1000 * i, i % 3 - 1, 70_000 * i * i],
            negative: vec![1 + i, i],
        },
        ..Histogram::default()
    }
}

fn float(i: i64) -> Histogram {
    let f = i as f64;
    Histogram {
        schema: -4,
        zero_threshold: 0.3,
        sum: -1.5 + f * 0.1,
        positive_spans: spans(&[(-2, 1), (4, 2)]),
        negative_spans: spans(&[(1, 1)]),
        counts: HistogramCounts::Float {
            count: 100.5 + f * f * 7.0,
            zero_count: f * 3.0,
            positive: vec![5.0 + f, 0.1 * f, 1000.0],
            negative: vec![1e-300 * f],
        },
        ..Histogram::default()
    }
}

fn custom(i: i64) -> Histogram {
    Histogram {
        schema: -53,
        sum: i as f64,
        positive_spans: spans(&[(0, 2), (3, 4)]),
        custom_values: vec![
            -1.5,
            0.001,
            0.5,
            1.234_567_89,
            10.0,
            33_554.43,
            33_554.431,
            1e9,
        ],
        counts: HistogramCounts::Integer {
            count: 10 * i as u64,
            zero_count: 0,
            positive: vec![i, 0, 300 * i, 0, 3000 * i, i],
            negative: Vec::new(),
        },
        ..Histogram::default()
    }
}

fn stale(is_float: bool) -> Histogram {
    let float = HistogramCounts::Float {
        count: 0.0,
        zero_count: 0.0,
        positive: Vec::new(),
        negative: Vec::new(),
    };
    Histogram {
        sum: f64::from_bits(STALE_NAN_BITS),
        counts: if is_float {
            float
        } else {
            HistogramCounts::default()
        },
        ..Histogram::default()
    }
}

fn wide(count: u64, delta: i64) -> Histogram {
    Histogram {
        schema: 8,
        sum: f64::INFINITY,
        positive_spans: spans(&[(i32::MIN, 1)]),
        counts: HistogramCounts::Integer {
            count,
            zero_count: count,
            positive: vec![delta],
            negative: Vec::new(),
        },
        ..Histogram::default()
    }
}

fn hinted(mut histogram: Histogram, hint: ResetHint) -> Histogram {
    histogram.reset_hint = hint;
    histogram
}

fn thresholds() -> impl Iterator<Item = (String, Vec<Histogram>)> {
    let all = [
        0.0,
        0.5,
        1024.0,
        2048.0,
        (-243f64).exp2(),
        (-244f64).exp2(),
        0.3,
    ];
    all.into_iter().enumerate().map(|(number, threshold)| {
        let mut histogram = exponential(1);
        histogram.zero_threshold = threshold;
        (format!("threshold_{number}"), vec![histogram])
    })
}

fn known() -> Vec<(String, Vec<Histogram>)> {
    let gauges = (0..6).rev().map(exponential);
    let mut known = vec![
        ("exponential", (0..12).map(exponential).collect()),
        ("custom", (0..6).map(custom).collect()),
        ("float", (0..12).map(float).collect()),
        (
            "gauge",
            gauges.map(|h| hinted(h, ResetHint::Gauge)).collect(),
        ),
        (
            "stale",
            vec![exponential(0), exponential(1), stale(false), stale(false)],
        ),
        ("only_stale", vec![stale(false)]),
        ("float_stale", vec![float(0), float(1), stale(true)]),
        (
            "reset",
            vec![hinted(exponential(2), ResetHint::Reset), exponential(3)],
        ),
        (
            "wide",
            vec![
                wide(0, 0),
                wide(1 << 40, 1 << 24),
                wide(1 << 63, 1 << 55),
                wide(u64::MAX, i64::MAX),
            ],
        ),
    ]
    .into_iter()
    .map(|(name, histograms)| (name.to_owned(), histograms))
    .collect::<Vec<_>>();
    known.extend(thresholds());
    known
}

fn decode(chunk: &[u8], is_float: bool) -> Result<Vec<(i64, Histogram)>, DecodeError> {
    HistogramChunkIter::new(chunk, is_float)?.collect()
}

/// What a chunk gives back: hints that say no more than a chunk can.
fn as_read(histograms: &[Histogram]) -> Vec<Histogram> {
    let gauge = histograms[0].reset_hint == ResetHint::Gauge;
    let all = histograms.iter().enumerate();
    all.map(|(at, histogram)| match at {
        0 => histogram.clone(),
        _ if gauge => hinted(histogram.clone(), ResetHint::Gauge),
        _ => hinted(histogram.clone(), ResetHint::NoReset),
    })
    .collect()
}

#[test]
fn chunks_are_those_of_prometheus() {
    for (name, histograms) in known() {
        let timed = histograms.iter().zip(0..).map(|(h, i)| (time(i), h));
        let chunks = encode_histograms(timed, 1000);
        assert_eq!(chunks.len(), 1, "{name}");
        let expected = prometheus(&name);
        assert_eq!(chunks[0].bytes, expected, "{name}");
        assert_eq!(chunks[0].is_float, histograms[0].is_float(), "{name}");
        assert_eq!(
            (chunks[0].min, chunks[0].max),
            (time(0), time(histograms.len() as i64 - 1))
        );
        let found = decode(&expected, chunks[0].is_float).unwrap();
        let (times, found): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        assert_eq!(found, as_read(&histograms), "{name}");
        assert_eq!(times, (0..).map(time).take(times.len()).collect::<Vec<_>>());
    }
}

#[test]
fn damaged_chunks_are_refused_or_read_as_others() {
    for (name, histograms) in known() {
        let chunk = prometheus(&name);
        let is_float = histograms[0].is_float();
        for byte in 0..chunk.len() {
            for bit in 0..8 {
                let mut damaged = chunk.clone();
                damaged[byte] ^= 1 << bit;
                // Any outcome but a panic; which bits matter not at all is padding.
                for is_float in [false, true] {
                    let found = HistogramChunkIter::new(&damaged, is_float).unwrap();
                    assert!(found.count() <= usize::from(u16::MAX));
                }
            }
            // A chunk that is cut lacks something, unless it is only padding.
            if byte + 1 < chunk.len() {
                assert!(
                    decode(&chunk[..byte], is_float).is_err(),
                    "{name} cut at {byte}"
                );
            }
        }
    }
}

#[test]
fn a_chunk_ends_where_layout_or_kind_change_or_counts_fall() {
    let (a, b) = (exponential(1), exponential(2));
    let mut other = b.clone();
    other.zero_threshold = 0.25;
    let sequences = [
        (vec![a.clone(), b.clone()], vec![(2, ResetHint::Unknown)]),
        (
            vec![b.clone(), a.clone()],
            vec![(1, ResetHint::Unknown), (1, ResetHint::Reset)],
        ),
        (
            vec![a.clone(), other],
            vec![(1, ResetHint::Unknown), (1, ResetHint::Unknown)],
        ),
        (
            vec![a.clone(), float(2)],
            vec![(1, ResetHint::Unknown), (1, ResetHint::Unknown)],
        ),
        (
            vec![a.clone(), hinted(b.clone(), ResetHint::Reset)],
            vec![(1, ResetHint::Unknown), (1, ResetHint::Reset)],
        ),
        (
            vec![a.clone(), hinted(b.clone(), ResetHint::Gauge)],
            vec![(1, ResetHint::Unknown), (1, ResetHint::Gauge)],
        ),
        (
            vec![a.clone(), stale(false), b.clone()],
            vec![(2, ResetHint::Unknown), (1, ResetHint::Unknown)],
        ),
        (
            vec![a; 5],
            vec![(3, ResetHint::Unknown), (2, ResetHint::NoReset)],
        ),
    ];
    for (histograms, expected) in sequences {
        let timed = histograms.iter().zip(0..).map(|(h, i)| (time(i), h));
        let chunks = encode_histograms(timed, 3);
        let found: Vec<_> = chunks
            .iter()
            .map(|chunk| {
                let histograms = decode(&chunk.bytes, chunk.is_float).unwrap();
                (histograms.len(), histograms[0].1.reset_hint)
            })
            .collect();
        assert_eq!(found, expected);
    }
}

fn bits() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>(),
        Just(0),
        0x3ff0_0000_0000_0000u64..0x4100_0000_0000_0000
    ]
    .prop_filter("stale markers say that nothing else counts", |bits| {
        *bits != STALE_NAN_BITS
    })
    .prop_map(f64::from_bits)
}

fn histogram() -> impl Strategy<Value = Histogram> {
    let side = || prop::collection::vec((any::<i32>(), 0u32..4), 0..4);
    let kind = (
        any::<bool>(),
        prop_oneof![Just(-53), any::<i32>()],
        0usize..4,
    );
    (
        kind,
        bits(),
        bits(),
        side(),
        side(),
        prop::collection::vec(bits(), 0..4),
    )
        .prop_flat_map(
            |((is_float, schema, hint), sum, zero, positive, negative, bounds)| {
                let len =
                    |side: &[(i32, u32)]| side.iter().map(|span| span.1 as usize).sum::<usize>();
                let (up, down) = (len(&positive), len(&negative));
                let ints = |len| prop::collection::vec(prop_oneof![any::<i64>(), -9i64..9], len);
                let floats = |len| prop::collection::vec(bits(), len);
                let integer = (any::<u64>(), 0u64..9, ints(up), ints(down)).prop_map(
                    |(count, zero_count, positive, negative)| HistogramCounts::Integer {
                        count,
                        zero_count,
                        positive,
                        negative,
                    },
                );
                let float = (bits(), bits(), floats(up), floats(down)).prop_map(
                    |(count, zero_count, positive, negative)| HistogramCounts::Float {
                        count,
                        zero_count,
                        positive,
                        negative,
                    },
                );
                let counts = if is_float {
                    float.boxed()
                } else {
                    integer.boxed()
                };
                let base = Histogram {
                    schema,
                    zero_threshold: zero,
                    sum,
                    reset_hint: ResetHint::ALL[hint],
                    start_timestamp: 0,
                    positive_spans: spans(&positive),
                    negative_spans: spans(&negative),
                    custom_values: if schema == -53 { bounds } else { Vec::new() },
                    counts: HistogramCounts::default(),
                };
                counts.prop_map(move |counts| Histogram {
                    counts,
                    ..base.clone()
                })
            },
        )
}

proptest! {
    /// Whatever a histogram holds, valid or not, it comes back bit for bit.
    #[test]
    fn histograms_come_back(
        histograms in prop::collection::vec((any::<i64>(), histogram(), 1usize..4), 1..6),
    ) {
        let all: Vec<(i64, Histogram)> = histograms
            .into_iter()
            .flat_map(|(time, histogram, times)| vec![(time, histogram); times])
            .collect();
        let chunks = encode_histograms(all.iter().map(|(time, h)| (*time, h)), 1000);
        let mut found = Vec::new();
        for chunk in &chunks {
            found.extend(decode(&chunk.bytes, chunk.is_float).unwrap());
        }
        prop_assert_eq!(found.len(), all.len());
        for ((found_time, mut found), (time, sent)) in found.into_iter().zip(all) {
            prop_assert_eq!(found_time, time);
            // A chunk may know better than the sender that there was a reset, or none.
            prop_assert_eq!(
                found.reset_hint == ResetHint::Gauge, sent.reset_hint == ResetHint::Gauge
            );
            found.reset_hint = sent.reset_hint;
            prop_assert_eq!(found, sent);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..200), is_float in any::<bool>(),
    ) {
        if let Ok(iter) = HistogramChunkIter::new(&bytes, is_float) {
            let expected = iter.remaining();
            prop_assert!(iter.count() <= expected);
        }
    }
}

/// Histograms whose kind, layout, hint, start and sum change now and then, also to what
/// Prometheus' chunks cannot carry.
fn mixed(len: i64) -> Vec<(i64, Histogram)> {
    let one = |i: i64| {
        let mut histogram = if i % 11 < 6 { exponential(i) } else { float(i) };
        histogram.reset_hint = ResetHint::from_number((i / 3 % 4).cast_unsigned()).unwrap();
        histogram.start_timestamp = if i % 5 == 0 { time(-i) } else { 0 };
        match i % 13 {
            3 => histogram.sum = f64::from_bits(STALE_NAN_BITS),
            4 => histogram.sum = f64::from_bits(0xfff8_0000_0000_0123),
            5 => histogram.zero_threshold = -0.0,
            _ => {}
        }
        (time(i), histogram)
    };
    (0..len).map(one).collect()
}

fn exact(histograms: &[(i64, Histogram)]) -> Vec<u8> {
    let mut chunk = Vec::new();
    encode_exact(histograms.iter().map(|(t, one)| (*t, one)), &mut chunk);
    chunk
}

#[test]
fn an_exact_chunk_keeps_every_bit() {
    for len in [0, 1, 2, 40, 200] {
        let histograms = mixed(len);
        let mut read = Vec::new();
        decode_exact(&exact(&histograms), &mut read).unwrap();
        assert_eq!(read, histograms);
    }
}

#[test]
fn an_exact_chunk_of_like_histograms_is_short() {
    let histograms: Vec<_> = (0..120).map(|i| (time(i), exponential(i))).collect();
    let mut canonical = Vec::new();
    histograms
        .iter()
        .for_each(|one| one.1.put_bytes(&mut canonical));
    let chunk = exact(&histograms);
    assert!(
        chunk.len() * 2 < canonical.len(),
        "{} of {} bytes",
        chunk.len(),
        canonical.len()
    );
}

#[test]
fn every_flipped_bit_and_every_cut_of_an_exact_chunk_is_survived() {
    let chunk = exact(&mixed(30));
    let mut read = Vec::new();
    for bit in 0..chunk.len() * 8 {
        let mut damaged = chunk.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        read.clear();
        if decode_exact(&damaged, &mut read).is_ok() {
            assert!(read.is_sorted_by(|a, b| a.0 < b.0));
        }
    }
    for len in 0..chunk.len() {
        read.clear();
        let cut = decode_exact(&chunk[..len], &mut read);
        assert!(
            cut.is_err() || read.len() < 30,
            "{len} bytes hold everything"
        );
    }
}

#[test]
fn a_layout_is_not_read_more_often_than_the_format_allows() {
    // Spans without buckets take next to nothing in a chunk, and much in memory.
    let histogram = Histogram {
        positive_spans: spans(&[(1, 0); 4000]),
        ..Histogram::default()
    };
    let histograms: Vec<_> = (0..200).map(|i| (time(i), histogram.clone())).collect();
    let chunk = HistogramChunkAppender::new(time(0), &histogram, ResetHint::Unknown);
    let chunk = histograms.iter().skip(1).fold(chunk, |mut chunk, one| {
        chunk.push(one.0, &one.1);
        chunk
    });
    let bytes = chunk.finish().bytes;
    let mut piece = vec![1];
    crate::bits::put_uvarint(&mut piece, bytes.len() as u64);
    piece.extend(bytes);
    let error = decode_exact(&piece, &mut Vec::new()).unwrap_err();
    assert!(error.what.contains("too many spans"), "{error}");
}
