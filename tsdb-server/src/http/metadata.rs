//! `/api/v1/metadata`: type, help and unit of metrics.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::app::App;
use super::envelope::{ApiError, success};
use super::form::Form;
use super::reads::Limited;
use super::scope::Scope;
use super::series::MAX_RESULTS;

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(rename = "type")]
    kind: String,
    help: &'a str,
    unit: &'a str,
}

pub(super) async fn metadata(
    State(app): State<App>,
    scope: Scope,
    form: Form,
) -> Result<Response, ApiError> {
    let limit = bound(&form, "limit")?;
    // A metric has one entry here, the last that was sent, so this bound holds by itself.
    bound(&form, "limit_per_metric")?;
    let metric = form.one("metric").map(str::to_owned);
    let admission = app.store.queries().admit(scope.sender()).await?;
    let store = app.store.clone();
    let work = move || -> Result<Response, ApiError> {
        let namespace = scope.data(&store.current()?)?;
        let found = namespace.metadata(metric.as_deref(), limit.unwrap_or(MAX_RESULTS))?;
        let data: BTreeMap<&str, [Entry<'_>; 1]> = found
            .iter()
            .map(|entry| {
                let shown = Entry {
                    kind: entry.kind.to_string(),
                    help: &entry.help,
                    unit: &entry.unit,
                };
                (entry.metric.as_str(), [shown])
            })
            .collect();
        let told = namespace.marks().tell();
        Ok(Limited::NOT.tell(success(&data, &told), &told))
    };
    app.store.queries().run(&admission, work).await?
}

/// A bound of this route, where a negative one means none.
fn bound(form: &Form, name: &str) -> Result<Option<usize>, ApiError> {
    match form.integer(name) {
        None => Ok(None),
        Some(Ok(bound)) => Ok(usize::try_from(bound).ok()),
        Some(Err(_)) => Err(ApiError::bad_data(format!("{name} must be a number"))),
    }
}
