//! Exemplars from a sender to `/api/v1/query_exemplars`: ours, and a real Prometheus'.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;

use serde_json::{Value, json as value};
use tsdb_proto::prometheus::{Exemplar, Label, TimeSeries};

use crate::support::{
    Prometheus, Server, get, json, post_form, program, series, wait_for, write_body, write_request,
};

const TIME: i64 = 1_700_000_000_000;

fn exemplar(trace: &str, value: f64, timestamp: i64) -> Exemplar {
    Exemplar {
        labels: vec![Label {
            name: "trace_id".to_owned(),
            value: trace.to_owned(),
        }],
        value,
        timestamp,
    }
}

/// As Prometheus sends them: by themselves.
fn of(host: &str, exemplars: Vec<Exemplar>) -> TimeSeries {
    TimeSeries {
        exemplars,
        ..series(&[("__name__", "latency_bucket"), ("host", host)], &[])
    }
}

async fn found(server: &Server, query: &str) -> Value {
    let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let url = format!("{}/api/v1/query_exemplars?query={query}", server.api);
    json(&url).await["data"].clone()
}

/// Three that are kept of the four that are sent: late, repeated, and not all of one series.
async fn send_four(server: &Server) -> [Value; 2] {
    let sent = vec![
        of(
            "b",
            vec![exemplar("old", 1.0, TIME), exemplar("one", 0.25, TIME + 1)],
        ),
        of("a", vec![exemplar("two", f64::INFINITY, TIME - 500)]),
        of(
            "b",
            vec![
                exemplar("three", 3.0, TIME - 2000),
                exemplar("one", 0.25, TIME + 1),
            ],
        ),
    ];
    let answer = write_request(&server.api, write_body(sent))
        .await
        .expect("an answer");
    assert_eq!(answer.status, 204, "{}", answer.text());
    let of_a = value!({
        "seriesLabels": {"__name__": "latency_bucket", "host": "a"},
        "exemplars": [
            {"labels": {"trace_id": "two"}, "value": "+Inf", "timestamp": 1_699_999_999.5},
        ],
    });
    let of_b = value!({
        "seriesLabels": {"__name__": "latency_bucket", "host": "b"},
        "exemplars": [
            {"labels": {"trace_id": "three"}, "value": "3", "timestamp": 1_699_999_998},
            {"labels": {"trace_id": "one"}, "value": "0.25", "timestamp": 1_700_000_000.001},
        ],
    });
    [of_a, of_b]
}

#[tokio::test]
async fn they_are_acked_survive_kills_and_are_found_until_deleted() {
    let folder = tempfile::tempdir().expect("a folder");
    let more = ["--exemplars-max", "3", "--enable-admin-api"];
    let mut server = Server::start(folder.path(), &more);
    let [of_a, of_b] = send_four(&server).await;
    let all = value!([of_a, of_b]);
    for _ in 0..3 {
        assert_eq!(found(&server, "latency_bucket").await, all);
        assert_eq!(server.metric("tsdb_exemplars").await, 3.0);
        server.process.kill();
        server = Server::start(folder.path(), &more);
    }
    assert_eq!(found(&server, r#"{host=~"b|c"}"#).await, value!([of_b]));
    assert_eq!(found(&server, "other").await, value!([]));
    let expression = r#"sum(rate(latency_bucket{host="a"}[5m])) / rate({host="b"}[1h])"#;
    assert_eq!(found(&server, expression).await, all);
    let url = format!("{}/api/v1/query_exemplars", server.api);
    let form = "query=latency_bucket&start=1700000000&end=1700000001";
    let answer = post_form(&url, form).await;
    let body: Value = serde_json::from_str(&answer.text()).expect("JSON");
    assert_eq!(body["data"][0]["exemplars"], value!([of_b["exemplars"][1]]));
    assert_eq!(body["data"][1], Value::Null);

    let none = get(&format!("{url}?query=1%2B1")).await;
    assert_eq!((none.status, none.text().as_str()), (204, ""));
    for (query, reason) in [
        (
            "query=rate(a",
            "1:7: parse error: unclosed left parenthesis",
        ),
        ("", "no expression found in input"),
        (
            "query=a&start=2&end=1",
            "end timestamp must not be before start",
        ),
    ] {
        let answer = get(&format!("{url}?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text().contains(reason), "{}", answer.text());
    }

    let delete = format!("{}/api/v1/admin/tsdb/delete_series", server.api);
    let answer = post_form(&delete, "match[]={host=\"b\"}").await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    for _ in 0..2 {
        assert_eq!(found(&server, "latency_bucket").await, value!([of_a]));
        server.process.kill();
        server = Server::start(folder.path(), &more);
    }
}

#[tokio::test]
async fn long_ones_are_refused_alone_and_none_are_kept_where_they_are_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(folder.path(), &[]);
    let long = "x".repeat(200);
    let body = |long: &str| {
        write_body(vec![of(
            "a",
            vec![exemplar(long, 1.0, TIME), exemplar("kept", 2.0, TIME)],
        )])
    };
    let answer = write_request(&server.api, body(&long))
        .await
        .expect("an answer");
    assert_eq!(answer.status, 400);
    let text = answer.text();
    assert!(text.contains("stored 1 exemplars, refused 1"), "{text}");
    assert!(
        text.contains("208 characters or more, beyond the 128"),
        "{text}"
    );
    assert_eq!(server.metric("tsdb_exemplars_rejected_total").await, 1.0);
    assert_eq!(server.metric("tsdb_exemplars_stored_total").await, 1.0);
    assert_eq!(
        found(&server, "latency_bucket").await[0]["exemplars"],
        value!([{"labels": {"trace_id": "kept"}, "value": "2", "timestamp": 1_700_000_000}])
    );
    server.process.kill();
    let server = Server::start(folder.path(), &["--exemplars-max", "0"]);
    let answer = write_request(&server.api, body("short"))
        .await
        .expect("an answer");
    assert_eq!(answer.status, 204, "{}", answer.text());
    assert_eq!(server.metric("tsdb_exemplars_dropped_total").await, 2.0);
    assert_eq!(found(&server, "latency_bucket").await, value!([]));
}

/// Serves an OpenMetrics page whose counter has another exemplar at each scrape.
fn open_metrics() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for (scrape, connection) in (1..).zip(listener.incoming()) {
            let Ok(mut connection) = connection else {
                return;
            };
            let lines = BufReader::new(connection.try_clone().expect("a handle")).lines();
            let headers = lines
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty());
            assert!(headers.count() > 0, "a request");
            let page = format!(
                "# TYPE requests counter\nrequests_total {scrape} \
                 # {{trace_id=\"trace-{scrape}\",span=\"\u{e9}\"}} 0.{scrape}\n# EOF\n"
            );
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            let length = page.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
                 Connection: close\r\n\r\n"
            );
            // A scraper that hangs up early scrapes again.
            let _ = connection.write_all(format!("{head}{page}").as_bytes());
        }
    });
    address
}

/// All exemplars of an answer, those of each series in order.
fn flat(data: &Value) -> Vec<Value> {
    let series = data.as_array().expect("a list").iter();
    series
        .flat_map(|one| one["exemplars"].as_array().expect("a list").clone())
        .collect()
}

async fn prometheus(program: &Path, folder: &Path, server: &Server) -> Prometheus {
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
         remote_write:\n\
         - url: {}/api/v1/write\n\
         \x20 send_exemplars: true\n\
         \x20 queue_config: {{batch_send_deadline: 200ms}}\n\
         scrape_configs:\n\
         - job_name: exemplified\n  static_configs: [{{targets: [\"{}\"]}}]\n",
        server.api,
        open_metrics()
    );
    let more = ["--enable-feature=exemplar-storage"];
    Prometheus::start_with(program, folder, &config, &more).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_of_prometheus_are_answered_as_it_answers_them() {
    let Some(program) = program("prometheus", "prometheus") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("server"), &[]);
    let sender = prometheus(&program, &folder.path().join("prometheus"), &server).await;
    let ours = wait_for("five exemplars", 60, async || {
        let data = found(&server, r#"requests_total{job="exemplified"}"#).await;
        (flat(&data).len() >= 5).then_some(data)
    })
    .await;
    assert_eq!(ours[0]["seriesLabels"]["__name__"], "requests_total");
    assert_eq!(ours[0]["exemplars"][0]["labels"]["span"], "\u{e9}");
    let query = "query=requests_total%7Bjob%3D%22exemplified%22%7D&start=0&end=4000000000";
    let theirs = json(&format!("{}/api/v1/query_exemplars?{query}", sender.url)).await;
    let theirs = &theirs["data"];
    assert_eq!(ours[0]["seriesLabels"], theirs[0]["seriesLabels"]);
    let (ours, theirs) = (flat(&ours), flat(theirs));
    assert!(
        theirs.starts_with(&ours),
        "{ours:?} are no beginning of {theirs:?}"
    );
    assert_eq!(server.metric("tsdb_exemplars_rejected_total").await, 0.0);
}
