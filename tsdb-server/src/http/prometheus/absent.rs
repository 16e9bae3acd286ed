//! Lists that are always empty, as no rules are evaluated here: user interfaces ask for them, and
//! take an error for a fault.

use axum::response::Response;
use serde_json::json;

use super::super::envelope::success;

pub(in crate::http) async fn rules() -> Response {
    success(&json!({"groups": []}), &[])
}

pub(in crate::http) async fn alerts() -> Response {
    success(&json!({"alerts": []}), &[])
}

pub(in crate::http) async fn alertmanagers() -> Response {
    let none = json!({"activeAlertmanagers": [], "droppedAlertmanagers": []});
    success(&none, &[])
}

pub(in crate::http) async fn notifications() -> Response {
    success(&json!([]), &[])
}
