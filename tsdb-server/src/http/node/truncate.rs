//! `/truncate`: deletes every sample of a namespace.

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::StatusCode;
use serde_json::{Value, json};

use super::super::app::App;
use super::error::NodeError;
use super::request::NodeBody;
use crate::node_json::parse_truncate;
use crate::store::{Opened, StoreError};

/// `/truncate`: durable when it answers how many series had samples.
pub(in crate::http) async fn truncate(
    State(app): State<App>,
    body: NodeBody,
) -> Result<Json<Value>, NodeError> {
    let name = parse_truncate(&body.bytes, body.unknown)?;
    if !app.admin {
        let text = "deleting over HTTP is off: start the server with --enable-admin-api";
        return Err(NodeError::new(StatusCode::FORBIDDEN, text));
    }
    let work = move || {
        let opened = app.store.current()?;
        let name = meant(&opened, name);
        let series = app.data(&opened, &name)?.truncate()?;
        app.store.series_ids().forget_all(&opened, &name)?;
        tracing::info!(namespace = name, series, "truncated");
        Ok(series)
    };
    let done = tokio::task::spawn_blocking(work).await;
    let series = done.unwrap_or(Err(StoreError::Lost))?;
    Ok(Json(json!({"numSeries": series})))
}

/// M3 wants the name in base64; who does not know that writes it as it is.
fn meant(opened: &Opened, name: String) -> String {
    let decoded = BASE64_STANDARD.decode(&name).ok();
    decoded
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .filter(|decoded| opened.find(decoded).is_ok())
        .unwrap_or(name)
}
