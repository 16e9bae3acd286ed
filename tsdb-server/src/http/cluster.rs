//! `/api/v1/cluster`.

use axum::extract::State;
use axum::response::Response;
use tsdb_cluster::coordinator::CoordinatorError;

use super::app::App;
use super::envelope::{ApiError, success};
use crate::store::StoreError;

/// How the cluster is, as this server sees it.
pub(super) async fn cluster(State(app): State<App>) -> Result<Response, ApiError> {
    let overview = app.overview.as_ref().ok_or_else(|| {
        ApiError::not_found("this server is part of no cluster: start it with --etcd and --node-id")
    })?;
    match overview.report().await {
        Ok(report) => Ok(success(&report, &[])),
        Err(error @ CoordinatorError::NoPlacement) => Err(ApiError::not_found(error.to_string())),
        Err(error) => Err(StoreError::from(error).into()),
    }
}
