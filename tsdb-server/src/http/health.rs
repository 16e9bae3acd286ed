//! Whether the server lives, and whether it does its work: as M3 and as Prometheus ask for it.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER};
use serde::Serialize;
use tsdb_core::clock::{Clock, SystemClock};
use tsdb_core::{OpeningPhase, OpeningState};

use super::app::App;
use super::envelope::success;
use crate::go_duration::go_duration_text;
use crate::timestamp::format_rfc3339;

#[derive(Serialize)]
struct Health {
    uptime: String,
    now: String,
}

#[derive(Serialize)]
struct NamespaceReadiness {
    id: String,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    opening: Option<Opening>,
}

/// How far opening is, as long as it goes on.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Opening {
    phase: &'static str,
    logs: u64,
    logs_replayed: u64,
    log_bytes: u64,
    log_bytes_replayed: u64,
}

impl Opening {
    fn of(state: OpeningState) -> Option<Self> {
        (state.phase != OpeningPhase::Open).then(|| Self {
            phase: state.phase.name(),
            logs: state.logs,
            logs_replayed: state.logs_replayed,
            log_bytes: state.log_bytes,
            log_bytes_replayed: state.log_bytes_replayed,
        })
    }
}

/// Prometheus' answer: numbers of the first and the last piece of the log, and of the present one.
#[derive(Serialize)]
struct WalReplay {
    min: u64,
    max: u64,
    current: u64,
}

/// `/health`: the process answers.
pub(super) async fn health(State(app): State<App>) -> Response {
    let uptime = Duration::from_secs(app.started.elapsed().as_secs());
    let uptime = i64::try_from(uptime.as_nanos()).map_or_else(|_| String::new(), go_duration_text);
    Json(Health {
        uptime,
        now: format_rfc3339(SystemClock::new().now_ms()),
    })
    .into_response()
}

/// `/ready`: 200 when reads and writes are right, else 503 with the reason.
pub(super) async fn ready(State(app): State<App>) -> Response {
    let reason = app.store.not_ready();
    let status = match reason {
        None => StatusCode::OK,
        Some(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let listed = |is_listed: bool| {
        let id = || app.registry.unaggregated().to_string();
        Vec::from_iter(is_listed.then(|| NamespaceReadiness { id: id() }))
    };
    let (ready, not_ready) = (|| listed(reason.is_none()), || listed(reason.is_some()));
    let readiness = Readiness {
        ready_reads: ready(),
        not_ready_reads: not_ready(),
        ready_writes: ready(),
        not_ready_writes: not_ready(),
        opening: reason
            .as_ref()
            .and_then(|_| Opening::of(app.store.opening())),
        reason,
    };
    let mut response = (status, Json(readiness)).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        ask_to_come_back(&mut response);
    }
    response
}

/// Probes and proxies may look again soon.
fn ask_to_come_back(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
}

/// `/api/v1/status/walreplay`, as Prometheus has it: how many logs there are to replay, and how
/// many were.
pub(super) async fn wal_replay(State(app): State<App>) -> Response {
    let state = app.store.opening();
    let replay = WalReplay {
        min: 0,
        max: state.logs,
        current: state.logs_replayed,
    };
    success(&replay, &[])
}

/// `/-/healthy`, in Prometheus' words, as whoever asks this takes the server for one.
pub(super) async fn healthy() -> &'static str {
    "Prometheus Server is Healthy.\n"
}

/// `/-/ready`, as Prometheus has it.
pub(super) async fn plain_ready(State(app): State<App>) -> Response {
    match app.store.not_ready() {
        None => "Prometheus Server is Ready.\n".into_response(),
        Some(reason) => {
            let unready = (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n"));
            let mut response = unready.into_response();
            ask_to_come_back(&mut response);
            response
        }
    }
}
