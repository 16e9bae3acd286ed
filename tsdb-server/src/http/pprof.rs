//! `/debug/pprof`: profiles for `go tool pprof`, as Go's programs serve them.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::Uri;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};

use super::form::Form;
use crate::profile::{CpuProfile, CpuProfileError, heap_profile};
use crate::store::StoreError;

/// How long a profile takes that says nothing, as in Go.
const DEFAULT_SECONDS: i64 = 30;
/// How long one may take.
const MAX_SECONDS: i64 = 300;

/// `/debug/pprof/`: the profiles there are.
pub(super) async fn index() -> &'static str {
    "/debug/pprof/\n\n\
     profile   where CPU time goes: go tool pprof http://ADDRESS/debug/pprof/profile?seconds=30\n\
     heap      where memory is held: go tool pprof http://ADDRESS/debug/pprof/heap\n\
     cmdline   the command line\n\
     symbol    says that profiles name their functions\n"
}

/// `/debug/pprof/profile`: samples of the CPU for some seconds.
pub(super) async fn profile(uri: Uri) -> Response {
    let form = Form::of_query(uri.query());
    let seconds = match form.integer("seconds").unwrap_or(Ok(DEFAULT_SECONDS)) {
        Ok(seconds) if (1..=MAX_SECONDS).contains(&seconds) => seconds,
        _ => {
            let text = format!("seconds has to be a whole number from 1 to {MAX_SECONDS}\n");
            return (StatusCode::BAD_REQUEST, text).into_response();
        }
    };
    match taken(Duration::from_secs(seconds.unsigned_abs())).await {
        Ok(profile) => file("profile", profile),
        Err(error @ CpuProfileError::Running) => {
            (StatusCode::CONFLICT, format!("{error}\n")).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

async fn taken(duration: Duration) -> Result<Vec<u8>, CpuProfileError> {
    let lost = |_| CpuProfileError::Failed(StoreError::Lost.to_string());
    let started = tokio::task::spawn_blocking(CpuProfile::start).await;
    // It ends with this request when the client goes.
    let profile = started.map_err(lost)??;
    tokio::time::sleep(duration).await;
    let finished = tokio::task::spawn_blocking(|| profile.finish()).await;
    finished.map_err(lost)?
}

/// `/debug/pprof/heap`: what holds memory.
pub(super) async fn heap() -> Response {
    match tokio::task::spawn_blocking(heap_profile).await {
        Ok(Ok(profile)) => file("heap", profile),
        Ok(Err(error)) => (StatusCode::NOT_IMPLEMENTED, format!("{error}\n")).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

fn file(name: &'static str, profile: Vec<u8>) -> Response {
    let disposition = match name {
        "heap" => "attachment; filename=\"heap\"",
        _ => "attachment; filename=\"profile\"",
    };
    let headers = [
        (
            CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        ),
        (CONTENT_DISPOSITION, HeaderValue::from_static(disposition)),
    ];
    (headers, profile).into_response()
}

/// `/debug/pprof/cmdline`: the command line, a zero byte between its parts.
pub(super) async fn command_line() -> String {
    let arguments = std::env::args_os();
    let arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
    arguments.collect::<Vec<_>>().join("\0")
}

/// `/debug/pprof/symbol`: there is nothing to look up, as profiles name their functions.
pub(super) async fn symbol() -> &'static str {
    "num_symbols: 1\n"
}
