//! Both services over a real database: what a client writes is what a client reads.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tsdb_core::model::{Labels, Matcher, STALE_NAN_BITS, Sample, TimeRange};
use tsdb_core::{Db, DbOptions, Namespace, SystemClock};
use tsdb_remote::client::read::{
    DEFAULT_MAX_FRAME_BYTES, FrameDecoder, decode_samples, encode_request, request,
};
use tsdb_remote::client::write::{self, WriteEncoder};
use tsdb_remote::read::{ReadRequest, ResponseType};
use tsdb_remote::write::{DecodeScratch, WriteRequest, WriteSummary};
use tsdb_remote::{
    BoxError, Limits, ReadError, RemoteReadLayer, RemoteWriteLayer, ResponseBody, WriteError,
};

use crate::support::{infallible, labels, text, whole};

fn store(
    namespace: &Namespace,
    request: &WriteRequest,
) -> Result<tsdb_core::AppendReport, WriteError> {
    let mut scratch = DecodeScratch::new();
    let decoded = request.decode(&mut scratch)?;
    Ok(namespace.write(&decoded.batch)?)
}

async fn write(namespace: &Namespace, body: Bytes) -> Response<ResponseBody> {
    let namespace = namespace.clone();
    let inner = service_fn(move |request: WriteRequest| {
        let namespace = namespace.clone();
        async move {
            let work = tokio::task::spawn_blocking(move || store(&namespace, &request));
            let report = work
                .await
                .map_err(|error| WriteError::Internal(error.into()))??;
            let summary = WriteSummary {
                report,
                ..WriteSummary::default()
            };
            Ok::<_, WriteError>(summary)
        }
    });
    let request = write::request("/api/v1/write".parse().unwrap(), "test/1", body).unwrap();
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
