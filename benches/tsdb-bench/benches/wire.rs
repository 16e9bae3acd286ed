//! What nodes say to each other: payloads of samples, frames of series and messages, in and out.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a benchmark may panic, takes time, and tells how many bytes it made"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tsdb_bench::{Fleet, bench_fleet};
use tsdb_cluster::Incarnation;
use tsdb_cluster::message::Origin;
use tsdb_cluster::wire::messages::{NodeMessage as _, WriteRequest};
use tsdb_cluster::wire::{
    Decoded, PROTOCOL_VERSION, Packing, SampleDecoder, SampleEncoder, SampleLimits,
    SeriesFrameReader, SeriesFrameWriter, SeriesHandle,
};
use tsdb_core::chunk::encode;
use tsdb_core::{ChunkPart, Encoding, Labels, Sample, WriteBatch};

/// How the samples of a fleet are cut into requests.
#[derive(Clone, Copy, Debug)]
struct Cut {
    name: &'static str,
    samples: usize,
}

const CUTS: [Cut; 3] = [
    Cut {
        name: "500",
        samples: 500,
    },
    Cut {
        name: "2000",
        samples: 2_000,
    },
    Cut {
        name: "a round",
        samples: usize::MAX,
    },
];
/// Samples of one chunk, and chunks of one series, that are read.
const CHUNK_SAMPLES: usize = 120;
const CHUNKS: usize = 2;
/// Rounds that are sent before anything is measured.
const WARM: usize = 2;

/// One request: a batch and what names its series.
type Request<'f> = (WriteBatch<'f>, Vec<SeriesHandle>, Vec<u32>);

/// The requests of one scrape of all targets.
fn requests(fleet: &Fleet, round: usize, cut: Cut) -> Vec<Request<'_>> {
    let found: Vec<_> = fleet.round(round).collect();
    let chunks = found.chunks(cut.samples.min(found.len().max(1)));
    let request = |chunk: &[tsdb_bench::FleetSample]| {
        let mut batch = WriteBatch::new();
        let mut handles = Vec::new();
        for one in chunk {
            batch.push(fleet.labels().get(one.series).expect("labels"), one.sample);
            handles.push(SeriesHandle {
                key: one.series as u64 * 7,
                shard: one.series as u32 % 64,
            });
        }
        let selection = (0..batch.series_len() as u32).collect();
        (batch, handles, selection)
    };
    chunks.map(request).collect()
}

fn encode_all(encoder: &mut SampleEncoder, requests: &[Request<'_>], out: &mut Vec<Vec<u8>>) {
    out.resize_with(requests.len(), Vec::new);
    for ((batch, handles, selection), out) in requests.iter().zip(out) {
        out.clear();
        (encoder.encode(batch, handles, selection, out)).expect("a payload");
    }
}

fn decode_all(decoder: &mut SampleDecoder, payloads: &[Vec<u8>], out: &mut Decoded) -> usize {
    let mut samples = 0;
    for payload in payloads {
        decoder.decode(payload, out).expect("our own payload");
        samples += out.samples_len();
        black_box(&*out);
    }
    samples
}

/// Plays rounds from `WARM` on, and counts the time of what `measured` does of each.
struct Play<'f> {
    fleet: &'f Fleet,
    cut: Cut,
    round: usize,
    encoder: SampleEncoder,
    decoder: SampleDecoder,
    payloads: Vec<Vec<u8>>,
    decoded: Decoded,
}

impl<'f> Play<'f> {
    fn new(fleet: &'f Fleet, cut: Cut, packing: Packing) -> Self {
        Self {
            fleet,
            cut,
            round: 0,
            encoder: SampleEncoder::new(SampleLimits::default(), packing),
            decoder: SampleDecoder::new(SampleLimits::default()),
            payloads: Vec::new(),
            decoded: Decoded::default(),
        }
    }

    /// Sends the next round: samples, bytes, time to encode, time to decode.
    fn next(&mut self) -> (usize, usize, Duration, Duration) {
        let requests = requests(self.fleet, self.round, self.cut);
        self.round += 1;
        let start = Instant::now();
        encode_all(&mut self.encoder, &requests, &mut self.payloads);
        let encoding = start.elapsed();
        let start = Instant::now();
        let samples = decode_all(&mut self.decoder, &self.payloads, &mut self.decoded);
        let decoding = start.elapsed();
        let bytes = self.payloads.iter().map(Vec::len).sum();
        (samples, bytes, encoding, decoding)
    }
}

fn samples(c: &mut Criterion) {
    let fleet = bench_fleet().expect("a fleet");
    let len = fleet.labels().len() as u64;
    for packing in [Packing::Plain, Packing::Snappy] {
        for cut in CUTS {
            let mut play = Play::new(&fleet, cut, packing);
            let (samples, bytes, ..) = play.next();
            let mut all = (0, 0);
            for _ in 0..20 {
                let (samples, bytes, ..) = play.next();
                all = (all.0 + samples, all.1 + bytes);
            }
            eprintln!(
                "{packing:?}, requests of {}: {:.1} bytes a series at first, {:.3} a sample then",
                cut.name,
                bytes as f64 / samples as f64,
                all.1 as f64 / all.0 as f64
            );
            let mut group = c.benchmark_group(format!("wire {packing:?} {}", cut.name));
            group.throughput(Throughput::Elements(len));
            for (name, first, part) in [
                ("encode first", true, 0),
                ("decode first", true, 1),
                ("encode", false, 0),
                ("decode", false, 1),
            ] {
                group.bench_function(name, |b| {
                    b.iter_custom(|rounds| {
                        let mut play = Play::new(&fleet, cut, packing);
                        for _ in 0..if first { 0 } else { WARM } {
                            play.next();
                        }
                        let mut total = Duration::ZERO;
                        for _ in 0..rounds {
                            if first {
                                play = Play::new(&fleet, cut, packing);
                            }
                            let (_, _, encoding, decoding) = play.next();
                            total += if part == 0 { encoding } else { decoding };
                        }
                        total
                    });
                });
            }
            group.finish();
        }
    }
}

/// Four hours of each series in two chunks, as a node that keeps them answers.
fn series(c: &mut Criterion) {
    let fleet = bench_fleet().expect("a fleet");
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); fleet.labels().len()];
    for round in 0..CHUNKS * CHUNK_SAMPLES {
        for found in fleet.round(round) {
            samples
                .get_mut(found.series)
                .expect("a series")
                .push(found.sample);
        }
    }
    let chunk = |samples: &[Sample]| ChunkPart {
        min: samples.first().map_or(0, |first| first.timestamp),
        max: samples.last().map_or(0, |last| last.timestamp),
        count: samples.len() as u32,
        encoding: Encoding::Xor,
        bytes: encode(samples.iter().copied()).into(),
    };
    let chunks = |samples: &Vec<Sample>| samples.chunks(CHUNK_SAMPLES).map(chunk).collect();
    let mut all: Vec<(&Labels, Vec<ChunkPart>)> = (fleet.labels().iter())
        .zip(samples.iter().map(chunks))
        .collect();
    all.sort_by_key(|(labels, _)| *labels);
    for (name, chunks) in [("chunks", true), ("labels", false)] {
        let write = || {
            let mut writer = SeriesFrameWriter::new();
            let mut frames = Vec::new();
            for (labels, parts) in &all {
                let parts = if chunks { parts.as_slice() } else { &[] };
                let mut full = |frame| frames.push(frame);
                writer.push(labels, parts, &mut full).expect("a series");
            }
            frames.extend(writer.finish());
            frames
        };
        let frames = write();
        let bytes: usize = frames.iter().map(Vec::len).sum();
        let a_series = bytes as f64 / all.len() as f64;
        eprintln!("frames of {name}: {a_series:.1} bytes a series");
        let mut group = c.benchmark_group(format!("wire series {name}"));
        group.throughput(Throughput::Elements(all.len() as u64));
        group.bench_function("write", |b| b.iter(write));
        group.bench_function("read", |b| {
            b.iter(|| {
                for frame in &frames {
                    let mut reader = SeriesFrameReader::new(frame).expect("our own frame");
                    while let Some(part) = reader.next_series().expect("a series") {
                        black_box(part);
                    }
                }
            });
        });
        group.finish();
    }
}

/// A write and a read, as plain values to bytes and back.
fn messages(c: &mut Criterion) {
    let request = WriteRequest {
        version: PROTOCOL_VERSION,
        request_id: 1,
        namespace: "default".to_owned(),
        deletes_seen: 0,
        deadline: Duration::from_secs(10),
        epochs: (0..64).map(|shard| (shard, 7)).collect(),
        origin: Origin::Writer,
        incarnation: Incarnation(1),
        payload: vec![7; 2_000].into(),
        absent: Vec::new(),
        metadata: Vec::new(),
    };
    let bytes = Bytes::from(request.clone().encode());
    c.bench_function("wire messages/write request", |b| {
        b.iter(|| {
            let came = WriteRequest::decode(black_box(bytes.clone())).expect("our own");
            assert_eq!(came.payload.len(), request.payload.len());
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = samples, series, messages
}
criterion_main!(benches);
