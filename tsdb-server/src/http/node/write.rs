//! `/write` and `/writetagged`: one sample, durable when it is answered.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use tsdb_core::model::{Labels, SeriesKey, WriteBatch};

use super::super::app::App;
use super::error::NodeError;
use super::matching::{ID_LABEL, untagged};
use super::request::NodeBody;
use crate::data::{Writing, whole};
use crate::node_json::{WriteRequest, parse_write, parse_write_tagged};
use crate::store::{Opened, Reply, StoreError, id_of};
use crate::telemetry::WriteSource;

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
    let (telemetry, own) = (Arc::clone(&app.telemetry), app.clone());
    let work =
        move |opened: Opened, _: &mut _, reply: Reply<()>| match append(&own, &opened, &request) {
            Ok(writing) => writing.then(move |stored| {
                let told = stored.inspect(|report| telemetry.stored(WriteSource::NodeJson, report));
                reply.send(told.and_then(|report| whole(&report)));
            }),
            Err(error) => reply.send(Err(error)),
        };
    app.store.write(work).await?;
    Ok(Json(json!({})))
}

fn append(app: &App, opened: &Opened, request: &WriteRequest) -> Result<Writing, StoreError> {
    let namespace = app.data(opened, &request.namespace)?;
    let labels = labels_of(request)?;
    let write = || {
        let mut batch = WriteBatch::new();
        batch.begin(SeriesKey::Labels(&labels));
        batch.sample(request.timestamp, request.value);
        namespace.write(&batch, &[])?.whole()
    };
    if request.tags.as_ref().is_none_or(Vec::is_empty) {
        return write();
    }
    if namespace.is_of_cluster() {
        follows_from_tags(&request.id, &labels)?;
        return write();
    }
    let ids = app.store.series_ids();
    let (writing, kept) = ids.keep(opened, &request.namespace, (&request.id, &labels), write)?;
    Ok(writing.with(kept))
}

/// Ids are kept beside the data of one server: a cluster has those that need not be kept.
fn follows_from_tags(id: &str, labels: &Labels) -> Result<(), StoreError> {
    let own = id_of(labels);
    if id.is_empty() || id == own {
        return Ok(());
    }
    Err(StoreError::Refused(format!(
        "id {id:?}: a cluster keeps no ids beside tags: leave it empty, or send the one that follows from the tags, {own:?}"
    )))
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
