//! What changes or guards the data: deletes, snapshots, compaction, the clock. Off unless the
//! server was started with `--enable-admin-api`.

use std::hash::{BuildHasher, RandomState};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use tsdb_core::clock::{Clock, SystemClock};

use super::app::App;
use super::envelope::{ApiError, success};
use super::form::Form;
use super::matching::required_matcher_sets;
use super::scope::Scope;
use crate::store::{Opened, StoreError};
use crate::timestamp::format_rfc3339;

#[derive(Serialize)]
struct Name {
    name: String,
}

/// Runs `work` on a thread that may wait for upkeep and the disk.
async fn run<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&Opened) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, ApiError> {
    if !app.admin {
        return Err(ApiError::unavailable("admin APIs disabled"));
    }
    let store = app.store.clone();
    let work = move || work(&store.current()?);
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.unwrap_or(Err(StoreError::Lost))?)
}

/// As [`run`], for what is about the data of this server.
async fn run_on_own<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&Opened) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, ApiError> {
    let store = app.store.clone();
    run(app, move |_| work(&store.own()?)).await
}

fn nothing() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// `/api/v1/admin/tsdb/delete_series`, as Prometheus has it; durable when it answers.
pub(super) async fn delete_series(
    State(app): State<App>,
    scope: Scope,
    form: Form,
) -> Result<Response, ApiError> {
    if !app.admin {
        run(&app, |_| Ok(())).await?;
    }
    let sets = scope.reads().restrict(required_matcher_sets(&form)?);
    let range = form.range()?;
    run(&app, move |opened| {
        let namespace = scope.data(opened)?;
        for (set, range) in sets.iter().zip(std::iter::repeat(range)) {
            if let Some(range) = range {
                namespace.delete(range, set)?;
            }
        }
        Ok(())
    })
    .await?;
    Ok(nothing())
}

/// `/api/v1/admin/tsdb/snapshot`, as Prometheus has it: answers the name below `snapshots/`.
pub(super) async fn snapshot(State(app): State<App>, form: Form) -> Result<Response, ApiError> {
    if let Some(skip) = form.one("skip_head")
        && !matches!(
            skip,
            "0" | "f"
                | "F"
                | "false"
                | "FALSE"
                | "False"
                | "1"
                | "t"
                | "T"
                | "true"
                | "TRUE"
                | "True"
        )
        && app.admin
    {
        let error =
            format!("unable to parse boolean strconv.ParseBool: parsing {skip:?}: invalid syntax");
        return Err(ApiError::invalid_parameter("skip_head", error));
    }
    let name = snapshot_name(SystemClock::new().now_ms());
    let name = run_on_own(&app, move |opened| {
        opened.db.snapshot(&name)?;
        Ok(name)
    })
    .await?;
    Ok(success(&Name { name }, &[]))
}

/// The time, and something that no other has.
fn snapshot_name(now_ms: i64) -> String {
    let time: String = format_rfc3339(now_ms)
        .chars()
        .filter(|char| !matches!(char, '-' | ':'))
        .take("20260101T000000".len())
        .collect();
    format!("{time}Z-{:016x}", RandomState::new().hash_one(now_ms))
}

/// `/api/v1/admin/compact` and Prometheus' `/api/v1/admin/tsdb/clean_tombstones`: compacts all
/// there is, which takes deleted samples off the disk.
pub(super) async fn compact(State(app): State<App>) -> Result<Response, ApiError> {
    run_on_own(&app, |opened| Ok(opened.db.compact()?)).await?;
    Ok(nothing())
}

/// `/api/v1/admin/confirm-clock`: the clock is right although it jumped; expiry goes on.
pub(super) async fn confirm_clock(State(app): State<App>) -> Result<Response, ApiError> {
    run_on_own(&app, |opened| {
        opened.db.confirm_clock();
        Ok(())
    })
    .await?;
    Ok(nothing())
}

#[cfg(test)]
mod tests {
    use super::snapshot_name;

    #[test]
    fn names_of_snapshots_are_sorted_by_time_and_never_the_same() {
        let (one, other) = (
            snapshot_name(1_700_000_000_000),
            snapshot_name(1_700_000_000_000),
        );
        assert!(one.starts_with("20231114T221320Z-"), "{one}");
        assert_eq!(one.len(), other.len());
        assert_ne!(one, other);
    }
}
