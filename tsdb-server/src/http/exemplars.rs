//! `/api/v1/query_exemplars`: the exemplars of the series that an expression reads.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use tsdb_core::model::{Exemplar, Matcher};
use tsdb_core::{SeriesExemplars, TimeRange};
use tsdb_promql::syntax::{Expr, parse};
use tsdb_promql::{Features, SampleNumber};

use super::app::App;
use super::envelope::{ApiError, success};
use super::form::Form;
use super::reads::Limited;
use super::scope::Scope;
use super::series::LabelSet;
use crate::data::NamespaceData;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OfSeries<'a> {
    series_labels: LabelSet<'a>,
    exemplars: Vec<Shown<'a>>,
}

#[derive(Serialize)]
struct Shown<'a> {
    labels: LabelSet<'a>,
    value: String,
    timestamp: serde_json::Number,
}

pub(super) async fn query_exemplars(
    State(app): State<App>,
    scope: Scope,
    form: Form,
) -> Result<Response, ApiError> {
    let range = form.range()?;
    let range = range
        .ok_or_else(|| ApiError::bad_data("end timestamp must not be before start timestamp"))?;
    scope.reads().check_unbounded()?;
    scope.reads().check_range(Some(range))?;
    let sets = selectors(&form, app.queries.engine.features)?;
    if sets.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let sets = scope.reads().restrict(sets);
    let admission = app.store.queries().admit(scope.sender()).await?;
    let store = app.store.clone();
    let work = move || answer(&scope.data(&store.current()?)?, range, &sets);
    app.store.queries().run(&admission, work).await?
}

fn answer(
    namespace: &NamespaceData,
    range: TimeRange,
    sets: &[Vec<Matcher>],
) -> Result<Response, ApiError> {
    // A series that several selectors meet is there once.
    let mut found = BTreeMap::new();
    for set in sets {
        for series in namespace.exemplars(range, set)? {
            found.insert(series.labels.clone(), series);
        }
    }
    let shown: Vec<OfSeries<'_>> = found.values().map(show).collect();
    let told = namespace.marks().tell();
    Ok(Limited::NOT.tell(success(&shown, &told), &told))
}

/// The selectors of the expression `query`, in its order.
fn selectors(form: &Form, features: Features) -> Result<Vec<Vec<Matcher>>, ApiError> {
    let query = form.one("query").unwrap_or_default();
    let expr = parse(query, &features).map_err(|error| ApiError::bad_data(error.to_string()))?;
    let mut sets = Vec::new();
    add_selectors(&expr, &mut sets);
    Ok(sets)
}

/// Parsed expressions nest as deep as the parser lets them, which is not very deep.
fn add_selectors(expr: &Expr, sets: &mut Vec<Vec<Matcher>>) {
    match expr {
        Expr::Number(_) | Expr::String(_) => {}
        Expr::Vector(selector) => sets.push(selector.matchers.clone()),
        Expr::Matrix(matrix) => sets.push(matrix.selector.matchers.clone()),
        Expr::Subquery(subquery) => add_selectors(&subquery.expr, sets),
        Expr::Unary(unary) => add_selectors(&unary.expr, sets),
        Expr::Paren(paren) => add_selectors(&paren.expr, sets),
        Expr::Binary(binary) => {
            add_selectors(&binary.left, sets);
            add_selectors(&binary.right, sets);
        }
        Expr::Aggregate(aggregate) => {
            let parameter = aggregate.parameter.iter();
            parameter.for_each(|parameter| add_selectors(parameter, sets));
            add_selectors(&aggregate.expr, sets);
        }
        Expr::Call(call) => {
            let arguments = call.arguments.iter();
            arguments.for_each(|argument| add_selectors(argument, sets));
        }
    }
}

fn show(series: &SeriesExemplars) -> OfSeries<'_> {
    OfSeries {
        series_labels: LabelSet(&series.labels),
        exemplars: series.exemplars.iter().map(show_one).collect(),
    }
}

fn show_one(exemplar: &Exemplar) -> Shown<'_> {
    Shown {
        labels: LabelSet(&exemplar.labels),
        value: SampleNumber(exemplar.value).to_string(),
        timestamp: seconds(exemplar.timestamp),
    }
}

/// Seconds since the epoch, whole ones without a fraction.
#[expect(
    clippy::cast_precision_loss,
    reason = "times of any calendar have their milliseconds in a float of seconds"
)]
fn seconds(timestamp: i64) -> serde_json::Number {
    if timestamp % 1000 == 0 {
        return (timestamp / 1000).into();
    }
    // A quotient of a finite number is finite.
    serde_json::Number::from_f64(timestamp as f64 / 1000.0).unwrap_or_else(|| 0.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_prometheus_does() {
        for (timestamp, text) in [
            (1_600_096_945_479, "1600096945.479"),
            (1_600_096_945_000, "1600096945"),
            (-1500, "-1.5"),
        ] {
            assert_eq!(seconds(timestamp).to_string(), text);
        }
    }

    #[test]
    fn selectors_of_any_expression_are_found() {
        let of = |query: &str| {
            let query = format!("query={query}");
            let sets = selectors(&Form::of_query(Some(&query)), Features::default());
            sets.map(|sets| sets.iter().map(Vec::len).collect::<Vec<_>>())
        };
        assert_eq!(of("up%7Bjob%3D%22a%22%7D"), Ok(vec![2]));
        let query = "histogram_quantile(0.9,sum(rate(a_bucket[5m])))/-(max_over_time(b%7Bc!%3D%22d%22%7D[1h:1m]))";
        assert_eq!(of(query), Ok(vec![1, 2]));
        assert_eq!(of("1%2B1"), Ok(Vec::new()));
        for (query, reason) in [
            ("rate(", "parse error: unclosed left parenthesis"),
            ("", "no expression found in input"),
            ("%7B%7D", "at least one non-empty matcher"),
        ] {
            let error = of(query).expect_err(query);
            assert!(error.message.contains(reason), "{}", error.message);
        }
    }
}
