//! Scripts and requests.

use std::process::Command;

use http::Method;
use serde_json::Value;

use crate::support::{Answer, Server, json, post, program, request};

/// What a script prints, run against the server in the place of `localhost:7201`.
pub(super) fn run(server: &Server, script: &str) -> String {
    let address = server.api.trim_start_matches("http://");
    let script = script.replace("localhost:7201", address);
    let output = Command::new("sh").arg("-c").arg(&script).output();
    let output = output.expect("a shell");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

pub(super) fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

pub(super) fn has_curl() -> bool {
    program("curl", "curl").is_some()
}

pub(super) async fn send(server: &Server, method: Method, path: &str, body: &str) -> Answer {
    send_with(server, method, path, &[], body).await
}

pub(super) async fn send_with(
    server: &Server,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let url = format!("{}{path}", server.api);
    let answer = request(method, &url, headers, body.to_owned()).await;
    answer.unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(super) async fn namespaces(server: &Server) -> Value {
    let mut all = json(&format!("{}/api/v1/services/m3db/namespace", server.api)).await;
    all["registry"]["namespaces"].take()
}

pub(super) fn now_ms() -> i64 {
    tsdb_core::Clock::now_ms(&tsdb_core::SystemClock::new())
}

/// Writes a sample of that time to the namespace that plain requests use.
pub(super) async fn import(server: &Server, timestamp_ms: i64) -> Answer {
    let line =
        format!(r#"{{"metric":{{"__name__":"up"}},"values":[1],"timestamps":[{timestamp_ms}]}}"#);
    post(&format!("{}/api/v1/import", server.api), &[], line).await
}
