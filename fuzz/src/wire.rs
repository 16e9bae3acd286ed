//! What nodes say to each other: payloads of a connection, frames of series, messages.

use std::fmt::Debug;

use tsdb_cluster::message::{DeleteRequest, DigestReply, DigestRequest, MarkRequest, ReadRequest};
use tsdb_cluster::wire::messages::{
    DeleteReply, DeletesBehindReply, DeletesBehindRequest, MarkReply, NodeMessage, Refusal,
    RepairReply, RepairRequest, SealReply, SealRequest, SelectOrder, SelectReply, StatusReply,
    StatusRequest, TopologyReply, TopologyRequest, WriteOpened, WriteOpening, WriteReply,
    WriteRequest,
};
use tsdb_cluster::wire::{
    Decoded, Packing, SampleDecoder, SampleEncoder, SampleLimits, SeriesFrameReader,
    SeriesFrameWriter, SeriesHandle, SeriesPart,
};
use tsdb_core::bits::crc32c;
use tsdb_core::{Labels, SeriesKey, WriteBatch};

use crate::Input;

const LIMITS: SampleLimits = SampleLimits {
    series: 512,
    label_bytes: 64 << 10,
    samples: 1 << 14,
    payload_bytes: 1 << 20,
};

/// The payloads of one connection, each behind its length in two bytes and without its checksum.
/// What a decoder took is encoded and decoded again.
pub(crate) fn samples(input: &[u8]) {
    let mut input = Input::new(input);
    let mut decoder = SampleDecoder::new(LIMITS);
    let mut decoded = Decoded::default();
    let mut ends = Ends::new(Packing::Snappy);
    while !input.is_empty() {
        let len = usize::from(u16::from_le_bytes(input.array()));
        let payload = sealed(input.take(len));
        if decoder.decode(&payload, &mut decoded).is_err() {
            assert!(decoded.series().is_empty() && decoded.samples_len() == 0);
            assert!(decoder.decode(&payload, &mut decoded).is_err());
            return;
        }
        assert!(decoder.series_len() <= LIMITS.series && decoded.samples_len() <= LIMITS.samples);
        let handle = |series: &tsdb_cluster::wire::DecodedSeries| SeriesHandle {
            key: u64::from(series.number),
            shard: series.entry.shard,
        };
        let handles: Vec<_> = decoded.series().iter().map(handle).collect();
        if decoded.reset() {
            ends.encoder.reset();
        }
        let mut batch = WriteBatch::new();
        decoded.fill(&mut batch, |_| true);
        ends.send(&batch, &handles);
    }
}

/// Histories of a connection made of the input.
pub(crate) fn samples_round_trip(input: &[u8]) {
    let mut input = Input::new(input);
    let packing = [Packing::Plain, Packing::Snappy][input.below(2)];
    let labels: Vec<Labels> = (0..8).map(numbered).collect();
    let mut ends = Ends::new(packing);
    while !input.is_empty() {
        let mut batch = WriteBatch::new();
        let mut handles = Vec::new();
        for _ in 0..input.below(12) {
            let key = input.below(labels.len());
            batch.begin(SeriesKey::Labels(&labels[key]));
            for _ in 0..input.below(4) {
                batch.sample(input.int(), input.float());
            }
            handles.push(SeriesHandle {
                key: key as u64,
                shard: key as u32,
            });
        }
        if input.below(16) == 0 {
            ends.encoder.reset();
        }
        ends.send(&batch, &handles);
    }
}

/// Both ends of a connection.
struct Ends {
    encoder: SampleEncoder,
    decoder: SampleDecoder,
    decoded: Decoded,
}

impl Ends {
    fn new(packing: Packing) -> Self {
        // What one payload held fits again, whatever its bytes.
        let limits = SampleLimits {
            payload_bytes: 64 << 20,
            ..LIMITS
        };
        Self {
            encoder: SampleEncoder::new(limits, packing),
            decoder: SampleDecoder::new(limits),
            decoded: Decoded::default(),
        }
    }

    fn send(&mut self, batch: &WriteBatch<'_>, handles: &[SeriesHandle]) {
        let selection: Vec<u32> = (0..handles.len() as u32).collect();
        let mut payload = Vec::new();
        let encoded = self
            .encoder
            .encode(batch, handles, &selection, &mut payload)
            .expect("what was decoded can be encoded");
        self.decoder
            .decode(&payload, &mut self.decoded)
            .expect("our own payload");
        assert_eq!(self.decoded.series().len(), encoded.series);
        let mut came = WriteBatch::new();
        self.decoded.fill(&mut came, |_| true);
        let mut sent = (0..batch.series_len()).filter(|&index| {
            let floats = batch.series_at(index).is_some_and(|one| !one.1.is_empty());
            floats
                || batch.histograms().iter().any(|row| row.series == index)
                || batch.exemplars().iter().any(|row| row.series == index)
        });
        for (_, timestamps, values) in came.series() {
            let index = sent.next().expect("no more series than were sent");
            let (_, sent_timestamps, sent_values) = batch.series_at(index).expect("a series");
            assert_eq!(timestamps, sent_timestamps);
            let bits = |values: &[f64]| values.iter().map(|one| one.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(values), bits(sent_values));
        }
        assert!(sent.next().is_none());
        let histograms = |batch: &WriteBatch<'_>| {
            let rows = batch.histograms().iter();
            rows.map(|row| (row.timestamp, row.histogram.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(histograms(&came), histograms(batch));
        assert_eq!(came.exemplars().len(), batch.exemplars().len());
    }
}

fn numbered(number: usize) -> Labels {
    Labels::from_pairs([("__name__", "up"), ("number", &number.to_string())]).expect("labels")
}

/// The bytes with their checksum.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut sealed = bytes.to_vec();
    sealed.extend_from_slice(&crc32c(bytes).to_le_bytes());
    sealed
}

/// A frame of series without its checksum. What was read is written and read again.
pub(crate) fn series(input: &[u8]) {
    assert!(parts(input).is_none() || crc_matches(input));
    let Some(read) = parts(&sealed(input)) else {
        return;
    };
    let mut writer = SeriesFrameWriter::new();
    let mut frames = Vec::new();
    for part in &read {
        let mut full = |frame| frames.push(frame);
        writer
            .push(&part.labels, &part.chunks, &mut full)
            .expect("what came in a frame");
    }
    frames.extend(writer.finish());
    let again = frames.iter().flat_map(|frame| parts(frame).expect("ours"));
    let told = |parts: Vec<SeriesPart>| {
        let one = |part: SeriesPart| format!("{:?} {:?}", part.labels, part.chunks);
        parts.into_iter().map(one).collect::<Vec<_>>()
    };
    assert_eq!(told(again.collect()), told(read));
}

fn crc_matches(input: &[u8]) -> bool {
    let end = input.len().saturating_sub(4);
    sealed(&input[..end]) == input
}

fn parts(frame: &[u8]) -> Option<Vec<SeriesPart>> {
    let mut reader = SeriesFrameReader::new(frame).ok()?;
    let mut parts = Vec::new();
    while let Some(part) = reader.next_series().ok()? {
        parts.push(part);
    }
    Some(parts)
}

/// A message of the kind that the first byte tells.
pub(crate) fn message(input: &[u8]) {
    let Some((&kind, bytes)) = input.split_first() else {
        return;
    };
    let kinds = [
        play::<WriteOpening>,
        play::<WriteOpened>,
        play::<WriteRequest>,
        play::<WriteReply>,
        play::<ReadRequest>,
        play::<SelectReply>,
        play::<SealRequest>,
        play::<SealReply>,
        play::<DeletesBehindReply>,
        play::<DigestRequest>,
        play::<DigestReply>,
        play::<DeleteRequest>,
        play::<DeleteReply>,
        play::<TopologyRequest>,
        play::<TopologyReply>,
        play::<StatusRequest>,
        play::<StatusReply>,
        play::<Refusal>,
        play::<DeletesBehindRequest>,
        play::<MarkRequest>,
        play::<MarkReply>,
        play::<RepairRequest>,
        play::<RepairReply>,
    ];
    kinds[usize::from(kind) % kinds.len()](bytes);
    if let Ok(reply) = SelectReply::decode(bytes.to_vec().into()) {
        let mut order = SelectOrder::new();
        assert_eq!(order.check(&reply).is_ok() && order.finish().is_ok(), {
            matches!(reply, SelectReply::Failed(_))
        });
    }
}

/// What can be read can be written, and reads the same.
fn play<M: NodeMessage + Clone + Debug>(bytes: &[u8]) {
    let Ok(message) = M::decode(bytes.to_vec().into()) else {
        return;
    };
    let again = M::decode(message.clone().encode().into()).expect("what was read");
    assert_eq!(format!("{again:?}"), format!("{message:?}"));
}
