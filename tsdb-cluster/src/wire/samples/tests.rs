//! Payloads come back as they went, in any history of a connection, and nothing else does harm.

use proptest::prelude::*;
use tsdb_core::model::STALE_NAN_BITS;
use tsdb_core::{
    BucketSpan, Exemplar, ExemplarError, Histogram, HistogramCounts, Labels, LabelsError, Sample,
    SeriesKey, WriteBatch,
};

use super::{Decoded, Encoded, Packing, SampleDecoder, SampleEncoder, SampleLimits, SeriesHandle};
use crate::wire::WireError;

const START: i64 = 1_700_000_000_000;

fn labels(number: u64) -> Labels {
    let number = number.to_string();
    let pairs = [
        ("__name__", "http_requests_total"),
        ("instance", "host-1:9100"),
        ("number", &number),
        ("zone", "a"),
    ];
    Labels::from_pairs(pairs).expect("labels")
}

fn handle(key: u64) -> SeriesHandle {
    SeriesHandle {
        key,
        shard: key as u32 % 5,
    }
}

/// Both ends of a connection.
struct Connection {
    encoder: SampleEncoder,
    decoder: SampleDecoder,
    decoded: Decoded,
    payload: Vec<u8>,
}

impl Connection {
    fn new(limits: SampleLimits, packing: Packing) -> Self {
        Self {
            encoder: SampleEncoder::new(limits, packing),
            decoder: SampleDecoder::new(limits),
            decoded: Decoded::default(),
            payload: Vec::new(),
        }
    }

    fn usual() -> Self {
        Self::new(SampleLimits::default(), Packing::default())
    }

    /// Sends some series of a batch, and compares what came with what went.
    fn send(&mut self, batch: &WriteBatch<'_>, keys: &[u64], selection: &[u32]) -> Encoded {
        let handles: Vec<_> = keys.iter().map(|&key| handle(key)).collect();
        self.payload.clear();
        let encoder = &mut self.encoder;
        let encoded = encoder
            .encode(batch, &handles, selection, &mut self.payload)
            .expect("a payload");
        self.decoder
            .decode(&self.payload, &mut self.decoded)
            .expect("our own payload");
        assert_eq!(self.decoder.series_len(), self.encoder.series_len());
        assert_eq!(self.decoded.request(), encoded.request);
        assert_eq!(self.decoded.reset(), encoded.reset);
        assert_eq!(self.decoded.samples_len(), encoded.samples);
        let decoded = &mut self.decoded;
        assert!(
            decoded
                .series()
                .iter()
                .zip(selected(keys, selection, batch))
                .all(|(series, key)| series.entry.shard == handle(key).shard)
        );
        let mut came = WriteBatch::new();
        decoded.fill(&mut came, |_| true);
        assert_eq!(rows(&came, None), rows(batch, Some(selection)));
        encoded
    }
}

/// Keys of the series that are sent.
fn selected(keys: &[u64], selection: &[u32], batch: &WriteBatch<'_>) -> Vec<u64> {
    let sent = |index: &&u32| !series_rows(batch, **index as usize).is_empty();
    let sent = selection.iter().filter(sent);
    sent.map(|index| keys[*index as usize]).collect()
}

/// What is told of a batch: labels, and everything of each series as text with exact bits.
fn rows(batch: &WriteBatch<'_>, selection: Option<&[u32]>) -> Vec<(Labels, Vec<String>)> {
    let all: Vec<u32> = (0..batch.series_len() as u32).collect();
    let mut found = Vec::new();
    for &index in selection.unwrap_or(&all) {
        let rows = series_rows(batch, index as usize);
        if !rows.is_empty() {
            let (key, ..) = batch.series_at(index as usize).expect("a series");
            found.push((labels_of(&key), rows));
        }
    }
    found
}

fn labels_of(key: &SeriesKey<'_>) -> Labels {
    let mut builder = tsdb_core::LabelsBuilder::new();
    key.parse(&mut builder).expect("labels");
    builder.finish().expect("labels")
}

fn series_rows(batch: &WriteBatch<'_>, index: usize) -> Vec<String> {
    let (_, timestamps, values) = batch.series_at(index).expect("a series");
    let floats = timestamps.iter().zip(values);
    let mut rows: Vec<String> = floats
        .map(|(at, value)| format!("{at} {:x}", value.to_bits()))
        .collect();
    let histograms = batch.histograms().iter().filter(|row| row.series == index);
    rows.extend(histograms.map(|row| {
        let mut bytes = Vec::new();
        row.histogram.put_bytes(&mut bytes);
        format!("{} {bytes:?}", row.timestamp)
    }));
    let exemplars = batch.exemplars().iter().filter(|row| row.series == index);
    rows.extend(exemplars.filter_map(|row| {
        let labels = row.labels.as_ref().ok()?;
        Some(format!(
            "{} {:x} {labels}",
            row.timestamp,
            row.value.to_bits()
        ))
    }));
    rows
}

fn histogram(number: u64) -> Histogram {
    Histogram {
        schema: -53,
        sum: f64::from_bits(number),
        start_timestamp: -5,
        positive_spans: vec![BucketSpan {
            offset: -3,
            length: 2,
        }],
        custom_values: vec![-0.0, f64::INFINITY],
        counts: HistogramCounts::Float {
            count: number as f64,
            zero_count: 0.0,
            positive: vec![0.5, f64::NAN],
            negative: Vec::new(),
        },
        ..Histogram::default()
    }
}

fn bits() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        (0..50u64).prop_map(|number| (number as f64).to_bits()),
        Just((-0.0f64).to_bits()),
        Just(STALE_NAN_BITS),
        Just(f64::NAN.to_bits() | 0xdead),
        Just(f64::INFINITY.to_bits()),
    ]
}

fn timestamp() -> impl Strategy<Value = i64> {
    prop_oneof![
        any::<i64>(),
        Just(i64::MIN),
        Just(i64::MAX),
        (0..4i64).prop_map(|step| START + 15_000 * step),
    ]
}

/// One series of a request: its key and what it has.
type Sent = (u64, Vec<(i64, u64)>, Option<(i64, u64)>, Option<(i64, u64)>);

fn sent() -> impl Strategy<Value = Sent> {
    let row = || (timestamp(), bits());
    (
        0..12u64,
        prop::collection::vec(row(), 0..4),
        prop::option::weighted(0.2, row()),
        prop::option::weighted(0.2, row()),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_history_comes_as_it_went(
        requests in prop::collection::vec(
            (prop::collection::vec((sent(), any::<bool>()), 0..20), any::<bool>()), 1..6),
        series in 8..20usize,
        snappy in any::<bool>(),
    ) {
        let limits = SampleLimits { series, ..SampleLimits::default() };
        let packing = if snappy { Packing::Snappy } else { Packing::Plain };
        let mut connection = Connection::new(limits, packing);
        let all: Vec<Labels> = (0..12).map(labels).collect();
        for (request, reset) in requests {
            let mut batch = WriteBatch::new();
            let (mut keys, mut selection) = (Vec::new(), Vec::new());
            for (index, ((key, floats, histogram_row, exemplar), chosen)) in request.iter().enumerate() {
                batch.begin(SeriesKey::Labels(&all[*key as usize]));
                floats.iter().for_each(|(at, bits)| batch.sample(*at, f64::from_bits(*bits)));
                if let Some((at, number)) = histogram_row {
                    batch.histogram(*at, histogram(*number));
                }
                if let Some((at, number)) = exemplar {
                    batch.exemplar(*at, f64::from_bits(*number), Ok(labels(*number)));
                }
                keys.push(*key);
                // No more series than the dictionary may hold.
                if *chosen && *key < series as u64 {
                    selection.push(index as u32);
                }
            }
            if reset {
                connection.encoder.reset();
            }
            connection.send(&batch, &keys, &selection);
        }
    }
}

#[test]
fn a_series_is_named_once_and_then_known_by_its_number() {
    let all: Vec<Labels> = (0..1_000).map(labels).collect();
    let keys: Vec<u64> = (0..1_000).collect();
    let chosen: Vec<u32> = (0..1_000).collect();
    let mut connection = Connection::usual();
    let mut lens = Vec::new();
    for round in 0..4 {
        let mut batch = WriteBatch::new();
        for (number, labels) in all.iter().enumerate() {
            let value = if number % 10 == 0 { round as f64 } else { 1.0 };
            batch.push(labels, Sample::new(START + 15_000 * round, value));
        }
        let encoded = connection.send(&batch, &keys, &chosen);
        assert_eq!(encoded.new_series, if round == 0 { 1_000 } else { 0 });
        lens.push(connection.payload.len());
    }
    assert!(lens[0] > 8 * lens[1], "{lens:?}");
    assert!(lens[3] < 100, "{lens:?}");
}

#[test]
fn a_full_dictionary_begins_anew() {
    let limits = SampleLimits {
        series: 3,
        ..SampleLimits::default()
    };
    let mut connection = Connection::new(limits, Packing::Plain);
    let all: Vec<Labels> = (0..8).map(labels).collect();
    let mut resets = Vec::new();
    for key in [0, 1, 2, 1, 3, 0, 3, 4, 5] {
        let mut batch = WriteBatch::new();
        batch.push(&all[key], Sample::new(START, key as f64));
        let encoded = connection.send(&batch, &[key as u64], &[0]);
        resets.push(encoded.reset);
        assert!(connection.encoder.series_len() <= 3);
    }
    let expected = [false, false, false, false, true, false, false, false, true];
    assert_eq!(resets, expected);

    let mut batch = WriteBatch::new();
    all.iter()
        .for_each(|labels| batch.push(labels, Sample::new(START, 1.0)));
    let handles: Vec<_> = (0..8).map(handle).collect();
    let mut out = Vec::new();
    let encoder = &mut connection.encoder;
    let refused = encoder.encode(&batch, &handles, &[0, 1, 2, 3], &mut out);
    assert!(matches!(
        refused,
        Err(WireError::TooLarge { name: "series", .. })
    ));
    assert!(out.is_empty());
    let encoded = connection.send(&batch, &[0, 1, 2, 3, 4, 5, 6, 7], &[6, 7]);
    assert!(
        encoded.reset,
        "what was emptied on this side is on the other"
    );
}

#[test]
fn what_cannot_be_sent_changes_nothing() {
    let mut connection = Connection::usual();
    let (good, other) = (labels(1), labels(2));
    let mut batch = WriteBatch::new();
    batch.push(&good, Sample::new(START, 1.0));
    batch.begin(SeriesKey::Symbols(tsdb_core::model::SymbolLabels {
        refs: &[7, 7],
        symbols: &[],
    }));
    batch.sample(START, 2.0);
    let handles = [handle(1), handle(2)];
    let mut out = Vec::new();
    let encoder = &mut connection.encoder;
    let bad = encoder.encode(&batch, &handles, &[0, 1], &mut out);
    assert!(matches!(
        bad,
        Err(WireError::Labels(LabelsError::UnknownSymbol { .. }))
    ));
    let missing = encoder.encode(&batch, &handles, &[0, 2], &mut out);
    let text = missing.expect_err("no such series").to_string();
    assert_eq!(text, "series 2 was chosen of a batch of 2 with 2 handles");
    assert!(out.is_empty() && encoder.series_len() == 0);
    assert_eq!(connection.send(&batch, &[1, 2], &[0]).new_series, 1);

    let mut batch = WriteBatch::new();
    batch.push_exemplar(
        &other,
        Exemplar {
            labels: labels(3),
            value: 1.0,
            timestamp: START,
        },
    );
    batch.exemplar(
        START,
        2.0,
        Err(ExemplarError::Labels(LabelsError::EmptyName)),
    );
    let encoded = connection.send(&batch, &[2], &[0]);
    assert_eq!((encoded.exemplars, encoded.invalid_exemplars), (1, 1));
}

#[test]
fn only_the_wanted_series_are_filled_in() {
    let all: Vec<Labels> = (0..4).map(labels).collect();
    let mut batch = WriteBatch::new();
    for labels in &all {
        batch.push(labels, Sample::new(START, 1.0));
        batch.histogram(START, histogram(3));
    }
    let mut connection = Connection::usual();
    let handles: Vec<_> = (0..4).map(handle).collect();
    let mut out = Vec::new();
    (connection.encoder)
        .encode(&batch, &handles, &[0, 1, 2, 3], &mut out)
        .expect("a payload");
    let decoded = &mut connection.decoded;
    connection.decoder.decode(&out, decoded).expect("ours");
    assert_eq!(decoded.columns(2), (&[START][..], &[1.0][..]));
    let mut filled = WriteBatch::new();
    decoded.fill(&mut filled, |series| series.entry.shard % 2 == 1);
    assert_eq!(rows(&filled, None), rows(&batch, Some(&[1, 3])));
}

#[test]
fn labels_of_64_kib_and_no_labels_travel() {
    let long = "x".repeat(64 << 10);
    let mut all = vec![Labels::default()];
    for name in ["a", "b"] {
        all.push(Labels::from_pairs([(name, long.as_str())]).expect("labels"));
    }
    let mut batch = WriteBatch::new();
    all.iter()
        .for_each(|labels| batch.push(labels, Sample::new(i64::MIN, f64::NAN)));
    let mut connection = Connection::new(SampleLimits::default(), Packing::Plain);
    connection.send(&batch, &[0, 1, 2], &[0, 1, 2]);
    let whole: usize = all.iter().map(|labels| labels.as_bytes().len()).sum();
    assert!(connection.payload.len() < whole);
}

/// Two payloads of a connection, the second with a bit of everything.
fn two_payloads(packing: Packing) -> (Vec<u8>, Vec<u8>) {
    let all: Vec<Labels> = (0..6).map(labels).collect();
    let handles: Vec<_> = (0..6).map(handle).collect();
    let mut encoder = SampleEncoder::new(SampleLimits::default(), packing);
    let mut payloads = [Vec::new(), Vec::new()];
    for (round, payload) in payloads.iter_mut().enumerate() {
        let mut batch = WriteBatch::new();
        for (number, labels) in all.iter().enumerate() {
            let value = (number + round) as f64;
            batch.push(labels, Sample::new(START + 15_000 * round as i64, value));
            if number == 3 {
                batch.sample(START - 7, -0.0);
                batch.histogram(START, histogram(round as u64));
                batch.exemplar(START, 0.5, Ok(labels.clone()));
            }
        }
        let chosen: Vec<u32> = (0..4 + round as u32).collect();
        encoder
            .encode(&batch, &handles, &chosen, payload)
            .expect("a payload");
    }
    let [first, second] = payloads;
    (first, second)
}

#[test]
fn a_flipped_bit_is_an_error_and_nothing_is_decoded_behind_it() {
    for packing in [Packing::Plain, Packing::Snappy] {
        let (first, second) = two_payloads(packing);
        for bit in 0..second.len() * 8 {
            let mut damaged = second.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let mut decoder = SampleDecoder::new(SampleLimits::default());
            let mut decoded = Decoded::default();
            decoder.decode(&first, &mut decoded).expect("ours");
            assert!(decoder.decode(&damaged, &mut decoded).is_err(), "{bit}");
            assert!(decoded.series().is_empty() && decoded.samples_len() == 0);
            let again = decoder.decode(&second, &mut decoded);
            assert_eq!(again, Err(WireError::Broken));
        }
    }
}

#[test]
fn a_flipped_bit_below_a_right_checksum_is_an_error_or_another_payload() {
    let (first, second) = two_payloads(Packing::Plain);
    let (mut errors, mut others) = (0, 0);
    for bit in 0..(second.len() - 4) * 8 {
        let mut damaged = second.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let end = damaged.len() - 4;
        let crc = tsdb_core::bits::crc32c(&damaged[..end]).to_le_bytes();
        damaged[end..].copy_from_slice(&crc);
        let mut decoder = SampleDecoder::new(SampleLimits::default());
        let mut decoded = Decoded::default();
        decoder.decode(&first, &mut decoded).expect("ours");
        match decoder.decode(&damaged, &mut decoded) {
            Ok(()) => others += 1,
            Err(_) => errors += 1,
        }
    }
    assert!(errors > 100 && others > 100, "{errors} {others}");
}

#[test]
fn payloads_that_are_lost_cut_or_of_another_connection_are_refused() {
    let (first, second) = two_payloads(Packing::Plain);
    let fresh = || SampleDecoder::new(SampleLimits::default());
    let mut decoded = Decoded::default();
    let lost = fresh().decode(&second, &mut decoded);
    let expected = WireError::LostRequest {
        expected: 0,
        found: 1,
    };
    assert_eq!(lost, Err(expected));
    // Version and request, then what it counts on.
    let mut other = first[..first.len() - 4].to_vec();
    other[2] = 9;
    other.extend_from_slice(&tsdb_core::bits::crc32c(&other).to_le_bytes());
    let expected = WireError::OtherDictionary { theirs: 9, ours: 0 };
    assert_eq!(fresh().decode(&other, &mut decoded), Err(expected));
    for len in 0..first.len() {
        assert!(fresh().decode(&first[..len], &mut decoded).is_err());
    }
    let mut small = SampleDecoder::new(SampleLimits {
        samples: 4,
        ..SampleLimits::default()
    });
    let refused = small.decode(&first, &mut decoded).expect_err("too many");
    assert_eq!(
        refused.to_string(),
        "5 samples are more than the limit samples of 4: send less in one request"
    );
}

#[test]
fn a_number_that_was_never_sent_is_refused() {
    let all = [labels(0), labels(1)];
    let mut batch = WriteBatch::new();
    all.iter()
        .for_each(|labels| batch.push(labels, Sample::new(START, 1.0)));
    let handles = [handle(0), handle(1)];
    let mut encoder = SampleEncoder::new(SampleLimits::default(), Packing::Plain);
    let mut payload = Vec::new();
    (encoder.encode(&batch, &handles, &[0, 1], &mut payload)).expect("a payload");
    // Version, request, known, counts of series: the only definitions are taken away.
    let body = 3;
    let definitions = usize::from(payload[body + 5]);
    let mut forged = payload[..payload.len() - 4].to_vec();
    forged.drain(body + 6..body + 6 + definitions);
    forged[body] = 0;
    forged[body + 5] = 0;
    forged.extend_from_slice(&tsdb_core::bits::crc32c(&forged).to_le_bytes());
    let refused = SampleDecoder::new(SampleLimits::default())
        .decode(&forged, &mut Decoded::default())
        .expect_err("numbers of nothing");
    assert_eq!(
        refused,
        WireError::UnknownSeries {
            number: 0,
            known: 0
        }
    );
}
