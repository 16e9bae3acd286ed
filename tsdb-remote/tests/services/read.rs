//! The service that answers reads, and the client that asks: both forms, every limit, and what
//! happens when either side fails midway.

use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use prost::Message as _;
use tower::{Layer as _, Service, ServiceExt as _};
use tsdb_core::model::{Labels, Matcher, STALE_NAN_BITS, Sample, TimeRange};
use tsdb_proto::prometheus::{LabelMatcher, Query, ReadHints, ReadRequest as Message};
use tsdb_remote::client::ClientError;
use tsdb_remote::client::read::{
    DEFAULT_MAX_FRAME_BYTES, FrameDecoder, SeriesFrame, SeriesSamples, decode_samples,
    encode_request, request, response_type,
};
use tsdb_remote::read::{ReadRequest, ResponseType};
use tsdb_remote::{Limits, ReadError, RemoteReadLayer, ResponseBody};

use crate::support::{BlockingReads, MemoryStore, compressed, infallible, labels, text, whole};

const BOTH: [ResponseType; 2] = [ResponseType::StreamedXorChunks, ResponseType::Samples];

async fn send(store: &MemoryStore, limits: Limits, body: Bytes) -> Response<ResponseBody> {
    let service = RemoteReadLayer::new(limits).layer(BlockingReads(store.clone()));
    let request = request("/api/v1/read".parse().unwrap(), "test/1", body).unwrap();
    infallible(service.oneshot(request).await)
}

fn range(min: i64, max: i64) -> TimeRange {
    TimeRange::inclusive(min, max).unwrap()
}

fn up(job: &str) -> Labels {
    labels(&[("__name__", "up"), ("job", job)])
}

fn samples(count: i64) -> Vec<Sample> {
    (0..count)
        .map(|i| Sample::new(i * 1000, i as f64 / 7.0))
        .collect()
}

/// Three series, one with values that are easily lost.
fn store() -> MemoryStore {
    let odd = [f64::from_bits(STALE_NAN_BITS), -0.0, f64::INFINITY, 0.0];
    let odd = odd
        .into_iter()
        .enumerate()
        .map(|(i, v)| Sample::new(i as i64 * 1000 - 1, v));
    MemoryStore::with([
        (up("a"), samples(300)),
        (up("b"), samples(5)),
        (labels(&[("__name__", "odd")]), odd.collect()),
    ])
}

fn bits(samples: &[Sample]) -> Vec<(i64, u64)> {
    samples
        .iter()
        .map(|s| (s.timestamp, s.value.to_bits()))
        .collect()
}

async fn read_samples(store: &MemoryStore, body: Bytes) -> Vec<Vec<SeriesSamples>> {
    let response = send(store, Limits::default(), body).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[CONTENT_TYPE], "application/x-protobuf");
    assert_eq!(response.headers()[CONTENT_ENCODING], "snappy");
    assert_eq!(
        response_type(response.headers()).unwrap(),
        ResponseType::Samples
    );
    decode_samples(&whole(response).await, 1 << 20).unwrap()
}

fn frames(body: &[u8]) -> Vec<SeriesFrame> {
    let mut decoder = FrameDecoder::new(DEFAULT_MAX_FRAME_BYTES);
    let mut frames = Vec::new();
    for part in body.chunks(7) {
        decoder.push(part);
        while let Some(frame) = decoder.next_frame().unwrap() {
            frames.push(frame);
        }
    }
    decoder.finish().unwrap();
    frames
}

async fn read_frames(store: &MemoryStore, limits: Limits, body: Bytes) -> Vec<SeriesFrame> {
    let response = send(store, limits, body).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        response.headers()[CONTENT_TYPE],
        "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"
    );
    assert!(!response.headers().contains_key(CONTENT_ENCODING));
    assert_eq!(
        response_type(response.headers()).unwrap(),
        ResponseType::StreamedXorChunks
    );
    frames(&whole(response).await)
}

#[tokio::test]
async fn samples_come_back_bit_for_bit_in_the_order_of_the_queries() {
    let store = store();
    let regex = Matcher::regex("job", "a|b").unwrap();
    let queries = [
        (range(1000, 2000), &[regex][..]),
        (range(0, i64::MAX), &[Matcher::equal("job", "absent")][..]),
        (TimeRange::ALL, &[Matcher::equal("__name__", "odd")][..]),
    ];
    let body = encode_request(&queries, &[ResponseType::Samples]).unwrap();
    let results = read_samples(&store, body).await;
    assert_eq!(results.len(), 3);
    let found: Vec<_> = results[0]
        .iter()
        .map(|s| (s.labels.clone(), bits(&s.samples)))
        .collect();
    let both_ends = bits(&samples(3)[1..]);
    assert_eq!(found, [(up("a"), both_ends.clone()), (up("b"), both_ends)]);
    assert!(results[1].is_empty());
    let odd = &results[2][0];
    let expected = [
        (-1, STALE_NAN_BITS),
        (999, 1 << 63),
        (1999, 0x7ff << 52),
        (2999, 0),
    ];
    assert_eq!(bits(&odd.samples), expected);
}

#[tokio::test]
async fn chunks_come_back_sorted_a_series_a_frame() {
    let store = store();
    let all = [Matcher::regex("__name__", ".+").unwrap()];
    let one = [Matcher::equal("job", "b")];
    let queries = [(TimeRange::ALL, &all[..]), (TimeRange::ALL, &one[..])];
    let body = encode_request(&queries, &BOTH).unwrap();
    let frames = read_frames(&store, Limits::default(), body).await;
    let shape: Vec<_> = frames
        .iter()
        .map(|f| (f.query, f.labels.clone(), f.chunks.len()))
        .collect();
    let odd = labels(&[("__name__", "odd")]);
    assert_eq!(
        shape,
        [
            (0, odd, 1),
            (0, up("a"), 3),
            (0, up("b"), 1),
            (1, up("b"), 1)
        ]
    );
    assert_eq!(bits(&frames[1].samples().unwrap()), bits(&samples(300)));
    let ends: Vec<_> = frames[1].chunks.iter().map(|c| (c.min, c.max)).collect();
    assert_eq!(ends, [(0, 119_000), (120_000, 239_000), (240_000, 299_000)]);
    assert_eq!(
        frames[0].samples().unwrap()[0].value.to_bits(),
        STALE_NAN_BITS
    );
}

#[tokio::test]
async fn a_series_is_split_only_where_it_does_not_fit() {
    let store = MemoryStore::with([(up("a"), samples(1200)), (up("b"), samples(120))]);
    let matchers = [Matcher::equal("__name__", "up")];
    let body = encode_request(&[(TimeRange::ALL, &matchers)], &BOTH).unwrap();
    let chunk = tsdb_core::chunk::encode(samples(120)).len();
    let limits = Limits {
        read_max_frame_bytes: 3 * chunk,
        ..Limits::default()
    };
    let frames = read_frames(&store, limits, body.clone()).await;
    assert!(frames.len() > 2);
    assert!(
        frames
            .iter()
            .all(|f| !f.chunks.is_empty() && f.chunks.len() <= 3)
    );
    assert_eq!(frames.last().unwrap().labels, up("b"));
    let parts = frames.iter().filter(|f| f.labels == up("a"));
    let joined: Vec<_> = parts.flat_map(|f| f.samples().unwrap()).collect();
    assert_eq!(bits(&joined), bits(&samples(1200)));

    let one_byte = Limits {
        read_max_frame_bytes: 1,
        ..Limits::default()
    };
    let frames = read_frames(&store, one_byte, body).await;
    assert_eq!(
        frames.iter().map(|f| f.chunks.len()).collect::<Vec<_>>(),
        [1; 11]
    );
}

fn message(accepted: Vec<i32>, matchers: Vec<LabelMatcher>, start: i64, end: i64) -> Bytes {
    let hints = ReadHints {
        start_ms: 2000,
        end_ms: 2000,
        ..ReadHints::default()
    };
    let query = Query {
        start_timestamp_ms: start,
        end_timestamp_ms: end,
        matchers,
        hints: Some(hints),
    };
    let request = Message {
        queries: vec![query],
        accepted_response_types: accepted,
    };
    compressed(&request.encode_to_vec())
}

fn job(kind: i32, value: &str) -> Vec<LabelMatcher> {
    vec![LabelMatcher {
        r#type: kind,
        name: "job".into(),
        value: value.into(),
    }]
}

#[tokio::test]
async fn the_first_known_type_is_taken() {
    let rows = [
        (vec![], 200, Some("application/x-protobuf")),
        (vec![0], 200, Some("application/x-protobuf")),
        (vec![7, 0, 1], 200, Some("application/x-protobuf")),
        (vec![1, 0], 200, Some("application/x-streamed-protobuf")),
        (vec![7, 8], 400, None),
    ];
    for (accepted, status, start) in rows {
        let body = message(accepted.clone(), job(0, "a"), 0, 5000);
        let response = send(&store(), Limits::default(), body).await;
        assert_eq!(response.status().as_u16(), status, "{accepted:?}");
        if let Some(start) = start {
            let found = response.headers()[CONTENT_TYPE]
                .to_str()
                .unwrap()
                .to_owned();
            assert!(found.starts_with(start), "{accepted:?}: {found}");
        } else {
            assert!(text(response).await.contains("[7, 8]"));
        }
    }
}

#[tokio::test]
async fn hints_do_not_narrow_and_inverted_ranges_are_empty() {
    let results = read_samples(&store(), message(vec![], job(0, "b"), 0, 9000)).await;
    assert_eq!(bits(&results[0][0].samples), bits(&samples(5)));
    let results = read_samples(&store(), message(vec![], job(0, "b"), 9000, 0)).await;
    assert_eq!(results, [vec![]]);
    let body = message(vec![1], job(0, "b"), 9000, 0);
    assert!(
        read_frames(&store(), Limits::default(), body)
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn all_four_kinds_of_matchers_are_understood() {
    for (kind, value, expected) in [
        (0, "a", vec![up("a")]),
        (1, "a", vec![labels(&[("__name__", "odd")]), up("b")]),
        (2, "a|x", vec![up("a")]),
        (3, "a|", vec![up("b")]),
    ] {
        let results = read_samples(&store(), message(vec![], job(kind, value), 0, 9000)).await;
        let found: Vec<_> = results[0]
            .iter()
            .map(|series| series.labels.clone())
            .collect();
        assert_eq!(found, expected, "{kind} {value}");
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_400() {
    let many_queries = Message {
        queries: vec![Query::default(); 3],
        ..Message::default()
    };
    let many_queries = compressed(&many_queries.encode_to_vec());
    let matchers = [job(0, "a"), job(0, "b"), job(0, "c")].concat();
    let strict = Limits {
        read_max_queries: 2,
        read_max_matchers: 2,
        ..Limits::default()
    };
    let short = Limits {
        read_max_request_bytes: 4,
        ..Limits::default()
    };
    let rows = [
        (
            Limits::default(),
            message(vec![], job(2, "("), 0, 1),
            "query 0, matcher \"job\"",
        ),
        (
            Limits::default(),
            message(vec![], job(9, "a"), 0, 1),
            "unknown matcher type 9",
        ),
        (
            Limits::default(),
            compressed(b"\x0a\xff"),
            "malformed protobuf",
        ),
        (Limits::default(), Bytes::from_static(b"\x05"), "snappy"),
        (
            strict.clone(),
            many_queries,
            "more queries than the limit read_max_queries of 2",
        ),
        (
            strict,
            message(vec![], matchers, 0, 1),
            "limit read_max_matchers of 2",
        ),
        (
            short,
            message(vec![], job(0, "a"), 0, 1),
            "exceeds the 4 bytes limit",
        ),
    ];
    for (limits, body, part) in rows {
        let response = send(&store(), limits, body).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{part}");
        let text = text(response).await;
        assert!(text.contains(part), "{text:?} lacks {part:?}");
    }
}

#[tokio::test]
async fn long_answers_are_400_as_samples_and_fine_as_chunks() {
    let samples = Limits {
        read_max_samples: 299,
        ..Limits::default()
    };
    let bytes = Limits {
        read_max_response_bytes: 1000,
        ..Limits::default()
    };
    for (limits, expected) in [
        (samples, "exceeded sample limit (299)\n"),
        (
            bytes,
            "exceeded the limit read_max_response_bytes of 1000 bytes",
        ),
    ] {
        let body = message(vec![0], job(0, "a"), 0, i64::MAX);
        let response = send(&store(), limits.clone(), body).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert!(text(response).await.starts_with(expected), "{expected}");
        let frames =
            read_frames(&store(), limits, message(vec![1], job(0, "a"), 0, i64::MAX)).await;
        assert_eq!(frames[0].samples().unwrap().len(), 300);
    }
}

#[tokio::test]
async fn answers_made_as_a_whole_share_a_budget_until_they_are_sent() {
    let body = || message(vec![0], job(0, "a"), 0, i64::MAX);
    let post = || Request::post("/").body(Full::new(body())).unwrap();
    // 300 samples of at least 13 bytes, and the compressed copy: one fits, two do not.
    let limits = Limits {
        read_max_inflight_bytes: 15_000,
        ..Limits::default()
    };
    let service = RemoteReadLayer::new(limits).layer(BlockingReads(store()));
    let first = infallible(service.clone().oneshot(post()).await);
    assert_eq!(first.status(), StatusCode::OK);
    let refused = infallible(service.clone().oneshot(post()).await);
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        text(refused)
            .await
            .contains("limit read_max_inflight_bytes of 15000")
    );
    let chunks = message(vec![1], job(0, "a"), 0, i64::MAX);
    let chunks = Request::post("/").body(Full::new(chunks)).unwrap();
    let streamed = infallible(service.clone().oneshot(chunks).await);
    assert_eq!(streamed.status(), StatusCode::OK);
    drop(first);
    let again = infallible(service.oneshot(post()).await);
    assert_eq!(again.status(), StatusCode::OK);
}

#[tokio::test]
async fn headers_are_checked() {
    let service = RemoteReadLayer::new(Limits::default()).layer(BlockingReads(store()));
    for (name, value, status) in [
        ("content-encoding", "gzip", 415),
        ("content-type", "application/json", 415),
        ("content-length", "99999999999", 413),
    ] {
        let request = Request::post("/")
            .header(name, value)
            .body(Full::<Bytes>::default());
        let response = infallible(service.clone().oneshot(request.unwrap()).await);
        assert_eq!(response.status().as_u16(), status, "{name}");
    }
    let get = Request::get("/").body(Full::<Bytes>::default()).unwrap();
    assert_eq!(
        infallible(service.oneshot(get).await).status(),
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[tokio::test]
async fn an_early_failure_is_a_status_and_a_late_one_aborts_the_body() {
    for (accepted, fail_after) in [(vec![0], 0), (vec![0], 1), (vec![1], 0)] {
        let failing = MemoryStore {
            fail_after: Some(fail_after),
            ..store()
        };
        let body = message(accepted, job(2, ".*"), 0, 9000);
        let response = send(&failing, Limits::default(), body).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(text(response).await.contains("a block is unreadable"));
    }
    let failing = MemoryStore {
        fail_after: Some(2),
        ..store()
    };
    let body = message(vec![1], job(2, ".*"), 0, 9000);
    // Room for one frame, so that the failure comes after the answer has begun.
    let limits = Limits {
        read_buffer_bytes: 1,
        ..Limits::default()
    };
    let response = send(&failing, limits, body).await;
    assert_eq!(response.status(), StatusCode::OK);
    let mut body = response.into_body();
    for _ in 0..2 {
        assert_eq!(
            frames(&body.frame().await.unwrap().unwrap().into_data().unwrap()).len(),
            1
        );
    }
    let error = body.frame().await.unwrap().unwrap_err();
    assert!(matches!(error, ReadError::Internal(_)), "{error}");
    assert!(body.frame().await.is_none());
}

/// Reports how each read ended, on the thread that did it.
#[derive(Clone)]
struct Reported(MemoryStore, mpsc::Sender<Result<(), ReadError>>);

impl Service<ReadRequest> for Reported {
    type Response = ();
    type Error = ReadError;
    type Future = Pin<Box<dyn Future<Output = Result<(), ReadError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ReadError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: ReadRequest) -> Self::Future {
        let Self(store, outcomes) = self.clone();
        let work = tokio::task::spawn_blocking(move || {
            outcomes.send(request.answer(&store)).unwrap();
        });
        Box::pin(async move {
            work.await
                .map_err(|error| ReadError::Internal(error.into()))
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_ends_when_its_client_goes_away_or_stalls() {
    let (outcomes, ended) = mpsc::channel();
    let body = || message(vec![1], job(2, ".*"), 0, 9000);
    let post = || Request::post("/").body(Full::new(body())).unwrap();
    let limits = Limits {
        read_buffer_bytes: 1,
        ..Limits::default()
    };
    let service = RemoteReadLayer::new(limits.clone()).layer(Reported(store(), outcomes.clone()));
    let response = infallible(service.oneshot(post()).await);
    assert_eq!(response.status(), StatusCode::OK);
    drop(response);
    assert!(matches!(
        ended.recv().unwrap(),
        Err(ReadError::Disconnected)
    ));

    let limits = Limits {
        read_stall: Duration::from_millis(5),
        ..limits
    };
    let service = RemoteReadLayer::new(limits).layer(Reported(store(), outcomes));
    let response = infallible(service.oneshot(post()).await);
    assert!(matches!(ended.recv().unwrap(), Err(ReadError::Stalled(_))));
    let mut body = response.into_body();
    assert!(
        body.frame().await.unwrap().is_ok(),
        "what was queued is still sent"
    );
    assert!(
        body.frame().await.unwrap().is_err(),
        "the end must not look like success"
    );
}

/// Drops its requests without an answer.
#[derive(Clone)]
struct Forgetful;

impl Service<ReadRequest> for Forgetful {
    type Response = ();
    type Error = ReadError;
    type Future = std::future::Ready<Result<(), ReadError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ReadError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: ReadRequest) -> Self::Future {
        std::future::ready(Ok(()))
    }
}

#[tokio::test]
async fn a_read_that_nobody_answers_is_an_error() {
    let service = RemoteReadLayer::new(Limits::default()).layer(Forgetful);
    let request = Request::post("/")
        .body(Full::new(message(vec![], vec![], 0, 1)))
        .unwrap();
    let response = infallible(service.oneshot(request).await);
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(text(response).await.contains("dropped the read"));
}

/// Keeps its requests for ever.
#[derive(Clone)]
struct Holding(mpsc::Sender<ReadRequest>);

impl Service<ReadRequest> for Holding {
    type Response = ();
    type Error = ReadError;
    type Future = std::future::Pending<Result<(), ReadError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ReadError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: ReadRequest) -> Self::Future {
        self.0.send(request).unwrap();
        std::future::pending()
    }
}

#[test]
fn reads_wait_for_their_turn_and_too_many_are_turned_away() {
    let (requests, held) = mpsc::channel();
    let limits = Limits {
        read_concurrency: 1,
        read_queue: 2,
        ..Limits::default()
    };
    let mut service = RemoteReadLayer::new(limits).layer(Holding(requests));
    let mut context = Context::from_waker(std::task::Waker::noop());
    let mut start = || {
        let body = Full::new(message(vec![], vec![], 0, 1));
        let mut read = service.call(Request::post("/").body(body).unwrap());
        let polled = Pin::new(&mut read).poll(&mut context);
        (read, polled)
    };
    let (first, polled) = start();
    assert!(polled.is_pending());
    let (second, polled) = start();
    assert!(polled.is_pending());
    let (mut third, polled) = start();
    assert!(polled.is_pending());
    let (_, polled) = start();
    let Poll::Ready(Ok(refused)) = polled else {
        panic!("the queue holds two")
    };
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key(RETRY_AFTER));

    let running = held.try_recv().unwrap();
    assert!(held.try_recv().is_err(), "only one may run");
    drop(first);
    let mut context = Context::from_waker(std::task::Waker::noop());
    assert!(Pin::new(&mut third).poll(&mut context).is_pending());
    assert!(
        held.try_recv().is_err(),
        "the store still works for the first"
    );
    drop(running);
    assert!(Pin::new(&mut third).poll(&mut context).is_pending());
    assert!(held.try_recv().is_err(), "it is the second's turn");
    drop(second);
    assert!(Pin::new(&mut third).poll(&mut context).is_pending());
    assert!(held.try_recv().is_ok(), "a turn not taken goes to the next");
}

#[tokio::test]
async fn damage_on_the_way_is_noticed() {
    let body = message(vec![1], job(2, ".*"), 0, 9000);
    let response = send(&store(), Limits::default(), body).await;
    let sent = whole(response).await;
    let all = |bytes: &[u8]| -> Result<usize, ClientError> {
        let mut decoder = FrameDecoder::new(DEFAULT_MAX_FRAME_BYTES);
        decoder.push(bytes);
        let mut count = 0;
        while decoder.next_frame()?.is_some() {
            count += 1;
        }
        decoder.finish().map(|()| count)
    };
    assert_eq!(all(&sent).unwrap(), 3);
    for byte in 0..sent.len() {
        for bit in 0..8 {
            let mut damaged = sent.to_vec();
            damaged[byte] ^= 1 << bit;
            assert!(all(&damaged).is_err(), "byte {byte} bit {bit}");
        }
    }
    let complete = (0..sent.len())
        .filter(|end| all(&sent[..*end]).is_ok())
        .count();
    assert_eq!(complete, 3, "only the ends of frames look complete");

    let mut small = FrameDecoder::new(10);
    small.push(&sent);
    assert!(matches!(
        small.next_frame(),
        Err(ClientError::FrameTooLong { limit: 10, .. })
    ));
    let mut endless = FrameDecoder::new(10);
    endless.push(&[0xff; 10]);
    assert!(matches!(
        endless.next_frame(),
        Err(ClientError::FrameLength)
    ));
}
