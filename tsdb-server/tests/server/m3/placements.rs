//! Placements, by the bodies of M3's documentation and of its operator.

use http::Method;
use serde_json::json;

use super::requests::{has_curl, run, send, send_with, value};
use crate::support::{Server, get};

/// Bodies of M3's page on placements, with its names in both spellings.
const INSTANCE_SNAKE: &str = r#"{
            "id": "m3db001",
            "isolation_group": "us-east1-a",
            "zone": "embedded",
            "weight": 100,
            "endpoint": "10.142.0.1:9000",
            "hostname": "m3db001",
            "port": 9000
        }"#;

/// The documentation's script that makes a placement.
fn init(service: &str, count: usize, replicas: usize) -> String {
    let instances = (1..=count).map(|number| INSTANCE_SNAKE.replace("001", &format!("00{number}")));
    let instances = instances.collect::<Vec<_>>().join(",\n        ");
    format!(
        "curl -s -w ' %{{http_code}}' -X POST localhost:7201/api/v1/services/{service}/placement/init -d '{{\n    \"num_shards\": 64,\n    \"replication_factor\": {replicas},\n    \"instances\": [\n        {instances}\n    ]\n}}'"
    )
}

/// The documentation's script that adds an instance.
const ADD: &str = r#"curl -s -w ' %{http_code}' -X POST localhost:7201/api/v1/services/SERVICE/placement -d '{
  "instances": [
    {
      "id": "m3db009",
      "isolationGroup": "us-east1-b",
      "zone": "embedded",
      "weight": 100,
      "endpoint": "10.142.0.9:9000",
      "hostname": "m3db009",
      "port": 9000
    }
  ]
}'"#;

/// The documentation's script that replaces one.
const REPLACE: &str = r#"curl -s -w ' %{http_code}' -X POST localhost:7201/api/v1/services/m3db/placement/replace -d '{
    "leavingInstanceIDs": ["m3db001"],
    "candidates": [
        {
          "id": "m3db002",
          "isolationGroup": "us-east1-a",
          "zone": "embedded",
          "weight": 100,
          "endpoint": "HOST:9000",
          "hostname": "HOST",
          "port": 9000
        }
    ]
}'"#;

#[tokio::test]
async fn placements_are_made_by_the_bodies_of_the_documentation() {
    if !has_curl() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let three = run(&server, &init("m3db", 3, 3));
    assert!(
        three.ends_with(" 501") && three.contains("a cluster of several nodes"),
        "{three}"
    );
    let one = run(&server, &init("m3db", 1, 1));
    assert!(one.ends_with(" 200"), "{one}");
    assert!(one.contains(r#""m3db001":{"id":"m3db001","isolationGroup":"us-east1-a","zone":"embedded","weight":100"#), "{one}");
    let conflict = run(&server, &init("m3db", 1, 1));
    assert!(conflict.ends_with(" 409"), "{conflict}");
    let coordinators = run(&server, &init("m3coordinator", 2, 2));
    assert!(
        coordinators.ends_with(" 200") && coordinators.contains(r#""isSharded":false"#),
        "{coordinators}"
    );
    assert!(coordinators.contains(r#""shards":[]"#), "{coordinators}");
    let aggregators = run(&server, &init("m3aggregator", 1, 1));
    assert!(
        aggregators.ends_with(" 200") && aggregators.contains(r#""isMirrored":true"#),
        "{aggregators}"
    );
    let gone = "curl -s -X DELETE localhost:7201/api/v1/services/m3db/placement";
    assert_eq!(run(&server, gone), r#"{"deleted":true}"#);
    let placement = get(&format!("{}/api/v1/placement", server.api)).await;
    assert_eq!(placement.status, 404);
}

#[tokio::test]
async fn placements_are_changed_by_the_bodies_of_the_documentation() {
    if !has_curl() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    for (service, count) in [("m3db", 1), ("m3coordinator", 2)] {
        let made = run(&server, &init(service, count, 1));
        assert!(made.ends_with(r#""version":0} 200"#), "{made}");
    }
    let added = run(&server, &ADD.replace("SERVICE", "m3db"));
    assert!(
        added.ends_with(" 501") && added.contains("a cluster of several nodes"),
        "{added}"
    );
    let added = run(&server, &ADD.replace("SERVICE", "m3coordinator"));
    assert!(
        added.contains(r#""m3db009""#) && added.ends_with(r#""version":2} 200"#),
        "{added}"
    );
    let removed = run(
        &server,
        "curl -s -X DELETE localhost:7201/api/v1/services/m3coordinator/placement/m3db009",
    );
    assert!(
        !removed.contains("m3db009") && removed.ends_with(r#""version":3}"#),
        "{removed}"
    );
    let missing = run(
        &server,
        "curl -s -w ' %{http_code}' -X DELETE localhost:7201/api/v1/services/m3db/placement/x",
    );
    assert_eq!(
        missing,
        r#"{"status":"error","error":"instance x not found in placement"} 404"#
    );

    let refused = run(&server, &REPLACE.replace("HOST", "10.142.0.2"));
    assert!(
        refused.ends_with(" 501") && refused.contains("no data moves"),
        "{refused}"
    );
    let replaced = run(&server, &REPLACE.replace("HOST", "m3db001"));
    assert!(
        replaced.ends_with(r#""version":2} 200"#) && replaced.contains(r#"{"m3db002":"#),
        "{replaced}"
    );
}

/// What M3's operator for Kubernetes sends: jsonpb's names, an environment of its own, and
/// identifiers that are JSON themselves.
#[tokio::test]
async fn the_operator_finds_what_it_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let environment = [("Cluster-Environment-Name", "m3/test-cluster")];
    let init = r#"{"instances":[{"id":"{\"name\":\"test-cluster-rep0-0\",\"uid\":\"ab\"}","isolationGroup":"us-east1-b","zone":"embedded","weight":100,"endpoint":"test-cluster-rep0-0.m3dbnode-test-cluster:9000","hostname":"test-cluster-rep0-0.m3dbnode-test-cluster","port":9000,"metadata":{"debugPort":9004}}],"numShards":8,"replicationFactor":1}"#;
    let base = "/api/v1/services/m3db/placement";
    let path = format!("{base}/init");
    let answer = send_with(&server, Method::POST, &path, &environment, init).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        send(&server, Method::GET, base, "").await.status,
        404,
        "another environment"
    );
    let answer = send_with(&server, Method::GET, base, &environment, "").await;
    let placement = value(&answer.text());
    let instance =
        &placement["placement"]["instances"][r#"{"name":"test-cluster-rep0-0","uid":"ab"}"#];
    assert_eq!(instance["metadata"]["debugPort"], 9004);
    assert_eq!(instance["shards"].as_array().expect("shards").len(), 8);

    let version = |asked: &str| format!("{base}?version={asked}");
    for (asked, status) in [("1", 200), ("2", 404), ("x", 400)] {
        let answer = send_with(&server, Method::GET, &version(asked), &environment, "").await;
        assert_eq!(answer.status, status, "{asked}: {}", answer.text());
    }
    let id = "%7B%22name%22%3A%22test-cluster-rep0-0%22%2C%22uid%22%3A%22ab%22%7D";
    let last = send_with(
        &server,
        Method::DELETE,
        &format!("{base}/{id}"),
        &environment,
        "",
    )
    .await;
    assert_eq!(last.status, 400, "{}", last.text());

    let set = json!({"placement": placement["placement"], "version": 1, "confirm": false});
    let path = format!("{base}/set");
    let answer = send_with(&server, Method::POST, &path, &environment, &set.to_string()).await;
    let shown = value(&answer.text());
    assert_eq!(
        (&shown["version"], &shown["dryRun"]),
        (&json!(2), &json!(true))
    );
    let answer = send_with(&server, Method::GET, base, &environment, "").await;
    assert_eq!(value(&answer.text())["version"], 1, "it was only shown");
    let set = json!({"placement": placement["placement"], "version": 1, "confirm": true});
    let answer = send_with(&server, Method::POST, &path, &environment, &set.to_string()).await;
    assert_eq!(value(&answer.text())["dryRun"], false, "{}", answer.text());
    let answer = send_with(&server, Method::POST, &path, &environment, &set.to_string()).await;
    assert_eq!(answer.status, 409, "version 1 is over: {}", answer.text());
}
