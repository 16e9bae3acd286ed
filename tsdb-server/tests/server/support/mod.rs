//! What all tests need: processes, HTTP, remote write bodies, waiting on conditions.

mod certificates;
mod client;
mod encode;
mod etcd;
mod link;
mod process;
mod programs;
mod secure;

use std::time::{Duration, Instant};

pub(crate) use certificates::{Authority, Signed};
pub(crate) use client::{Answer, get, json, post, post_form, request};
pub(crate) use encode::{Sent, series, snappy, write_body, write_request};
pub(crate) use etcd::{Etcd, lasting_port};
pub(crate) use link::Link;
pub(crate) use process::{Process, Server};
pub(crate) use programs::{Prometheus, found, free_port, program};
pub(crate) use secure::{TlsClient, basic, refuse_silently_then_aloud};

/// Polls until `condition` gives a value; fails the test after `seconds`, saying what was waited for.
pub(crate) async fn wait_for<T, F>(what: &str, seconds: u64, mut condition: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(
            Instant::now() < deadline,
            "waited {seconds} s in vain for {what}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// All samples that an export gives: series as text, and (timestamp, bits) in order.
pub(crate) async fn exported(server: &Server, selector: &str) -> Vec<(String, Vec<(i64, u64)>)> {
    let selector: String = form_urlencoded::byte_serialize(selector.as_bytes()).collect();
    let answer = get(&format!("{}/api/v1/export?match[]={selector}", server.api)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let lines = answer
        .body
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let line =
                tsdb_server::sample_json::parse_line(line).expect("a line of the server's own");
            let samples = line.timestamps.iter().zip(&line.values);
            (
                line.labels.to_string(),
                samples.map(|(ms, value)| (*ms, value.to_bits())).collect(),
            )
        })
        .collect()
}

/// How many samples the server holds.
pub(crate) async fn stored(server: &Server) -> usize {
    exported(server, "{__name__=~\".+\"}")
        .await
        .iter()
        .map(|(_, samples)| samples.len())
        .sum()
}
