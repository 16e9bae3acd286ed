//! `/api/v1/cluster`.

use axum::extract::State;
use axum::response::Response;
use tsdb_cluster::coordinator::CoordinatorError;

use super::app::App;
use super::envelope::{ApiError, success};
use crate::store::StoreError;

const NO_PLACEMENT: &str = "there is no placement: make one with `tsdb-server ctl placement init`, or POST one to /api/v1/services/m3db/placement/init";

/// How the cluster is, as this server sees it.
pub(super) async fn cluster(State(app): State<App>) -> Result<Response, ApiError> {
    let overview = app.overview.as_ref().ok_or_else(|| {
        ApiError::not_found("this server is part of no cluster: start it with --etcd and --node-id")
    })?;
    match overview.report().await {
        Ok(report) => Ok(success(&report, &[])),
        Err(CoordinatorError::NoPlacement) => Err(ApiError::not_found(NO_PLACEMENT)),
        Err(error) => Err(StoreError::from(error).into()),
    }
}
