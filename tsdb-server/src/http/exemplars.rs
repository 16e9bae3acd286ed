//! `/api/v1/query_exemplars`: the exemplars of the series that meet a selector.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use tsdb_core::model::{Exemplar, Matcher};
use tsdb_core::{SeriesExemplars, TimeRange};

use super::app::App;
use super::envelope::{ApiError, success};
use super::form::Form;
use super::reads::Limited;
use super::scope::Scope;
use super::series::LabelSet;
use crate::data::NamespaceData;
use crate::selector::parse_selector;

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
    let range = range.ok_or_else(|| {
        let reason = "end timestamp must not be before start timestamp";
        ApiError::invalid_parameter("end", reason)
    })?;
    scope.reads().check_unbounded()?;
    scope.reads().check_range(Some(range))?;
    let mut matchers = matchers(&form)?;
    matchers.extend(scope.reads().matchers.iter().cloned());
    let admission = app.store.queries().admit(scope.sender()).await?;
    let store = app.store.clone();
    let work = move || answer(&scope.data(&store.current()?)?, range, &matchers);
    app.store.queries().run(&admission, work).await?
}

fn answer(
    namespace: &NamespaceData,
    range: TimeRange,
    matchers: &[Matcher],
) -> Result<Response, ApiError> {
    let found = namespace.exemplars(range, matchers)?;
    let shown: Vec<OfSeries<'_>> = found.iter().map(show).collect();
    let told = namespace.marks().tell();
    Ok(Limited::NOT.tell(success(&shown, &told), &told))
}

/// The matchers of `query`, which must be a selector: no expression is evaluated here.
fn matchers(form: &Form) -> Result<Vec<Matcher>, ApiError> {
    let query = form.one("query").unwrap_or_default();
    let matchers = parse_selector(query).map_err(|error| {
        let hint = "send a series selector, as http_requests_total{job=\"a\"}: expressions are not \
                    evaluated here";
        ApiError::invalid_parameter("query", format!("{error} ({hint})"))
    })?;
    if matchers.iter().all(Matcher::matches_empty) {
        let reason = "query must contain at least one non-empty matcher";
        return Err(ApiError::invalid_parameter("query", reason));
    }
    Ok(matchers)
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
        value: value_text(exemplar.value),
        timestamp: seconds(exemplar.timestamp),
    }
}

/// A value as Prometheus writes it.
fn value_text(value: f64) -> String {
    let magnitude = value.abs();
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        _ if value.is_nan() => "NaN".to_owned(),
        _ if magnitude == 0.0 || (1e-6..1e21).contains(&magnitude) => value.to_string(),
        _ => format!("{value:e}"),
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
    fn values_and_times_are_written_as_prometheus_does() {
        let values = [
            (0.0, "0"),
            (-0.0, "-0"),
            (0.25, "0.25"),
            (1e20, "100000000000000000000"),
            (1e21, "1e21"),
            (1e-7, "1e-7"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ];
        for (value, text) in values {
            assert_eq!(value_text(value), text);
        }
        for (timestamp, text) in [
            (1_600_096_945_479, "1600096945.479"),
            (1_600_096_945_000, "1600096945"),
            (-1500, "-1.5"),
        ] {
            assert_eq!(seconds(timestamp).to_string(), text);
        }
    }

    #[test]
    fn only_a_selector_is_taken() {
        let of = |query: &str| matchers(&Form::of_query(Some(query)));
        assert_eq!(
            of("query=up%7Bjob%3D%22a%22%7D").expect("a selector").len(),
            2
        );
        for (query, reason) in [
            ("query=rate(up[5m])", "expressions are not evaluated here"),
            ("query=", "expressions are not evaluated here"),
            ("query=%7B%7D", "at least one non-empty matcher"),
        ] {
            let error = of(query).expect_err(query);
            assert!(error.message.contains(reason), "{}", error.message);
        }
    }
}
