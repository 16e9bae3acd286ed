//! `/api/v1/format_query` and `/api/v1/parse_query`: expressions that are only read.

use axum::extract::State;
use axum::response::Response;
use serde_json::value::RawValue;
use tsdb_promql::syntax::{Expr, parse, prettify, to_json};

use super::super::app::App;
use super::super::envelope::{ApiError, ErrorType, success};
use super::super::form::Form;

fn parsed(app: &App, form: &Form) -> Result<Expr, ApiError> {
    let text = form.one("query").unwrap_or_default();
    let features = app.queries.engine.features;
    parse(text, &features).map_err(|error| ApiError::invalid_parameter("query", error))
}

/// An expression over as many lines as it takes to be read.
pub(in crate::http) async fn format(
    State(app): State<App>,
    form: Form,
) -> Result<Response, ApiError> {
    Ok(success(&prettify(&parsed(&app, &form)?), &[]))
}

/// The tree of an expression.
pub(in crate::http) async fn tree(
    State(app): State<App>,
    form: Form,
) -> Result<Response, ApiError> {
    let mut json = String::new();
    to_json(&parsed(&app, &form)?, &mut json);
    match RawValue::from_string(json) {
        Ok(tree) => Ok(success(&tree, &[])),
        Err(error) => Err(ApiError::new(ErrorType::Internal, error.to_string())),
    }
}
