//! Writes from a coordinator to a storage node: payloads of samples in and out.
#![expect(
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a benchmark may panic, and tells how many bytes it made"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tsdb_bench::{Fleet, bench_fleet};
use tsdb_cluster::wire::SeriesHandle;
use tsdb_cluster::wire::{Decoded, Packing, SampleDecoder, SampleEncoder, SampleLimits};
use tsdb_core::WriteBatch;

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
                        (0..if first { 0 } else { WARM }).for_each(|_| drop(play.next()));
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

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = samples
}
criterion_main!(benches);
