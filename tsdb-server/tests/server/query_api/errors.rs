//! What is wrong with a request, in Prometheus' words.

use serde_json::Value;

use super::{encoded, filled};
use crate::support::get;

/// Paths with parameters, and status, type and text of their errors.
const ERRORS: &[(&str, u16, &str, &str)] = &[
    (
        "query",
        400,
        "bad_data",
        "invalid parameter \"query\": unknown position: parse error: no expression found in input",
    ),
    (
        "query?query=up&time=x",
        400,
        "bad_data",
        "invalid parameter \"time\": Invalid time value for 'time': cannot parse \"x\" to a valid timestamp",
    ),
    (
        "query?query=up&timeout=x",
        400,
        "bad_data",
        "invalid parameter \"timeout\": cannot parse \"x\" to a valid duration",
    ),
    (
        "query?query=up&limit=-1",
        400,
        "bad_data",
        "invalid parameter \"limit\": limit must be non-negative",
    ),
    (
        "query_range?query=up&start=1&end=2&step=0",
        400,
        "bad_data",
        "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer",
    ),
    (
        "query_range?query=up&start=0&end=11001&step=1",
        400,
        "bad_data",
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
    ),
    (
        "query_range?query=up[1m]&start=0&end=1&step=1",
        400,
        "bad_data",
        "invalid parameter \"query\": invalid expression type \"range vector\" for range query, must be Scalar or instant Vector",
    ),
    (
        "query?time=1700000000&query=requests_total%20*%20on(instance)%20requests_total",
        422,
        "execution",
        "found duplicate series for the match group {instance=\"a:1\"}",
    ),
    (
        "query?time=1700000000&query=requests_total",
        422,
        "execution",
        "query exceeded limit: a selector finds more than 1 series, the limit query.max_series",
    ),
    ("series", 400, "bad_data", "no match[] parameter provided"),
    (
        "status/queries/x/cancel",
        400,
        "bad_data",
        "invalid parameter \"id\"",
    ),
    (
        "status/queries/7/cancel",
        404,
        "not_found",
        "no query 7 runs",
    ),
    (
        "status/tsdb?limit=10001",
        400,
        "bad_data",
        "limit must not exceed 10000",
    ),
];

#[tokio::test]
async fn errors_have_the_types_texts_and_statuses_of_prometheus() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = filled(folder.path(), &[]).await;
    let bounded_folder = tempfile::tempdir().expect("a folder");
    let bounded = filled(bounded_folder.path(), &["--query-max-series", "1"]).await;
    for (path, status, kind, text) in ERRORS {
        let server = match text.contains("max_series") {
            true => &bounded,
            false => &server,
        };
        let url = format!("{}/api/v1/{path}", server.api);
        let answer = match path.ends_with("cancel") {
            true => crate::support::post(&url, &[], "").await,
            false => get(&url).await,
        };
        assert_eq!(answer.status, *status, "{path}: {}", answer.text());
        let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(
            (&body["status"], &body["errorType"]),
            (&"error".into(), &(*kind).into())
        );
        let error = body["error"].as_str().expect("a text");
        assert!(error.starts_with(text), "{path}: {error}");
    }
}

#[tokio::test]
async fn what_is_experimental_has_to_be_switched_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let query = encoded("limitk(1, requests_total)");
    let path = format!("/api/v1/query?time=1700000000&query={query}");
    let server = filled(folder.path(), &[]).await;
    let off = get(&format!("{}{path}", server.api)).await;
    assert_eq!(off.status, 400, "{}", off.text());
    let folder = tempfile::tempdir().expect("a folder");
    let features = ["--enable-feature", "promql-experimental-functions"];
    let server = filled(folder.path(), &features).await;
    let on = get(&format!("{}{path}", server.api)).await;
    assert_eq!(on.status, 200, "{}", on.text());
    let features = get(&format!("{}/api/v1/features", server.api)).await;
    let features: Value = serde_json::from_slice(&features.body).expect("JSON");
    assert_eq!(features["data"]["promql_operators"]["limitk"], true);
}
