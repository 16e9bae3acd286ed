//! Remote write 2.0 as a sender sees it: what is stored, what is refused, and what it is told.

use prost::Message;
use tsdb_proto::write_v2::{
    BucketSpan, Exemplar, Histogram, Metadata, Request, Sample, TimeSeries,
};

use crate::support::{
    Answer, Server, exported, get, json, post, series, snappy, write_body, write_request,
};

const TIME: i64 = 1_700_000_000_000;

async fn send(server: &Server, request: &Request) -> Answer {
    let headers = [
        (
            "content-type",
            "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        ),
        ("content-encoding", "snappy"),
        ("x-prometheus-remote-write-version", "2.0.0"),
    ];
    let url = format!("{}/api/v1/write", server.api);
    post(&url, &headers, snappy(&request.encode_to_vec())).await
}

/// What the answer says was written: samples, histograms, exemplars.
fn written(answer: &Answer) -> [Option<u64>; 3] {
    ["samples", "histograms", "exemplars"].map(|what| {
        let name = format!("x-prometheus-remote-write-{what}-written");
        let value = answer.headers.get(name)?;
        value.to_str().ok()?.parse().ok()
    })
}

fn request(timeseries: Vec<TimeSeries>) -> Request {
    let symbols = ["", "__name__", "up", "job", "a", "help text", "s", "b"];
    Request {
        symbols: symbols.map(String::from).to_vec(),
        timeseries,
    }
}

fn floats(labels_refs: &[u32], samples: &[(i64, f64)]) -> TimeSeries {
    let samples = samples.iter().map(|&(timestamp, value)| Sample {
        value,
        timestamp,
        start_timestamp: 0,
    });
    TimeSeries {
        labels_refs: labels_refs.to_vec(),
        samples: samples.collect(),
        ..TimeSeries::default()
    }
}

#[tokio::test]
async fn samples_join_those_of_remote_write_1_0() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(folder.path(), &[]);
    let bits = 1.0_f64.to_bits();
    let old = series(&[("__name__", "up"), ("job", "a")], &[(TIME, bits)]);
    let answer = write_request(&server.api, write_body(vec![old]))
        .await
        .expect("an answer");
    assert_eq!((answer.status, written(&answer)), (204, [None; 3]));
    let started = TimeSeries {
        samples: vec![Sample {
            value: 0.0,
            timestamp: TIME + 3,
            start_timestamp: TIME,
        }],
        metadata: Some(Metadata {
            r#type: 1,
            help_ref: 5,
            unit_ref: 6,
        }),
        ..floats(&[1, 2, 3, 4], &[])
    };
    // The same series twice, once with its labels in the wrong order.
    let sent = request(vec![
        floats(&[1, 2, 3, 4], &[(TIME, 1.0), (TIME + 1, 2.0)]),
        floats(&[3, 4, 1, 2], &[(TIME + 2, 3.0)]),
        started,
        floats(&[1, 2, 3, 7], &[(TIME, -0.5)]),
    ]);
    let expected = [
        (
            "up{job=\"a\"}".to_owned(),
            (0..3)
                .map(|step| (TIME + step, (step as f64 + 1.0).to_bits()))
                .chain([(TIME + 3, 0)])
                .collect(),
        ),
        (
            "up{job=\"b\"}".to_owned(),
            vec![(TIME, (-0.5_f64).to_bits())],
        ),
    ];
    // Sent again it is stored again, by the same names, before and after a restart.
    for round in 0..3 {
        let answer = send(&server, &sent).await;
        assert_eq!(answer.status, 204, "{}", answer.text());
        assert_eq!(written(&answer), [Some(5), Some(0), Some(0)]);
        assert_eq!(exported(&server, "up").await, expected);
        if round == 1 {
            server.process.kill();
            server = Server::start(folder.path(), &[]);
        }
    }
    let served = json(&format!("{}/api/v1/metadata", server.api)).await;
    let metadata =
        serde_json::json!({"up": [{"type": "counter", "help": "help text", "unit": "s"}]});
    assert_eq!(served["data"], metadata);
}

#[tokio::test]
async fn what_is_refused_is_named_and_what_is_stored_is_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let good = || floats(&[1, 2], &[(TIME, 1.0)]);
    let far = i64::MAX;
    let cases: [(TimeSeries, u64, &str); 8] = [
        (floats(&[1, 2, 3, 99], &[(TIME, 1.0)]), 1, "label index 99"),
        (floats(&[1, 2, 3], &[(TIME, 1.0)]), 1, "3 label indices"),
        (floats(&[3, 4], &[(TIME, 1.0)]), 1, "no metric name"),
        (floats(&[1, 2, 3, 4, 3, 7], &[(TIME, 1.0)]), 1, "twice"),
        (floats(&[1, 2, 3, 4], &[]), 1, "without a sample"),
        (
            floats(&[1, 2, 3, 4], &[(TIME, 1.0), (far, 2.0), (TIME + 1, 3.0)]),
            3,
            "max_future",
        ),
        (
            TimeSeries {
                histograms: vec![Histogram {
                    positive_spans: vec![BucketSpan {
                        offset: 0,
                        length: 1,
                    }],
                    positive_deltas: vec![1],
                    timestamp: TIME,
                    ..Histogram::default()
                }],
                ..floats(&[1, 2, 3, 4], &[])
            },
            1,
            "1 observations found in buckets, but the Count field is 0",
        ),
        (
            TimeSeries {
                exemplars: vec![Exemplar {
                    labels_refs: vec![3, 4, 1],
                    value: 1.0,
                    timestamp: TIME,
                }],
                ..floats(&[1, 2, 3, 4], &[(TIME, 1.0)])
            },
            2,
            "labels of an exemplar: 3 label indices are no pairs of name and value",
        ),
    ];
    for (bad, samples, reason) in cases {
        let answer = send(&server, &request(vec![good(), bad.clone()])).await;
        assert_eq!(answer.status, 400, "{bad:?}: {}", answer.text());
        assert!(
            answer.text().contains(reason),
            "{reason}: {}",
            answer.text()
        );
        assert_eq!(
            written(&answer),
            [Some(samples), Some(0), Some(0)],
            "{bad:?}"
        );
    }
    let stored = exported(&server, "up").await;
    let counts: Vec<_> = stored.iter().map(|(name, s)| (&**name, s.len())).collect();
    assert_eq!(counts, [("up", 1), ("up{job=\"a\"}", 2)]);
}

#[tokio::test]
async fn a_malformed_request_stores_nothing_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let mut unnamed = request(vec![floats(&[1, 2], &[(TIME, 1.0)])]);
    unnamed.symbols.remove(0);
    let answer = send(&server, &unnamed).await;
    assert_eq!((answer.status, written(&answer)), (400, [Some(0); 3]));
    assert!(answer.text().contains("first symbol"), "{}", answer.text());
    // Known by its headers not to be ours: neither version is told any count.
    let headers = [("content-type", "application/x-protobuf;proto=other")];
    let url = format!("{}/api/v1/write", server.api);
    let answer = post(&url, &headers, snappy(&[])).await;
    assert_eq!((answer.status, written(&answer)), (415, [None; 3]));
    let ready = get(&format!("{}/ready", server.api)).await;
    assert_eq!(ready.status, 200);
    assert!(exported(&server, "up").await.is_empty());
}

#[tokio::test]
async fn exemplars_are_counted_exactly() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let exemplar = |value| Exemplar {
        labels_refs: vec![3, 4],
        value,
        timestamp: TIME,
    };
    // Beside a sample, and by themselves as Prometheus sends them; one twice.
    let beside = TimeSeries {
        exemplars: vec![exemplar(1.0), exemplar(2.0)],
        ..floats(&[1, 2, 3, 4], &[(TIME, 1.0)])
    };
    let alone = TimeSeries {
        exemplars: vec![exemplar(2.0), exemplar(-0.5)],
        ..floats(&[1, 2, 3, 7], &[])
    };
    let again = TimeSeries {
        exemplars: vec![exemplar(2.0)],
        ..floats(&[1, 2, 3, 4], &[])
    };
    let answer = send(&server, &request(vec![beside, alone, again])).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    assert_eq!(written(&answer), [Some(1), Some(0), Some(5)]);
    assert_eq!(server.metric("tsdb_exemplars").await, 4.0);
    let url = format!("{}/api/v1/query_exemplars?query=up", server.api);
    let data = json(&url).await["data"].clone();
    let values = |at: usize| -> Vec<String> {
        let exemplars = data[at]["exemplars"].as_array().expect("a list").iter();
        exemplars
            .map(|one| one["value"].as_str().expect("text").to_owned())
            .collect()
    };
    assert_eq!(
        (values(0), values(1)),
        (
            vec!["1".to_owned(), "2".to_owned()],
            vec!["2".to_owned(), "-0.5".to_owned()],
        )
    );
}
