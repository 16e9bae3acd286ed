//! `/api/v1/json/write`: one sample, as the walk-throughs of M3 write their first.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use tsdb_core::model::{Labels, SeriesKey, WriteBatch};

use super::app::App;
use super::envelope::ApiError;
use super::node::read_body;
use super::scope::Scope;
use crate::data::{NamespaceData, Writing, whole};
use crate::node_json::{Point, parse_point};
use crate::store::{Opened, Reply, StoreError};
use crate::telemetry::WriteSource;

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
        let namespace = scope.charge(1).and_then(|()| scope.data(&opened));
        let writing = namespace.and_then(|namespace| append(&namespace, &point));
        match writing {
            Ok(writing) => writing.then(move |stored| {
                let told =
                    stored.inspect(|report| telemetry.stored(WriteSource::JsonWrite, report));
                reply.send(told.and_then(|report| whole(&report)));
            }),
            Err(error) => reply.send(Err(error)),
        }
    };
    app.store.write(work).await?;
    Ok(StatusCode::OK.into_response())
}

fn append(namespace: &NamespaceData, point: &Point) -> Result<Writing, StoreError> {
    let labels = Labels::from_pairs(point.tags.iter().map(|(name, value)| (name, value)))
        .map_err(|error| StoreError::Refused(format!("invalid tags: {error}")))?;
    let mut batch = WriteBatch::new();
    batch.begin(SeriesKey::Labels(&labels));
    batch.sample(point.timestamp, point.value);
    namespace.write(&batch, &[])
}
