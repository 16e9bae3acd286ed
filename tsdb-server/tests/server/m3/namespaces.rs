//! Namespaces added, changed and removed while the server runs.

use http::Method;
use serde_json::json;

use super::requests::{import, namespaces, now_ms, send, send_with, value};
use crate::support::{Server, json as get_json, post};

#[tokio::test]
async fn the_presets_of_the_operator_are_taken_and_obeyed() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let preset = |name: &str, retention_hours: u64, block_hours: u64, past_minutes: u64| {
        let (hour, minute) = (3_600_000_000_000_u64, 60_000_000_000_u64);
        let (retention, block) = (retention_hours * hour, block_hours * hour);
        let past = past_minutes * minute;
        format!(
            r#"{{"name":"{name}","options":{{"bootstrapEnabled":true,"flushEnabled":true,"writesToCommitLog":true,"cleanupEnabled":true,"snapshotEnabled":true,"retentionOptions":{{"retentionPeriodNanos":{retention},"blockSizeNanos":{block},"bufferFutureNanos":{past},"bufferPastNanos":{past},"blockDataExpiry":true,"blockDataExpiryAfterNotAccessPeriodNanos":300000000000}},"indexOptions":{{"enabled":true,"blockSizeNanos":{block}}}}}}}"#
        )
    };
    // The path of M3 up to 0.15, which the operator used.
    for body in [
        preset("metrics-10s:2d", 48, 2, 10),
        preset("metrics-1m:40d", 960, 24, 20),
    ] {
        let answer = send(&server, Method::POST, "/api/v1/namespace", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let again = send(&server, Method::POST, "/api/v1/namespace", &body).await;
        assert_eq!(again.status, 409, "{}", again.text());
    }
    let all = namespaces(&server).await;
    let names: Vec<_> = all
        .as_object()
        .expect("an object")
        .keys()
        .cloned()
        .collect();
    assert_eq!(
        names,
        ["metrics-10s:2d", "metrics-1m:40d"],
        "nobody asked for default"
    );
    let retention = |name: &str| all[name]["retentionOptions"]["retentionPeriodNanos"].clone();
    assert_eq!(retention("metrics-10s:2d"), "172800000000000");
    assert_eq!(retention("metrics-1m:40d"), "3456000000000000");
    let ready = get_json(&format!("{}/ready", server.api)).await;
    assert_eq!(ready["readyWrites"][0]["id"], "metrics-10s:2d", "{ready}");
    let hour_ms = 3_600_000;
    assert_eq!(import(&server, now_ms() - 47 * hour_ms).await.status, 200);
    assert_eq!(import(&server, now_ms() - 49 * hour_ms).await.status, 400);
    let gone = send(
        &server,
        Method::DELETE,
        "/api/v1/namespace/metrics-1m:40d",
        "",
    )
    .await;
    assert_eq!(gone.text(), r#"{"deleted":true}"#);
    let missing = send(
        &server,
        Method::DELETE,
        "/api/v1/namespace/metrics-1m:40d",
        "",
    )
    .await;
    assert_eq!(missing.status, 404, "{}", missing.text());
}

#[tokio::test]
async fn a_retention_that_is_shortened_holds_from_the_next_write_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let create = r#"{"type":"local","namespaceName":"default","retentionTime":"2d","aggregatedNamespace":{"name":"rolled","resolution":"5m","retentionTime":"30d"}}"#;
    let answer = send(&server, Method::POST, "/api/v1/database/create", create).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let rolled = &value(&answer.text())["namespace"]["registry"]["namespaces"]["rolled"];
    assert_eq!(
        rolled["aggregationOptions"],
        json!({"aggregations": [{"aggregated": true, "attributes": {"resolutionNanos": "300000000000", "downsampleOptions": {"all": true}}}]})
    );
    let old = now_ms() - 10 * 3_600_000;
    let answer = import(&server, old).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let path = "/api/v1/services/m3db/namespace";
    let update =
        r#"{"name":"default","options":{"retentionOptions":{"retentionPeriodDuration":"8h"}}}"#;
    let dry = send_with(&server, Method::PUT, path, &[("Dry-Run", "true")], update).await;
    assert!(
        dry.text()
            .contains(r#""retentionPeriodNanos":"28800000000000""#),
        "{}",
        dry.text()
    );
    assert_eq!(
        import(&server, old).await.status,
        200,
        "nothing was changed"
    );
    let answer = send(&server, Method::PUT, path, update).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let refused = import(&server, old).await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.text().contains("retention"), "{}", refused.text());
    assert_eq!(import(&server, now_ms() - 7 * 3_600_000).await.status, 200);
    for (body, status) in [
        (
            r#"{"name":"nobody","options":{"retentionOptions":{"retentionPeriodDuration":"8h"}}}"#,
            404,
        ),
        (
            r#"{"name":"default","options":{"retentionOptions":{"retentionPeriodDuration":"1m"}}}"#,
            400,
        ),
        (
            r#"{"name":"default","options":{"snapshotEnabled":true}}"#,
            400,
        ),
    ] {
        let answer = send(&server, Method::PUT, path, body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
    }
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(folder.path(), &[]);
    let placement = "/api/v1/services/m3db/placement";
    let namespace = "/api/v1/services/m3db/namespace";
    let calls = [
        (
            Method::POST,
            "/api/v1/database/create",
            r#"{"type":"local","namespaceName":"default","retentionTime":"12h"}"#,
        ),
        (
            Method::POST,
            namespace,
            r#"{"name":"more","options":{"retentionOptions":{"retentionPeriodDuration":"4d"}}}"#,
        ),
        (
            Method::POST,
            "/api/v1/services/m3db/namespace/ready",
            r#"{"name":"more"}"#,
        ),
        (
            Method::PUT,
            namespace,
            r#"{"name":"default","options":{"retentionOptions":{"retentionPeriodDuration":"3d"}}}"#,
        ),
        (Method::DELETE, "/api/v1/services/m3db/namespace/more", ""),
        (Method::DELETE, placement, ""),
        (
            Method::DELETE,
            "/api/v1/services/m3db/namespace/default",
            "",
        ),
    ];
    for (method, path, body) in calls {
        let answer = send(&server, method.clone(), path, body).await;
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
        let state = async |server: &Server| {
            (
                namespaces(server).await,
                send(server, Method::GET, placement, "").await.text(),
            )
        };
        let before = state(&server).await;
        server.process.kill();
        server = Server::start(folder.path(), &[]);
        assert_eq!(state(&server).await, before, "after {method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_creates_at_a_time_one_wins_and_the_others_conflict() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    for path in ["/api/v1/database/create", "/api/v1/services/m3db/namespace"] {
        let url = format!("{}{path}", server.api);
        let create = |number: usize| {
            let url = url.clone();
            let body = match path.ends_with("create") {
                true => format!(
                    r#"{{"type":"local","namespaceName":"default","retentionTime":"{number}d"}}"#
                ),
                false => format!(
                    r#"{{"name":"n","options":{{"retentionOptions":{{"retentionPeriodDuration":"{number}d"}}}}}}"#
                ),
            };
            tokio::spawn(async move { post(&url, &[], body).await.status })
        };
        let all: Vec<_> = (1..=8).map(create).collect();
        let mut statuses = Vec::new();
        for one in all {
            statuses.push(one.await.expect("an answer"));
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409, 409, 409, 409, 409, 409, 409], "{path}");
    }
}

#[tokio::test]
async fn a_namespace_that_is_removed_is_told_with_who_did_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    assert_eq!(import(&server, now_ms()).await.status, 200);
    let path = "/api/v1/services/m3db/namespace/default";
    let headers = [("User-Agent", "cleaner/1.0"), ("Dry-Run", "true")];
    let dry = send_with(&server, Method::DELETE, path, &headers, "").await;
    assert_eq!(dry.text(), r#"{"deleted":true}"#);
    let names =
        || async { get_json(&format!("{}/api/v1/labels", server.api)).await["data"].clone() };
    assert_eq!(names().await, json!(["__name__"]), "nothing was removed");
    let gone = send_with(&server, Method::DELETE, path, &headers[..1], "").await;
    assert_eq!(gone.text(), r#"{"deleted":true}"#);
    assert_eq!(names().await, json!([]));
    let log = server.process.log();
    let told = log
        .lines()
        .filter(|line| line.contains("with all its samples"));
    let told: Vec<_> = told.collect();
    assert_eq!(told.len(), 2, "{log}");
    assert!(
        told[1].contains("127.0.0.1:") && told[1].contains("cleaner/1.0"),
        "{}",
        told[1]
    );
    assert!(told[1].contains("dry_run=false"), "{}", told[1]);
    let wrong = send_with(&server, Method::DELETE, path, &[("Dry-Run", "maybe")], "").await;
    assert_eq!(wrong.status, 400, "{}", wrong.text());
}

#[tokio::test]
async fn namespaces_of_a_file_are_listed_with_their_kind() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("m3.yml");
    let text = "coordinator:\n  local:\n    namespaces:\n      - {namespace: raw, type: unaggregated, retention: 48h}\n      - {namespace: rolled, type: aggregated, retention: 30d, resolution: 1m}\n";
    std::fs::write(&config, text).expect("writing");
    let data = folder.path().join("data");
    let server = Server::start(&data, &["--config", config.to_str().expect("a path")]);
    let all = namespaces(&server).await;
    let names: Vec<_> = all
        .as_object()
        .expect("an object")
        .keys()
        .cloned()
        .collect();
    assert_eq!(names, ["raw", "rolled"]);
    let aggregations = |name: &str| all[name]["aggregationOptions"]["aggregations"][0].clone();
    assert_eq!(
        aggregations("raw"),
        json!({"aggregated": false, "attributes": null})
    );
    assert_eq!(
        aggregations("rolled")["attributes"]["resolutionNanos"],
        "60000000000"
    );
    assert_eq!(all["raw"]["stagingState"]["status"], "READY");
    assert_eq!(
        all["rolled"]["retentionOptions"]["retentionPeriodNanos"],
        "2592000000000000"
    );
    assert!(data.join("rolled").is_dir());
}
