//! Remote write 2.0 against what generated code makes of the same bytes.

use tsdb_core::model::{LabelsError, MetricMetadata, Sample};

use super::*;
use crate::client::write_v2::WriteEncoder;
use crate::write::decode_v2::decode_v2;

/// Remote write 2.0 as prost reads it, its symbols as bytes.
mod oracle {
    use tsdb_proto::write_v2;

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Request {
        #[prost(bytes = "vec", repeated, tag = "4")]
        pub(super) symbols: Vec<Vec<u8>>,
        #[prost(message, repeated, tag = "5")]
        pub(super) timeseries: Vec<write_v2::TimeSeries>,
    }
}

/// Labels or why there are none, with timestamps and bits of values, histograms and exemplars.
type Series = (Result<Pairs, ()>, Vec<(i64, u64)>, Histograms, Exemplars);
type Found = (Vec<Series>, Extras);

fn ours(body: &[u8]) -> Option<Found> {
    let (mut batch, mut metadata) = (WriteBatch::new(), Vec::new());
    let extras = decode_v2(body, &mut batch, &mut metadata, None).ok()?;
    let mut content = Vec::new();
    for (at, (key, timestamps, values)) in batch.series().enumerate() {
        let SeriesKey::Symbols(labels) = key else {
            panic!("only symbols are made")
        };
        let parsed = labels.parse(&mut LabelsBuilder::new());
        let pairs = parsed.map_err(drop).map(|()| {
            let text = |index: u32| labels.symbols[index as usize].to_vec();
            let pairs = labels.refs.chunks(2);
            pairs.map(|pair| (text(pair[0]), text(pair[1]))).collect()
        });
        let samples = timestamps.iter().zip(values);
        let samples = samples.map(|(t, v)| (*t, v.to_bits())).collect();
        let (histograms, exemplars) = (histograms_of(&batch, at), exemplars_of(&batch, at));
        content.push((pairs, samples, histograms, exemplars));
    }
    Some((content, extras))
}

fn prosts(body: &[u8]) -> Option<Found> {
    let request = oracle::Request::decode(body).ok()?;
    if request
        .symbols
        .first()
        .is_some_and(|first| !first.is_empty())
    {
        return None;
    }
    let (mut extras, mut content) = (Extras::default(), Vec::new());
    let text = |index: u32| request.symbols.get(index as usize).cloned().ok_or(());
    let utf8 = |index: u32| text(index).and_then(|text| String::from_utf8(text).map_err(drop));
    for series in &request.timeseries {
        let pairs: Result<Pairs, ()> = series
            .labels_refs
            .chunks(2)
            .map(|pair| Ok((text(pair[0])?, text(*pair.get(1).ok_or(())?)?)))
            .collect();
        let samples: Vec<_> = series
            .samples
            .iter()
            .map(|s| (s.timestamp, s.value.to_bits()))
            .collect();
        let exemplars = series.exemplars.iter();
        let exemplars: Exemplars = exemplars
            .map(|one| {
                let labels = meant_labels(&one.labels_refs, &request.symbols);
                (one.timestamp, one.value.to_bits(), labels)
            })
            .collect();
        let histograms: Vec<_> = series
            .histograms
            .iter()
            .map(histogram::meant_bytes)
            .collect();
        if samples.is_empty() && histograms.is_empty() && exemplars.is_empty() {
            extras.empty_series.count += 1;
        } else {
            content.push((pairs, samples, histograms, exemplars));
        }
        let Some(metadata) = series
            .metadata
            .filter(|metadata| *metadata != Default::default())
        else {
            continue;
        };
        let pairs = series.labels_refs.chunks_exact(2);
        let mut named = pairs.filter(|pair| text(pair[0]).as_deref() == Ok(b"__name__"));
        let name = named.next().map_or(Err(()), |pair| utf8(pair[1]));
        match (name, utf8(metadata.help_ref), utf8(metadata.unit_ref)) {
            (Ok(metric), Ok(help), Ok(unit)) => extras.metadata.push(MetricMetadata {
                metric,
                kind: u64::try_from(metadata.r#type)
                    .ok()
                    .and_then(MetricKind::from_number)
                    .unwrap_or_default(),
                help,
                unit,
            }),
            _ => extras.refused_metadata += 1,
        }
    }
    Some((content, extras))
}

/// What indices mean as labels of an exemplar.
fn meant_labels(refs: &[u32], symbols: &[Vec<u8>]) -> Result<Labels, String> {
    let refused = |error: LabelsError| Err(ExemplarError::from(error).to_string());
    if refs.len() % 2 == 1 {
        return refused(LabelsError::OddSymbols { count: refs.len() });
    }
    if let Some(index) = refs.iter().find(|at| **at as usize >= symbols.len()) {
        return refused(LabelsError::UnknownSymbol {
            index: *index,
            symbols: symbols.len(),
        });
    }
    let text = |at: u32| &*symbols[at as usize];
    exemplar_labels(refs.chunks(2).map(|pair| (text(pair[0]), text(pair[1]))))
}

/// Metadata as a set: ours leaves out what it said just before, of a family of series once.
fn known(extras: &mut Extras) -> Vec<(String, MetricKind, String, String)> {
    let mut known: Vec<_> = std::mem::take(&mut extras.metadata)
        .into_iter()
        .map(|one| {
            let suffixes = ["_bucket", "_sum", "_count", "_gsum", "_gcount"];
            let many = matches!(
                one.kind,
                MetricKind::Histogram | MetricKind::GaugeHistogram | MetricKind::Summary
            );
            let family = suffixes.iter().find_map(|s| one.metric.strip_suffix(s));
            let metric = family.filter(|_| many).unwrap_or(&one.metric).to_owned();
            (metric, one.kind, one.help, one.unit)
        })
        .collect();
    known.sort_by(|a, b| (&a.0, a.1.number(), &a.2, &a.3).cmp(&(&b.0, b.1.number(), &b.2, &b.3)));
    known.dedup();
    known
}

/// Both must accept or refuse alike, and see the same.
fn compare(body: &[u8]) -> bool {
    let (ours, prosts) = (ours(body), prosts(body));
    let accepted = ours.is_some();
    match (ours, prosts) {
        (Some((series, mut extras)), Some((expected_series, mut expected))) => {
            let refused = &mut extras.empty_series;
            assert_eq!(refused.first_series.take().is_some(), refused.count > 0);
            assert_eq!(series, expected_series, "{body:02x?}");
            assert_eq!(known(&mut extras), known(&mut expected), "{body:02x?}");
            // One entry may stand for many series.
            assert!(extras.refused_metadata <= expected.refused_metadata);
            assert_eq!(extras.refused_metadata > 0, expected.refused_metadata > 0);
            extras.refused_metadata = expected.refused_metadata;
            assert_eq!(extras, expected, "{body:02x?}");
        }
        (ours, prosts) => assert_eq!(ours, prosts, "{body:02x?}"),
    }
    accepted
}

fn symbol() -> impl Strategy<Value = Field> {
    let text = prop_oneof![
        3 => text(),
        1 => Just(b"__name__".to_vec()),
        1 => Just(b"x_bucket".to_vec()),
        1 => Just(vec![b's'; 300]),
    ];
    text.prop_map(|text| Field::Bytes(4, text))
}

fn refs() -> impl Strategy<Value = Field> {
    let index = || prop_oneof![20 => 0u64..9, 2 => 100u64..300, 1 => any::<u64>()];
    let packed = prop::collection::vec(index(), 0..8).prop_map(|indices| {
        let mut bytes = Vec::new();
        indices
            .iter()
            .for_each(|index| put_varint(&mut bytes, *index));
        Field::Bytes(1, bytes)
    });
    prop_oneof![9 => packed, 1 => index().prop_map(|index| Field::Varint(1, index))]
}

fn sample() -> impl Strategy<Value = Field> {
    let time = || prop_oneof![3 => 1u64 << 35..1 << 42, 1 => any::<u64>(), 1 => 0u64..300];
    let usual = (value(), time())
        .prop_map(|(bits, time)| vec![Field::Fixed64(1, bits), Field::Varint(2, time)]);
    let part = prop_oneof![
        10 => value().prop_map(|bits| Field::Fixed64(1, bits)),
        10 => time().prop_map(|time| Field::Varint(2, time)),
        3 => time().prop_map(|start| Field::Varint(3, start)),
        1 => unknown(),
    ];
    let odd = prop::collection::vec(part, 0..5);
    let zero = time().prop_map(|time| vec![Field::Varint(2, time)]);
    prop_oneof![usual, odd, zero].prop_map(|fields| Field::Message(2, fields))
}

fn histogram() -> impl Strategy<Value = Field> {
    (super::histogram(), any::<u64>()).prop_map(|(histogram, start)| {
        let Field::Message(_, mut fields) = histogram else {
            unreachable!("a histogram is a message")
        };
        fields.push(Field::Varint(17, start));
        Field::Message(3, fields)
    })
}

fn exemplar() -> impl Strategy<Value = Field> {
    let part = prop_oneof![
        refs(),
        value().prop_map(|bits| Field::Fixed64(2, bits)),
        any::<u64>().prop_map(|time| Field::Varint(3, time)),
        unknown()
    ];
    prop::collection::vec(part, 0..4).prop_map(|fields| Field::Message(4, fields))
}

fn metadata() -> impl Strategy<Value = Field> {
    let part = prop_oneof![
        4 => (0u64..9).prop_map(|kind| Field::Varint(1, kind)),
        1 => any::<u64>().prop_map(|kind| Field::Varint(1, kind)),
        4 => (3u32..5, 0u64..9).prop_map(|(field, index)| Field::Varint(field, index)),
        1 => unknown(),
    ];
    prop::collection::vec(part, 0..4).prop_map(|fields| Field::Message(5, fields))
}

fn series() -> impl Strategy<Value = Field> {
    let usual = (
        refs(),
        prop::collection::vec(sample(), 1..4),
        metadata(),
        // The start of all samples, before it became a part of each.
        prop::option::of(any::<u64>().prop_map(|created| Field::Varint(6, created))),
    )
        .prop_map(|(refs, samples, metadata, created)| {
            let head = [vec![refs], samples, vec![metadata]].concat();
            head.into_iter().chain(created).collect::<Vec<_>>()
        });
    let part = prop_oneof![
        3 => refs(), 5 => sample(), 1 => exemplar(), 1 => histogram(), 1 => metadata(), 1 => unknown()
    ];
    let odd = prop::collection::vec(part, 0..8);
    prop_oneof![3 => usual, 1 => odd].prop_map(|fields| Field::Message(5, fields))
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let usual = (
        prop::collection::vec(symbol(), 0..9),
        prop::collection::vec(series(), 0..5),
    )
        .prop_map(|(symbols, series)| [vec![Field::Bytes(4, vec![])], symbols, series].concat());
    let part = prop_oneof![symbol(), series(), unknown()];
    let odd = prop::collection::vec(part, 0..9);
    prop_oneof![usual, odd].prop_map(|fields| {
        let mut body = Vec::new();
        put_fields(&mut body, &fields);
        body
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn reads_what_prost_reads(body in request()) {
        compare(&body);
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
        at in 0usize..6, field in wrong(1..18), kind in 1u32..6,
    ) {
        let inner = match at {
            0 => vec![field],
            1 => vec![Field::Message(5, vec![field])],
            _ => vec![Field::Message(5, vec![Field::Message(kind, vec![field])])],
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

fn packed(indices: &[u64]) -> Field {
    let mut bytes = Vec::new();
    indices
        .iter()
        .for_each(|index| put_varint(&mut bytes, *index));
    Field::Bytes(1, bytes)
}

fn text_symbols(texts: &[&str]) -> Vec<Field> {
    let texts = texts.iter();
    texts
        .map(|text| Field::Bytes(4, text.as_bytes().to_vec()))
        .collect()
}

/// A request with every kind of field, small enough to be damaged in every way.
fn specimen() -> Vec<u8> {
    let sample = |bits: u64, time: u64| {
        Field::Message(2, vec![Field::Fixed64(1, bits), Field::Varint(2, time)])
    };
    let now = 1_700_000_000_000;
    let started = vec![
        Field::Fixed64(1, 5),
        Field::Varint(2, now),
        Field::Varint(3, now),
    ];
    let histogram = vec![
        Field::Varint(1, 2),
        Field::Fixed64(3, 9),
        Field::Message(8, vec![Field::Varint(1, 3), Field::Varint(2, 1)]),
        Field::Bytes(9, vec![2, 4]),
        Field::Bytes(10, vec![0; 8]),
        Field::Varint(15, 8),
        Field::Varint(17, 8),
    ];
    let metadata = |kind| {
        let fields = [(1, kind), (3, 5), (4, 6)];
        let fields = fields.map(|(field, value)| Field::Varint(field, value));
        Field::Message(5, fields.to_vec())
    };
    let exemplar = vec![packed(&[3, 4]), Field::Fixed64(2, 5), Field::Varint(3, 6)];
    let mut fields = text_symbols(&["", "__name__", "up_sum", "job", "a", "help", "s"]);
    fields.extend([
        Field::Message(
            5,
            vec![packed(&[1, 2, 3, 4]), sample(1, now), sample(2, now + 1)],
        ),
        Field::Message(
            5,
            vec![packed(&[1, 2]), Field::Message(2, started), metadata(5)],
        ),
        Field::Message(
            5,
            vec![
                packed(&[1, 2]),
                Field::Message(3, histogram),
                Field::Message(4, exemplar),
            ],
        ),
        Field::Message(
            5,
            vec![
                metadata(1),
                sample(3, 7),
                packed(&[3]),
                Field::Varint(6, 9),
                packed(&[4, 1, 2]),
            ],
        ),
        Field::Message(5, vec![packed(&[3, 4])]),
        Field::Fixed32(7, 1),
    ]);
    let mut body = Vec::new();
    put_fields(&mut body, &fields);
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
fn a_specimen_says_what_it_holds() {
    let (series, extras) = ours(&specimen()).unwrap();
    assert_eq!(series.len(), 4);
    assert_eq!(
        series
            .iter()
            .map(|(_, samples, ..)| samples.len())
            .sum::<usize>(),
        4
    );
    let histograms = series.iter().map(|(_, _, histograms, _)| histograms.len());
    let exemplars = series.iter().flat_map(|(.., exemplars)| exemplars);
    let labels = Labels::from_pairs([("job", "a")]).unwrap();
    assert_eq!(exemplars.collect::<Vec<_>>(), [&(6, 5, Ok(labels))]);
    assert_eq!(histograms.sum::<usize>(), 1);
    assert_eq!(extras.empty_series.count, 1);
    assert_eq!(
        extras.empty_series.first_series.as_deref(),
        Some("{job=\"a\"}")
    );
    let found: Vec<_> = extras
        .metadata
        .iter()
        .map(|m| (&*m.metric, m.kind))
        .collect();
    // A summary's sum belongs to the summary; a counter's name is its own.
    assert_eq!(
        found,
        [("up", MetricKind::Summary), ("up_sum", MetricKind::Counter)]
    );
}

#[test]
fn symbols_may_come_after_the_series_that_use_them() {
    let series = Field::Message(
        5,
        vec![
            packed(&[1, 2]),
            Field::Message(2, vec![Field::Fixed64(1, 1), Field::Varint(2, 1)]),
            Field::Message(5, vec![Field::Varint(1, 1)]),
        ],
    );
    let mut fields = vec![series.clone()];
    fields.extend(text_symbols(&["", "__name__", "up"]));
    fields.push(series);
    let mut body = Vec::new();
    put_fields(&mut body, &fields);
    assert!(compare(&body));
    let (series, extras) = ours(&body).unwrap();
    assert_eq!(series.len(), 2);
    assert!(series.iter().all(|(labels, ..)| labels.is_ok()));
    assert_eq!(extras.metadata.len(), 1);
}

#[test]
fn the_first_symbol_must_be_empty() {
    for (texts, accepted) in [(&["a"][..], false), (&["", "a"], true), (&[], true)] {
        let mut body = Vec::new();
        put_fields(&mut body, &text_symbols(texts));
        assert_eq!(compare(&body), accepted, "{texts:?}");
    }
}

#[test]
fn what_our_encoder_writes_is_read_back() {
    let mut encoder = WriteEncoder::new();
    let mut scratch = DecodeScratch::new();
    let metadata = MetricMetadata {
        metric: "requests".into(),
        kind: MetricKind::Histogram,
        help: "how many".into(),
        unit: String::new(),
    };
    for round in 0..3i64 {
        let mut expected = Vec::new();
        for number in 0..200 {
            let pod = format!("pod-{number}-{round}");
            let pairs = [("__name__", "requests_bucket"), ("job", "a"), ("pod", &pod)];
            let labels = Labels::from_pairs(pairs).unwrap();
            let times = [1_700_000_000_000 + round, i64::MIN, -1, 0, 1 << 42];
            let samples = times.map(|time| Sample::new(time, number as f64));
            if number % 2 == 0 {
                encoder.series(&labels, &samples);
            } else {
                encoder.series_with_metadata(&labels, &samples, &metadata);
            }
            expected.push((labels, samples.to_vec()));
        }
        assert_eq!(encoder.samples_len(), 1000);
        let length = encoder.bytes_len();
        let body = encoder.finish().unwrap();
        assert_eq!(encoder.samples_len(), 0);
        let plain = snap::raw::Decoder::new().decompress_vec(&body).unwrap();
        assert_eq!(plain.len(), length);
        assert!(compare(&plain));
        let request = WriteRequest::from_body(body, 1 << 20).unwrap();
        let request = request.speaking(crate::write::WriteProtocol::V2);
        let decoded = request.decode(&mut scratch).unwrap();
        let mut builder = LabelsBuilder::new();
        let found: Vec<_> = decoded
            .batch
            .series()
            .map(|(key, times, values)| {
                builder.clear();
                key.parse(&mut builder).unwrap();
                let samples = times.iter().zip(values).map(|(t, v)| Sample::new(*t, *v));
                (builder.finish().unwrap(), samples.collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(found, expected);
        assert_eq!(decoded.extras.metadata, std::slice::from_ref(&metadata));
    }
}

#[test]
fn memory_for_many_tiny_parts_comes_out_of_the_budget() {
    let empty_symbols = vec![Field::Bytes(4, vec![]); 400_000];
    let samples = vec![Field::Message(5, vec![Field::Message(2, vec![]); 900_000])];
    let series = vec![Field::Message(5, vec![Field::Message(2, vec![])]); 200_000];
    let refs = vec![Field::Message(5, vec![Field::Bytes(1, vec![0; 2_000_000])])];
    for fields in [empty_symbols, samples, series, refs] {
        let mut body = Vec::new();
        put_fields(&mut body, &fields);
        let (parts, ()) = http::Request::new(()).into_parts();
        let inflight = InflightBytes::new(8 << 20);
        let permit = inflight.try_acquire(0).unwrap();
        let request = WriteRequest::new(parts, compressed(&body), 32 << 20, permit).unwrap();
        let request = request.speaking(crate::write::WriteProtocol::V2);
        match request.decode(&mut DecodeScratch::new()) {
            Err(DecodeError::Request(RequestFault::Busy { limit, .. })) => {
                assert_eq!(limit, 8 << 20);
            }
            other => panic!("{:?}", other.map(|_| "decoded")),
        }
        drop(request);
        assert_eq!(inflight.used(), 0);
    }
}
