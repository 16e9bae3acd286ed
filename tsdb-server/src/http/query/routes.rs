//! `/api/v1/query` and `/api/v1/query_range`.

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;

use super::super::app::App;
use super::super::envelope::ApiError;
use super::super::form::Form;
use super::super::gzip::accepts_gzip;
use super::super::scope::Scope;
use super::evaluate::answer;
use super::parameters::Parameters;

/// An expression at one time.
pub(in crate::http) async fn instant(
    State(app): State<App>,
    scope: Scope,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, ApiError> {
    let asked = Parameters::of_instant(&form)?;
    answer(app, scope, asked, accepts_gzip(&headers)).await
}

/// An expression over a range of time.
pub(in crate::http) async fn range(
    State(app): State<App>,
    scope: Scope,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, ApiError> {
    let asked = Parameters::of_range(&form)?;
    answer(app, scope, asked, accepts_gzip(&headers)).await
}
