//! Queries of dashboards over data in buffers, runs and blocks: CPU time of the thread, best of some
//! runs. Linux only.
//!
//! `cargo bench -p tsdb-bench --bench query --profile quick`; `-- hours blocks` measures those alone,
//! with `-- --test` each part runs once on little.
#![expect(clippy::expect_used, reason = "a benchmark may panic")]

use tsdb_bench::counters::{SCRAPE_MS, START_MS, database, labels, write};
use tsdb_bench::cpu::say;
use tsdb_bench::is_tiny;
use tsdb_core::{Db, Labels, Namespace};
use tsdb_promql::{Answer, Cancel, Engine, EngineOptions, Value};

fn engine() -> Engine {
    Engine::new(EngineOptions {
        max_samples: u64::MAX,
        max_memory: u64::MAX,
        ..EngineOptions::default()
    })
}

fn is_some(answer: &Answer) -> bool {
    match &answer.value {
        Value::Vector(all) => !all.is_empty(),
        Value::Matrix(all) => !all.is_empty(),
        _ => true,
    }
}

fn instant(metrics: &Namespace, query: &str, time: i64) {
    let answer = engine().instant(metrics, query, time, &Cancel::default());
    assert!(is_some(&answer.expect("an answer")), "{query}");
}

fn range(metrics: &Namespace, query: &str, times: (i64, i64, i64)) {
    let answer = engine().range(metrics, query, times, &Cancel::default());
    assert!(is_some(&answer.expect("an answer")), "{query}");
}

/// Moves the data on: into runs, and then into blocks.
fn move_on(db: &Db, place: &str) {
    match place {
        "buffers" => db.flush().expect("a flush"),
        _ => db.compact().expect("a compaction"),
    }
}

/// Queries of now over all series.
fn now() {
    let (series, rounds) = if is_tiny() { (100, 30) } else { (200_000, 240) };
    let labels: Vec<Labels> = (0..series).map(labels).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let db = database(folder.path());
    let metrics = db.default_namespace();
    write(&metrics, &labels, rounds);
    let time = START_MS + rounds as i64 * SCRAPE_MS;
    for place in ["buffers", "runs", "blocks"] {
        for query in [
            ("sum by (job) (rate(http_requests_total[5m]))", series / 2),
            ("sum by (job) (http_requests_total)", series / 2),
            ("count({__name__=~\".+\"})", series),
            ("topk(5, http_requests_total)", series / 2),
        ] {
            let (query, series) = query;
            say(&format!("now, {place}, {query}"), "a series", || {
                instant(&metrics, query, time);
                series as u64
            });
        }
        move_on(&db, place);
    }
    db.close().expect("a clean close");
}

/// Queries of six hours of fewer series.
fn hours() {
    let (series, rounds) = if is_tiny() { (100, 30) } else { (10_000, 1440) };
    let labels: Vec<Labels> = (0..series).map(labels).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let db = database(folder.path());
    let metrics = db.default_namespace();
    write(&metrics, &labels, rounds);
    let times = (START_MS, START_MS + rounds as i64 * SCRAPE_MS, 60_000);
    for place in ["buffers", "runs", "blocks"] {
        for query in [
            ("sum(rate(http_requests_total[5m]))", 1),
            ("sum by (job) (rate(http_requests_total[5m]))", 1),
            (
                "histogram_quantile(0.9, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))",
                1,
            ),
            ("max_over_time(sum(http_requests_total)[1h:1m])", 1),
            (
                "sum by (job) (rate(http_requests_total[5m])) / sum by (job) (rate(http_request_duration_seconds_bucket[5m]))",
                2,
            ),
            ("avg(avg_over_time(http_requests_total[5m]))", 1),
        ] {
            let (query, halves) = query;
            say(&format!("hours, {place}, {query}"), "a sample", || {
                range(&metrics, query, times);
                (series * rounds * halves / 2) as u64
            });
        }
        for query in [
            "sum by (job) (max_over_time(http_requests_total[6h]))",
            "sum by (job) (increase(http_requests_total[6h]))",
        ] {
            say(
                &format!("hours at once, {place}, {query}"),
                "a sample",
                || {
                    instant(&metrics, query, times.1);
                    (series * rounds / 2) as u64
                },
            );
        }
        move_on(&db, place);
    }
    db.close().expect("a clean close");
}

fn main() {
    let words = || std::env::args().skip(1);
    if !words().any(|word| word == "hours") {
        now();
    }
    if !words().any(|word| word == "now") {
        hours();
    }
}
