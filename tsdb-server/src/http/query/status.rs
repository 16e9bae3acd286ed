//! `/api/v1/status/queries`: which queries run, were slow, or cost most; and an end to one.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;

use super::super::app::App;
use super::super::envelope::{ApiError, success};
use crate::query::{Shown, Top};
use crate::timestamp::format_rfc3339;

#[derive(Serialize)]
struct Queries {
    running: Vec<Running>,
    slow: Vec<Slow>,
    top: Vec<Dear>,
}

#[derive(Serialize)]
struct Running {
    id: u64,
    query: Arc<str>,
    tenant: Option<Arc<str>>,
    start: String,
    duration_ms: u64,
    series: u64,
    samples: u64,
}

#[derive(Serialize)]
struct Slow {
    query: Arc<str>,
    tenant: Option<Arc<str>>,
    duration_ms: u64,
    series: u64,
    samples: u64,
    at: String,
    error: Option<String>,
}

#[derive(Serialize)]
struct Dear {
    query: Arc<str>,
    count: u64,
    total_ms: u64,
    avg_ms: u64,
    samples: u64,
}

impl From<Shown> for Running {
    fn from(shown: Shown) -> Self {
        Self {
            id: shown.id,
            query: shown.text,
            tenant: shown.tenant,
            start: format_rfc3339(shown.start),
            duration_ms: milliseconds(shown.took),
            series: shown.series,
            samples: shown.samples,
        }
    }
}

impl From<Shown> for Slow {
    fn from(shown: Shown) -> Self {
        Self {
            query: shown.text,
            tenant: shown.tenant,
            duration_ms: milliseconds(shown.took),
            series: shown.series,
            samples: shown.samples,
            at: format_rfc3339(shown.start),
            error: shown.error,
        }
    }
}

impl From<Top> for Dear {
    fn from(top: Top) -> Self {
        let total_ms = milliseconds(top.took);
        Self {
            query: top.text,
            count: top.count,
            total_ms,
            avg_ms: total_ms / top.count.max(1),
            samples: top.samples,
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What runs, was slow, or cost most.
pub(in crate::http) async fn queries(State(app): State<App>) -> Response {
    let register = &app.register;
    let queries = Queries {
        running: register.running().into_iter().map(Into::into).collect(),
        slow: register.slow().into_iter().map(Into::into).collect(),
        top: register.top().into_iter().map(Into::into).collect(),
    };
    success(&queries, &[])
}

/// Ends a query that runs.
pub(in crate::http) async fn cancel(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let number = id.parse::<u64>();
    let number = number.map_err(|error| ApiError::invalid_parameter("id", error))?;
    match app.register.cancel(number) {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(ApiError::not_found(format!(
            "no query {number} runs: /api/v1/status/queries has those that do"
        ))),
    }
}
