//! Plays Prometheus' own evaluation tests, and ours in their language, against the engine.
//!
//! Prometheus' tests are read from the folder that `TSDB_PROMQLTEST` names; without it they are left
//! out, which is said. `Suite` tells what else the environment decides.

#![cfg(test)]

use std::io::Write as _;
use std::path::Path;

use tsdb_promql::testkit::{
    Case, EngineSubject, Eval, Query, Script, SeriesOrder, Suite, engine_options, run,
};
use tsdb_promql::{EngineOptions, Features};

/// What Prometheus' tests have switched on.
const FEATURES: Features = Features {
    type_and_unit_labels: false,
    ..Features::ALL
};

/// Says it even where the output of tests that pass is kept back.
fn say(text: &str) {
    let mut stderr = std::io::stderr().lock();
    stderr.write_all(text.as_bytes()).unwrap();
}

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The cases of a script; one that fails in any order of series, or with other threads and a trace,
/// fails.
fn cases(script: &Script, features: Features, orders: &[SeriesOrder]) -> Vec<Case> {
    let mut verdicts: Vec<Case> = Vec::new();
    let ways = orders.iter().flat_map(|order| [(order, 1), (order, 3)]);
    for (order, threads) in ways {
        let options = EngineOptions {
            threads,
            stopwatch: (threads > 1).then_some(|| 0),
            ..engine_options(features)
        };
        let mut subject = EngineSubject::new(options, *order);
        let cases = run(script, &mut subject);
        if verdicts.is_empty() {
            verdicts = cases;
            continue;
        }
        for (verdict, case) in verdicts.iter_mut().zip(cases) {
            let failure = case
                .failure
                .map(|text| format!("{order:?} series, {threads} threads: {text}"));
            verdict.failure = verdict.failure.take().or(failure);
        }
    }
    verdicts
}

/// Plays Prometheus' tests of a version, of which there are so many instant and range queries.
fn play_those_of_prometheus(name: &'static str, queries: (usize, usize), features: Features) {
    let counts = folder().join("tests/promqltest/counts.txt");
    let suite = Suite::of_prometheus(name, folder(), counts);
    let Some(scripts) = suite.scripts().unwrap() else {
        let (cases, missing) = (queries.0 + queries.1, suite.folder.display());
        return say(&format!(
            "\n!!! {cases} cases of {name} WERE NOT PLAYED: there is no {missing}, \
             set TSDB_PROMQLTEST to a folder with v3.14 and v2.42\n"
        ));
    };
    let is_instant = |eval: &&Eval| matches!(eval.query, Query::Instant(_));
    let evals = scripts.iter().flat_map(Script::evals);
    let (instant, range): (Vec<_>, Vec<_>) = evals.partition(is_instant);
    assert_eq!((instant.len(), range.len()), queries, "queries of {name}");
    let orders = [SeriesOrder::Sorted];
    let played = suite.play(&scripts, |script| cases(script, features, &orders));
    say(&played.unwrap_or_else(|report| panic!("{report}")));
}

#[test]
fn cases_of_prometheus_3_14() {
    play_those_of_prometheus("v3.14", (1885, 329), FEATURES);
}

#[test]
fn cases_of_prometheus_2_42() {
    let features = Features {
        prometheus_2: true,
        duration_expressions: false,
        ..Features::default()
    };
    play_those_of_prometheus("v2.42", (566, 0), features);
}

#[test]
fn cases_of_our_own() {
    let suite = Suite {
        name: "cases",
        folder: folder().join("tests/cases"),
        counts: folder().join("tests/promqltest/counts.txt"),
    };
    let scripts = suite.scripts().unwrap().expect("a folder of cases");
    let orders = [SeriesOrder::Sorted, SeriesOrder::Reversed];
    let played = suite.play(&scripts, |script| cases(script, FEATURES, &orders));
    say(&played.unwrap_or_else(|report| panic!("{report}")));
}

/// 2.42 looks for no zero of theirs, and has no case of this.
#[test]
fn prometheus_2_extrapolates_histograms_to_the_start_of_a_window() {
    let text = "
load 1m
  h {{sum:1 count:1 buckets:[1]}} {{sum:100 count:100 buckets:[100]}}

eval instant at 1m30s histogram_count(increase(h[2m]))
  {} 198

eval instant at 1m30s histogram_count(rate(h[2m]))
  {} 1.65
";
    let features = Features {
        prometheus_2: true,
        ..Features::default()
    };
    let script = Script::parse("prometheus_2", text).unwrap();
    for case in cases(&script, features, &[SeriesOrder::Sorted]) {
        assert_eq!(case.failure, None, "{}", case.expression);
    }
}
