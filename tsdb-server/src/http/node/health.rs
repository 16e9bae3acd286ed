//! How M3's nodes tell over HTTP and JSON that they live: what probes of a cluster ask.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;
use tsdb_core::OpeningPhase;

use super::super::app::App;

#[derive(Serialize)]
struct NodeHealth {
    ok: bool,
    status: &'static str,
    bootstrapped: bool,
}

fn is_bootstrapped(app: &App) -> bool {
    app.store.opening().phase == OpeningPhase::Open
}

/// `/health`: the process answers.
pub(in crate::http) async fn health(State(app): State<App>) -> Response {
    let health = NodeHealth {
        ok: true,
        status: "up",
        bootstrapped: is_bootstrapped(&app),
    };
    Json(health).into_response()
}

/// `/bootstrapped` and `/bootstrappedinplacementornoplacement`: 200 once the data is open, else 500.
pub(in crate::http) async fn bootstrapped(State(app): State<App>) -> Response {
    if is_bootstrapped(&app) {
        return Json(json!({})).into_response();
    }
    let message = "the node is not bootstrapped: the database is still being opened";
    let error = json!({"error": {"message": message, "data": {"reason": app.store.not_ready()}}});
    (StatusCode::INTERNAL_SERVER_ERROR, Json(error)).into_response()
}
