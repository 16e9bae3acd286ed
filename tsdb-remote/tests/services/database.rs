//! Both services over a real database: what a client writes is what a client reads.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tsdb_core::model::{
    BucketSpan, Histogram, HistogramCounts, Labels, Matcher, ResetHint, STALE_NAN_BITS, Sample,
    TimeRange,
};
use tsdb_core::{Db, DbOptions, Namespace, SystemClock};
use tsdb_remote::client::read::{
    DEFAULT_MAX_FRAME_BYTES, FrameDecoder, decode_samples, encode_request, request,
};
use tsdb_remote::client::write::{self, WriteEncoder};
use tsdb_remote::client::write_v2;
use tsdb_remote::read::{ReadRequest, ResponseType};
use tsdb_remote::write::{DecodeScratch, WriteRequest, WriteSummary};
use tsdb_remote::{
    BoxError, Limits, ReadError, RemoteReadLayer, RemoteWriteLayer, ResponseBody, WriteError,
};

use crate::support::{infallible, labels, text, whole};

fn store(namespace: &Namespace, request: &WriteRequest) -> Result<WriteSummary, WriteError> {
    let mut scratch = DecodeScratch::new();
    let decoded = request.decode(&mut scratch)?;
    let report = namespace.write(&decoded.batch)?;
    Ok(decoded.summary(report))
}

async fn write(namespace: &Namespace, body: Bytes) -> Response<ResponseBody> {
    let request = write::request("/api/v1/write".parse().unwrap(), "test/1", body).unwrap();
    send(namespace, request).await
}

async fn send(
    namespace: &Namespace,
    request: http::Request<http_body_util::Full<Bytes>>,
) -> Response<ResponseBody> {
    let namespace = namespace.clone();
    let inner = service_fn(move |request: WriteRequest| {
        let namespace = namespace.clone();
        async move {
            let work = tokio::task::spawn_blocking(move || store(&namespace, &request));
            work.await
                .map_err(|error| WriteError::Internal(error.into()))?
        }
    });
    let service = RemoteWriteLayer::new(Limits::default()).layer(inner);
    infallible(service.oneshot(request).await)
}

async fn read(
    namespace: &Namespace,
    matcher: Matcher,
    form: ResponseType,
) -> Response<ResponseBody> {
    let namespace = namespace.clone();
    let inner = service_fn(move |request: ReadRequest| {
        let namespace = namespace.clone();
        async move {
            let work = tokio::task::spawn_blocking(move || request.answer(&namespace));
            work.await
                .map_err(|error| ReadError::Internal(error.into()))?
        }
    });
    let matchers = [matcher];
    let body = encode_request(&[(TimeRange::ALL, &matchers[..])], &[form]).unwrap();
    let request = request("/api/v1/read".parse().unwrap(), "test/1", body).unwrap();
    let service = RemoteReadLayer::new(Limits::default()).layer(inner);
    infallible(service.oneshot(request).await)
}

type Content = Vec<(Labels, Vec<(i64, u64)>)>;

fn bits(samples: &[Sample]) -> Vec<(i64, u64)> {
    samples
        .iter()
        .map(|s| (s.timestamp, s.value.to_bits()))
        .collect()
}

async fn read_both(namespace: &Namespace, pattern: &str) -> [Content; 2] {
    let matcher = || Matcher::regex("job", pattern).unwrap();
    let response = read(namespace, matcher(), ResponseType::Samples).await;
    let mut results = decode_samples(&whole(response).await, 32 << 20).unwrap();
    let series = results.pop().unwrap().into_iter();
    let samples = series.map(|s| (s.labels, bits(&s.samples))).collect();

    let response = read(namespace, matcher(), ResponseType::StreamedXorChunks).await;
    let mut decoder = FrameDecoder::new(DEFAULT_MAX_FRAME_BYTES);
    decoder.push(&whole(response).await);
    let mut chunked = Vec::new();
    while let Some(frame) = decoder.next_frame().unwrap() {
        chunked.push((frame.labels.clone(), bits(&frame.samples().unwrap())));
    }
    decoder.finish().unwrap();
    [samples, chunked]
}

/// Series sorted by labels, with late and repeated samples and values that are easily lost.
fn content(now_ms: i64) -> Vec<(Labels, Vec<Sample>)> {
    let values = [
        1.0,
        -0.0,
        f64::from_bits(STALE_NAN_BITS),
        0.1,
        f64::INFINITY,
    ];
    let series = (0..40).map(|index: i64| {
        let samples = (0..=index * 9).map(|step| {
            let value = values[(step % 5) as usize];
            Sample::new(now_ms - 40_000_000 + step * 15_000 + index % 3, value)
        });
        let pairs = [("__name__", "up"), ("job", &format!("job-{index:02}"))];
        (labels(&pairs), samples.collect())
    });
    series.collect()
}

#[tokio::test]
async fn what_is_written_is_read_in_both_forms_before_and_after_a_flush() {
    use tsdb_core::clock::Clock as _;
    let db = Db::in_memory(DbOptions::default()).unwrap();
    let namespace = db.default_namespace();
    let content = content(SystemClock::new().now_ms());
    let mut encoder = WriteEncoder::new();
    for part in [1, 0, 1] {
        for (labels, samples) in &content {
            let half = samples.len() / 2;
            encoder.series(
                labels,
                if part == 0 {
                    &samples[..half]
                } else {
                    &samples[half..]
                },
            );
        }
        let response = write(&namespace, encoder.finish().unwrap()).await;
        assert_eq!(response.status(), 204, "{}", text(response).await);
    }
    let expected: Content = content.iter().map(|(l, s)| (l.clone(), bits(s))).collect();
    let [samples, chunked] = read_both(&namespace, "job-.*").await;
    assert_eq!(samples, expected);
    assert_eq!(chunked, expected);
    db.flush().unwrap();
    let [samples, chunked] = read_both(&namespace, "job-.*").await;
    assert_eq!(samples, expected);
    assert_eq!(chunked, expected);
    let [samples, chunked] = read_both(&namespace, "job-0[12]").await;
    assert_eq!(samples, expected[1..3]);
    assert_eq!(chunked, expected[1..3]);
}

#[tokio::test]
async fn a_closed_database_is_503_and_a_bad_sample_400() {
    let db = Db::in_memory(DbOptions::default()).unwrap();
    let namespace = db.default_namespace();
    let mut encoder = WriteEncoder::new();
    let up = labels(&[("__name__", "up"), ("job", "a")]);
    encoder.series(&up, &[Sample::new(1000, 1.0), Sample::new(i64::MAX, 2.0)]);
    let body = encoder.finish().unwrap();
    let response = write(&namespace, body.clone()).await;
    assert_eq!(response.status(), 400);
    let refusal = text(response).await;
    assert!(
        refusal.starts_with("stored 1 samples, refused 1 samples"),
        "{refusal}"
    );
    assert!(refusal.contains("max_future"), "{refusal}");
    let [samples, _] = read_both(&namespace, "a").await;
    assert_eq!(samples, [(up, vec![(1000, 1.0f64.to_bits())])]);

    db.close().unwrap();
    let response = write(&namespace, body).await;
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    let matcher = Matcher::equal("job", "a");
    let response = read(&namespace, matcher, ResponseType::StreamedXorChunks).await;
    assert_eq!(response.status(), 503);
}

#[test]
fn errors_of_the_database_keep_their_meaning() {
    let pressure = || tsdb_core::Error::Backpressure {
        what: "buffers",
        name: "n",
        limit: 1,
        value: 2,
    };
    let full = || tsdb_core::Error::Io {
        operation: "write",
        path: "x".into(),
        source: Arc::new(std::io::ErrorKind::StorageFull.into()),
    };
    let corrupt = || tsdb_core::Error::Corrupt {
        path: "x".into(),
        offset: 1,
        what: "w".into(),
    };
    for passing in [pressure(), full(), tsdb_core::Error::Closed] {
        assert!(matches!(
            WriteError::from(passing),
            WriteError::Unavailable { .. }
        ));
    }
    for passing in [pressure(), full(), tsdb_core::Error::Closed] {
        assert!(matches!(
            ReadError::from(passing),
            ReadError::Unavailable { .. }
        ));
    }
    assert!(matches!(
        WriteError::from(corrupt()),
        WriteError::Internal(_)
    ));
    assert!(matches!(ReadError::from(corrupt()), ReadError::Internal(_)));
    assert!(matches!(
        WriteError::from(tsdb_core::Error::ReadOnly),
        WriteError::Invalid(_)
    ));
    let boxed: BoxError = Box::new(ReadError::from(tsdb_core::Error::ReadOnly));
    assert!(matches!(ReadError::from(boxed), ReadError::Invalid(_)));
}

/// Integer, float and custom ones, with fields that are easily lost, one of them late.
fn histograms(now_ms: i64) -> Vec<(i64, Histogram)> {
    let span = |offset, length| BucketSpan { offset, length };
    let integer = |count: u64, hint| Histogram {
        schema: 3,
        zero_threshold: 1e-128,
        sum: f64::from_bits(0x7ff8_0000_0000_0abc),
        reset_hint: hint,
        positive_spans: vec![span(-2, 1), span(3, 2)],
        negative_spans: vec![span(0, 1)],
        counts: HistogramCounts::Integer {
            count: count + 4,
            zero_count: 1,
            positive: vec![1, 0, 0],
            negative: vec![0],
        },
        ..Histogram::default()
    };
    let custom = Histogram {
        schema: -53,
        sum: -0.0,
        positive_spans: vec![span(1, 1)],
        custom_values: vec![0.5, 2.25],
        counts: HistogramCounts::Float {
            count: 2.5,
            zero_count: 0.0,
            positive: vec![2.5],
            negative: Vec::new(),
        },
        ..Histogram::default()
    };
    let stale = Histogram {
        sum: f64::from_bits(STALE_NAN_BITS),
        ..Histogram::default()
    };
    vec![
        (now_ms - 30, integer(9, ResetHint::Unknown)),
        (now_ms - 20, integer(12, ResetHint::NoReset)),
        (now_ms - 10, custom),
        (now_ms, integer(1, ResetHint::Gauge)),
        (now_ms + 10, stale),
        (now_ms - 40, integer(7, ResetHint::Reset)),
    ]
}

/// As Prometheus' chunks tell it: hints of all but the first in a chunk, and no starts.
fn without_hints(histograms: &[(i64, Histogram)]) -> Vec<(i64, Histogram)> {
    let plain = |(time, histogram): &(i64, Histogram)| {
        let histogram = Histogram {
            reset_hint: ResetHint::Unknown,
            start_timestamp: 0,
            ..histogram.clone()
        };
        (*time, histogram)
    };
    histograms.iter().map(plain).collect()
}

async fn check_histograms(namespace: &Namespace, expected: &[(i64, Histogram)], floats: &[Sample]) {
    let matcher = || Matcher::equal("__name__", "latency");
    let response = read(namespace, matcher(), ResponseType::Samples).await;
    let results = decode_samples(&whole(response).await, 32 << 20).unwrap();
    // Remote read has no start timestamps; the database has them.
    let mut told = expected.to_vec();
    told.iter_mut().for_each(|one| one.1.start_timestamp = 0);
    assert_eq!(results[0][0].histograms, told);
    let mut stored = namespace.select(TimeRange::ALL, &[matcher()]).unwrap();
    assert_eq!(stored.next().unwrap().unwrap().histograms(), expected);
    assert_eq!(results[0][0].samples, floats);
    let response = read(namespace, matcher(), ResponseType::StreamedXorChunks).await;
    let mut decoder = FrameDecoder::new(DEFAULT_MAX_FRAME_BYTES);
    decoder.push(&whole(response).await);
    let frame = decoder.next_frame().unwrap().unwrap();
    let chunked = frame.histograms().unwrap();
    assert_eq!(without_hints(&chunked), without_hints(expected));
    assert_eq!(frame.samples().unwrap(), floats);
    let ends: Vec<_> = frame.chunks.iter().map(|c| (c.min, c.max)).collect();
    assert!(ends.is_sorted_by(|a, b| a.1 < b.0), "{ends:?}");
}

#[tokio::test]
async fn histograms_are_stored_by_both_protocols_and_read_in_both_forms() {
    use tsdb_core::clock::Clock as _;
    let now_ms = SystemClock::new().now_ms();
    let latency = labels(&[("__name__", "latency"), ("job", "a")]);
    for version in [1, 2] {
        let db = Db::in_memory(DbOptions::default()).unwrap();
        let namespace = db.default_namespace();
        let mut sent = histograms(now_ms);
        if version == 2 {
            sent[0].1.start_timestamp = now_ms - 1_000_000;
        }
        let bad = Histogram {
            schema: 9,
            ..Histogram::default()
        };
        let floats = [
            Sample::new(now_ms - 20, 5.0), // Loses to the histogram.
            Sample::new(now_ms - 15, 6.0),
        ];
        let with_bad: Vec<_> = sent.iter().cloned().chain([(now_ms, bad)]).collect();
        let response = if version == 1 {
            let mut encoder = WriteEncoder::new();
            encoder.series(&latency, &floats);
            encoder.histograms(&latency, &with_bad);
            write(&namespace, encoder.finish().unwrap()).await
        } else {
            let mut encoder = write_v2::WriteEncoder::new();
            encoder.series(&latency, &floats);
            encoder.histograms(&latency, &with_bad);
            let body = encoder.finish().unwrap();
            let uri = "/api/v1/write".parse().unwrap();
            send(&namespace, write_v2::request(uri, "test/1", body).unwrap()).await
        };
        assert_eq!(response.status(), 400);
        let written = write_v2::written(response.headers());
        let expected = (version == 2).then_some(write_v2::Written {
            samples: 2,
            histograms: 6,
            exemplars: 0,
        });
        assert_eq!(written, expected);
        let text = text(response).await;
        assert!(
            text.starts_with("stored 8 samples, refused 1 samples"),
            "{text}"
        );
        assert!(text.contains("invalid schema"), "{text}");
        sent.sort_by_key(|one| one.0);
        check_histograms(&namespace, &sent, &floats[1..]).await;
        db.flush().unwrap();
        check_histograms(&namespace, &sent, &floats[1..]).await;
        db.compact().unwrap();
        assert_eq!(db.stats().namespaces[0].blocks, 1);
        check_histograms(&namespace, &sent, &floats[1..]).await;
    }
}
