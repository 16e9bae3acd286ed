//! `/write` and `/writetagged`: one sample, durable when it is answered.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use tsdb_core::CommitTicket;
use tsdb_core::model::{Labels, SeriesKey, WriteBatch};

use super::super::app::App;
use super::error::NodeError;
use super::matching::{ID_LABEL, untagged};
use super::request::NodeBody;
use crate::node_json::{WriteRequest, parse_write, parse_write_tagged};
use crate::store::{Opened, Reply, SeriesIds, Store, StoreError};
use crate::telemetry::{Telemetry, WriteSource};

/// `/write`: a sample of the series with an id and no tags.
pub(in crate::http) async fn write(
    State(app): State<App>,
    body: NodeBody,
) -> Result<Json<Value>, NodeError> {
    let request = parse_write(&body.bytes, body.unknown)?;
    store(&app, request).await
}

/// `/writetagged`: a sample of the series with these tags.
pub(in crate::http) async fn write_tagged(
    State(app): State<App>,
    body: NodeBody,
) -> Result<Json<Value>, NodeError> {
    let request = parse_write_tagged(&body.bytes, body.unknown)?;
    store(&app, request).await
}

async fn store(app: &App, request: WriteRequest) -> Result<Json<Value>, NodeError> {
    let (telemetry, ids) = (Arc::clone(&app.telemetry), Store::clone(&app.store));
    let work = move |opened: Opened, _: &mut _, reply: Reply<()>| {
        let ids = ids.series_ids();
        match append(&opened, ids, &request, &telemetry) {
            Ok(tickets) => reply.send_when_durable(tickets, ()),
            Err(error) => reply.send(Err(error)),
        }
    };
    app.store.write(work).await?;
    Ok(Json(json!({})))
}

fn append(
    opened: &Opened,
    ids: &SeriesIds,
    request: &WriteRequest,
    telemetry: &Telemetry,
) -> Result<Vec<CommitTicket>, StoreError> {
    let namespace = opened.find(&request.namespace)?;
    let labels = labels_of(request)?;
    let write = || {
        let mut batch = WriteBatch::new();
        batch.begin(SeriesKey::Labels(&labels));
        batch.sample(request.timestamp, request.value);
        let appended = namespace.append(&batch)?;
        telemetry.stored(WriteSource::NodeJson, &appended.report);
        match appended.report.rejected.first() {
            Some(rejected) => Err(StoreError::Refused(rejected.to_string())),
            None => Ok(appended.ticket),
        }
    };
    if request.tags.as_ref().is_none_or(Vec::is_empty) {
        return Ok(vec![write()?]);
    }
    let (ticket, kept) = ids.keep(opened, &request.namespace, (&request.id, &labels), write)?;
    Ok([ticket].into_iter().chain(kept).collect())
}

fn labels_of(request: &WriteRequest) -> Result<Labels, StoreError> {
    let tags = match &request.tags {
        Some(tags) if !tags.is_empty() => tags,
        _ => return untagged(&request.id),
    };
    if tags.iter().any(|(name, _)| name == ID_LABEL) {
        let text = format!("the tag {ID_LABEL} is kept for series without tags: rename it");
        return Err(StoreError::Refused(text));
    }
    Labels::from_pairs(tags.iter().map(|(name, value)| (name, value)))
        .map_err(|error| StoreError::Refused(format!("invalid tags: {error}")))
}
