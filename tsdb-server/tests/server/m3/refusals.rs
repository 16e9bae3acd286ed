//! What is refused, and how.

use http::Method;

use super::requests::{has_curl, namespaces, run, send, value};
use crate::support::{Server, request};

#[tokio::test]
async fn what_has_no_engine_says_what_is_missing_and_what_to_use_instead() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    for (method, path, part) in [
        (
            Method::POST,
            "/api/v1/topic/init",
            "/api/v1/prom/remote/write",
        ),
        (Method::GET, "/api/v1/topic", "no topics"),
        (
            Method::GET,
            "/api/v1/graphite/render?target=a",
            "/api/v1/export",
        ),
        (
            Method::POST,
            "/api/v1/kvstore",
            "/api/v1/services/m3db/namespace",
        ),
        (Method::POST, "/api/v1/services/m3db/schema", "no schemas"),
        (Method::DELETE, "/api/v1/services/m3db/schema", "no schemas"),
    ] {
        let answer = send(&server, method.clone(), path, "{}").await;
        assert_eq!(answer.status, 501, "{method} {path}");
        let body = value(&answer.text());
        assert_eq!(body["status"], "error");
        assert!(
            body["error"]
                .as_str()
                .is_some_and(|text| text.contains(part)),
            "{body}"
        );
        assert_eq!(answer.headers["content-type"], "application/json");
    }
}

const HOSTILE: &[&str] = &[
    "",
    "{",
    "[]",
    "null",
    "\"x\"",
    "\u{0}",
    "{\"name\":1e999}",
    "{\"name\":{}}",
    "{\"name\":\"n\",\"options\":[]}",
    "{\"nme\":\"n\"}",
    "{\"instances\":[1]}",
    "{\"name\":\"n\",\"options\":{\"retentionOptions\":{\"retentionPeriodNanos\":1e400}}}",
    "{\"name\":\"n\",\"options\":{\"retentionOptions\":{\"retentionPeriodNanos\":99999999999999999999}}}",
    "{\"name\":\"n\",\"options\":{\"retentionOptions\":{\"retentionPeriodDuration\":\"300y\"}}}",
    "{\"namespaceName\":\"../../etc\",\"type\":\"local\"}",
    r#"{"num_shards":2147483647,"replication_factor":2147483647,"instances":[{"id":"a"}]}"#,
];

#[tokio::test]
async fn hostile_bodies_are_refused_and_cost_nobody_anything() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let deep = "{\"options\":".repeat(200_000);
    let list = format!("{{\"instances\":{}", "[".repeat(500_000));
    for (method, path) in [
        (Method::POST, "/api/v1/database/create"),
        (Method::POST, "/api/v1/services/m3db/namespace"),
        (Method::PUT, "/api/v1/services/m3db/namespace"),
        (Method::POST, "/api/v1/services/m3db/placement/init"),
        (Method::POST, "/api/v1/services/m3aggregator/placement/init"),
        (Method::POST, "/api/v1/services/m3db/placement/set"),
    ] {
        for body in HOSTILE.iter().copied().chain([deep.as_str(), &list]) {
            let url = format!("{}{path}", server.api);
            let answer = request(method.clone(), &url, &[], body.to_owned()).await;
            let answer = answer.unwrap_or_else(|error| panic!("{path}: {error}"));
            let shown: String = body.chars().take(80).collect();
            assert_eq!(
                answer.status,
                400,
                "{method} {path} {shown}: {}",
                answer.text()
            );
            assert_eq!(value(&answer.text())["status"], "error");
            assert!(answer.body.len() < 10_000, "an answer is short");
        }
    }
    for service in ["m3db", "m3aggregator"] {
        let path = format!("/api/v1/services/{service}/placement");
        let answer = send(&server, Method::GET, &path, "").await;
        assert_eq!(answer.status, 404, "left behind: {}", answer.text());
    }
    let names = namespaces(&server).await;
    assert_eq!(
        names.as_object().map(serde_json::Map::len),
        Some(1),
        "{names}"
    );
    assert!(server.metric("process_resident_memory_bytes").await < 300e6);
    assert_eq!(server.metric("tsdb_panics_total").await, 0.0);
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_and_an_unknown_field_is_named() {
    if !has_curl() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("data"), &[]);
    let file = folder.path().join("long.json");
    let long = format!("{{\"name\":\"{}\"}}", "n".repeat(10 << 20));
    std::fs::write(&file, long).expect("writing");
    let script = |transfer: &str| {
        let file = file.display();
        format!(
            "curl -s -w ' %{{http_code}}' {transfer} --data-binary @{file} localhost:7201/api/v1/services/m3db/namespace"
        )
    };
    for transfer in ["", "-H 'Transfer-Encoding: chunked'"] {
        let answer = run(&server, &script(transfer));
        let said = answer.contains("longer than 1048576 bytes");
        assert!(said && answer.ends_with(" 400"), "{transfer}: {answer}");
    }
    let path = "/api/v1/services/m3db/namespace";
    let unknown = send(&server, Method::POST, path, "{\"nme\":\"n\"}").await;
    let named = unknown.text().contains("unknown field `nme`");
    assert!(unknown.status == 400 && named, "{}", unknown.text());
}
