//! The walk-throughs that guides of M3 have copied, command for command, but for ports and times.

use std::time::{SystemTime, UNIX_EPOCH};

use http::Method;
use serde_json::{Value, json};

use super::requests::{has_curl, namespaces, run, send, value};
use crate::support::{Server, exported, free_port};

/// What each command of a script printed, one a line; ports and times put in their places.
fn printed(script: &str, server: &Server, cluster_port: u16, now: u64) -> Option<Vec<Value>> {
    if !has_curl() {
        return None;
    }
    let script = script
        .replace("localhost:9003", &format!("127.0.0.1:{cluster_port}"))
        .replace("1527039389", &now.to_string())
        .replace("1527039999", &(now + 610).to_string());
    let printed = run(server, &format!("set -e{script}"));
    let values = printed.lines().filter(|line| !line.is_empty());
    Some(values.map(value).collect())
}

fn start(folder: &std::path::Path) -> (Server, u16, u64) {
    let port = free_port();
    let server = Server::start(folder, &["--cluster-listen", &format!("127.0.0.1:{port}")]);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    (server, port, now.expect("a clock").as_secs())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_walk_through_of_a_single_node_up_to_0_15() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, port, now) = start(folder.path());
    let script = r#"
curl -sS -X POST http://localhost:7201/api/v1/database/create -d '{"type":"local","namespaceName":"default","retentionTime":"12h"}'
echo
curl -sS http://localhost:7201/api/v1/placement
echo
curl -sS -X POST http://localhost:9003/writetagged -d '{"namespace":"default","id":"foo",
  "tags":[{"name":"__name__","value":"user_login"},{"name":"city","value":"new_york"}],"datapoint":{"timestamp":1527039389,"value":42.123456789}}'
echo
curl -sS -X POST http://localhost:9003/query -d '{"namespace":"default","query":{"regexp":{"field":"city","regexp":".*"}},"rangeStart":0,"rangeEnd":1527039999}'
"#;
    let Some(answers) = printed(script, &server, port, now) else {
        return;
    };
    let [created, placement, written, found] = answers.as_slice() else {
        panic!("{answers:?}")
    };
    let options = &created["namespace"]["registry"]["namespaces"]["default"];
    assert_eq!(
        options["retentionOptions"]["retentionPeriodNanos"],
        json!("43200000000000")
    );
    let instance = &placement["placement"]["instances"]["m3db_local"];
    assert_eq!(instance["endpoint"], json!("127.0.0.1:9000"));
    assert_eq!(instance["shards"].as_array().map(Vec::len), Some(64));
    assert_eq!(instance["shards"][63]["state"], json!("AVAILABLE"));
    assert_eq!(*written, json!({}));
    let expected = json!({"results": [{"id": "foo",
        "tags": [{"name": "__name__", "value": "user_login"}, {"name": "city", "value": "new_york"}],
        "datapoints": [{"timestamp": now, "value": 42.123456789}]}], "exhaustive": true});
    assert_eq!(*found, expected);
    // Ids are kept beside the data, where no call for namespaces meets them.
    let base = "/api/v1/services/m3db/namespace";
    let all = namespaces(&server).await;
    let names: Vec<&String> = all.as_object().expect("namespaces").keys().collect();
    assert_eq!(names, ["default"]);
    let removed = send(&server, Method::DELETE, &format!("{base}/_series_ids"), "").await;
    assert_eq!(removed.status, 404, "{}", removed.text());
    let added = send(
        &server,
        Method::POST,
        base,
        r#"{"name":"_series_ids","options":{}}"#,
    )
    .await;
    assert_eq!(added.status, 400, "{}", added.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_quick_start_since_1_0() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, port, now) = start(folder.path());
    let script = r#"
curl -sS -X POST http://localhost:7201/api/v1/database/create -d '{"type":"local","namespaceName":"default","retentionTime":"12h"}' >&2
until curl -sS http://localhost:7201/api/v1/services/m3db/placement | grep -q AVAILABLE; do :; done
curl -sS -X POST http://localhost:7201/api/v1/services/m3db/namespace/ready -d '{"name":"default"}'
echo
curl -sS http://localhost:7201/api/v1/services/m3db/namespace
echo
for sample in '"checkout":"1"},"timestamp":"1527039389","value":3347.26}' '"checkout":"2"},"timestamp":"1527039389","value":5347.26}' '"checkout":"3"},"timestamp":"1527039389","value":7347.26}'; do
  curl -sS --fail -X POST http://localhost:7201/api/v1/json/write -d '{"tags":{"__name__":"third_avenue","city":"new_york",'"$sample"
done
curl -sS "http://localhost:7201/api/v1/query_range?query=third_avenue&start=1527039389&end=1527039999&step=5s"
"#;
    let Some(answers) = printed(script, &server, port, now) else {
        return;
    };
    let [ready, namespaces, queried] = answers.as_slice() else {
        panic!("{answers:?}")
    };
    assert_eq!(*ready, json!({"ready": true}));
    let default = &namespaces["registry"]["namespaces"]["default"];
    assert_eq!(default["stagingState"]["status"], json!("READY"));
    let result = queried["data"]["result"].as_array();
    assert_eq!(result.map(Vec::len), Some(3), "{queried}");
    let found = exported(&server, "third_avenue").await;
    let values: Vec<f64> = found
        .iter()
        .map(|(_, samples)| {
            assert_eq!(samples.len(), 1);
            assert_eq!(samples[0].0, i64::try_from(now * 1000).expect("a time"));
            f64::from_bits(samples[0].1)
        })
        .collect();
    assert_eq!(values, [3347.26, 5347.26, 7347.26]);
}
