//! Expressions evaluated over a small table.

use std::collections::BTreeMap;

use tsdb_core::Labels;
use tsdb_promql::syntax::{ValueType, parse};
use tsdb_promql::testkit::Table;
use tsdb_promql::{Answer, Cancel, Engine, EngineOptions, Features, PointValue, QueryError, Value};

use crate::input::Input;
use crate::promql_table::{END_MS, tables};
use crate::promql_text::expression;

/// From one moment to the next, in milliseconds.
const STEP_MS: i64 = 50_000;

/// What depends on the order of series: those of equal rank, and the last bits of sums.
const ORDERED: [&str; 11] = [
    "topk",
    "bottomk",
    "limitk",
    "sum",
    "avg",
    "stddev",
    "stdvar",
    "sort",
    "info",
    "histogram",
    "count_values",
];

/// What depends on the whole range.
const RANGED: [&str; 4] = ["start()", "end()", "range()", "step()"];

/// Aggregations whose parameter may change where what they are over does not: Prometheus evaluates them
/// once, and so does this engine.
const WITH_PARAMETER: [&str; 5] = ["topk", "bottomk", "quantile", "limitk", "limit_ratio"];

/// A query has the same result whatever the order of series is, and at one time the one that it has at this
/// step of a range; nothing that is switched on or off makes it panic.
pub(crate) fn evaluate(input: &[u8]) {
    let mut choices = Input::new(input);
    let text = match choices.byte() {
        0 => match std::str::from_utf8(choices.rest()) {
            Ok(text) => text.to_owned(),
            Err(_) => return,
        },
        _ => expression(&mut choices),
    };
    for features in [
        Features::ALL,
        Features::default(),
        Features {
            prometheus_2: true,
            ..Features::ALL
        },
    ] {
        check(&text, features);
    }
}

fn check(text: &str, features: Features) {
    let Ok(expr) = parse(text, &features) else {
        return;
    };
    let engine = Engine::new(EngineOptions {
        features,
        max_samples: 200_000,
        max_memory: 32 << 20,
        ..EngineOptions::default()
    });
    let [sorted, reversed] = tables();
    let at = |table: &Table, time| engine.instant(table, text, time, &Cancel::default());
    if !matches!(expr.value_type(), ValueType::Scalar | ValueType::Vector) {
        let _any = at(sorted, END_MS);
        return;
    }
    let times = (0, END_MS, STEP_MS);
    let range = |table: &Table| engine.range(table, text, times, &Cancel::default());
    let along = range(sorted);
    let is_in = |list: &[&str]| list.iter().any(|one| text.contains(one));
    if !is_in(&ORDERED) {
        same(&along, &range(reversed), text, "in another order");
    }
    let Ok(along) = along else {
        let _any = at(sorted, END_MS);
        return;
    };
    // Names that go at the very end go from a whole series, also where it is of both sides of an `or`.
    let is_joined = features.delayed_name_removal && text.contains(" or");
    if is_joined || is_in(&RANGED) || text.contains('@') && is_in(&WITH_PARAMETER) {
        return;
    }
    let along = points(&along);
    for time in [0, 3 * STEP_MS, 7 * STEP_MS, END_MS] {
        match at(sorted, time) {
            Ok(answer) => {
                let step = along.iter().filter(|((_, at), _)| *at == time);
                let step: BTreeMap<_, _> = step
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect();
                assert_eq!(points(&answer), step, "{text} at {time}, {features:?}");
            }
            Err(error) => panic!("{text} at {time}, but not of a range: {error}"),
        }
    }
}

fn same(a: &Result<Answer, QueryError>, b: &Result<Answer, QueryError>, text: &str, what: &str) {
    match (a, b) {
        (Ok(a), Ok(b)) => assert_eq!(points(a), points(b), "{text} {what}"),
        (Err(_), Err(_)) => {}
        (Ok(_), Err(error)) | (Err(error), Ok(_)) => panic!("{text} {what}: {error}"),
    }
}

/// All points of a result, each by its series and time, as texts: NaN is NaN, and zero is zero.
fn points(answer: &Answer) -> BTreeMap<(Labels, i64), String> {
    let mut all = BTreeMap::new();
    let mut add = |labels: &Labels, time, text| {
        let known = all.insert((labels.clone(), time), text);
        assert!(known.is_none(), "two points of {labels} at {time}");
    };
    match &answer.value {
        Value::Scalar { timestamp, value } => add(&Labels::default(), *timestamp, float(*value)),
        Value::String { .. } => {}
        Value::Vector(samples) => {
            for sample in samples {
                let text = match &sample.value {
                    PointValue::Float(value) => float(*value),
                    PointValue::Histogram(histogram) => histogram.to_string(),
                };
                add(&sample.labels, sample.timestamp, text);
            }
        }
        Value::Matrix(series) => {
            for one in series {
                for (time, value) in &one.floats {
                    add(&one.labels, *time, float(*value));
                }
                for (time, histogram) in &one.histograms {
                    add(&one.labels, *time, histogram.to_string());
                }
            }
        }
    }
    all
}

fn float(value: f64) -> String {
    format!("{:?}", value + 0.0)
}
