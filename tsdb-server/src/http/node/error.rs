//! Errors as M3's nodes word them: `{"error":{"message":"...","data":{...}}}`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{HeaderValue, RETRY_AFTER};
use http::{Method, StatusCode};
use serde_json::json;
use tsdb_cluster::coordinator::CoordinatorError;
use tsdb_core::ErrorKind;

use crate::node_json::BodyError;
use crate::store::StoreError;

/// A refused or failed request to a node.
#[derive(Debug)]
pub(in crate::http) struct NodeError {
    status: StatusCode,
    message: String,
    retry_after_seconds: Option<u64>,
}

impl NodeError {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            retry_after_seconds: None,
        }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }
}

impl From<BodyError> for NodeError {
    fn from(error: BodyError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<StoreError> for NodeError {
    fn from(error: StoreError) -> Self {
        let status = match &error {
            passing if passing.is_passing() => StatusCode::SERVICE_UNAVAILABLE,
            StoreError::Cluster(
                CoordinatorError::Limit(_)
                | CoordinatorError::Invalid(_)
                | CoordinatorError::NoNamespace(_),
            )
            | StoreError::Decode(_)
            | StoreError::NoNamespace(_)
            | StoreError::Refused(_)
            | StoreError::TooManyClusters { .. } => StatusCode::BAD_REQUEST,
            StoreError::Database(error) => match error.kind() {
                ErrorKind::InvalidInput | ErrorKind::Limit => StatusCode::BAD_REQUEST,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            },
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let retry_after_seconds = (status == StatusCode::SERVICE_UNAVAILABLE)
            .then(|| error.retry_after().as_secs().max(1));
        Self {
            status,
            message: error.to_string(),
            retry_after_seconds,
        }
    }
}

impl From<tsdb_core::Error> for NodeError {
    fn from(error: tsdb_core::Error) -> Self {
        StoreError::from(error).into()
    }
}

impl IntoResponse for NodeError {
    fn into_response(self) -> Response {
        let kind = match self.status.is_client_error() {
            true => "BAD_REQUEST",
            false => "INTERNAL_ERROR",
        };
        let data = json!({"type": kind, "message": &self.message});
        let body = json!({"error": {"message": self.message, "data": data}});
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after_seconds {
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The answer to another method than the one a route has.
pub(in crate::http) async fn wrong_method(method: Method) -> Response {
    let message = match method == Method::GET {
        true => "request with request params must be POST",
        false => "request without request params must be GET",
    };
    NodeError::bad_request(message).into_response()
}
