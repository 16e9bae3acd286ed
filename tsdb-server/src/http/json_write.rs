//! `/api/v1/json/write`: one sample, as the walk-throughs of M3 write their first.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use tsdb_core::model::{Labels, SeriesKey, WriteBatch};
use tsdb_core::{CommitTicket, Namespace};

use super::app::App;
use super::envelope::ApiError;
use super::node::read_body;
use super::scope::Scope;
use crate::node_json::{Point, parse_point};
use crate::store::{Opened, Reply, StoreError};
use crate::telemetry::{Telemetry, WriteSource};

pub(super) async fn json_write(
    State(app): State<App>,
    scope: Scope,
    request: Request,
) -> Result<Response, ApiError> {
    let (body, _permit) = read_body(&app, request).await.map_err(|(status, text)| {
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return StoreError::Unavailable(text).into();
        }
        ApiError::bad_data(text)
    })?;
    let point = parse_point(&body).map_err(|error| ApiError::bad_data(error.to_string()))?;
    let telemetry = Arc::clone(&app.telemetry);
    let work = move |opened: Opened, _: &mut _, reply: Reply<()>| {
        let namespace = scope.charge(1).and_then(|()| scope.namespace(&opened));
        let stored = namespace.and_then(|namespace| append(&namespace, &point, &telemetry));
        match stored {
            Ok(ticket) => reply.send_when_durable(vec![ticket], ()),
            Err(error) => reply.send(Err(error)),
        }
    };
    app.store.write(work).await?;
    Ok(StatusCode::OK.into_response())
}

fn append(
    namespace: &Namespace,
    point: &Point,
    telemetry: &Telemetry,
) -> Result<CommitTicket, StoreError> {
    let labels = Labels::from_pairs(point.tags.iter().map(|(name, value)| (name, value)))
        .map_err(|error| StoreError::Refused(format!("invalid tags: {error}")))?;
    let mut batch = WriteBatch::new();
    batch.begin(SeriesKey::Labels(&labels));
    batch.sample(point.timestamp, point.value);
    let appended = namespace.append(&batch)?;
    telemetry.stored(WriteSource::JsonWrite, &appended.report);
    match appended.report.rejected.first() {
        Some(rejected) => Err(StoreError::Refused(rejected.to_string())),
        None => Ok(appended.ticket),
    }
}
