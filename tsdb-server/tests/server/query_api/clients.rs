//! Grafana's calls and promtool's.

use std::process::Command;

use serde_json::{Value, json as value};

use super::{TIME, encoded, filled};
use crate::support::{Server, get, json, post_form, program};

async fn posted(server: &Server, path: &str, form: &str) -> Value {
    let answer = post_form(&format!("{}{path}", server.api), form).await;
    assert_eq!(answer.status, 200, "{path} {form}: {}", answer.text());
    serde_json::from_slice(&answer.body).expect("JSON")
}

#[tokio::test]
async fn grafana_gets_what_it_asks_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = filled(folder.path(), &[]).await;
    let healthy = posted(&server, "/api/v1/query", "query=1%2B1&time=4").await;
    let expected =
        value!({"status": "success", "data": {"resultType": "scalar", "result": [4, "2"]}});
    assert_eq!(healthy, expected);
    let build = json(&format!("{}/api/v1/status/buildinfo", server.api)).await;
    assert_eq!(build["data"]["version"], "3.14.0");
    assert_eq!(
        build["data"]["features"],
        Value::Null,
        "they would make it Mimir's"
    );

    let (start, end) = (TIME - 60, TIME);
    let times = format!("start={start}.000&end={end}.000");
    let query = encoded("sum by (job) (rate(requests_total[1m0s]))");
    let range = format!("query={query}&{times}&step=15.000&timeout=60s");
    let range = posted(&server, "/api/v1/query_range", &range).await;
    assert_eq!(
        range["data"]["result"][1]["values"][0],
        value!([start, "5"])
    );
    let exemplars = format!("query={query}&{times}");
    let exemplars = posted(&server, "/api/v1/query_exemplars", &exemplars).await;
    assert_eq!(exemplars["data"], value!([]));

    let listed = format!("{times}&limit=40000");
    let labels = posted(&server, "/api/v1/labels", &listed).await;
    assert_eq!(
        labels["data"],
        value!(["__name__", "instance", "job", "room.name"])
    );
    let everything = encoded("{__name__!=\"\"}");
    let series = format!("match[]={everything}&{listed}");
    let series = posted(&server, "/api/v1/series", &series).await;
    assert_eq!(series["data"].as_array().map(Vec::len), Some(3));
    let values = format!(
        "{}/api/v1/label/U__room_2e_name/values?{listed}",
        server.api
    );
    assert_eq!(json(&values).await["data"], value!(["\u{e9}t\u{e9}"]));
    for (path, data) in [
        ("metadata?limit=40000", value!({})),
        ("rules", value!({"groups": []})),
        ("alerts", value!({"alerts": []})),
        (
            "alertmanagers",
            value!({"activeAlertmanagers": [], "droppedAlertmanagers": []}),
        ),
        (
            "targets?state=active",
            value!({"activeTargets": [], "droppedTargets": [], "droppedTargetCounts": {}}),
        ),
        ("targets/metadata?limit=1", value!([])),
        ("scrape_pools", value!({"scrapePools": []})),
    ] {
        let found = json(&format!("{}/api/v1/{path}", server.api)).await;
        assert_eq!(found, value!({"status": "success", "data": data}), "{path}");
    }
}

#[tokio::test]
async fn the_server_tells_what_it_is_as_prometheus_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = filled(folder.path(), &["--query-timeout", "77s"]).await;
    let status = async |what: &str| {
        json(&format!("{}/api/v1/status/{what}", server.api)).await["data"].clone()
    };
    let flags = status("flags").await;
    assert_eq!(
        (&flags["query-timeout"], &flags["query.timeout"]),
        (&value!("77s"), &value!("77s"))
    );
    let yaml = status("config").await["yaml"]
        .as_str()
        .expect("text")
        .to_owned();
    assert!(yaml.contains("\n  queryTimeout: \"77s\"\n"), "{yaml}");
    let runtime = status("runtimeinfo").await;
    assert_eq!(runtime["storageRetention"], "forever");
    assert!(
        runtime["startTime"].as_str() <= runtime["serverTime"].as_str(),
        "{runtime}"
    );
    assert_eq!(status("walreplay").await["min"], 0);
    let import = format!("{}/api/v1/import/prometheus", server.api);
    assert_eq!(
        post_form(&import, "fresh{job=\"x\"} 1\nfresh{job=\"y\"} 1\n")
            .await
            .status,
        200
    );
    assert_eq!(status("tsdb/blocks").await, value!({"blocks": []}));
    let tsdb = status("tsdb?limit=1").await;
    assert_eq!(tsdb["headStats"]["numSeries"], 2);
    assert_eq!(
        tsdb["seriesCountByMetricName"],
        value!([{"name": "fresh", "value": 2}])
    );
    for (path, text) in [
        ("/-/healthy", "Prometheus Server is Healthy.\n"),
        ("/-/ready", "Prometheus Server is Ready.\n"),
    ] {
        assert_eq!(get(&format!("{}{path}", server.api)).await.text(), text);
    }
}

#[tokio::test]
async fn promtool_reads_answers() {
    let Some(promtool) = program("promtool", "prometheus") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let server = filled(folder.path(), &[]).await;
    let time = TIME.to_string();
    let start = format!("--start={}", TIME - 30);
    let end = format!("--end={time}");
    let at = format!("--time={time}");
    let matching = "--match=requests_total";
    let api = server.api.as_str();
    let cases: [(&[&str], &str); 4] = [
        (
            &["instant", &at, api, "rate(requests_total{job=\"db\"}[1m])"],
            "{instance=\"a:1\", job=\"db\"} => 5 @[1700000000]",
        ),
        (
            &[
                "range",
                &start,
                &end,
                "--step=15s",
                api,
                "sum(requests_total)",
            ],
            "{} =>\n3990 @[1699999970]\n4060 @[1699999985]\n4200 @[1700000000]",
        ),
        (
            &["series", matching, &start, &end, api],
            "{__name__=\"requests_total\", instance=\"a:1\", job=\"api\"}",
        ),
        (&["labels", &start, &end, api, "job"], "api\ndb"),
    ];
    for (arguments, expected) in cases {
        let output = Command::new(&promtool)
            .arg("query")
            .args(arguments)
            .output();
        let output = output.expect("it starts");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}
