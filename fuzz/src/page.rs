//! Sealed pages of values, columns of timestamps, and what stands beside them.

use std::sync::OnceLock;

use tsdb_core::bits::ByteReader;
use tsdb_core::page::{
    PAGE_SAMPLES_MAX, PageDecoder, PageEncoder, PageStatistics, TokenTables, TokenTraining,
    decode_timestamps, encode_timestamps,
};

use crate::Input;

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// A number of samples, most often one that pages have.
fn count(input: &mut Input<'_>) -> usize {
    match input.byte() {
        0 => PAGE_SAMPLES_MAX + 1,
        1..=50 => usize::from(input.byte()),
        51..=100 => PAGE_SAMPLES_MAX - usize::from(input.byte()),
        _ => 120,
    }
}

/// Columns of all the kinds that the encoder tells apart, out of the input.
fn column(input: &mut Input<'_>) -> Vec<f64> {
    let len = count(input).min(PAGE_SAMPLES_MAX);
    let kind = input.byte();
    let power = 10f64.powi(i32::from(kind >> 4));
    let mut total = 0i64;
    let mut values = Vec::new();
    while values.len() < len {
        values.push(match kind % 5 {
            0 => input.float(),
            1 => {
                total = total.saturating_add(input.int());
                total as f64 / power
            }
            2 => {
                total = total.saturating_add(i64::from(input.byte()));
                total as f64 / power
            }
            3 => f64::from(input.byte()) / power,
            _ => f64::from(input.byte() & 1) * f64::from_bits(0x7ff0_0000_0000_0002),
        });
    }
    values
}

/// Tables that pages of any bytes may name, made once.
fn tables() -> &'static TokenTables {
    static TABLES: OnceLock<TokenTables> = OnceLock::new();
    TABLES.get_or_init(|| {
        let (mut encoder, mut training) = (PageEncoder::new(), TokenTraining::new());
        for number in 0..64u32 {
            let values: Vec<f64> = (0..300u32)
                .map(|at| f64::from(at * number + (at * at * 31 % 97) % (1 << (number % 12))))
                .collect();
            encoder.observe(&values, &mut training);
        }
        training.train()
    })
}

/// Pages of any bytes: no panic, the right number of values, and `out` untouched by an error.
pub(crate) fn decode(input: &[u8]) {
    let mut input = Input::new(input);
    let count = count(&mut input);
    let page = input.rest();
    for tables in [&TokenTables::none(), tables()] {
        let mut values = vec![7.0];
        let decoded = PageDecoder::new().decode(page, count, tables, &mut values);
        let expected = if decoded.is_ok() { count + 1 } else { 1 };
        assert_eq!(values.len(), expected);
        assert!(decoded.is_err() || count <= PAGE_SAMPLES_MAX);
    }
}

/// Several pages of any bytes, together and each alone.
pub(crate) fn interleaved(input: &[u8]) {
    let mut input = Input::new(input);
    let mut pages = Vec::new();
    while !input.is_empty() && pages.len() < 12 {
        let count = count(&mut input);
        let len = usize::from(input.byte()) * (1 + usize::from(input.byte() & 1));
        pages.push((input.take(len), count));
    }
    let mut decoder = PageDecoder::new();
    let mut alone = Vec::new();
    for (page, count) in &pages {
        let mut values = Vec::new();
        let decoded = decoder.decode(page, *count, tables(), &mut values);
        alone.push(decoded.map(|()| values));
    }
    let mut together = vec![Vec::new(); pages.len()];
    let decoded = decoder.decode_many(&pages, tables(), &mut together);
    assert_eq!(decoded.is_ok(), alone.iter().all(Result::is_ok));
    // Those that are sound alone are so together.
    let (sound, alone): (Vec<_>, Vec<_>) = pages
        .into_iter()
        .zip(alone)
        .filter_map(|(page, values)| Some((page, values.ok()?)))
        .unzip();
    let mut together = vec![Vec::new(); sound.len()];
    let decoded = decoder.decode_many(&sound, tables(), &mut together);
    decoded.expect("pages that decode alone");
    for (left, right) in together.iter().zip(&alone) {
        assert_eq!(bits(left), bits(right));
    }
}

/// What was encoded comes back bit for bit, from fresh and from dense pages.
pub(crate) fn round_trip(input: &[u8]) {
    let mut input = Input::new(input);
    let (first, second) = (column(&mut input), column(&mut input));
    let (mut encoder, mut training) = (PageEncoder::new(), TokenTraining::new());
    encoder.observe(&first, &mut training);
    let tables = training.train();
    let mut decoder = PageDecoder::new();
    for values in [first, second] {
        let (mut fresh, mut dense) = (Vec::new(), Vec::new());
        encoder.encode_fresh(&values, &mut fresh);
        encoder.encode_dense(&values, &tables, &mut dense);
        assert!(dense.len() <= fresh.len(), "dense pages are never larger");
        for page in [fresh, dense] {
            let mut decoded = Vec::new();
            let result = decoder.decode(&page, values.len(), &tables, &mut decoded);
            result.expect("our own page");
            assert_eq!(bits(&decoded), bits(&values));
        }
    }
}

/// Timestamps of any bytes rise, and encode again to the same ones.
pub(crate) fn timestamps(input: &[u8]) {
    let mut input = Input::new(input);
    let count = count(&mut input);
    let mut timestamps = vec![7];
    if decode_timestamps(input.rest(), count, &mut timestamps).is_err() {
        assert_eq!(timestamps, [7]);
        return;
    }
    assert_eq!(timestamps.len(), count + 1);
    let timestamps = &timestamps[1..];
    assert!(timestamps.is_sorted_by(|left, right| left < right));
    let (mut column, mut again) = (Vec::new(), Vec::new());
    encode_timestamps(timestamps, &mut column);
    decode_timestamps(&column, count, &mut again).expect("our own column");
    assert_eq!(timestamps, again);
}

/// Facts of any bytes, and those of a column, which come back bit for bit.
pub(crate) fn statistics(input: &[u8]) {
    let fields = |facts: &PageStatistics| {
        let values = [
            facts.sum,
            facts.min,
            facts.max,
            facts.first,
            facts.last,
            facts.reset_sum,
        ];
        (facts.count, facts.resets, values.map(f64::to_bits))
    };
    let mut reader = ByteReader::new(input);
    if PageStatistics::decode(&mut reader).is_ok() {
        assert!(reader.position() <= input.len());
    }
    let facts = PageStatistics::of(&column(&mut Input::new(input)));
    let mut bytes = Vec::new();
    facts.encode(&mut bytes);
    let mut reader = ByteReader::new(&bytes);
    let decoded = PageStatistics::decode(&mut reader).expect("our own facts");
    assert!(reader.is_empty());
    assert_eq!(fields(&decoded), fields(&facts));
}

/// Tables of any bytes: what is accepted encodes to itself.
pub(crate) fn token_tables(input: &[u8]) {
    if let Ok(tables) = TokenTables::decode(input) {
        let mut again = Vec::new();
        tables.encode(&mut again);
        assert_eq!(again, input);
    }
}

/// First inputs of the targets, out of columns of a real capture.
pub fn page_seeds(columns: &[Vec<f64>]) -> Vec<(&'static str, Vec<u8>)> {
    let mut encoder = PageEncoder::new();
    let mut seeds = Vec::new();
    let mut all = Vec::new();
    // 200 asks for 120 samples.
    for values in columns.iter().filter(|values| values.len() >= 120) {
        let values = &values[..120];
        let (mut fresh, mut dense) = (Vec::new(), Vec::new());
        encoder.encode_fresh(values, &mut fresh);
        encoder.encode_dense(values, tables(), &mut dense);
        // One length byte: what is too long for it is left out.
        if let Ok(len) = u8::try_from(dense.len()) {
            all.extend([&[200, len, 0], &dense[..]].concat());
        }
        for page in [fresh, dense] {
            seeds.push(("page_decode", [&[200], &page[..]].concat()));
        }
        let mut facts = Vec::new();
        PageStatistics::of(values).encode(&mut facts);
        seeds.push(("page_statistics", facts));
    }
    seeds.push(("tokens_interleaved", all));
    let mut stored = Vec::new();
    tables().encode(&mut stored);
    seeds.push(("page_tables", stored));
    let timestamps: Vec<i64> = (0..120).map(|at| at * 15_000 + at % 7).collect();
    let mut column = vec![200];
    encode_timestamps(&timestamps, &mut column);
    seeds.push(("page_timestamps", column));
    let mixed = (0..900u32).map(|at| (at * 37 % 251) as u8).collect();
    seeds.push(("page_round_trip", mixed));
    seeds
}
