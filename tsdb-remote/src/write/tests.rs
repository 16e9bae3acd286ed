mod histogram;
mod v2;

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message;
use tsdb_core::model::{
    Exemplar, ExemplarError, Histogram, Labels, LabelsBuilder, MetricKind, SeriesKey, WriteBatch,
};

use super::decode_v1::{decode_v1, guess_v1};
use super::extras::Extras;
use super::labels::split;
use super::{DecodeScratch, WriteProtocol, WriteRequest};
use crate::error::{DecodeError, RequestFault};
use crate::inflight::InflightBytes;

/// Remote write 1.0 as prost reads it, its strings as bytes: text that is not UTF-8 costs only
/// its series here, while generated code refuses the whole request.
mod oracle {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Label {
        #[prost(bytes = "vec", tag = "1")]
        pub(super) name: Vec<u8>,
        #[prost(bytes = "vec", tag = "2")]
        pub(super) value: Vec<u8>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Exemplar {
        #[prost(message, repeated, tag = "1")]
        pub(super) labels: Vec<Label>,
        #[prost(double, tag = "2")]
        pub(super) value: f64,
        #[prost(int64, tag = "3")]
        pub(super) timestamp: i64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct TimeSeries {
        #[prost(message, repeated, tag = "1")]
        pub(super) labels: Vec<Label>,
        #[prost(message, repeated, tag = "2")]
        pub(super) samples: Vec<tsdb_proto::prometheus::Sample>,
        #[prost(message, repeated, tag = "3")]
        pub(super) exemplars: Vec<Exemplar>,
        #[prost(message, repeated, tag = "4")]
        pub(super) histograms: Vec<tsdb_proto::prometheus::Histogram>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Metadata {
        #[prost(int32, tag = "1")]
        pub(super) kind: i32,
        #[prost(bytes = "vec", tag = "2")]
        pub(super) metric: Vec<u8>,
        #[prost(bytes = "vec", tag = "4")]
        pub(super) help: Vec<u8>,
        #[prost(bytes = "vec", tag = "5")]
        pub(super) unit: Vec<u8>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct WriteRequest {
        #[prost(message, repeated, tag = "1")]
        pub(super) timeseries: Vec<TimeSeries>,
        #[prost(message, repeated, tag = "3")]
        pub(super) metadata: Vec<Metadata>,
    }
}

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;
/// Times and canonical bytes.
type Histograms = Vec<(i64, Vec<u8>)>;
/// Time, bits of the value, and labels or why there are none.
type Exemplars = Vec<(i64, u64, Result<Labels, String>)>;
type Content = (Vec<(Pairs, Vec<(i64, u64)>, Histograms, Exemplars)>, Extras);

/// The exemplars of one series of a batch.
fn exemplars_of(batch: &WriteBatch<'_>, series: usize) -> Exemplars {
    let all = batch.exemplars().iter();
    let all = all.filter(|one| one.series == series);
    all.map(|one| {
        let labels = one.labels.clone().map_err(|error| error.to_string());
        (one.timestamp, one.value.to_bits(), labels)
    })
    .collect()
}

/// What pairs mean as labels of an exemplar.
fn exemplar_labels<'a>(
    pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<Labels, String> {
    let mut builder = LabelsBuilder::new();
    let mut bytes = 0;
    for (name, value) in pairs.filter(|pair| !pair.1.is_empty()) {
        bytes += name.len() + value.len();
        builder.push_bytes(name, value);
    }
    if bytes > 512 {
        let (characters, limit) = (bytes.div_ceil(4), 128);
        return Err(ExemplarError::LabelsTooLong { characters, limit }.to_string());
    }
    let labels = builder.finish().map_err(ExemplarError::from);
    labels.map_err(|error| error.to_string())
}

/// The histograms of one series of a batch.
fn histograms_of(batch: &WriteBatch<'_>, series: usize) -> Histograms {
    let all = batch.histograms().iter();
    let all = all.filter(|one| one.series == series);
    all.map(|one| (one.timestamp, canonical(&one.histogram)))
        .collect()
}

fn canonical(histogram: &Histogram) -> Vec<u8> {
    let mut bytes = Vec::new();
    histogram.put_bytes(&mut bytes);
    bytes
}

/// What a generated histogram message means.
fn meant(message: &tsdb_proto::prometheus::Histogram) -> (i64, Vec<u8>) {
    let (timestamp, histogram) = crate::client::histogram::histogram(message.clone());
    (timestamp, canonical(&histogram))
}

/// What our decoder makes of a body; `None` if it refuses any of it.
fn ours(body: &[u8]) -> Option<Content> {
    let (mut arena, mut batch) = (Vec::new(), WriteBatch::new());
    let walked = decode_v1(body, &mut arena, &mut batch, None)
        .ok()
        .and_then(|extras| content(&batch, extras));
    let (mut arena, mut batch) = (Vec::new(), WriteBatch::new());
    let guessed = guess_v1(body, &mut arena, &mut batch, None);
    assert!(batch.is_guessed());
    // A guess is found out where labels do not parse; where they all do, it was right.
    if let Some(guessed) = guessed.ok().and_then(|extras| content(&batch, extras)) {
        assert_eq!(Some(&guessed), walked.as_ref());
    }
    walked
}

fn content(batch: &WriteBatch<'_>, extras: Extras) -> Option<Content> {
    let mut content = Vec::new();
    for (at, (key, timestamps, values)) in batch.series().enumerate() {
        let SeriesKey::Encoded(labels) = key else {
            panic!("only encoded keys are made")
        };
        let mut pairs = Vec::new();
        let whole = split(labels.bytes, |name, value| {
            pairs.push((name.to_vec(), value.to_vec()))
        });
        let parsed = (labels.parse)(labels.bytes, &mut LabelsBuilder::new());
        assert_eq!(whole.is_ok(), parsed.is_ok());
        whole.ok()?;
        let samples = timestamps
            .iter()
            .zip(values)
            .map(|(t, v)| (*t, v.to_bits()));
        let (histograms, exemplars) = (histograms_of(batch, at), exemplars_of(batch, at));
        content.push((pairs, samples.collect::<Vec<_>>(), histograms, exemplars));
    }
    content.sort();
    Some((content, extras))
}

/// What prost makes of it.
fn prosts(body: &[u8]) -> Option<Content> {
    let request = oracle::WriteRequest::decode(body).ok()?;
    let mut extras = Extras::default();
    let mut content = Vec::new();
    for series in request.timeseries {
        let exemplars = series.exemplars.iter().map(|one| {
            let pairs = one.labels.iter().map(|label| (&*label.name, &*label.value));
            (one.timestamp, one.value.to_bits(), exemplar_labels(pairs))
        });
        let exemplars: Exemplars = exemplars.collect();
        let labels = series
            .labels
            .into_iter()
            .map(|label| (label.name, label.value));
        let samples = series
            .samples
            .iter()
            .map(|s| (s.timestamp, s.value.to_bits()));
        let histograms: Vec<_> = series.histograms.iter().map(meant).collect();
        if !series.samples.is_empty() || !histograms.is_empty() || !exemplars.is_empty() {
            let samples = samples.collect::<Vec<_>>();
            content.push((labels.collect(), samples, histograms, exemplars));
        }
    }
    content.sort();
    for metadata in request.metadata {
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).map(str::to_owned);
        match (
            text(&metadata.metric),
            text(&metadata.help),
            text(&metadata.unit),
        ) {
            (Ok(metric), Ok(help), Ok(unit)) => {
                let kind = u64::try_from(metadata.kind)
                    .ok()
                    .and_then(MetricKind::from_number);
                let kind = kind.unwrap_or_default();
                extras.metadata.push(tsdb_core::model::MetricMetadata {
                    metric,
                    kind,
                    help,
                    unit,
                });
            }
            _ => extras.refused_metadata += 1,
        }
    }
    Some((content, extras))
}

/// Both must accept or refuse alike, and see the same.
fn compare(body: &[u8]) -> bool {
    let (ours, prosts) = (ours(body), prosts(body));
    let accepted = ours.is_some();
    match (ours, prosts) {
        (Some((series, extras)), Some((expected_series, expected_extras))) => {
            assert_eq!(series, expected_series, "{body:02x?}");
            assert_eq!(extras, expected_extras, "{body:02x?}");
        }
        (ours, prosts) => assert_eq!(ours, prosts, "{body:02x?}"),
    }
    accepted
}

/// A field as a sender may write it.
#[derive(Clone, Debug)]
enum Field {
    Varint(u32, u64),
    Fixed64(u32, u64),
    Fixed32(u32, u32),
    Bytes(u32, Vec<u8>),
    Message(u32, Vec<Field>),
    Group(u32, Vec<Field>),
}

fn put_varint(out: &mut Vec<u8>, value: u64) {
    tsdb_core::bits::put_uvarint(out, value);
}

fn put_fields(out: &mut Vec<u8>, fields: &[Field]) {
    let key = |out: &mut Vec<u8>, number: u32, wire: u64| {
        put_varint(out, u64::from(number) << 3 | wire);
    };
    for field in fields {
        match field {
            Field::Varint(number, value) => {
                key(out, *number, 0);
                put_varint(out, *value);
            }
            Field::Fixed64(number, value) => {
                key(out, *number, 1);
                out.extend_from_slice(&value.to_le_bytes());
            }
            Field::Fixed32(number, value) => {
                key(out, *number, 5);
                out.extend_from_slice(&value.to_le_bytes());
            }
            Field::Bytes(number, bytes) => {
                key(out, *number, 2);
                put_varint(out, bytes.len() as u64);
                out.extend_from_slice(bytes);
            }
            Field::Message(number, fields) => {
                let mut inner = Vec::new();
                put_fields(&mut inner, fields);
                put_fields(out, &[Field::Bytes(*number, inner)]);
            }
            Field::Group(number, fields) => {
                key(out, *number, 3);
                put_fields(out, fields);
                key(out, *number, 4);
            }
        }
    }
}

fn unknown() -> impl Strategy<Value = Field> {
    let number = 17u32..40;
    prop_oneof![
        (number.clone(), any::<u64>()).prop_map(|(n, v)| Field::Varint(n, v)),
        (number.clone(), any::<u64>()).prop_map(|(n, v)| Field::Fixed64(n, v)),
        (number.clone(), any::<u32>()).prop_map(|(n, v)| Field::Fixed32(n, v)),
        (number.clone(), prop::collection::vec(any::<u8>(), 0..4))
            .prop_map(|(n, v)| Field::Bytes(n, v)),
        (number, any::<u64>()).prop_map(|(n, v)| Field::Group(n, vec![Field::Varint(1, v)])),
    ]
}

/// A field of a known number that may have the wrong wire type.
fn wrong(numbers: std::ops::Range<u32>) -> impl Strategy<Value = Field> {
    prop_oneof![
        numbers.clone().prop_map(|n| Field::Varint(n, 1)),
        numbers.clone().prop_map(|n| Field::Fixed64(n, 1)),
        numbers.clone().prop_map(|n| Field::Fixed32(n, 1)),
        numbers.prop_map(|n| Field::Bytes(n, vec![8, 1])),
    ]
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        9 => "[a-z_\u{e9}]{0,6}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ]
}

fn label() -> impl Strategy<Value = Field> {
    let part = prop_oneof![
        10 => text().prop_map(|text| Field::Bytes(1, text)),
        10 => text().prop_map(|text| Field::Bytes(2, text)),
        1 => unknown(),
    ];
    prop::collection::vec(part, 0..4).prop_map(|fields| Field::Message(1, fields))
}

fn value() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        Just(tsdb_core::model::STALE_NAN_BITS),
        Just((-0.0f64).to_bits()),
        Just(0x7ff8_0000_0000_0001),
    ]
}

fn sample() -> impl Strategy<Value = Field> {
    let part = prop_oneof![
        10 => value().prop_map(|bits| Field::Fixed64(1, bits)),
        10 => any::<u64>().prop_map(|time| Field::Varint(2, time)),
        1 => unknown(),
    ];
    let usual = (value(), 1u64 << 34..1 << 43)
        .prop_map(|(bits, time)| vec![Field::Fixed64(1, bits), Field::Varint(2, time)]);
    let zero = (1u64 << 34..1 << 43).prop_map(|time| vec![Field::Varint(2, time)]);
    let odd = prop::collection::vec(part, 0..4);
    prop_oneof![usual, zero, odd].prop_map(|fields| Field::Message(2, fields))
}

fn exemplar() -> impl Strategy<Value = Field> {
    prop::collection::vec(
        prop_oneof![
            label(),
            value().prop_map(|bits| Field::Fixed64(2, bits)),
            any::<u64>().prop_map(|time| Field::Varint(3, time)),
            unknown(),
            (0..800usize).prop_map(|len| {
                let long = Field::Bytes(2, vec![b'x'; len]);
                Field::Message(1, vec![Field::Bytes(1, b"long".to_vec()), long])
            }),
        ],
        0..4,
    )
    .prop_map(|fields| Field::Message(3, fields))
}

fn histogram() -> impl Strategy<Value = Field> {
    let span = prop_oneof![Just(8u32), Just(11)]
        .prop_map(|n| Field::Message(n, vec![Field::Varint(1, 3), Field::Varint(2, 300)]));
    let packed = prop_oneof![Just(9u32), Just(12)].prop_map(|n| Field::Bytes(n, vec![1, 0x80, 1]));
    let doubles = (prop_oneof![Just(10u32), Just(13), Just(16)], 6usize..18)
        .prop_map(|(n, len)| Field::Bytes(n, vec![1; len - len % 8]));
    let plain = prop_oneof![
        prop_oneof![
            Just(1u32),
            Just(4),
            Just(6),
            Just(9),
            Just(12),
            Just(14),
            Just(15)
        ]
        .prop_map(|n| Field::Varint(n, 7)),
        prop_oneof![
            Just(2u32),
            Just(3),
            Just(5),
            Just(7),
            Just(10),
            Just(13),
            Just(16)
        ]
        .prop_map(|n| Field::Fixed64(n, 7)),
    ];
    let numbers = (1u32..18, any::<u64>()).prop_filter_map("a number", |(n, value)| match n {
        1 | 4 | 6 | 9 | 12 | 14 | 15 | 17 => Some(Field::Varint(n, value)),
        2 | 3 | 5 | 7 | 10 | 13 | 16 => Some(Field::Fixed64(n, value)),
        _ => None,
    });
    let part = prop_oneof![
        4 => plain, 3 => numbers, 1 => span, 1 => packed, 1 => doubles, 1 => wrong(18..40)
    ];
    prop::collection::vec(part, 0..6).prop_map(|fields| Field::Message(4, fields))
}

fn series() -> impl Strategy<Value = Field> {
    let usual = (
        prop::collection::vec(label(), 0..4),
        prop::collection::vec(sample(), 0..3),
    )
        .prop_map(|(labels, samples)| [labels, samples].concat());
    let odd = prop::collection::vec(
        prop_oneof![5 => label(), 5 => sample(), 1 => exemplar(), 1 => histogram(), 1 => unknown()],
        0..8,
    );
    prop_oneof![usual, odd].prop_map(|fields| Field::Message(1, fields))
}

fn metadata() -> impl Strategy<Value = Field> {
    let part = prop_oneof![
        any::<u64>().prop_map(|kind| Field::Varint(1, kind)),
        (0u64..9).prop_map(|kind| Field::Varint(1, kind)),
        (prop_oneof![Just(2u32), Just(4), Just(5)], text()).prop_map(|(n, t)| Field::Bytes(n, t)),
        unknown(),
    ];
    prop::collection::vec(part, 0..5).prop_map(|fields| Field::Message(3, fields))
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![8 => series(), 2 => metadata(), 1 => unknown()];
    prop::collection::vec(part, 0..6).prop_map(|fields| {
        let mut body = Vec::new();
        put_fields(&mut body, &fields);
        body
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn reads_what_prost_reads(body in request()) {
        prop_assert!(compare(&body));
    }

    #[test]
    fn judges_damaged_requests_as_prost_does(
        mut body in request(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        if !body.is_empty() {
            for (index, byte) in edits {
                let index = index.index(body.len());
                body[index] = byte;
            }
        }
        compare(&body);
    }

    #[test]
    fn judges_known_fields_of_wrong_types_as_prost_does(
        at in 0usize..6, field in wrong(1..17), kind in 1u32..5,
    ) {
        let inner = match at {
            0 => vec![field],
            1 => vec![Field::Message(1, vec![field])],
            2 => vec![Field::Message(3, vec![field])],
            _ => vec![Field::Message(1, vec![Field::Message(kind, vec![field])])],
        };
        let mut body = Vec::new();
        put_fields(&mut body, &inner);
        compare(&body);
    }

    #[test]
    fn judges_garbage_as_prost_does(body in prop::collection::vec(any::<u8>(), 0..64)) {
        compare(&body);
    }
}

/// A request with every kind of field, small enough to be damaged in every way.
fn specimen() -> Vec<u8> {
    let name = || {
        Field::Message(
            1,
            vec![
                Field::Bytes(1, b"__name__".to_vec()),
                Field::Bytes(2, b"up".to_vec()),
            ],
        )
    };
    let job = Field::Message(
        1,
        vec![
            Field::Bytes(1, b"job".to_vec()),
            Field::Bytes(2, b"a".to_vec()),
        ],
    );
    let sample = |bits| {
        Field::Message(
            2,
            vec![Field::Fixed64(1, bits), Field::Varint(2, 1_700_000)],
        )
    };
    let exemplar = Field::Message(3, vec![name(), Field::Fixed64(2, 5), Field::Varint(3, 6)]);
    let histogram = Field::Message(
        4,
        vec![
            Field::Varint(1, 2),
            Field::Fixed64(3, 9),
            Field::Message(8, vec![Field::Varint(1, 3), Field::Varint(2, 1)]),
            Field::Bytes(9, vec![2, 4]),
            Field::Bytes(10, vec![0; 8]),
            Field::Varint(15, 8),
        ],
    );
    let group = Field::Group(9, vec![Field::Group(9, vec![Field::Varint(1, 1)])]);
    let metadata = Field::Message(
        3,
        vec![
            Field::Varint(1, 1),
            Field::Bytes(2, b"up".to_vec()),
            Field::Bytes(4, b"h".to_vec()),
            Field::Bytes(5, b"s".to_vec()),
        ],
    );
    let mut body = Vec::new();
    put_fields(
        &mut body,
        &[
            Field::Message(1, vec![name(), job.clone(), sample(1), sample(2)]),
            Field::Message(1, vec![name(), exemplar, histogram]),
            Field::Message(1, vec![sample(3), name(), sample(4), group, job]),
            metadata,
            Field::Fixed32(7, 1),
        ],
    );
    body
}

#[test]
fn every_flipped_bit_and_every_truncation_is_judged_as_prost_does() {
    let body = specimen();
    assert!(compare(&body));
    let (mut accepted, mut refused) = (0, 0);
    for byte in 0..body.len() {
        for bit in 0..8 {
            let mut damaged = body.clone();
            damaged[byte] ^= 1 << bit;
            if compare(&damaged) {
                accepted += 1
            } else {
                refused += 1
            }
        }
        compare(&body[..byte]);
    }
    assert!(
        accepted > 100 && refused > 100,
        "{accepted} accepted, {refused} refused"
    );
}

#[test]
fn nesting_ends_where_prost_ends_it() {
    let mut decisions = Vec::new();
    for depth in 90..110usize {
        let mut group = vec![Field::Varint(1, 1)];
        for _ in 0..depth {
            group = vec![Field::Group(9, group)];
        }
        for place in 0..3 {
            let mut fields = group.clone();
            for _ in 0..place {
                fields = vec![Field::Message(1, fields)];
            }
            let mut body = Vec::new();
            put_fields(&mut body, &fields);
            decisions.push(compare(&body));
        }
    }
    assert!(decisions.contains(&true) && decisions.contains(&false));
}

#[test]
fn labels_in_one_piece_are_borrowed_and_others_copied() {
    let body = specimen();
    let (mut arena, mut batch) = (Vec::new(), WriteBatch::new());
    decode_v1(&body, &mut arena, &mut batch, None).unwrap();
    let within = |part: &[u8]| body.as_ptr_range().contains(&part.as_ptr());
    let borrowed: Vec<bool> = batch
        .series()
        .map(|(key, _, _)| match key {
            SeriesKey::Encoded(labels) => within(labels.bytes),
            _ => panic!("only encoded keys are made"),
        })
        .collect();
    assert_eq!(borrowed, [true, true, false]);
}

fn compressed(message: &[u8]) -> Bytes {
    snap::raw::Encoder::new()
        .compress_vec(message)
        .unwrap()
        .into()
}

#[test]
fn scratch_keeps_its_memory_and_forgets_its_content() {
    let request = WriteRequest::from_body(compressed(&specimen()), 1 << 20).unwrap();
    let mut scratch = DecodeScratch::new();
    for _ in 0..3 {
        let decoded = request.decode(&mut scratch).unwrap();
        assert_eq!(decoded.batch.series_len(), 3);
        assert_eq!(decoded.batch.samples_len(), 4);
        let exemplar = &decoded.batch.exemplars()[0];
        assert_eq!((exemplar.series, exemplar.timestamp), (1, 6));
        let labels = Labels::from_pairs([("__name__", "up")]).unwrap();
        assert_eq!(exemplar.labels.as_ref(), Ok(&labels));
        assert_eq!(decoded.batch.histograms().len(), 1);
        assert_eq!(decoded.extras.metadata[0].kind, MetricKind::Counter);
        drop(decoded);
        assert!(scratch.heap_bytes() > specimen().len());
    }
}

#[test]
fn declared_length_is_checked_before_it_is_believed() {
    let long = compressed(&vec![0; 1000]);
    match WriteRequest::from_body(long.clone(), 999) {
        Err(DecodeError::Request(RequestFault::DecodedTooLarge {
            declared: 1000,
            limit: 999,
        })) => {}
        other => panic!("{other:?}"),
    }
    assert!(WriteRequest::from_body(long, 1000).is_ok());
    // 200 MiB declared by a block of a few bytes.
    let mut lie = Vec::new();
    put_varint(&mut lie, 200 << 20);
    lie.extend_from_slice(&[0xfe, 1, 0]);
    match WriteRequest::from_body(lie.into(), usize::MAX) {
        Err(DecodeError::SnappyLength {
            declared: 0xc80_0000,
            ..
        }) => {}
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        WriteRequest::from_body(Bytes::new(), 1),
        Err(DecodeError::Snappy(snap::Error::Empty))
    ));
}

#[test]
fn memory_for_many_tiny_series_comes_out_of_the_budget() {
    let mut body = Vec::new();
    for _ in 0..200_000 {
        put_fields(
            &mut body,
            &[Field::Message(1, vec![Field::Message(2, vec![])])],
        );
    }
    let block = compressed(&body);
    let (parts, ()) = http::Request::new(()).into_parts();
    let inflight = InflightBytes::new(4 << 20);
    let permit = inflight.try_acquire(0).unwrap();
    let request = WriteRequest::new(parts, block, 32 << 20, permit).unwrap();
    match request.decode(&mut DecodeScratch::new()) {
        Err(DecodeError::Request(RequestFault::Busy { limit, .. })) => assert_eq!(limit, 4 << 20),
        other => panic!("{:?}", other.map(|_| "decoded")),
    }
    drop(request);
    assert_eq!(inflight.used(), 0);
}

#[test]
fn labels_that_end_like_a_sample_are_guessed_wrong_and_found_out() {
    let time = [0x88u8, 0xd2, 0x87, 0xf2, 0xb5, 0x31];
    let like_a_sample = [&[0x12u8, 7, 0x10][..], &time].concat();
    let series = oracle::TimeSeries {
        labels: vec![oracle::Label {
            name: b"a".to_vec(),
            value: like_a_sample,
        }],
        ..Default::default()
    };
    let body = oracle::WriteRequest {
        timeseries: vec![series],
        metadata: Vec::new(),
    }
    .encode_to_vec();
    let (mut arena, mut batch) = (Vec::new(), WriteBatch::new());
    guess_v1(&body, &mut arena, &mut batch, None).unwrap();
    let (SeriesKey::Encoded(labels), ..) = batch.series().next().unwrap() else {
        panic!("only encoded keys are made")
    };
    assert!((labels.parse)(labels.bytes, &mut LabelsBuilder::new()).is_err());
    assert_eq!(ours(&body), prosts(&body));
}

#[test]
fn exemplars_of_our_clients_come_back() {
    let labels = Labels::from_pairs([("__name__", "latency_bucket"), ("le", "1")]).unwrap();
    let own = Labels::from_pairs([("span", "b"), ("trace_id", "a")]).unwrap();
    let exemplar = |timestamp, value| Exemplar {
        labels: own.clone(),
        value,
        timestamp,
    };
    let sent = [exemplar(-7, f64::NAN), exemplar(1_700_000_000_000, 0.5)];
    let mut first = crate::client::write::WriteEncoder::new();
    first.exemplars(&labels, &sent);
    let mut second = crate::client::write_v2::WriteEncoder::new();
    second.exemplars(&labels, &sent);
    for (body, protocol) in [
        (first.finish().unwrap(), WriteProtocol::V1),
        (second.finish().unwrap(), WriteProtocol::V2),
    ] {
        let request = WriteRequest::from_body(body, 1 << 20).unwrap();
        let mut scratch = DecodeScratch::new();
        let decoded = request.speaking(protocol).decode(&mut scratch).unwrap();
        let mut builder = LabelsBuilder::new();
        let (key, ..) = decoded.batch.series().next().unwrap();
        key.parse(&mut builder).unwrap();
        assert_eq!(builder.finish().as_ref(), Ok(&labels));
        let found = exemplars_of(&decoded.batch, 0);
        let wanted = sent.each_ref();
        let wanted = wanted.map(|one| (one.timestamp, one.value.to_bits(), Ok(own.clone())));
        assert_eq!(found, wanted);
        assert_eq!(decoded.batch.series_len(), 1);
    }
}
