//! `tsdb-server import prometheus` of a real Prometheus that was sent native histograms: of the
//! snapshot it makes of them, and of its log while it runs.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use tsdb_core::model::{
    BucketSpan, Histogram, HistogramCounts, Labels, Matcher, ResetHint, STALE_NAN_BITS, Sample,
    TimeRange,
};
use tsdb_remote::client::read::{FrameDecoder, SeriesSamples, decode_samples, encode_request};
use tsdb_remote::client::write::WriteEncoder;
use tsdb_remote::read::ResponseType;

use crate::import_prometheus::{import, listed, text};
use crate::support::{Prometheus, Server, post, program, write_request};

fn histogram(count: u64) -> Histogram {
    let count_signed = count.cast_signed();
    Histogram {
        schema: 3,
        zero_threshold: 1e-128,
        sum: 0.7 * count as f64,
        positive_spans: vec![
            BucketSpan {
                offset: -3,
                length: 2,
            },
            BucketSpan {
                offset: 4,
                length: 1,
            },
        ],
        negative_spans: vec![BucketSpan {
            offset: 0,
            length: 1,
        }],
        counts: HistogramCounts::Integer {
            count: 4 * count + 3,
            zero_count: 3,
            positive: vec![count_signed, count_signed, -count_signed],
            negative: vec![0],
        },
        ..Histogram::default()
    }
}

fn float_histogram(value: f64) -> Histogram {
    Histogram {
        sum: -value,
        counts: HistogramCounts::Float {
            count: 4.0 * value + 0.25,
            zero_count: 0.25,
            positive: vec![value, value, value],
            negative: vec![value],
        },
        ..histogram(1)
    }
}

/// The answer to a remote read of all series of this test, in one of its two forms.
async fn answer_to_read(url: &str, form: ResponseType) -> Bytes {
    let range = TimeRange::inclusive(0, 1 << 50).expect("a range");
    let matchers = [Matcher::regex("__name__", "t_.+").expect("a matcher")];
    let body = encode_request(&[(range, &matchers)], &[form]).expect("a request");
    let headers = [
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "snappy"),
        ("x-prometheus-remote-read-version", "0.1.0"),
    ];
    let answer = post(&format!("{url}/api/v1/read"), &headers, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.body
}

/// All series as a server of ours tells them.
async fn told_here(url: &str) -> Vec<SeriesSamples> {
    let answer = answer_to_read(url, ResponseType::Samples).await;
    let mut results = decode_samples(&answer, 64 << 20).expect("an answer");
    results.remove(0)
}

/// All series as a Prometheus has them in its chunks. It takes the first histogram of a chunk for
/// one of which nothing is known, unless it says that there was a reset, and a stale marker, too.
async fn told_by_prometheus(url: &str) -> Vec<SeriesSamples> {
    let answer = answer_to_read(url, ResponseType::StreamedXorChunks).await;
    let mut decoder = FrameDecoder::new(64 << 20);
    decoder.push(&answer);
    let mut all: Vec<SeriesSamples> = Vec::new();
    while let Some(mut frame) = decoder.next_frame().expect("a frame") {
        let chunks = std::mem::take(&mut frame.chunks);
        if all.last().is_none_or(|last| last.labels != frame.labels) {
            all.push(SeriesSamples {
                labels: frame.labels.clone(),
                samples: Vec::new(),
                histograms: Vec::new(),
            });
        }
        let series = all.last_mut().expect("a series");
        for chunk in chunks {
            frame.chunks = vec![chunk];
            series.samples.extend(frame.samples().expect("floats"));
            let histograms = frame.histograms().expect("histograms").into_iter();
            for (number, (time, mut one)) in histograms.enumerate() {
                if one.is_stale() || (number == 0 && one.reset_hint == ResetHint::NoReset) {
                    one.reset_hint = ResetHint::Unknown;
                }
                series.histograms.push((time, one));
            }
        }
    }
    all
}

/// What a log says of counter resets is what the sender said, which is nothing.
fn without_hints(mut all: Vec<SeriesSamples>) -> Vec<SeriesSamples> {
    for series in &mut all {
        for (_, histogram) in &mut series.histograms {
            histogram.reset_hint = ResetHint::Unknown;
        }
    }
    all
}

fn time(k: i64) -> i64 {
    1_700_000_000_000 + k * 15_000
}

/// Integer histograms with a reset and a stale marker, float ones, and floats of all kinds.
fn body() -> Bytes {
    let labels =
        |name: &str| Labels::from_pairs([("__name__", name), ("job", "a")]).expect("labels");
    let mut encoder = WriteEncoder::new();
    let integers = (0..300).map(|k: i64| {
        let one = match k {
            0..150 => histogram(k.unsigned_abs() * 7),
            150 => Histogram::stale(false),
            _ => histogram(k.unsigned_abs() % 200),
        };
        (time(k), one)
    });
    let integers: Vec<_> = integers.collect();
    encoder.histograms(&labels("t_integers"), &integers);
    let floats = (0..50).map(|k| (time(k), float_histogram(k as f64 + 0.5)));
    let floats: Vec<_> = floats.collect();
    encoder.histograms(&labels("t_floats"), &floats);
    let values = [
        1.5,
        f64::from_bits(0x7ff8_0000_0000_0001),
        -0.0,
        f64::from_bits(STALE_NAN_BITS),
        f64::MAX,
    ];
    let samples: Vec<Sample> = (0..500)
        .map(|k| Sample::new(time(k), values[k as usize % 5]))
        .collect();
    encoder.series(&labels("t_plain"), &samples);
    encoder.finish().expect("a body")
}

/// A Prometheus with these samples in its head, and its data folder.
async fn source(program: &Path, folder: &Path) -> (Prometheus, PathBuf) {
    let more = [
        "--web.enable-remote-write-receiver",
        "--web.enable-admin-api",
        "--enable-feature=native-histograms",
        "--storage.tsdb.retention.time=100y",
    ];
    let folder = folder.join("p");
    let source = Prometheus::start_with(program, &folder, "global: {}", &more).await;
    let answer = write_request(&source.url, body()).await.expect("an answer");
    assert_eq!(answer.status, 204, "{}", answer.text());
    (source, folder.join("data"))
}

/// A snapshot has the head as a block, and the server that imported it tells the same over remote
/// read.
#[tokio::test]
async fn a_snapshot_with_histograms_comes_through() {
    let (Some(prometheus), Some(promtool)) = (
        program("prometheus", "prometheus"),
        program("promtool", "prometheus"),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (source, data) = source(&prometheus, folder.path()).await;
    let admin = format!("{}/api/v1/admin/tsdb", source.url);
    let made = post(&format!("{admin}/snapshot"), &[], "").await;
    let made: serde_json::Value = serde_json::from_slice(&made.body).expect("JSON");
    let name = made["data"]["name"].as_str().expect("a name");
    let snapshot = data.join("snapshots").join(name);
    let wanted = told_by_prometheus(&source.url).await;
    let lengths = wanted.iter();
    let lengths: Vec<usize> = lengths
        .map(|one| one.samples.len() + one.histograms.len())
        .collect();
    assert_eq!(lengths, [50, 300, 500]);
    let hints: Vec<ResetHint> = wanted[1]
        .histograms
        .iter()
        .map(|(_, one)| one.reset_hint)
        .collect();
    assert_eq!(hints[..2], [ResetHint::Unknown, ResetHint::NoReset]);
    assert!(wanted[1].histograms[150].1.is_stale());

    let server = Server::start(&folder.path().join("tsdb"), &[]);
    let state = folder.path().join("state");
    let arguments = ["--url", &server.api, "--state", text(&state)];
    let said = import(&[&[text(&snapshot)][..], &arguments].concat(), 0).await;
    let read = "read: 3 series, 850 samples (350 of them histograms)";
    assert!(said.contains(read), "{said}");
    assert!(!said.contains("NOT IMPORTED"), "{said}");
    let count = |column| listed(&promtool, &snapshot, column);
    assert_eq!((count(4), count(6)), (850, 3));
    assert_eq!(told_here(&server.api).await, wanted);
}

/// The data folder of a running Prometheus has all in its log alone; a part of it is deleted, which
/// its log says, too.
#[tokio::test]
async fn the_log_of_a_running_prometheus_comes_through() {
    let Some(prometheus) = program("prometheus", "prometheus") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (source, data) = source(&prometheus, folder.path()).await;
    let delete = format!(
        "{}/api/v1/admin/tsdb/delete_series?match[]=t_plain&start=1700000000&end=1700000150",
        source.url
    );
    assert_eq!(post(&delete, &[], "").await.status, 204);
    let mut wanted = without_hints(told_by_prometheus(&source.url).await);
    assert_eq!(wanted[2].samples.len(), 489);

    let server = Server::start(&folder.path().join("tsdb"), &[]);
    let state = folder.path().join("state");
    let arguments = [text(&data), "--url", &server.api, "--state", text(&state)];
    let said = import(&[&arguments[..], &["--skip-head"]].concat(), 0).await;
    let left_out = "NOT IMPORTED: the newest two to three hours";
    assert!(said.contains(left_out), "{said}");
    assert!(told_here(&server.api).await.is_empty());
    let said = import(&arguments, 0).await;
    assert!(said.contains("wal: 3 series, 839 samples"), "{said}");
    let deleted = "deleted in Prometheus and left out: 11";
    assert!(said.contains(deleted), "{said}");
    assert_eq!(without_hints(told_here(&server.api).await), wanted);

    // A part of the time, into a folder.
    let target = folder.path().join("other");
    let state = folder.path().join("other.state");
    let fixed = ["--data-dir", text(&target), "--state", text(&state)];
    let part = [text(&data), "--match", "t_floats", "--start", "1700000150"];
    let said = import(&[&part[..], &fixed].concat(), 0).await;
    assert!(said.contains("wal: 1 series, 40 samples"), "{said}");
    let other = Server::start(&target, &[]);
    let mut floats = wanted.swap_remove(0);
    floats.histograms.drain(..10);
    assert_eq!(without_hints(told_here(&other.api).await), [floats]);
}
