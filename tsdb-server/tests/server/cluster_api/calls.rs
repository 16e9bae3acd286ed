//! Every kind of write and read that the API has.

use http::Method;
use prost::Message as _;
use serde_json::json;
use tsdb_core::{Matcher, TimeRange};
use tsdb_proto::prometheus as v1;
use tsdb_proto::write_v2 as v2;
use tsdb_remote::client::read::encode_request;
use tsdb_remote::read::ResponseType;

use super::{Call, TIME};
use crate::support::{series, snappy};

const V1: &[(&str, &str)] = &[
    ("content-type", "application/x-protobuf"),
    ("content-encoding", "snappy"),
    ("x-prometheus-remote-write-version", "0.1.0"),
];
const V2: &[(&str, &str)] = &[
    (
        "content-type",
        "application/x-protobuf;proto=io.prometheus.write.v2.Request",
    ),
    ("content-encoding", "snappy"),
    ("x-prometheus-remote-write-version", "2.0.0"),
];
const READ: &[(&str, &str)] = &[
    ("content-type", "application/x-protobuf"),
    ("content-encoding", "snappy"),
    ("x-prometheus-remote-read-version", "0.1.0"),
];

/// Remote write 1.0: floats, exemplars, metadata.
fn write_v1(round: i64) -> Call {
    let number = |at: i64| u32::try_from(at * 100 + round).expect("small");
    let one = |at: i64| {
        let (host, value) = (at.to_string(), f64::from(number(at)));
        let exemplar = v1::Exemplar {
            labels: vec![v1::Label {
                name: "trace_id".to_owned(),
                value: format!("{at}-{round}"),
            }],
            value,
            timestamp: TIME + round * 1000,
        };
        let labels = [("__name__", "requests_total"), ("host", host.as_str())];
        v1::TimeSeries {
            exemplars: vec![exemplar],
            ..series(&labels, &[(TIME + round * 1000, (value + 1.0).to_bits())])
        }
    };
    let metadata = ["requests_total", "latency_seconds", "errors_total"];
    let metadata = metadata.map(|metric| v1::MetricMetadata {
        r#type: 1,
        metric_family_name: metric.to_owned(),
        help: format!("what {metric} counts"),
        unit: String::new(),
    });
    let request = v1::WriteRequest {
        timeseries: (0..40).map(one).collect(),
        metadata: metadata.to_vec(),
    };
    Call::post("/api/v1/write", snappy(&request.encode_to_vec())).with(V1)
}

/// Remote write 2.0: a float, a native histogram, an exemplar, metadata with each series.
fn write_v2() -> Call {
    let symbols = [
        "",
        "__name__",
        "temperature",
        "room",
        "attic",
        "how warm it is",
        "celsius",
        "spans",
        "trace_id",
        "7f",
    ];
    let metadata = |kind| {
        Some(v2::Metadata {
            r#type: kind,
            help_ref: 5,
            unit_ref: 6,
        })
    };
    let float = v2::TimeSeries {
        labels_refs: vec![1, 2, 3, 4],
        samples: vec![v2::Sample {
            value: 21.5,
            timestamp: TIME,
            start_timestamp: 0,
        }],
        exemplars: vec![v2::Exemplar {
            labels_refs: vec![8, 9],
            value: 0.5,
            timestamp: TIME,
        }],
        metadata: metadata(2),
        ..v2::TimeSeries::default()
    };
    let histogram = v2::Histogram {
        count: Some(v2::histogram::Count::CountInt(3)),
        sum: 4.5,
        schema: 1,
        zero_threshold: 0.001,
        positive_spans: vec![v2::BucketSpan {
            offset: 0,
            length: 2,
        }],
        positive_deltas: vec![1, 1],
        timestamp: TIME,
        ..v2::Histogram::default()
    };
    let native = v2::TimeSeries {
        labels_refs: vec![1, 7],
        histograms: vec![histogram],
        metadata: metadata(3),
        ..v2::TimeSeries::default()
    };
    let request = v2::Request {
        symbols: symbols.map(String::from).to_vec(),
        timeseries: vec![float, native],
    };
    Call::post("/api/v1/write", snappy(&request.encode_to_vec())).with(V2)
}

/// Remote write of which a part is refused.
fn write_of_the_future() -> Call {
    let labels = [("__name__", "requests_total"), ("host", "0")];
    let samples = [(TIME + 60_000, 1.0_f64.to_bits()), (99_999_999_999_999, 0)];
    let request = v1::WriteRequest {
        timeseries: vec![
            series(&labels, &samples),
            series(&[("host", "1")], &[(TIME, 0)]),
        ],
        metadata: Vec::new(),
    };
    let path = "/api/v1/prom/remote/write";
    Call::post(path, snappy(&request.encode_to_vec())).with(V1)
}

/// One write of every route and form, in their order.
pub(super) fn writes() -> Vec<Call> {
    let json_lines = concat!(
        r#"{"metric":{"__name__":"up","city":"new_york","role":"db"},"values":[1,0],"timestamps":[1000,2000]}"#,
        "\n",
        r#"{"metric":{"__name__":"up","city":"oslo"},"values":[1],"timestamps":[2000]}"#,
        "\nno line of any kind\n",
        r#"{"metric":{"__name__":"up","city":"oslo"},"values":[3],"timestamps":[99999999999999]}"#,
    );
    let open_metrics = concat!(
        "# HELP latency_seconds How long it takes.\n",
        "# TYPE latency_seconds histogram\n",
        "# UNIT latency_seconds seconds\n",
        "latency_seconds_bucket{le=\"1.0\"} 3 1700000000.000 # {trace_id=\"ab\"} 0.7 1700000000.000\n",
        "latency_seconds_bucket{le=\"+Inf\"} 4 1700000000.000\n",
        "latency_seconds_count 4 1700000000.000\n",
        "latency_seconds_sum 5.5 1700000000.000\n",
        "# EOF\n",
    );
    let tags = json!([{"name": "__name__", "value": "logins"}, {"name": "city", "value": "bern"}]);
    let point = |value: f64| json!({"timestamp": TIME / 1000, "value": value});
    let mut all: Vec<Call> = (0..6).map(write_v1).collect();
    all.extend([
        write_v2(),
        write_of_the_future(),
        Call::post(
            "/api/v1/json/write",
            r#"{"tags":{"__name__":"third_avenue","city":"new_york"},"timestamp":"1700000000","value":3347.26}"#,
        ),
        Call::post(
            "/api/v1/json/write",
            r#"{"tags":{"__name__":"third_avenue"},"timestamp":"99999999999","value":1}"#,
        ),
        Call::post(
            "/api/v1/influxdb/write?precision=ms",
            format!("weather,city=oslo wind=3.5,rain=true {TIME}\nno point\n"),
        ),
        Call::post("/api/v1/import", json_lines),
        Call::post("/api/v1/import/prometheus", open_metrics)
            .with(&[("content-type", "application/openmetrics-text; version=1.0.0")]),
        Call::post(
            "/api/v1/import/csv?format=1:time:unix_s,2:label:host,3:metric:disk",
            "1700000000,a,7\n1700000060,b,8\n",
        ),
        Call::of_node(
            "/writetagged",
            &json!({"namespace": "default", "id": "", "tags": tags, "datapoint": point(7.0)}),
        ),
        Call::of_node(
            "/writetagged",
            &json!({"namespace": "default", "id": r#"{__name__="logins",city="bern"}"#,
                "tags": tags, "datapoint": {"timestamp": TIME / 1000 + 60, "value": 8.0}}),
        ),
        Call::of_node(
            "/write",
            &json!({"namespace": "default", "id": "untagged", "datapoint": point(9.0)}),
        ),
        Call::of_node(
            "/write",
            &json!({"namespace": "nowhere", "id": "untagged", "datapoint": point(9.0)}),
        ),
    ]);
    all
}

fn remote_read(path: &str, matchers: &[Matcher], form: ResponseType) -> Call {
    let body = encode_request(&[(TimeRange::ALL, matchers)], &[form]).expect("a request");
    Call::post(path, body).with(READ)
}

/// Reads of lists.
fn lists() -> Vec<Call> {
    let everything = "match[]=%7B__name__=~%22.%2B%22%7D";
    let requests = "match[]=requests_total";
    let base64 = |text: &str| base64::Engine::encode(&base64::prelude::BASE64_STANDARD, text);
    let (name, value) = (base64("__name__"), base64("requests_total"));
    let matcher = json!({"matchers": [{"type": 0, "name": name, "value": value}],
        "start": "1970-01-01T00:00:00Z", "end": "2050-01-01T00:00:00Z"});
    let form = [("content-type", "application/x-www-form-urlencoded")];
    vec![
        Call::get(format!("/api/v1/series?{everything}")),
        Call::get(format!("/api/v1/series?{requests}&{everything}&limit=7")),
        Call::get(format!("/api/v1/series?{requests}&limit=40")),
        Call::get(format!("/api/v1/series?{requests}&start=1&end=2")),
        Call::post("/api/v1/series", requests).with(&form),
        Call::get(format!("/api/v1/series?{requests}")).with(&[("M3-Limit-Max-Series", "40")]),
        Call::get(format!("/api/v1/series?{requests}")).with(&[("M3-Limit-Max-Series", "39")]),
        Call::get(format!("/api/v1/series?{requests}")).with(&[
            ("M3-Limit-Max-Docs", "39"),
            ("M3-Limit-Require-Exhaustive", "false"),
        ]),
        Call::get("/api/v1/series?match[]=up&match[]=%7B%7D"),
        Call::get("/api/v1/labels"),
        Call::get("/api/v1/labels?limit=2"),
        Call::get(format!("/api/v1/labels?{requests}")),
        Call::get("/api/v1/label/host/values"),
        Call::get("/api/v1/label/host/values?limit=5"),
        Call::get("/api/v1/label/host/values").with(&[("M3-Limit-Max-Series", "5")]),
        Call::get("/api/v1/label/__name__/values?match[]=up"),
        Call::get("/api/v1/search?query=city:oslo"),
        Call::get("/api/v1/search?query=city:oslo&result=tagNamesOnly"),
        Call::get("/api/v1/search?query=%7Bhost=~%22.%2B%22%7D&tag=host"),
        Call::post("/search", matcher.to_string()),
        Call::post("/search?limit=3", matcher.to_string()),
        Call::get("/api/v1/metadata"),
        Call::get("/api/v1/metadata?metric=requests_total"),
        Call::get("/api/v1/metadata?limit=2"),
        Call::get("/api/v1/metadata?metric=unheard_of"),
    ]
}

/// Reads of samples and exemplars.
fn samples() -> Vec<Call> {
    let everything = "match[]=%7B__name__=~%22.%2B%22%7D";
    let all = [Matcher::regex("__name__", ".+").expect("a pattern")];
    let requests = [Matcher::equal("__name__", "requests_total")];
    let samples = ResponseType::Samples;
    let chunks = ResponseType::StreamedXorChunks;
    vec![
        Call::get(format!("/api/v1/export?{everything}")),
        Call::get(format!("/api/v1/export?{everything}&format=openmetrics")),
        Call::get("/api/v1/export?match[]=up&match[]=requests_total&start=2"),
        Call::get("/api/v1/export?match[]=unheard_of"),
        Call::get("/api/v1/export?match[]=requests_total").with(&[("M3-Limit-Max-Series", "39")]),
        Call::get("/api/v1/query_exemplars?query=requests_total"),
        Call::get(
            "/api/v1/query_exemplars?query=requests_total%7Bhost=%223%22%7D&start=1700000001",
        ),
        Call::get("/api/v1/query_exemplars?query=%7B__name__=~%22.%2B%22%7D"),
        remote_read("/api/v1/read", &all, samples),
        remote_read("/api/v1/prom/remote/read", &requests, chunks),
        remote_read("/api/v1/read", &requests, samples).with(&[("M3-Limit-Max-Series", "39")]),
        remote_read("/api/v1/read", &requests, chunks).with(&[("M3-Limit-Max-Series", "39")]),
        remote_read("/api/v1/read", &requests, samples).with(&[("M3-Limit-Max-Series", "40")]),
        remote_read("/api/v1/read", &requests, samples)
            .with(&[("M3-Limit-Max-Returned-Datapoints", "240")]),
        remote_read("/api/v1/read", &requests, samples)
            .with(&[("M3-Limit-Max-Returned-Datapoints", "241")]),
    ]
}

/// Expressions, at one time and over a range.
fn expressions() -> Vec<Call> {
    const RANGE: &str = "start=1699999990&end=1700000070&step=2";
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let texts = [
        "requests_total",
        "sum by (host) (rate(requests_total[1m]))",
        r#"{__name__=~".+"}"#,
        r#"topk(3, requests_total{host=~"1.*"}) + on (host) group_left () requests_total"#,
        "histogram_quantile(0.9, latency_seconds_bucket)",
        "histogram_count({room=\"\",__name__!=\"\"})",
        "max_over_time(requests_total[10s:2s]) offset -5s",
        "absent(unheard_of)",
        "sum(",
        "requests_total * on () requests_total",
    ];
    let mut calls = Vec::new();
    for text in texts {
        let query = encoded(text);
        let instant = format!("query?query={query}&time=1700000005");
        calls.push(Call::get(format!("/api/v1/{instant}")));
        calls.push(Call::get(format!(
            "/api/v1/query_range?query={query}&{RANGE}"
        )));
    }
    let limited = |name, value| [(name, value)];
    calls.extend([
        Call::get("/prometheus/api/v1/query?query=up&time=2"),
        Call::get(format!("/prometheus/api/v1/query_range?query=up&{RANGE}")),
        Call::get("/m3query/api/v1/query?query=up&time=2"),
        Call::get(format!("/m3query/api/v1/query_range?query=up&{RANGE}")),
        Call::get("/api/v1/query?query=requests_total&time=1700000005&limit=3"),
        Call::get("/api/v1/query?query=requests_total&time=1700000005")
            .with(&limited("M3-Limit-Max-Series", "39")),
        Call::get("/api/v1/query?query=requests_total&time=1700000005")
            .with(&limited("M3-Limit-Max-Series", "40")),
        Call::get("/api/v1/query?query=requests_total&time=1700000005").with(&limited(
            "M3-Restrict-By-Tags-JSON",
            r#"{"match":[{"name":"host","type":"EQUAL","value":"3"}]}"#,
        )),
        Call::get("/federate?match[]=requests_total"),
    ]);
    calls
}

/// Reads of M3's nodes.
fn of_node() -> Vec<Call> {
    let range = json!({"rangeStart": 0, "rangeEnd": 2_000_000_000});
    let with = |mut body: serde_json::Value| {
        let fields = body.as_object_mut().expect("an object");
        fields.extend(range.as_object().expect("an object").clone());
        body
    };
    let term = json!({"term": {"field": "__name__", "term": "requests_total"}});
    let all = json!({"all": {}});
    let query = |query: &serde_json::Value| json!({"namespace": "default", "query": query});
    let mut limited = query(&term);
    limited["limit"] = json!(3);
    let mut without_data = query(&all);
    without_data["noData"] = json!(true);
    let fetch = |id: &str| json!({"namespace": "default", "id": id});
    vec![
        Call::of_node("/query", &with(query(&term))),
        Call::of_node("/query", &with(limited)),
        Call::of_node("/query", &with(without_data)),
        Call::of_node("/aggregate", &with(query(&all))),
        Call::of_node("/fetch", &with(fetch("untagged"))),
        Call::of_node("/fetch", &with(fetch(r#"{__name__="logins",city="bern"}"#))),
        Call::of_node("/fetch", &with(fetch("unheard of"))),
        Call::of_node(
            "/query",
            &with(json!({"namespace": "nowhere", "query": all})),
        ),
    ]
}

/// Reads of every route and form.
pub(super) fn reads() -> Vec<Call> {
    [lists(), samples(), expressions(), of_node()].concat()
}

/// What deletes: a series, then all there is.
pub(super) fn deletes() -> Vec<Call> {
    let path = "/api/v1/admin/tsdb/delete_series?match[]=requests_total%7Bhost=%227%22%7D";
    vec![
        Call::new(Method::POST, path, ""),
        Call::of_node("/truncate", &json!({"namespace": "default"})),
    ]
}
