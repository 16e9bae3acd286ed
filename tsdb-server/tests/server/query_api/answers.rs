//! What expressions answer, to the byte.

use http::Method;
use prost::Message as _;
use serde_json::{Value, json as value};
use tsdb_core::{Clock, SystemClock};
use tsdb_proto::client::{MetricFamily, MetricType};

use super::{TIME, encoded, filled};
use crate::support::{get, json, post, post_form, request};

#[tokio::test]
async fn results_are_written_as_prometheus_writes_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = filled(folder.path(), &[]).await;
    let data = [
        (
            "1 + 1",
            r#"{"resultType":"scalar","result":[1700000000,"2"]}"#,
        ),
        (
            "\"a\\\"b\"",
            r#"{"resultType":"string","result":[1700000000,"a\"b"]}"#,
        ),
        (
            "rate(requests_total{job=\"api\"}[1m])",
            r#"{"resultType":"vector","result":[{"metric":{"instance":"a:1","job":"api"},"value":[1700000000,"2"]}]}"#,
        ),
        (
            "{\"temp.celsius\"}",
            "{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"__name__\":\"temp.celsius\",\"room.name\":\"\u{e9}t\u{e9}\"},\"value\":[1700000000,\"21.5\"]}]}",
        ),
        (
            "requests_total{job=\"db\"}[15s]",
            r#"{"resultType":"matrix","result":[{"metric":{"__name__":"requests_total","instance":"a:1","job":"db"},"values":[[1699999990,"2950"],[1700000000,"3000"]]}]}"#,
        ),
        ("unheard_of", r#"{"resultType":"vector","result":[]}"#),
        (
            "vector(1e21) or vector(-1e-7)",
            r#"{"resultType":"vector","result":[{"metric":{},"value":[1700000000,"1e+21"]}]}"#,
        ),
    ];
    let url = format!("{}/api/v1/query", server.api);
    for (query, expected) in data {
        let form = format!("query={}&time={TIME}", encoded(query));
        let answer = post_form(&url, &form).await;
        let expected = format!("{{\"status\":\"success\",\"data\":{expected}}}");
        assert_eq!((answer.status, answer.text()), (200, expected), "{query}");
        assert_eq!(answer.headers["content-type"], "application/json");
        let same = get(&format!("{url}?{form}")).await;
        assert_eq!(same.text(), answer.text());
    }
    let range = "start=1699999999.5&end=1700000001&step=0.5";
    let query = encoded("sum by (job) (requests_total) / 10");
    let answer = get(&format!("{url}_range?query={query}&{range}")).await;
    let expected = concat!(
        r#"{"status":"success","data":{"resultType":"matrix","result":["#,
        r#"{"metric":{"job":"api"},"values":[[1699999999.500,"118"],[1700000000,"120"],[1700000000.500,"120"],[1700000001,"120"]]},"#,
        r#"{"metric":{"job":"db"},"values":[[1699999999.500,"295"],[1700000000,"300"],[1700000000.500,"300"],[1700000001,"300"]]}]}}"#
    );
    assert_eq!(answer.text(), expected);
}

#[tokio::test]
async fn limits_stats_traces_and_annotations_are_told_beside_the_result() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = filled(folder.path(), &[]).await;
    let ask = async |more: &str| -> Value {
        json(&format!("{}/api/v1/query?time={TIME}&{more}", server.api)).await
    };
    let limited = ask("query=requests_total&limit=1").await;
    assert_eq!(limited["data"]["result"].as_array().map(Vec::len), Some(1));
    let warnings = value!(["results truncated due to limit"]);
    assert_eq!(limited["warnings"], warnings);
    let whole = ask("query=requests_total&limit=2").await;
    assert_eq!(whole["warnings"], Value::Null);
    assert_eq!(whole["data"]["stats"], Value::Null);

    let stats = ask("query=rate(requests_total[1m])&stats=all").await;
    let stats = &stats["data"]["stats"];
    let samples = stats["samples"]["totalQueryableSamples"].as_u64();
    assert!(samples >= Some(12), "{stats}");
    assert!(
        stats["timings"]["execTotalTime"].as_f64() > Some(0.0),
        "{stats}"
    );

    let traced = ask("query=sum(requests_total)&trace=1").await;
    let trace = &traced["data"]["trace"];
    assert_eq!(
        (&trace["name"], &trace["detail"]),
        (&value!("query"), &value!("sum(requests_total)"))
    );
    let sum = &trace["children"][0];
    assert_eq!((&sum["name"], &sum["series"]), (&value!("sum"), &value!(1)));
    let selector = &sum["children"][0];
    assert_eq!(
        (&selector["name"], &selector["series"]),
        (&value!("selector"), &value!(2))
    );
    let took = [trace, sum, selector].map(|step| step["duration_ms"].as_f64());
    assert!(took.is_sorted_by(|around, part| around >= part), "{took:?}");
    assert!(took[2] > Some(0.0), "{took:?}");
    let detail = selector["detail"].as_str().expect("text");
    assert!(detail.contains("__name__=\"requests_total\""), "{detail}");

    let doubtful = ask("query=quantile(2,requests_total)").await;
    let warnings = doubtful["warnings"].as_array().expect("warnings");
    let text = warnings[0].as_str().expect("text");
    assert!(text.starts_with("PromQL warning: quantile value"), "{text}");
    let late = format!("{}/api/v1/query?time={}", server.api, TIME + 5);
    let old = json(&format!("{late}&query=requests_total&lookback_delta=1s")).await;
    assert_eq!(old["data"]["result"], value!([]));
}

#[tokio::test]
async fn expressions_are_laid_out_and_shown_as_trees() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = filled(folder.path(), &[]).await;
    let url =
        |what: &str, query: &str| format!("{}/api/v1/{what}?query={}", server.api, encoded(query));
    let laid_out = json(&url("format_query", "sum  by(job)( rate(a[5m]) )")).await;
    assert_eq!(
        laid_out,
        value!({"status": "success", "data": "sum by (job) (rate(a[5m]))"})
    );
    let tree = json(&url("parse_query", "-a{b=\"c\"}")).await;
    assert_eq!(tree["data"]["type"], "unaryExpr");
    assert_eq!(tree["data"]["expr"]["type"], "vectorSelector");
    assert_eq!(tree["data"]["expr"]["matchers"][0]["name"], "b");
    for what in ["format_query", "parse_query"] {
        let wrong = json(&url(what, "sum(")).await;
        assert_eq!(wrong["errorType"], "bad_data");
        let error = wrong["error"].as_str().expect("text");
        assert!(
            error.starts_with("invalid parameter \"query\": 1:5: parse error: "),
            "{error}"
        );
    }
}

#[tokio::test]
async fn the_latest_samples_are_a_page_to_be_scraped() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = filled(folder.path(), &[]).await;
    let import = format!("{}/api/v1/import/prometheus", server.api);
    let answer = post_form(
        &import,
        "fresh{job=\"x\"} 2.5\nfresh{job=\"y\",instance=\"i\"} 1\n",
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let page = get(&format!(
        "{}/federate?match[]=fresh&match[]=requests_total",
        server.api
    ))
    .await;
    let kind = page.headers["content-type"].to_str().expect("text");
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    let text = page.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "# TYPE fresh untyped");
    assert!(
        lines[1].starts_with("fresh{instance=\"i\",job=\"y\"} 1 "),
        "{text}"
    );
    assert!(
        lines[2].starts_with("fresh{job=\"x\",instance=\"\"} 2.5 "),
        "{text}"
    );
    assert_eq!(lines.len(), 3, "old samples are left out: {text}");
}

#[tokio::test]
async fn native_histograms_are_on_the_page_for_who_takes_protobuf() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = filled(folder.path(), &[]).await;
    let now = SystemClock::new().now_ms();
    let lines = [
        format!(
            r#"{{"metric":{{"__name__":"seconds","job":"a"}},"values":[],"timestamps":[],"histograms":[[{now},{{"schema":2,"count_int":3,"sum":4.5,"positive_spans":[[1,2]],"positive_deltas":[2,-1]}}]]}}"#
        ),
        format!(
            r#"{{"metric":{{"__name__":"bytes","job":"a"}},"values":[],"timestamps":[],"histograms":[[{now},{{"schema":-53,"count_int":3,"sum":7,"positive_spans":[[0,2]],"positive_deltas":[2,-1],"custom_values":[5]}}]]}}"#
        ),
    ];
    let import = format!("{}/api/v1/import", server.api);
    let answer = post(&import, &[], lines.join("\n")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let url = format!("{}/federate?match[]=seconds&match[]=bytes", server.api);
    let expected = format!(
        "# TYPE bytes histogram\n\
         bytes_bucket{{job=\"a\",instance=\"\",le=\"5\"}} 2 {now}\n\
         bytes_bucket{{job=\"a\",instance=\"\",le=\"+Inf\"}} 3 {now}\n\
         bytes_sum{{job=\"a\",instance=\"\"}} 7 {now}\n\
         bytes_count{{job=\"a\",instance=\"\"}} 3 {now}\n"
    );
    assert_eq!(get(&url).await.text(), expected);
    let protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,*/*;q=0.1";
    let page = request(Method::GET, &url, &[("accept", protobuf)], "").await;
    let page = page.expect("an answer");
    let kind = page.headers["content-type"].to_str().expect("text");
    assert!(
        kind.starts_with("application/vnd.google.protobuf; proto="),
        "{kind}"
    );
    let mut rest = page.body.clone();
    let families = [(); 2].map(|()| MetricFamily::decode_length_delimited(&mut rest));
    assert!(rest.is_empty());
    let [bytes, seconds] = families.map(|family| family.expect("a family"));
    assert_eq!(
        (bytes.name(), bytes.r#type()),
        ("bytes", MetricType::Histogram)
    );
    let classic = bytes.metric[0].histogram.clone().expect("a histogram");
    let bound = &classic.bucket[0];
    assert_eq!(
        (
            classic.schema,
            bound.upper_bound(),
            bound.cumulative_count_float()
        ),
        (None, 5.0, 2.0)
    );
    assert_eq!((seconds.name(), seconds.metric.len()), ("seconds", 1));
    let native = seconds.metric[0].histogram.clone().expect("a histogram");
    assert_eq!(
        (
            native.schema,
            native.sample_count_float(),
            native.sample_sum()
        ),
        (Some(2), 3.0, 4.5)
    );
    assert_eq!(
        (native.positive_count, native.positive_span[0].offset()),
        (vec![2.0, 1.0], 1)
    );
    assert_eq!(seconds.metric[0].timestamp_ms(), now);
}
