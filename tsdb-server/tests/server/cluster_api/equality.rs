//! The answers of a cluster are those of a single server that got the same data.

use std::collections::BTreeSet;

use serde_json::Value;
use tsdb_remote::client::read::FrameDecoder;

use super::calls::{deletes, reads, writes};
use super::{Address, Call, Target, alone, cluster};
use crate::support::{Answer, Etcd, json};

/// Paths of the API's address that are about no data, or about one server alone.
const OF_NO_DATA: &[&str] = &[
    "/",
    "/-/healthy",
    "/-/ready",
    "/api/v1/admin/compact",
    "/api/v1/admin/confirm-clock",
    "/api/v1/admin/tsdb/clean_tombstones",
    "/api/v1/admin/tsdb/snapshot",
    "/api/v1/alertmanagers",
    "/api/v1/alerts",
    "/api/v1/features",
    "/api/v1/format_query",
    "/api/v1/notifications",
    "/api/v1/openapi",
    "/api/v1/parse_query",
    "/api/v1/rules",
    "/api/v1/scrape_pools",
    "/api/v1/scrape_pools/config",
    "/api/v1/status/buildinfo",
    "/api/v1/status/config",
    "/api/v1/status/flags",
    "/api/v1/status/queries",
    "/api/v1/status/queries/{id}/cancel",
    "/api/v1/status/runtimeinfo",
    // Of what was written last, by the clock.
    "/api/v1/status/tsdb",
    "/api/v1/status/tsdb/blocks",
    "/api/v1/status/walreplay",
    "/assets/{name}",
    "/api/v1/targets",
    "/api/v1/targets/metadata",
    "/api/v1/targets/relabel_steps",
    "/assets/host",
    "/health",
    "/ready",
    "/routes",
    "/version",
];

/// An answer as it is compared: how chunks are cut is the server's own matter.
fn shown(answer: &Answer) -> Value {
    let header = |name: &str| {
        let value = answer.headers.get(name);
        value.map(|value| value.to_str().expect("text").to_owned())
    };
    let streamed = header("content-type").is_some_and(|kind| kind.contains("streamed"));
    let body = match serde_json::from_slice::<Value>(&answer.body) {
        Ok(json) => json,
        Err(_) if streamed && answer.status == 200 => samples_of(&answer.body).into(),
        Err(_) => format!("{:?}", answer.body).into(),
    };
    let body = without_clock(&body.to_string());
    let headers = ["content-type", "m3-results-limited"];
    let written = ["samples", "histograms", "exemplars"]
        .map(|what| header(&format!("x-prometheus-remote-write-{what}-written")));
    serde_json::json!({"status": answer.status, "headers": headers.map(header),
        "written": written, "body": body})
}

/// A text without how far ahead of the clock something is.
fn without_clock(text: &str) -> String {
    const AHEAD: &str = " ms ahead of the clock";
    let is_digit = |char: char| char.is_ascii_digit();
    let parts = text
        .split(AHEAD)
        .map(|part| part.trim_end_matches(is_digit));
    parts.collect::<Vec<_>>().join(AHEAD)
}

/// The samples of a streamed remote read, by series.
fn samples_of(body: &[u8]) -> String {
    let mut decoder = FrameDecoder::new(50_000_000);
    decoder.push(body);
    let mut all = String::new();
    while let Some(frame) = decoder.next_frame().expect("frames") {
        let samples = frame.samples().expect("samples");
        all.push_str(&format!("{}: {samples:?}\n", frame.labels));
    }
    decoder.finish().expect("a whole answer");
    all
}

async fn compare(call: &Call, alone: &Target, coordinator: &Target) -> Value {
    let expected = shown(&alone.answer(call).await);
    let found = shown(&coordinator.answer(call).await);
    assert_eq!(
        found, expected,
        "{} {} {:?}",
        call.method, call.path, call.headers
    );
    expected
}

/// Every route for data is among the calls.
async fn is_complete(alone: &Target, calls: &[Call]) {
    let routes = json(&format!("{}/routes", alone.api)).await;
    let routes = routes["routes"].as_array().expect("routes").iter();
    let routes: BTreeSet<String> = routes
        .map(|route| route.as_str().expect("a path").replace("{name}", "host"))
        .filter(|route| !OF_NO_DATA.contains(&route.as_str()))
        .filter(|route| !is_m3_admin(route))
        .collect();
    let of_api = calls.iter().filter(|call| call.address == Address::Api);
    let called: BTreeSet<String> = of_api.map(|call| call.route().to_owned()).collect();
    let missing: Vec<_> = routes.difference(&called).collect();
    assert!(missing.is_empty(), "nobody compares {missing:?}");
}

/// What M3 has for namespaces and placements is about no data either; Graphite is not there yet.
fn is_m3_admin(route: &str) -> bool {
    let begins = [
        "/api/v1/cluster",
        "/api/v1/database/",
        "/api/v1/graphite/",
        "/api/v1/kvstore",
        "/api/v1/namespace",
        "/api/v1/placement",
        "/api/v1/services/",
        "/api/v1/topic",
    ];
    begins.iter().any(|begin| route.starts_with(begin))
}

#[tokio::test]
async fn a_cluster_answers_as_a_single_server_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let (_server, alone) = alone(folder.path());
    let (_members, coordinators) = cluster(folder.path(), &etcd, "majority", &[]).await;
    is_complete(&alone, &[writes(), reads(), deletes()].concat()).await;

    // Each write goes to another coordinator: a series has samples through all three.
    for (call, coordinator) in writes().iter().zip(coordinators.iter().cycle()) {
        compare(call, &alone, coordinator).await;
    }
    let mut answered = 0;
    for call in reads() {
        for coordinator in &coordinators {
            let answer = compare(&call, &alone, coordinator).await;
            answered += usize::from(answer["status"] == 200);
        }
    }
    assert!(answered > 3 * 35, "most are answered: {answered}");

    for (call, coordinator) in deletes().iter().zip(coordinators.iter().rev().cycle()) {
        compare(call, &alone, coordinator).await;
        // A single server counts deleted series among those that a select may match.
        let is_counted = |call: &Call| call.headers.iter().any(|(name, _)| name.contains("Max"));
        for call in reads().into_iter().filter(|call| !is_counted(call)) {
            compare(&call, &alone, coordinator).await;
        }
    }
}
