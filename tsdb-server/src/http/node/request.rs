//! Bodies of requests, read whole and bounded.

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt;
use tsdb_remote::BytePermit;

use super::super::app::App;
use super::error::NodeError;
use crate::node_json::UnknownFields;
use crate::store::StoreError;

/// Longest body: a write is one sample, and a query is written by hand.
pub(in crate::http) const MAX_BODY_BYTES: usize = 1 << 20;
/// Asks to skip fields that are not known.
const IGNORE_UNKNOWN: &str = "m3-json-disable-disallow-unknown-fields";

/// A body, and what is to become of fields that are not known.
#[derive(Debug)]
pub(in crate::http) struct NodeBody {
    pub(super) bytes: Bytes,
    pub(super) unknown: UnknownFields,
    /// What the body takes of the bytes in flight, as long as it is there.
    _permit: BytePermit,
}

/// Reads a body of at most [`MAX_BODY_BYTES`], counted among the bytes in flight.
///
/// # Errors
/// With the status that tells it, when it is longer, cannot be read, or too many are in flight.
pub(in crate::http) async fn read_body(
    app: &App,
    request: Request,
) -> Result<(Bytes, BytePermit), (StatusCode, String)> {
    let busy = |fault: tsdb_remote::RequestFault| {
        let fault = StoreError::Unavailable(fault.to_string());
        (StatusCode::SERVICE_UNAVAILABLE, fault.to_string())
    };
    let permit = app.inflight.try_acquire(0).map_err(busy)?;
    let (mut body, mut whole) = (request.into_body(), Vec::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            let text = format!("cannot read the request body: {error}");
            (StatusCode::BAD_REQUEST, text)
        })?;
        let Ok(piece) = frame.into_data() else {
            continue;
        };
        if whole.len() + piece.len() > MAX_BODY_BYTES {
            let text = format!("the request body is longer than {MAX_BODY_BYTES} bytes");
            return Err((StatusCode::PAYLOAD_TOO_LARGE, text));
        }
        permit.grow(piece.len() as u64).map_err(busy)?;
        whole.extend_from_slice(&piece);
    }
    Ok((whole.into(), permit))
}

impl FromRequest<App> for NodeBody {
    type Rejection = NodeError;

    async fn from_request(request: Request, app: &App) -> Result<Self, NodeError> {
        let ignore = request.headers().get(IGNORE_UNKNOWN);
        let unknown = match ignore.is_some_and(|value| value == "true") {
            true => UnknownFields::Ignored,
            false => UnknownFields::Refused,
        };
        let (bytes, permit) = read_body(app, request)
            .await
            .map_err(|(status, text)| NodeError::new(status, text))?;
        Ok(Self {
            bytes,
            unknown,
            _permit: permit,
        })
    }
}
