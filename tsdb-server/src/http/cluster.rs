//! `/api/v1/cluster`.

use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use tsdb_cluster::coordinator::CoordinatorError;

use super::app::App;
use super::envelope::{ApiError, success};
use crate::cluster::{Overview, RepairError};
use crate::store::StoreError;

const NO_PLACEMENT: &str = "there is no placement: make one with `tsdb-server ctl placement init`, or POST one to /api/v1/services/m3db/placement/init";

/// How the cluster is, as this server sees it.
pub(super) async fn cluster(State(app): State<App>) -> Result<Response, ApiError> {
    let report = overview(&app)?.report().await;
    Ok(success(&report.map_err(without)?, &[]))
}

/// Which node is to compare its shards; all of them where none is named.
#[derive(Debug, Deserialize)]
pub(super) struct Repair {
    node: Option<String>,
}

/// Has nodes compare all their shards with the other replicas now.
pub(super) async fn repair(
    State(app): State<App>,
    Query(asked): Query<Repair>,
) -> Result<Response, ApiError> {
    match overview(&app)?.repair(asked.node.as_deref()).await {
        Ok(report) => Ok(success(&report, &[])),
        Err(RepairError::Coordinator(error)) => Err(without(error)),
        Err(error) => Err(ApiError::not_found(error.to_string())),
    }
}

fn overview(app: &App) -> Result<&Overview, ApiError> {
    app.overview.as_ref().ok_or_else(|| {
        ApiError::not_found("this server is part of no cluster: start it with --etcd and --node-id")
    })
}

fn without(error: CoordinatorError) -> ApiError {
    match error {
        CoordinatorError::NoPlacement => ApiError::not_found(NO_PLACEMENT),
        error => StoreError::from(error).into(),
    }
}
