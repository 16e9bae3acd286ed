//! What a remote write may get wrong: each case with its status and what is stored of it.

use bytes::Bytes;
use prost::Message;
use tsdb_proto::prometheus::{
    BucketSpan, Exemplar, Histogram, Label, MetricMetadata, TimeSeries, WriteRequest, histogram,
    metric_metadata,
};

use crate::support::{
    Answer, Server, exported, json, post, request, series, snappy, stored, write_body,
    write_request,
};

const TIME: i64 = 1_700_000_000_000;

fn one() -> u64 {
    1.0_f64.to_bits()
}

fn good(name: &str) -> TimeSeries {
    series(&[("__name__", name)], &[(TIME, one())])
}

async fn send(server: &Server, body: Bytes) -> Answer {
    write_request(&server.api, body).await.expect("an answer")
}

async fn send_with(server: &Server, headers: &[(&str, &str)], body: Bytes) -> Answer {
    post(&format!("{}/api/v1/write", server.api), headers, body).await
}

/// Media types and encodings that are not remote write.
const TYPES: &[(&str, &str)] = &[
    ("application/json", "snappy"),
    (
        "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        "gzip",
    ),
    ("application/x-protobuf;proto=x", "snappy"),
    ("application/x-protobuf", "gzip"),
    ("application/x-protobuf", "zstd"),
];

#[tokio::test]
async fn refused_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let whole = WriteRequest {
        timeseries: vec![good("a"), good("b")],
        ..WriteRequest::default()
    }
    .encode_to_vec();
    let compressed = snappy(&whole);
    let mut huge = vec![0xff, 0xff, 0xff, 0xff, 0x0f];
    huge.extend_from_slice(&compressed);
    let undecodable: [(&str, Bytes); 7] = [
        ("no body", Bytes::new()),
        ("garbage", Bytes::from_static(b"\xde\xad\xbe\xef garbage")),
        ("not compressed", whole.clone().into()),
        (
            "compressed body truncated",
            compressed.slice(..compressed.len() - 3),
        ),
        ("message truncated", snappy(&whole[..whole.len() - 3])),
        ("declared length 4 GiB", huge.into()),
        ("garbage in a snappy block", snappy(&[0xff; 40])),
    ];
    for (case, body) in undecodable {
        let answer = send(&server, body).await;
        assert_eq!(answer.status, 400, "{case}: {}", answer.text());
        assert!(!answer.body.is_empty(), "{case}: no text");
    }
    for (media_type, encoding) in TYPES {
        let headers = [
            ("content-type", *media_type),
            ("content-encoding", *encoding),
        ];
        let answer = send_with(&server, &headers, compressed.clone()).await;
        let case = format!("{media_type} in {encoding}");
        assert_eq!(answer.status, 415, "{case}: {}", answer.text());
        assert!(!answer.body.is_empty(), "{case}: no text");
    }
    let answer = send(&server, vec![0; (32 << 20) + 1].into()).await;
    assert_eq!(answer.status, 413, "{}", answer.text());
    let answer = request(
        http::Method::GET,
        &format!("{}/api/v1/write", server.api),
        &[],
        "",
    )
    .await
    .expect("an answer");
    assert_eq!(answer.status, 405);
    assert_eq!(answer.headers["allow"], "POST");
    assert_eq!(stored(&server).await, 0);
    assert_eq!(server.metric("tsdb_samples_stored_total").await, 0.0);
}

/// A series that is refused: the case, the series, a word of the answer, the reason in the metrics.
type Refused = (&'static str, TimeSeries, &'static str, &'static str);

fn refused_series() -> Vec<Refused> {
    let many: Vec<String> = (0..200).map(|index| format!("label_{index}")).collect();
    let many = many.iter().map(|name| (name.as_str(), "x"));
    let many: Vec<(&str, &str)> = [("__name__", "bad")].into_iter().chain(many).collect();
    let (long_name, long_value) = ("n".repeat(2000), "v".repeat(100_000));
    let now_ms = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_millis();
    let future = i64::try_from(now_ms).expect("a time") + 2 * 3_600_000;
    let now = |labels: &[(&str, &str)]| series(labels, &[(TIME, one())]);
    let name = ("__name__", "bad");
    let ahead = series(&[name], &[(future, one())]);
    let (twice, nameless) = (now(&[name, ("a", "1"), ("a", "2")]), now(&[("job", "bad")]));
    let (name_long, value_long) = (
        now(&[name, (&long_name, "x")]),
        now(&[name, ("a", &long_value)]),
    );
    vec![
        (
            "duplicate label name",
            twice,
            "occurs twice",
            "invalid_labels",
        ),
        (
            "no metric name",
            nameless,
            "no metric name",
            "no_metric_name",
        ),
        ("too many labels", now(&many), "labels", "too_many_labels"),
        (
            "long label name",
            name_long,
            "label name",
            "label_name_too_long",
        ),
        (
            "long label value",
            value_long,
            "value of label",
            "label_value_too_long",
        ),
        ("too far ahead", ahead, "max_future", "too_far_in_future"),
        ("no labels", now(&[]), "no metric name", "no_metric_name"),
    ]
}

#[tokio::test]
async fn refused_alone_with_neighbours_stored() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let mut kept = 0;
    for (case, bad, text, reason) in refused_series() {
        let counter =
            format!("tsdb_samples_rejected_total{{source=\"remote_write\",reason=\"{reason}\"");
        let before = server.metric(&format!("{counter}}}")).await;
        let name = case.replace(' ', "_");
        let body = write_body(vec![
            good(&format!("{name}_before")),
            bad,
            good(&format!("{name}_behind")),
        ]);
        let answer = send(&server, body).await;
        assert_eq!(answer.status, 400, "{case}: {}", answer.text());
        assert!(answer.text().contains(text), "{case}: {}", answer.text());
        kept += 2;
        assert_eq!(stored(&server).await, kept, "{case}");
        assert_eq!(
            server.metric(&format!("{counter}}}")).await,
            before + 1.0,
            "{case}"
        );
    }
}

#[tokio::test]
async fn invalid_utf8_is_refused_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    // Prost writes no invalid UTF-8, so a placeholder of the same length is overwritten.
    let body = WriteRequest {
        timeseries: vec![
            good("utf8_before"),
            series(&[("__name__", "bad"), ("a", "XXYY")], &[(TIME, one())]),
            good("utf8_behind"),
        ],
        ..WriteRequest::default()
    };
    let mut body = body.encode_to_vec();
    let at = body
        .windows(4)
        .position(|window| window == b"XXYY")
        .expect("the placeholder");
    body[at] = 0xff;
    let answer = send(&server, snappy(&body)).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("UTF-8"), "{}", answer.text());
    assert_eq!(stored(&server).await, 2);
    assert_eq!(exported(&server, "bad").await.len(), 0);
}

#[tokio::test]
async fn a_sample_that_is_too_far_ahead_costs_no_other_of_its_series() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let year_2200 = 7_258_118_400_000;
    let body = write_body(vec![series(
        &[("__name__", "a")],
        &[(TIME, one()), (year_2200, one()), (TIME + 1, one())],
    )]);
    let answer = send(&server, body).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(
        exported(&server, "a").await,
        [("a".to_owned(), vec![(TIME, one()), (TIME + 1, one())])]
    );
}

#[tokio::test]
async fn accepted() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &["--max-future", "off"]);
    let empty = send(&server, snappy(&[])).await;
    assert_eq!(empty.status, 204, "empty request: {}", empty.text());
    let without_samples = send(
        &server,
        write_body(vec![series(&[("__name__", "silent")], &[])]),
    )
    .await;
    assert_eq!(
        without_samples.status,
        204,
        "series without samples: {}",
        without_samples.text()
    );
    assert_eq!(stored(&server).await, 0);

    let sorted = write_body(vec![series(
        &[("__name__", "order"), ("a", "1"), ("b", "2")],
        &[(TIME, one())],
    )]);
    let unsorted = write_body(vec![series(
        &[("b", "2"), ("__name__", "order"), ("a", "1")],
        &[(TIME + 1, one())],
    )]);
    for body in [sorted.clone(), unsorted, sorted] {
        assert_eq!(send(&server, body).await.status, 204);
    }
    let identity = "order{a=\"1\", b=\"2\"}".to_owned();
    assert_eq!(
        exported(&server, "order").await,
        [(identity, vec![(TIME, one()), (TIME + 1, one())])]
    );
}

#[tokio::test]
async fn any_bits_at_any_time_are_accepted() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &["--max-future", "off"]);
    let bits = [
        0x7ff8_0000_0000_0001,
        0x7ff0_0000_0000_0002,
        0x7ff8_0000_0000_0123,
        0xffff_ffff_ffff_ffff,
        0x7ff0_0000_0000_0001,
        f64::INFINITY.to_bits(),
        f64::NEG_INFINITY.to_bits(),
        (-0.0_f64).to_bits(),
        1,
    ];
    let samples: Vec<(i64, u64)> = (TIME..).zip(bits).collect();
    assert_eq!(
        send(
            &server,
            write_body(vec![series(&[("__name__", "special")], &samples)])
        )
        .await
        .status,
        204
    );
    assert_eq!(
        exported(&server, "special").await,
        [("special".to_owned(), samples)]
    );

    let times = [-62_135_596_800_000, -1, 0, 1, TIME, 7_258_118_400_000].map(|time| (time, one()));
    let mut backwards = times.to_vec();
    backwards.reverse();
    assert_eq!(
        send(
            &server,
            write_body(vec![series(&[("__name__", "times")], &backwards)])
        )
        .await
        .status,
        204
    );
    assert_eq!(
        exported(&server, "times").await,
        [("times".to_owned(), times.to_vec())]
    );
}

#[tokio::test]
async fn exemplars_histograms_and_metadata() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let label = Label {
        name: "trace_id".to_owned(),
        value: "x".to_owned(),
    };
    let mut with_exemplar = good("exemplified");
    with_exemplar.exemplars.push(Exemplar {
        labels: vec![label],
        value: 1.0,
        timestamp: TIME,
    });
    assert_eq!(
        send(&server, write_body(vec![with_exemplar])).await.status,
        204
    );
    assert_eq!(server.metric("tsdb_exemplars_stored_total").await, 1.0);

    let mut native = series(&[("__name__", "native")], &[]);
    native.histograms.push(Histogram {
        sum: 1.0,
        timestamp: TIME,
        positive_spans: vec![BucketSpan {
            offset: 0,
            length: 1,
        }],
        positive_deltas: vec![1],
        count: Some(histogram::Count::CountInt(1)),
        ..Histogram::default()
    });
    let answer = send(&server, write_body(vec![good("beside"), native])).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    assert_eq!(
        server.metric("tsdb_native_histograms_stored_total").await,
        1.0
    );
    assert_eq!(stored(&server).await, 2);

    let metadata = vec![MetricMetadata {
        r#type: metric_metadata::MetricType::Counter.into(),
        metric_family_name: "beside_total".to_owned(),
        help: "Help \"quoted\".".to_owned(),
        unit: "seconds".to_owned(),
    }];
    let body = WriteRequest {
        metadata,
        ..WriteRequest::default()
    }
    .encode_to_vec();
    assert_eq!(send(&server, snappy(&body)).await.status, 204);
    let served = json(&format!("{}/api/v1/metadata", server.api)).await;
    let expected = serde_json::json!({"beside_total": [{"type": "counter", "help": "Help \"quoted\".", "unit": "seconds"}]});
    assert_eq!(served["data"], expected);
}
