//! What a trace tells: each step of a query within the one that asked for it.

#![cfg(test)]

use std::cell::Cell;

use tsdb_core::Labels;
use tsdb_promql::{
    Cancel, Engine, EngineOptions, Queryable, Selection, SeriesSamples, SeriesStream, SourceError,
    Trace,
};

/// Four series of ten samples, a second apart.
#[derive(Debug)]
struct Four;

struct FourStream(u8);

impl SeriesStream for FourStream {
    fn next_series(&mut self) -> Result<Option<SeriesSamples>, SourceError> {
        let Some(left) = self.0.checked_sub(1) else {
            return Ok(None);
        };
        self.0 = left;
        let (number, job) = (left.to_string(), (left / 2).to_string());
        Ok(Some(SeriesSamples {
            labels: Labels::from_pairs([("__name__", "m_total"), ("job", &job), ("n", &number)])?,
            timestamps: (0..10).map(|second| second * 1000).collect(),
            values: (0..10).map(f64::from).collect(),
            ..SeriesSamples::default()
        }))
    }
}

impl Queryable for Four {
    fn select<'q>(&'q self, _: &Selection<'_>) -> Result<Box<dyn SeriesStream + 'q>, SourceError> {
        Ok(Box::new(FourStream(4)))
    }
}

/// A clock that goes on by one whenever it is looked at.
fn looks() -> u64 {
    thread_local!(static LOOKS: Cell<u64> = const { Cell::new(0) });
    LOOKS.replace(LOOKS.get() + 1)
}

fn trace(query: &str) -> Trace {
    let engine = Engine::new(EngineOptions {
        stopwatch: Some(looks),
        ..EngineOptions::default()
    });
    let answer = engine.range(&Four, query, (0, 9000, 1000), &Cancel::default());
    let trace = answer.expect("an answer").trace;
    trace.expect("a trace")
}

/// A line a step, moved in by its depth.
fn lines(trace: &Trace, depth: usize, out: &mut String) {
    let Trace {
        name,
        detail,
        series,
        samples,
        ..
    } = trace;
    let indent = "  ".repeat(depth);
    out.push_str(&format!("{indent}{name} {series} {samples} | {detail}\n"));
    for child in &trace.children {
        lines(child, depth + 1, out);
    }
}

fn assert_steps(query: &str, expected: &str) {
    let mut found = String::new();
    lines(&trace(query), 0, &mut found);
    let expected: Vec<&str> = expected.trim().lines().map(str::trim_end).collect();
    let found: Vec<&str> = found.lines().collect();
    assert_eq!(found, expected, "{query}");
}

#[test]
fn steps_stand_within_the_one_that_asked_for_them() {
    assert_steps(
        "1 + (sum by (job) (rate(m_total[5s])))",
        r#"
query 4 40 | 1 + (sum by (job) (rate(m_total[5s])))
  + 2 18 | 1 + (sum by (job) (rate(m_total[5s])))
    sum 2 18 | sum by (job) (rate(m_total[5s]))
      rate 4 36 | rate(m_total[5s])
        selector 4 40 | {__name__="m_total"} from 1969-12-31T23:59:55.001Z to 1970-01-01T00:00:09.000Z
"#,
    );
    assert_steps(
        "abs(m_total) / on (n) max_over_time(deriv(m_total[4s])[4s:2s] offset 1s)",
        r#"
query 8 80 | abs(m_total) / on (n) max_over_time(deriv(m_total[4s])[4s:2s] offset 1s)
  / 4 28 | abs(m_total) / on (n) max_over_time(deriv(m_total[4s])[4s:2s] offset 1s)
    abs 4 40 | abs(m_total)
      selector 4 40 | {__name__="m_total"} from 1969-12-31T23:55:00.001Z to 1970-01-01T00:00:09.000Z
    max_over_time 4 28 | max_over_time(deriv(m_total[4s])[4s:2s] offset 1s)
      deriv 4 16 | deriv(m_total[4s])
        selector 4 40 | {__name__="m_total"} from 1969-12-31T23:59:52.001Z to 1970-01-01T00:00:08.000Z
"#,
    );
}

/// Text that stands twice is evaluated once, and what does not change over steps at one of them.
#[test]
fn what_is_not_done_again_is_not_told_again() {
    assert_steps(
        "sum(m_total) - sum(m_total) / sum(m_total @ 3)",
        r#"
query 8 44 | sum(m_total) - sum(m_total) / sum(m_total @ 3)
  - 1 10 | sum(m_total) - sum(m_total) / sum(m_total @ 3)
    sum 1 10 | sum(m_total)
      selector 4 40 | {__name__="m_total"} from 1969-12-31T23:55:00.001Z to 1970-01-01T00:00:09.000Z
    / 1 10 | sum(m_total) / sum(m_total @ 3)
      sum 1 10 | sum(m_total)
      sum 1 1 | sum(m_total @ 3)
        selector 4 4 | {__name__="m_total"} from 1969-12-31T23:55:03.001Z to 1970-01-01T00:00:03.000Z
"#,
    );
}

#[test]
fn a_step_takes_as_long_as_its_parts_at_least() {
    fn check(step: &Trace) -> u64 {
        let parts: u64 = step.children.iter().map(check).sum();
        assert!(step.nanoseconds > parts, "{step:?}");
        step.nanoseconds
    }
    check(&trace(
        "quantile(0.5, m_total) - sum(max_over_time(m_total[3s]))",
    ));
}

#[test]
fn long_texts_are_cut_short_at_a_letter() {
    let query = format!("sum(m_total{{n!=\"{}\"}})", "\u{e9}".repeat(200));
    let trace = trace(&query);
    assert_eq!(trace.detail, query);
    let sum = &trace.children[0];
    assert!(sum.detail.ends_with("\u{e9}..."), "{}", sum.detail);
    assert!(sum.detail.len() < 210, "{}", sum.detail);
}

#[test]
fn nothing_is_told_where_nobody_asks() {
    let engine = Engine::new(EngineOptions::default());
    let answer = engine.instant(&Four, "sum(m_total)", 9000, &Cancel::default());
    assert_eq!(answer.expect("an answer").trace, None);
}
