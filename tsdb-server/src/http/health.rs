//! Whether the server lives, and whether it does its work: as M3 and as Prometheus ask for it.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use tsdb_core::clock::{Clock, SystemClock};

use super::app::App;
use crate::timestamp::format_rfc3339;

#[derive(Serialize)]
struct Health {
    uptime: String,
    now: String,
}

#[derive(Serialize)]
struct NamespaceReadiness {
    id: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Readiness {
    ready_reads: Vec<NamespaceReadiness>,
    not_ready_reads: Vec<NamespaceReadiness>,
    ready_writes: Vec<NamespaceReadiness>,
    not_ready_writes: Vec<NamespaceReadiness>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// `/health`: the process answers.
pub(super) async fn health(State(app): State<App>) -> Response {
    let uptime = show_duration(app.started.elapsed().as_secs());
    Json(Health {
        uptime,
        now: format_rfc3339(SystemClock::new().now_ms()),
    })
    .into_response()
}

/// `/ready`: 200 when reads and writes are right, else 503 with the reason.
pub(super) async fn ready(State(app): State<App>) -> Response {
    let reason = app.store.not_ready();
    let namespace = || vec![NamespaceReadiness { id: "default" }];
    let (status, ready, not_ready) = match reason {
        None => (
            StatusCode::OK,
            namespace as fn() -> _,
            Vec::new as fn() -> _,
        ),
        Some(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            Vec::new as fn() -> _,
            namespace as fn() -> _,
        ),
    };
    let readiness = Readiness {
        ready_reads: ready(),
        not_ready_reads: not_ready(),
        ready_writes: ready(),
        not_ready_writes: not_ready(),
        reason,
    };
    (status, Json(readiness)).into_response()
}

/// `/-/healthy`, as Prometheus has it.
pub(super) async fn healthy() -> &'static str {
    "tsdb-server is healthy.\n"
}

/// `/-/ready`, as Prometheus has it.
pub(super) async fn plain_ready(State(app): State<App>) -> Response {
    match app.store.not_ready() {
        None => "tsdb-server is ready.\n".into_response(),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

fn show_duration(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::show_duration;

    #[test]
    fn durations_look_like_go() {
        assert_eq!(show_duration(0), "0s");
        assert_eq!(show_duration(192), "3m12s");
        assert_eq!(show_duration(90_000), "25h0m0s");
    }
}
