use proptest::prelude::*;

use super::{ChunkAppender, ChunkIter, Encoding, decode_into, encode, sample_count};
use crate::bits::DecodeError;
use crate::model::Sample;

/// Compared by bits: NaN payloads and the sign of zero count.
fn bits(samples: &[Sample]) -> Vec<(i64, u64)> {
    samples
        .iter()
        .map(|sample| (sample.timestamp, sample.value.to_bits()))
        .collect()
}

fn samples(rows: &[(i64, f64)]) -> Vec<Sample> {
    rows.iter()
        .map(|&(timestamp, value)| Sample::new(timestamp, value))
        .collect()
}

fn decode(chunk: &[u8]) -> Result<Vec<Sample>, DecodeError> {
    ChunkIter::new(chunk)?.collect()
}

fn decode_columns(chunk: &[u8]) -> Result<Vec<Sample>, DecodeError> {
    let (mut timestamps, mut values) = (vec![7], vec![7.0]);
    let result = decode_into(chunk, &mut timestamps, &mut values);
    assert_eq!(
        (timestamps[0], values[0]),
        (7, 7.0),
        "columns are appended to"
    );
    if let Err(error) = result {
        assert_eq!(
            (timestamps.len(), values.len()),
            (1, 1),
            "columns are as they were"
        );
        return Err(error);
    }
    let rows = timestamps.into_iter().zip(values).skip(1);
    Ok(rows
        .map(|(timestamp, value)| Sample::new(timestamp, value))
        .collect())
}

fn assert_round_trip(rows: &[Sample]) {
    let chunk = encode(rows.iter().copied());
    assert_eq!(usize::from(sample_count(&chunk).unwrap()), rows.len());
    assert_eq!(bits(&decode(&chunk).unwrap()), bits(rows));
    assert_eq!(bits(&decode_columns(&chunk).unwrap()), bits(rows));
}

/// Packs a readable bit string; blanks separate fields.
fn pack(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    digits
        .chunks(8)
        .map(|byte| {
            byte.iter()
                .enumerate()
                .fold(0, |sum, (at, bit)| sum | (bit - b'0') << (7 - at))
        })
        .collect()
}

#[test]
fn layout_of_a_small_chunk() {
    let rows = samples(&[
        (1000, 1.0),
        (16_000, 1.0),
        (31_000, 2.0),
        (46_001, 2.0),
        (61_001, 3.0),
        (76_001, 2.0),
    ]);
    // 1.0 = 3ff0.., 2.0 = 4000.., 3.0 = 4008..
    let expected = [
        &[0x00, 0x06][..],               // six samples
        &[0xd0, 0x0f],                   // zigzag(1000) = 2000 as a varint
        &[0x3f, 0xf0, 0, 0, 0, 0, 0, 0], // 1.0
        &[0x98, 0x75],                   // delta 15000 as a varint
        &pack(concat!(
            "0 ",                                   // 1.0 again
            "0  11 00001 001011 11111111111 ",      // no change; 1 leading, 11 significant
            "10 00000000000001 0 ",                 // one more; same value
            "10 11111111111111 11 01100 000001 1 ", // one less; 3 ^ 2: bit 51, 12 leading
            "0  10 1",                              // no change; the window used again
        )),
    ]
    .concat();
    assert_eq!(encode(rows.iter().copied()), expected);
    assert_eq!(bits(&decode(&expected).unwrap()), bits(&rows));
}

#[test]
fn each_width_of_the_change_code() {
    // The change is stored in n bits when -(2^(n-1) - 1) <= change <= 2^(n-1).
    let cases: [(i64, &str); 9] = [
        (8192, "10 10000000000000"),
        (-8191, "10 10000000000001"),
        (8193, "110 00010000000000001"),
        (-8192, "110 11110000000000000"),
        (65_536, "110 10000000000000000"),
        (65_537, "1110 00010000000000000001"),
        (524_288, "1110 10000000000000000000"),
        (-524_287, "1110 10000000000000000001"),
        (
            524_289,
            "1111 0000000000000000000000000000000000000000000010000000000000000001",
        ),
    ];
    for (change, code) in cases {
        let rows = samples(&[(0, 0.0), (1_000_000, 0.0), (2_000_000 + change, 0.0)]);
        let mut expected = vec![0, 3, 0];
        expected.extend([0; 8]);
        expected.extend([0xc0, 0x84, 0x3d]); // 1,000,000
        expected.extend(pack(&format!("0 {code} 0")));
        assert_eq!(encode(rows.iter().copied()), expected, "change {change}");
        assert_eq!(
            bits(&decode(&expected).unwrap()),
            bits(&rows),
            "change {change}"
        );
    }
}

#[test]
fn leading_zeros_are_clamped_and_a_full_window_is_written_as_zero() {
    let low = f64::from_bits(0x3ff0_0000_0000_0001);
    let full = f64::from_bits(0xbff0_0000_0000_0000);
    let chunk = encode(samples(&[(0, 1.0), (1, low), (2, full)]));
    let mut expected = vec![0, 3, 0, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 1];
    let first = "11 11111 100001 000000000000000000000000000000001";
    let second = format!("0 11 00000 000000 1{}1", "0".repeat(62));
    expected.extend(pack(&format!("{first}{second}")));
    assert_eq!(chunk, expected);
}

#[test]
fn an_empty_chunk_is_its_count() {
    assert_eq!(encode([]), [0, 0]);
    assert!(decode(&[0, 0]).unwrap().is_empty());
    assert!(decode_columns(&[0, 0]).unwrap().is_empty());
    assert_eq!(ChunkAppender::new().last_timestamp(), None);
}

#[test]
fn timestamps_may_jump_over_the_whole_range() {
    assert_round_trip(&samples(&[(i64::MIN, 1.0), (i64::MAX, 2.0)]));
    assert_round_trip(&samples(&[
        (i64::MIN, 1.0),
        (i64::MIN + 1, 1.0),
        (i64::MAX - 1, 1.0),
        (i64::MAX, 1.0),
    ]));
    assert_round_trip(&samples(&[(i64::MIN, 1.0), (0, 1.0), (i64::MAX, 1.0)]));
    assert_round_trip(&samples(&[
        (-1, 0.0),
        (0, 0.0),
        (i64::MAX - 1, 0.0),
        (i64::MAX, 0.0),
    ]));
}

#[test]
fn special_values_keep_their_bits() {
    let patterns = [
        0x7ff0_0000_0000_0002, // stale marker
        0x7ff8_0000_0000_0001,
        0xfff8_0000_0000_0000,
        0x7ff0_0000_0000_0000, // infinity
        0xfff0_0000_0000_0000,
        0x8000_0000_0000_0000, // -0.0
        0x0000_0000_0000_0000,
        0x0000_0000_0000_0001,
        u64::MAX,
        f64::MAX.to_bits(),
        f64::MIN_POSITIVE.to_bits(),
    ];
    let mut rows = Vec::new();
    for (at, first) in patterns.iter().enumerate() {
        for (offset, second) in patterns.iter().enumerate() {
            let base = i64::try_from((at * patterns.len() + offset) * 2).unwrap();
            rows.push(Sample::new(base, f64::from_bits(*first)));
            rows.push(Sample::new(base + 1, f64::from_bits(*second)));
        }
    }
    assert_round_trip(&rows);
}

#[test]
fn a_snapshot_does_not_disturb_the_open_chunk() {
    let rows: Vec<Sample> = (0..100i64)
        .map(|at| Sample::new(at * 15_000 + at % 3, (at * at % 17) as f64 * 0.1))
        .collect();
    let mut appender = ChunkAppender::new();
    let mut out = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        appender.push(&mut out, row.timestamp, row.value);
        assert_eq!(out.len() % 8, 0);
        let mut snapshot = vec![1, 2, 3];
        appender.snapshot_into(&out, &mut snapshot);
        assert_eq!(snapshot.len(), 3 + appender.encoded_len(&out));
        assert_eq!(snapshot[3..], encode(rows[..=at].iter().copied()));
        assert_eq!(usize::from(appender.count()), at + 1);
        assert_eq!(appender.last_timestamp(), Some(row.timestamp));
        assert_eq!(
            appender.last_value().map(f64::to_bits),
            Some(row.value.to_bits())
        );
    }
}

#[test]
fn a_chunk_counts_up_to_what_two_bytes_hold() {
    let rows: Vec<Sample> = (0..65_535).map(|at| Sample::new(at, 1.0)).collect();
    assert_round_trip(&rows);
    let more = std::panic::catch_unwind(|| encode((0..65_536).map(|at| Sample::new(at, 1.0))));
    assert!(more.is_err());
}

#[test]
fn a_count_the_bytes_cannot_hold_is_refused_at_once() {
    let error = decode(&[0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap_err();
    assert_eq!(
        (error.what, error.offset),
        ("more samples than the chunk has bits for", 0)
    );
    assert_eq!(decode(&[0]).unwrap_err().what, "truncated sample count");
}

#[test]
fn timestamps_that_stand_still_are_refused() {
    let chunk = [&[0, 2, 0][..], &[0; 8], &[0, 0]].concat();
    assert_eq!(
        decode(&chunk).unwrap_err().what,
        "timestamps of a chunk do not rise"
    );
    assert_eq!(
        decode_columns(&chunk).unwrap_err().what,
        "timestamps of a chunk do not rise"
    );
}

#[test]
fn an_impossible_value_window_is_refused() {
    let chunk = [
        &[0, 2, 0][..],
        &[0; 8],
        &[1],
        &pack("11 11111 111111"),
        &[0; 8],
    ]
    .concat();
    assert_eq!(
        decode(&chunk).unwrap_err().what,
        "value window wider than 64 bits"
    );
}

#[test]
fn reserved_encodings_are_refused_by_name() {
    assert_eq!(
        Encoding::from_byte(Encoding::Xor.byte(), 0),
        Ok(Encoding::Xor)
    );
    for (byte, name) in [
        (0, "unknown"),
        (4, "xor2"),
        (2, "integer histogram"),
        (3, "float histogram"),
        (255, "unknown"),
    ] {
        let error = Encoding::from_byte(byte, 9).unwrap_err();
        assert!(error.what.contains(name), "{error}");
        assert_eq!(error.offset, 9);
    }
}

/// Whatever the bytes, the two decoders agree, and neither panics.
fn assert_total(chunk: &[u8]) {
    let one = decode(chunk);
    let other = decode_columns(chunk);
    match (one, other) {
        (Ok(one), Ok(other)) => assert_eq!(bits(&one), bits(&other)),
        (one, other) => assert_eq!(one.unwrap_err(), other.unwrap_err()),
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_survived() {
    let rows: Vec<Sample> = (0..60i64)
        .map(|at| {
            let jump = if at == 40 { 1 << 40 } else { 0 };
            let value = if at % 4 == 0 { 1.5 } else { 1.0 / (at as f64) };
            Sample::new(
                at * 15_000 + at * at % 7 + if at > 39 { 1 << 40 } else { jump },
                value,
            )
        })
        .collect();
    let chunk = encode(rows);
    for at in 0..chunk.len() * 8 {
        let mut bad = chunk.clone();
        bad[at / 8] ^= 0x80 >> (at % 8);
        assert_total(&bad);
    }
    for len in 0..chunk.len() {
        assert_total(&chunk[..len]);
        let error = decode(&chunk[..len]).unwrap_err();
        assert!(error.offset <= len, "{error} of {len}");
    }
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        Just(1.0),
        (0..100i32).prop_map(f64::from),
        Just(f64::from_bits(0x7ff0_0000_0000_0002)),
    ]
}

fn rising() -> impl Strategy<Value = Vec<Sample>> {
    let time = prop_oneof![
        any::<i64>(),
        -100_000i64..100_000,
        Just(i64::MIN),
        Just(i64::MAX)
    ];
    let regular = (
        any::<i32>(),
        1i64..100_000,
        prop::collection::vec((0i64..5, value()), 0..300),
    );
    prop_oneof![
        prop::collection::btree_map(time, value(), 0..100)
            .prop_map(|rows| rows.into_iter().map(|(t, v)| Sample::new(t, v)).collect()),
        regular.prop_map(|(start, step, rows)| {
            let at = |index: usize| i64::from(start) + step * 5 * i64::try_from(index).unwrap();
            rows.iter()
                .enumerate()
                .map(|(index, &(jitter, value))| Sample::new(at(index) + jitter, value))
                .collect()
        }),
    ]
}

proptest! {
    #[test]
    fn any_samples_come_back(rows in rising()) {
        assert_round_trip(&rows);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        assert_total(&bytes);
        let mut small = vec![0, 20];
        small.extend(bytes);
        assert_total(&small);
    }
}

const GOLDEN: &[u8] = include_bytes!("../../tests/testdata/v1/small.chunk");

/// Every width of the timestamp code, every form of the value code, and values with no equal.
fn golden_samples() -> Vec<Sample> {
    let steps = [
        0,
        15_000,
        15_000,
        15_003,
        20_000,
        90_000,
        1_000_000,
        1 << 40,
        15_000,
    ];
    let stale = f64::from_bits(crate::model::STALE_NAN_BITS);
    let values = [
        1.5,
        1.5,
        2.5,
        -0.0,
        f64::INFINITY,
        0.1,
        0.2,
        stale,
        f64::from_bits(0x7ff8_0000_0000_0123),
    ];
    let mut timestamp = 1_700_000_000_000;
    let at = steps.iter().map(|step| {
        timestamp += step;
        timestamp
    });
    at.zip(values)
        .map(|(timestamp, value)| Sample::new(timestamp, value))
        .collect()
}

#[test]
fn the_golden_chunk_is_written_and_read() {
    let samples = golden_samples();
    assert!(
        encode(samples.clone()) == GOLDEN,
        "the chunk format has changed: add an encoding"
    );
    assert_eq!(bits(&decode(GOLDEN).unwrap()), bits(&samples));
}

/// Writes the golden file of a new encoding; refuses to touch one that is there.
#[test]
#[ignore = "run by hand once for each encoding"]
fn write_the_golden_chunk() {
    use crate::vfs::{OsVfs, Vfs as _, write_all_at};
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testdata/v1");
    let file = OsVfs::new(folder)
        .create(std::path::Path::new("small.chunk"))
        .unwrap();
    write_all_at(&*file, &encode(golden_samples()), 0).unwrap();
}
