//! Queries that run: shown, ended, and what is told of them afterwards.

use std::fmt::Write as _;

use serde_json::Value;

use super::{encoded, filled};
use crate::support::{Server, get, json, post, wait_for};

/// An expression that takes minutes: quantiles of long windows at thousands of steps.
fn endless(server: &Server) -> String {
    let mut text = String::from("vector(0)");
    for number in 1..100 {
        let part = format!(" + quantile_over_time(0.{number:03}, vector(time())[2h:1s])");
        text.write_str(&part).expect("a text");
    }
    let query = encoded(&text);
    format!(
        "{}/api/v1/query_range?start=0&end=11000&step=1&query={query}",
        server.api
    )
}

async fn queries(server: &Server) -> Value {
    json(&format!("{}/api/v1/status/queries", server.api)).await["data"].clone()
}

/// The one that runs.
async fn running(server: &Server) -> Value {
    wait_for("a query that runs", 60, async || {
        let queries = queries(server).await;
        queries["running"].get(0).cloned()
    })
    .await
}

async fn ended(server: &Server, outcome: &str) {
    let name = format!("tsdb_expressions_total{{outcome=\"{outcome}\"}}");
    wait_for("it to end", 60, async || {
        let count = server.metric(&name).await;
        let none = queries(server).await["running"].as_array()?.is_empty();
        (count >= 1.0 && none).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_ends_when_its_client_hangs_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = filled(folder.path(), &["--query-slow", "1ms"]).await;
    let url = endless(&server);
    let client = tokio::spawn(async move { get(&url).await });
    let shown = running(&server).await;
    assert!(
        shown["query"]
            .as_str()
            .expect("text")
            .starts_with("vector(0)")
    );
    assert_eq!(shown["tenant"], Value::Null);
    client.abort();
    ended(&server, "canceled").await;
    let slow = &queries(&server).await["slow"][0];
    assert_eq!(slow["error"], "query was canceled in expression evaluation");
    assert!(server.process.log().contains("a slow query"));
    assert_eq!(queries(&server).await["top"][0]["count"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_is_ended_by_its_number() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = filled(folder.path(), &[]).await;
    let url = endless(&server);
    let client = tokio::spawn(async move { get(&url).await });
    let id = running(&server).await["id"].clone();
    let cancel = format!("{}/api/v1/status/queries/{id}/cancel", server.api);
    assert_eq!(post(&cancel, &[], "").await.status, 204);
    let answer = client.await.expect("no panic");
    assert_eq!(answer.status, 499);
    let error = "query was canceled in expression evaluation";
    assert!(answer.text().contains(error), "{}", answer.text());
    ended(&server, "canceled").await;
    assert_eq!(post(&cancel, &[], "").await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_has_its_time_and_others_wait_for_their_turn() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = filled(folder.path(), &["--max-concurrent-queries", "1"]).await;
    let short = format!("{}&timeout=0.2", endless(&server));
    let answer = get(&short).await;
    assert_eq!(answer.status, 503);
    let error = r#"{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}"#;
    assert_eq!(answer.text(), error);
    ended(&server, "timeout").await;

    let url = endless(&server);
    let client = tokio::spawn(async move { get(&url).await });
    running(&server).await;
    let waiting = format!("{}/api/v1/query?query=1&timeout=0.1", server.api);
    let answer = get(&waiting).await;
    assert_eq!(answer.status, 503);
    assert!(
        answer.text().contains("query timed out in query queue"),
        "{}",
        answer.text()
    );
    client.abort();
    ended(&server, "canceled").await;
    let waits = format!("{}/api/v1/query?query=1", server.api);
    assert_eq!(get(&waits).await.status, 200);
}
