//! Bodies of remote write and remote read.

use std::collections::HashMap;

use bytes::Bytes;
use prost::Message as _;
use tsdb_core::bits::{crc32c, put_uvarint};
use tsdb_core::model::{FingerprintKey, LabelsBuilder, SeriesKey, WriteBatch};
use tsdb_proto::prometheus as proto;
use tsdb_proto::write_v2;
use tsdb_remote::Limits;
use tsdb_remote::client::read::{FrameDecoder, decode_samples};
use tsdb_remote::read::decode_queries;
use tsdb_remote::write::{DecodeScratch, WriteProtocol, WriteRequest, decode_v1, decode_v2};

/// What a body may unpack to here.
const DECODED_BYTES_MAX: usize = 1 << 20;

/// A compressed body: refused, or each of its series can be walked.
pub(crate) fn write_body(input: &[u8]) {
    let body = Bytes::copy_from_slice(input);
    let mut scratch = DecodeScratch::new();
    for protocol in [WriteProtocol::V1, WriteProtocol::V2] {
        if let Ok(request) = WriteRequest::from_body(body.clone(), DECODED_BYTES_MAX) {
            walk_request(&request.speaking(protocol), &mut scratch);
        }
    }
}

fn walk_request(request: &WriteRequest, scratch: &mut DecodeScratch) {
    let Ok(decoded) = request.decode(scratch) else {
        return;
    };
    let mut builder = LabelsBuilder::new();
    let mut samples = 0;
    for (key, timestamps, values) in decoded.batch.series() {
        assert_eq!(timestamps.len(), values.len());
        samples += timestamps.len();
        let _ = labels_of(key, &mut builder);
    }
    assert_eq!(samples, decoded.batch.samples_len());
}

/// The labels of a key as their parser pushes them, or `None` when it refuses.
fn labels_of(key: SeriesKey<'_>, builder: &mut LabelsBuilder) -> Option<Vec<u8>> {
    builder.clear();
    key.parse(builder).ok()?;
    builder.canonical().ok().map(<[u8]>::to_vec)
}

fn canonical(labels: &[proto::Label]) -> Option<Vec<u8>> {
    let mut builder = LabelsBuilder::new();
    for label in labels {
        builder.push_bytes(label.name.as_bytes(), label.value.as_bytes());
    }
    builder.canonical().ok().map(<[u8]>::to_vec)
}

/// Our decoder of the protobuf message finds what the generated one finds.
pub(crate) fn write_against_prost(input: &[u8]) {
    let mut arena = Vec::new();
    let mut batch = WriteBatch::new();
    let ours = decode_v1(input, &mut arena, &mut batch, None);
    let theirs = match proto::WriteRequest::decode(input) {
        Ok(theirs) => theirs,
        // It refuses a request for one bad text, we refuse only the series.
        Err(error) if error.to_string().contains("UTF-8") => return,
        Err(error) => {
            // Labels are looked at only when the series is new.
            let refused = ours.is_err() || refuses_a_series(&batch);
            assert!(
                refused,
                "accepted what the generated decoder refuses: {error}"
            );
            return;
        }
    };
    let extras = ours.expect("the generated decoder accepts it");
    let exemplars: usize = theirs
        .timeseries
        .iter()
        .map(|series| series.exemplars.len())
        .sum();
    let histograms: usize = theirs
        .timeseries
        .iter()
        .map(|series| series.histograms.len())
        .sum();
    assert_eq!(batch.exemplars().len(), exemplars);
    assert_eq!(batch.histograms().len(), histograms);
    assert_eq!(extras.metadata.len(), theirs.metadata.len());

    // The order of series in a batch says nothing.
    let mut builder = LabelsBuilder::new();
    let mut found: Vec<Series> = batch
        .series()
        .filter(|(_, timestamps, _)| !timestamps.is_empty())
        .map(|(key, timestamps, values)| {
            (
                labels_of(key, &mut builder),
                timestamps.to_vec(),
                bits(values.iter().copied()),
            )
        })
        .collect();
    let mut wanted: Vec<Series> = theirs
        .timeseries
        .iter()
        .filter(|series| !series.samples.is_empty())
        .map(|series| {
            let timestamps = series
                .samples
                .iter()
                .map(|sample| sample.timestamp)
                .collect();
            let values = bits(series.samples.iter().map(|sample| sample.value));
            (canonical(&series.labels), timestamps, values)
        })
        .collect();
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
}

/// Our decoder of a remote write 2.0 message finds what the generated one finds, and two series of
/// a message have one fingerprint exactly when they are named by the same texts.
pub(crate) fn write_v2_against_prost(input: &[u8]) {
    let (mut batch, mut metadata) = (WriteBatch::new(), Vec::new());
    let ours = decode_v2(input, &mut batch, &mut metadata, None);
    let theirs = match write_v2::Request::decode(input) {
        Ok(theirs) => theirs,
        // It refuses a request for one bad text, we refuse only the series.
        Err(error) if error.to_string().contains("UTF-8") => return,
        Err(error) => {
            assert!(ours.is_err(), "accepted what is refused: {error}");
            return;
        }
    };
    if ours.is_err() {
        let first = theirs
            .symbols
            .first()
            .expect("a refused request has symbols");
        assert!(!first.is_empty(), "refused what is accepted");
        return;
    }
    let text = |index: u32| theirs.symbols.get(index as usize).map(String::as_bytes);
    let key = FingerprintKey::new([3; 16]);
    let hashes: Vec<_> = batch
        .symbols()
        .iter()
        .map(|text| key.symbol(text))
        .collect();
    let mut lists = key.symbol_lists(&hashes);
    let mut fingerprints = HashMap::new();
    let mut wanted = theirs.timeseries.iter().filter(|series| {
        let beside = series.histograms.len() + series.exemplars.len();
        !series.samples.is_empty() || beside > 0
    });
    for (found, timestamps, values) in batch.series() {
        let SeriesKey::Symbols(labels) = found else {
            panic!("a decoded series is made of symbols")
        };
        let series = wanted
            .next()
            .expect("no more series than the generated decoder finds");
        assert_eq!(labels.refs, series.labels_refs);
        let samples = series.samples.iter();
        assert_eq!(
            timestamps,
            samples.clone().map(|s| s.timestamp).collect::<Vec<_>>()
        );
        assert_eq!(bits(values.iter().copied()), bits(samples.map(|s| s.value)));
        let texts: Option<Vec<_>> = labels.refs.iter().map(|index| text(*index)).collect();
        let Some(texts) = texts else { continue };
        let fingerprint = lists.fingerprint(labels.refs);
        let same = fingerprints
            .entry(fingerprint)
            .or_insert_with(|| texts.clone());
        assert_eq!(*same, texts, "two lists of symbols share a fingerprint");
    }
    assert!(wanted.next().is_none(), "a series is missing");
    let count = |of: fn(&write_v2::TimeSeries) -> usize| {
        theirs.timeseries.iter().map(of).sum::<usize>() as u64
    };
    let exemplars = count(|series| series.exemplars.len());
    assert_eq!(batch.exemplars().len() as u64, exemplars);
    let histograms = count(|series| series.histograms.len());
    assert_eq!(batch.histograms().len() as u64, histograms);
}

/// Canonical labels if they are any, timestamps, and the bits of the values.
type Series = (Option<Vec<u8>>, Vec<i64>, Vec<u64>);

fn bits(values: impl Iterator<Item = f64>) -> Vec<u64> {
    values.map(f64::to_bits).collect()
}

fn refuses_a_series(batch: &WriteBatch<'_>) -> bool {
    let mut builder = LabelsBuilder::new();
    batch
        .series()
        .any(|(key, _, _)| labels_of(key, &mut builder).is_none())
}

/// Our decoder of a read request finds the queries that the generated one finds.
pub(crate) fn read_request_against_prost(input: &[u8]) {
    let limits = Limits::default();
    let ours = decode_queries(input, &limits);
    let theirs = proto::ReadRequest::decode(input);
    let (Ok((queries, accepted)), Ok(theirs)) = (&ours, &theirs) else {
        // Ours also refuses what says nothing sensible; it never accepts what is no message,
        // but it does not look into the texts of hints.
        if let (Ok(_), Err(error)) = (&ours, &theirs) {
            assert!(
                error.to_string().contains("UTF-8"),
                "accepted what is refused: {error}"
            );
        }
        return;
    };
    assert_eq!(queries.len(), theirs.queries.len());
    for (ours, theirs) in queries.iter().zip(&theirs.queries) {
        let (start, end) = (theirs.start_timestamp_ms, theirs.end_timestamp_ms);
        match &ours.range {
            Some(range) => assert_eq!((range.min(), range.max()), (start, end)),
            None => assert!(end < start),
        }
        assert_eq!(ours.matchers.len(), theirs.matchers.len());
        for (ours, theirs) in ours.matchers.iter().zip(&theirs.matchers) {
            assert_eq!(
                (ours.name(), ours.value()),
                (theirs.name.as_str(), theirs.value.as_str())
            );
        }
    }
    for number in accepted {
        assert!(theirs.accepted_response_types.contains(number));
    }
}

/// The answers that our client takes: whole ones and frames, in pieces as a network cuts them.
pub(crate) fn read_response(input: &[u8]) {
    if let Ok(results) = decode_samples(input, DECODED_BYTES_MAX) {
        for series in results.iter().flatten() {
            assert!(series.labels.len() <= input.len() * 64);
        }
    }
    walk_frames(input);
    // The same as the content of a frame, so that no checksum keeps it out.
    let mut frame = Vec::new();
    put_uvarint(&mut frame, input.len() as u64);
    frame.extend_from_slice(&crc32c(input).swap_bytes().to_le_bytes());
    frame.extend_from_slice(input);
    walk_frames(&frame);
}

/// The frames of an answer, their samples, and whether it was complete: the same whether it comes
/// as a whole or in pieces.
fn walk_frames(answer: &[u8]) {
    let frames = |step: usize| {
        let mut decoder = FrameDecoder::new(DECODED_BYTES_MAX);
        let mut found = Vec::new();
        for piece in answer.chunks(step) {
            decoder.push(piece);
            loop {
                match decoder.next_frame() {
                    Ok(Some(frame)) => found.push((frame.samples().map_err(drop), frame.labels)),
                    Ok(None) => break,
                    Err(_) => return (found, false),
                }
            }
        }
        let complete = decoder.finish().is_ok();
        (found, complete)
    };
    let (whole, pieces) = (frames(answer.len().max(1)), frames(3));
    // Equal by their text: samples may be NaN.
    assert_eq!(format!("{whole:?}"), format!("{pieces:?}"));
}
