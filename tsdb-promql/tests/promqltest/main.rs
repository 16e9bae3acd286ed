//! Plays Prometheus' own evaluation tests, and ours in their language, against the engine.
//!
//! Prometheus' tests are read from the folder `TSDB_PROMQLTEST` names; without it they are left out,
//! which is said. `TSDB_PROMQLTEST_ONLY=text` plays files whose path has the text in it,
//! `TSDB_PROMQLTEST_ALL=1` lists all failures, `TSDB_PROMQLTEST_COUNTS=write` writes `counts.txt`.

#![cfg(test)]

mod suite;

use std::path::{Path, PathBuf};

use suite::{Suite, Total};
use tsdb_promql::Features;
use tsdb_promql::testkit::SeriesOrder;

/// Prometheus' tests, beside the repository unless the environment says otherwise.
fn corpus() -> PathBuf {
    match std::env::var_os("TSDB_PROMQLTEST") {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/promqltest"),
    }
}

#[test]
fn of_prometheus_3_14() {
    let suite = Suite {
        name: "v3.14",
        folder: corpus().join("v3.14"),
        features: Features::ALL,
        orders: &[SeriesOrder::Sorted],
    };
    let total = Total {
        instant: 1885,
        range: 329,
    };
    suite.play(Some(total));
}

#[test]
fn of_prometheus_2_42() {
    let features = Features {
        prometheus_2: true,
        duration_expressions: false,
        ..Features::default()
    };
    let suite = Suite {
        name: "v2.42",
        folder: corpus().join("v2.42"),
        features,
        orders: &[SeriesOrder::Sorted],
    };
    let total = Total {
        instant: 566,
        range: 0,
    };
    suite.play(Some(total));
}

#[test]
fn of_our_own() {
    let suite = Suite {
        name: "cases",
        folder: Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases"),
        features: Features::ALL,
        orders: &[SeriesOrder::Sorted, SeriesOrder::Reversed],
    };
    suite.play(None);
}
