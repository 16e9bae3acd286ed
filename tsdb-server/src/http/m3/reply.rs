//! Answers and errors in M3's form.

use std::fmt;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use serde::Serialize;
use tsdb_core::ErrorKind;

use crate::namespaces::RegistryError;
use crate::placements::PlacementError;
use crate::store::StoreError;
use tsdb_cluster::metadata::MetadataError;

/// A refused or failed call: `{"status":"error","error":"text"}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct M3Error {
    status: StatusCode,
    message: String,
    retry_after_seconds: Option<u64>,
}

impl M3Error {
    fn new(status: StatusCode, message: impl fmt::Display) -> Self {
        Self {
            status,
            message: message.to_string(),
            retry_after_seconds: None,
        }
    }

    pub(super) fn bad_request(message: impl fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn not_found(message: impl fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    pub(super) fn not_implemented(message: impl fmt::Display) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, message)
    }
}

impl From<StoreError> for M3Error {
    fn from(error: StoreError) -> Self {
        let status = match &error {
            passing if passing.is_passing() => StatusCode::SERVICE_UNAVAILABLE,
            StoreError::Database(error) => match error.kind() {
                ErrorKind::InvalidInput => StatusCode::BAD_REQUEST,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            },
            StoreError::NoNamespace(_) => StatusCode::NOT_FOUND,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let retry_after_seconds = (status == StatusCode::SERVICE_UNAVAILABLE)
            .then(|| error.retry_after().as_secs().max(1));
        Self {
            retry_after_seconds,
            ..Self::new(status, error)
        }
    }
}

impl From<MetadataError> for M3Error {
    fn from(error: MetadataError) -> Self {
        match error {
            MetadataError::Store(error) => match error.downcast::<StoreError>() {
                Ok(error) => (*error).into(),
                // Another machine's store: it may be back soon.
                Err(error) => Self::new(StatusCode::SERVICE_UNAVAILABLE, error),
            },
            MetadataError::Conflict { .. } => Self::new(StatusCode::CONFLICT, error),
        }
    }
}

impl From<RegistryError> for M3Error {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Metadata(error) => error.into(),
            RegistryError::Store(error) => error.into(),
            RegistryError::Exists(_) => Self::new(StatusCode::CONFLICT, error),
            RegistryError::NotFound(_) => Self::not_found(error),
            RegistryError::Invalid(_) => Self::bad_request(error),
            RegistryError::Unreadable(_) | RegistryError::Unwritable(_) => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, error)
            }
        }
    }
}

impl From<PlacementError> for M3Error {
    fn from(error: PlacementError) -> Self {
        match error {
            PlacementError::Metadata(error) => error.into(),
            PlacementError::Exists | PlacementError::Stale { .. } => {
                Self::new(StatusCode::CONFLICT, error)
            }
            PlacementError::NotFound
            | PlacementError::NoInstance(_)
            | PlacementError::NoVersion { .. } => Self::not_found(error),
            PlacementError::Invalid(_) => Self::bad_request(error),
            PlacementError::OneNode(_) => Self::not_implemented(error),
            PlacementError::Unreadable(_) | PlacementError::Unwritable(_) => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, error)
            }
        }
    }
}

impl IntoResponse for M3Error {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Failure {
            status: &'static str,
            error: String,
        }
        let failure = Failure {
            status: "error",
            error: self.message,
        };
        let mut response = json(&failure);
        *response.status_mut() = self.status;
        if let Some(seconds) = self.retry_after_seconds {
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// A message as jsonpb prints it.
pub(super) fn json<T: Serialize>(message: &T) -> Response {
    match serde_json::to_vec(message) {
        Ok(body) => ([(CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written as JSON, which is a bug");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// `{"deleted":true}`.
pub(super) fn deleted() -> Response {
    #[derive(Serialize)]
    struct Deleted {
        deleted: bool,
    }
    json(&Deleted { deleted: true })
}
