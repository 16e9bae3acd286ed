//! The service that receives writes, driven by hand: what it accepts, refuses and holds.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{Method, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::Full;
use prost::Message as _;
use tower::{Layer as _, Service, ServiceExt as _};
use tsdb_core::model::{MetricKind, MetricMetadata, STALE_NAN_BITS, Sample};
use tsdb_proto::prometheus::{Label, TimeSeries, WriteRequest as Message};
use tsdb_remote::client::write::{Outcome, WriteEncoder, outcome, request};
use tsdb_remote::write::{WriteRequest, WriteSummary};
use tsdb_remote::{InflightBytes, Limits, RemoteWrite, RemoteWriteLayer, ResponseBody, WriteError};

use crate::support::{InlineWrites, MemoryStore, compressed, infallible, labels, text};

fn service(store: &MemoryStore, limits: Limits) -> RemoteWrite<InlineWrites> {
    RemoteWriteLayer::new(limits).layer(InlineWrites(store.clone()))
}

async fn send<B>(limits: Limits, request: Request<B>) -> Response<ResponseBody>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    infallible(
        service(&MemoryStore::default(), limits)
            .oneshot(request)
            .await,
    )
}

fn post(body: Bytes) -> Request<Full<Bytes>> {
    Request::post("/api/v1/write")
        .body(Full::new(body))
        .unwrap()
}

fn one_sample() -> Bytes {
    let mut encoder = WriteEncoder::new();
    encoder.series(&labels(&[("__name__", "up")]), &[Sample::new(1, 1.0)]);
    encoder.finish().unwrap()
}

#[tokio::test]
async fn stores_every_bit_and_answers_204() {
    let store = MemoryStore::default();
    let up = labels(&[("__name__", "up"), ("job", "\u{fc}ber")]);
    let values = [
        1.5,
        -0.0,
        0.0,
        f64::from_bits(STALE_NAN_BITS),
        f64::NEG_INFINITY,
    ];
    let times = [i64::MIN, -1, 0, 1_700_000_000_000, i64::MAX];
    let samples: Vec<_> = times
        .into_iter()
        .zip(values)
        .map(|(t, v)| Sample::new(t, v))
        .collect();
    let mut encoder = WriteEncoder::new();
    encoder.series(&up, &samples);
    encoder.metadata(&MetricMetadata {
        metric: "up".into(),
        kind: MetricKind::Gauge,
        help: "whether it answers".into(),
        unit: String::new(),
    });
    assert_eq!(encoder.samples_len(), 5);
    let body = encoder.finish().unwrap();
    assert_eq!(encoder.bytes_len(), 0);
    let uri = "http://localhost/api/v1/write".parse().unwrap();
    let request = request(uri, "test/1", body).unwrap();
    let response = infallible(service(&store, Limits::default()).oneshot(request).await);
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(
        outcome(response.status(), response.headers()),
        Outcome::Stored
    );
    assert_eq!(
        response
            .extensions()
            .get::<WriteSummary>()
            .unwrap()
            .report
            .appended,
        5
    );
    let expected: BTreeMap<_, _> = times.into_iter().zip(values.map(f64::to_bits)).collect();
    assert_eq!(
        *store.content.lock().unwrap(),
        BTreeMap::from([(up, expected)])
    );
}

#[tokio::test]
async fn metadata_alone_is_204() {
    let mut encoder = WriteEncoder::new();
    encoder.metadata(&MetricMetadata::default());
    let response = send(Limits::default(), post(encoder.finish().unwrap())).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn only_post_is_allowed() {
    for method in [Method::GET, Method::PUT, Method::HEAD, Method::OPTIONS] {
        let mut request = post(one_sample());
        *request.method_mut() = method;
        let response = send(Limits::default(), request).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()[ALLOW], "POST");
    }
}

/// `Content-Encoding`, `Content-Type`, status, part of the text.
type Negotiation = (
    Option<&'static str>,
    Option<&'static str>,
    u16,
    &'static str,
);

const NEGOTIATIONS: &[Negotiation] = &[
    (None, None, 204, ""),
    (Some("snappy"), Some("application/x-protobuf"), 204, ""),
    (Some("Snappy"), Some("APPLICATION/X-PROTOBUF"), 204, ""),
    (Some(""), Some(""), 204, ""),
    (
        None,
        Some("application/x-protobuf;proto=prometheus.WriteRequest"),
        204,
        "",
    ),
    (
        None,
        Some("application/x-protobuf ; Proto=\"prometheus.WriteRequest\" ;"),
        204,
        "",
    ),
    (
        None,
        Some("application/x-protobuf; charset=\"a;proto=x\""),
        204,
        "",
    ),
    (
        None,
        Some("application/x-protobuf;proto=io.prometheus.write.v2.Request"),
        204,
        "",
    ),
    (
        None,
        Some("application/x-protobuf;proto=other.Thing"),
        415,
        "unknown proto message",
    ),
    (
        None,
        Some("application/x-protobuf;proto"),
        415,
        "parameter without value",
    ),
    (
        None,
        Some("application/x-protobuf;proto=\"open"),
        415,
        "unfinished quotation",
    ),
    (
        None,
        Some("application/x-protobuf;proto=prometheus.WriteRequest;proto=other"),
        415,
        "more than one proto parameter",
    ),
    (
        None,
        Some("application/json"),
        415,
        "expected application/x-protobuf",
    ),
    (
        Some("gzip"),
        Some("application/json"),
        415,
        "gzip encoding (compression) is not",
    ),
    (
        Some("zstd"),
        None,
        415,
        "zstd encoding (compression) is not accepted by this server",
    ),
];

#[tokio::test]
async fn encodings_and_types_are_negotiated_encoding_first() {
    for &(encoding, content_type, status, part) in NEGOTIATIONS {
        let mut request = post(one_sample());
        if let Some(encoding) = encoding {
            request
                .headers_mut()
                .insert(CONTENT_ENCODING, encoding.parse().unwrap());
        }
        if let Some(content_type) = content_type {
            request
                .headers_mut()
                .insert(CONTENT_TYPE, content_type.parse().unwrap());
        }
        let response = send(Limits::default(), request).await;
        assert_eq!(
            response.status().as_u16(),
            status,
            "{encoding:?} {content_type:?}"
        );
        let text = text(response).await;
        assert!(text.contains(part), "{text:?} lacks {part:?}");
    }
}

#[tokio::test]
async fn two_encodings_are_not_one() {
    let mut request = post(one_sample());
    request
        .headers_mut()
        .append(CONTENT_ENCODING, "snappy".parse().unwrap());
    request
        .headers_mut()
        .append(CONTENT_ENCODING, "gzip".parse().unwrap());
    let response = send(Limits::default(), request).await;
    assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(text(response).await.starts_with("snappy, gzip encoding"));
}

/// A body that gives out its frames one by one and counts how many were asked for.
struct Counted {
    frames: Vec<Bytes>,
    polled: Arc<AtomicUsize>,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        self.polled.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(self.frames.pop().map(|bytes| Ok(Frame::data(bytes))))
    }
}

fn counted(frames: Vec<Bytes>) -> (Counted, Arc<AtomicUsize>) {
    let polled = Arc::new(AtomicUsize::new(0));
    (
        Counted {
            frames,
            polled: Arc::clone(&polled),
        },
        polled,
    )
}

#[tokio::test]
async fn a_long_body_is_refused_unread_when_announced_and_at_the_limit_when_not() {
    let limits = Limits {
        max_compressed_bytes: 100,
        ..Limits::default()
    };
    let (body, polled) = counted(vec![Bytes::from_static(&[0; 60]); 10]);
    let announced = Request::post("/")
        .header(CONTENT_LENGTH, 101)
        .body(body)
        .unwrap();
    let response = send(limits.clone(), announced).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(polled.load(Ordering::Relaxed), 0);
    assert!(
        text(response)
            .await
            .starts_with("request body exceeds the 100 bytes limit")
    );

    let (body, polled) = counted(vec![Bytes::from_static(&[0; 60]); 10]);
    let response = send(limits, Request::post("/").body(body).unwrap()).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(polled.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_body_in_many_frames_is_put_together() {
    let whole = one_sample();
    let frames = whole.chunks(3).rev().map(Bytes::copy_from_slice).collect();
    let (body, _) = counted(frames);
    let response = send(Limits::default(), Request::post("/").body(body).unwrap()).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn what_cannot_be_decoded_is_400() {
    let long = Limits {
        max_decoded_bytes: 10,
        ..Limits::default()
    };
    let rows = [
        (
            Limits::default(),
            Bytes::new(),
            "body is not a valid snappy block",
        ),
        (
            Limits::default(),
            Bytes::from_static(b"\x05\x00"),
            "body is not a valid snappy block",
        ),
        (
            Limits::default(),
            compressed(b"\x0a\x7f"),
            "longer than what holds it at byte 2",
        ),
        (
            long,
            compressed(&[0; 11]),
            "decoded request body of 11 bytes exceeds the 10 bytes limit",
        ),
    ];
    for (limits, body, part) in rows {
        let response = send(limits, post(body)).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let text = text(response).await;
        assert!(text.contains(part), "{text:?} lacks {part:?}");
    }
}

#[tokio::test]
async fn one_bad_series_costs_only_itself() {
    let label = |name: &str, value: &str| Label {
        name: name.into(),
        value: value.into(),
    };
    let sample = tsdb_proto::prometheus::Sample {
        value: 2.0,
        timestamp: 5,
    };
    let series = |labels: Vec<Label>| TimeSeries {
        labels,
        samples: vec![sample],
        ..<_>::default()
    };
    let message = Message {
        timeseries: vec![
            series(vec![label("job", "nameless")]),
            series(vec![label("__name__", "good")]),
            series(vec![
                label("__name__", "twice"),
                label("a", "1"),
                label("a", "2"),
            ]),
        ],
        metadata: vec![],
    };
    let store = MemoryStore::default();
    let request = post(compressed(&message.encode_to_vec()));
    let response = infallible(service(&store, Limits::default()).oneshot(request).await);
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(
        outcome(response.status(), response.headers()),
        Outcome::Refused
    );
    let text = text(response).await;
    assert!(
        text.starts_with("stored 1 samples, refused 2 samples (2 series"),
        "{text}"
    );
    assert!(text.contains("no metric name"), "{text}");
    assert!(text.contains("label name \"a\" occurs twice"), "{text}");
    let content = store.content.lock().unwrap();
    assert_eq!(
        content.keys().map(ToString::to_string).collect::<Vec<_>>(),
        ["good"]
    );
}

/// Gives out requests to whoever holds the other end, and is ready when told.
#[derive(Clone)]
struct Held {
    requests: Arc<std::sync::Mutex<Vec<WriteRequest>>>,
    ready: Arc<std::sync::atomic::AtomicBool>,
}

impl Service<WriteRequest> for Held {
    type Response = WriteSummary;
    type Error = WriteError;
    type Future = std::future::Pending<Result<WriteSummary, WriteError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        if self.ready.load(Ordering::Relaxed) {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    fn call(&mut self, request: WriteRequest) -> Self::Future {
        self.requests.lock().unwrap().push(request);
        std::future::pending()
    }
}

#[tokio::test]
async fn bytes_in_flight_are_bounded_and_given_back() {
    let body = one_sample();
    let needed = body.len() as u64 + snap::raw::decompress_len(&body).unwrap() as u64;
    let inflight = InflightBytes::new(needed);
    let held = Held {
        requests: Arc::default(),
        ready: Arc::default(),
    };
    let mut service = RemoteWriteLayer::new(Limits::default())
        .share(inflight.clone())
        .layer(held.clone());
    let mut context = Context::from_waker(std::task::Waker::noop());

    let mut first = service.call(post(body.clone()));
    assert!(Pin::new(&mut first).poll(&mut context).is_pending());
    assert_eq!(inflight.used(), needed);
    assert!(
        held.requests.lock().unwrap().is_empty(),
        "called before it was ready"
    );
    held.ready.store(true, Ordering::Relaxed);
    assert!(Pin::new(&mut first).poll(&mut context).is_pending());
    assert_eq!(held.requests.lock().unwrap().len(), 1);

    let refused = infallible(service.call(post(body.clone())).await);
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()[RETRY_AFTER], "2");
    let two_seconds = std::time::Duration::from_secs(2);
    let judged = outcome(refused.status(), refused.headers());
    assert_eq!(judged, Outcome::Retry(Some(two_seconds)));
    assert!(text(refused).await.contains("limit max_inflight_bytes of"));
    assert_eq!(inflight.used(), needed);

    drop(first);
    assert_eq!(inflight.used(), needed, "the store still holds the request");
    held.requests.lock().unwrap().clear();
    assert_eq!(inflight.used(), 0);
}
