//! The envelope of Prometheus' API: `{"status":"success","data":...}`, and its errors.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use tsdb_cluster::coordinator::CoordinatorError;
use tsdb_core::ErrorKind;

use super::html_safe::html_safe;
use crate::store::StoreError;

/// Prometheus' words for a list that a limit cut short.
pub(super) const TRUNCATED: &str = "results truncated due to limit";

#[derive(Serialize)]
struct Success<'a, T> {
    status: &'static str,
    data: &'a T,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    warnings: &'a [String],
}

#[derive(Serialize)]
struct Failure<'a, T> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a T>,
    #[serde(rename = "errorType")]
    error_type: &'static str,
    error: &'a str,
}

/// Kinds of errors as Prometheus names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErrorType {
    BadData,
    /// Whoever asked does not wait any more, or somebody ended it.
    Canceled,
    /// Not one of Prometheus: somebody else changed what was to be changed.
    Conflict,
    Execution,
    /// Not one of Prometheus: the sender is bound to other data.
    Forbidden,
    Internal,
    NotFound,
    /// It took longer than it may.
    Timeout,
    Unavailable,
}

/// As nginx says it, and Prometheus with it: the client went away.
const CLIENT_CLOSED_REQUEST: u16 = 499;

impl ErrorType {
    /// As Prometheus names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::BadData => "bad_data",
            Self::Canceled => "canceled",
            Self::Conflict => "conflict",
            Self::Execution => "execution",
            Self::Forbidden => "forbidden",
            Self::Internal => "internal",
            Self::NotFound => "not_found",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::BadData => StatusCode::BAD_REQUEST,
            Self::Canceled => {
                StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or(StatusCode::BAD_REQUEST)
            }
            Self::Conflict => StatusCode::CONFLICT,
            Self::Execution => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Timeout => StatusCode::SERVICE_UNAVAILABLE,
            // Prometheus says 500; 503 tells clients and proxies to come back.
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// A refused or failed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) kind: ErrorType,
    pub(super) message: String,
    retry_after_seconds: Option<u64>,
}

impl ApiError {
    /// Of a kind, without a hint when to come back.
    pub(super) fn new(kind: ErrorType, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            retry_after_seconds: None,
        }
    }

    pub(super) fn bad_data(message: impl Into<String>) -> Self {
        Self::new(ErrorType::BadData, message)
    }

    /// Refused to this sender.
    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(ErrorType::Forbidden, message)
    }

    /// Refused as long as the server runs as it does: no reason to come back.
    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorType::Unavailable, message)
    }

    /// There is nothing of that name, as things are.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorType::NotFound, message)
    }

    pub(super) fn invalid_parameter(name: &str, error: impl std::fmt::Display) -> Self {
        Self::bad_data(format!("invalid parameter {name:?}: {error}"))
    }

    /// The answer, with `data` beside the error: what was done before it.
    pub(super) fn with_data<T: Serialize>(&self, data: Option<&T>) -> Response {
        let failure = Failure {
            status: "error",
            data,
            error_type: self.kind.name(),
            error: &self.message,
        };
        self.answer(&failure)
    }

    /// The answer with a body of the caller's.
    pub(super) fn answer(&self, body: &impl Serialize) -> Response {
        let mut response = json(self.kind.status(), body);
        if let Some(seconds) = self.retry_after_seconds {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let kind = match &error {
            passing if passing.is_passing() => ErrorType::Unavailable,
            StoreError::Database(error) => match error.kind() {
                ErrorKind::InvalidInput => ErrorType::BadData,
                ErrorKind::Conflict => ErrorType::Conflict,
                ErrorKind::Limit => ErrorType::Execution,
                _ => ErrorType::Internal,
            },
            StoreError::Cluster(CoordinatorError::Limit(_)) => ErrorType::Execution,
            StoreError::Cluster(
                CoordinatorError::Invalid(_) | CoordinatorError::NoNamespace(_),
            )
            | StoreError::Decode(_)
            | StoreError::NoNamespace(_)
            | StoreError::Refused(_)
            | StoreError::TooManyClusters { .. } => ErrorType::BadData,
            _ => ErrorType::Internal,
        };
        let retry_after_seconds =
            (kind == ErrorType::Unavailable).then(|| error.retry_after().as_secs().max(1));
        Self {
            kind,
            message: error.to_string(),
            retry_after_seconds,
        }
    }
}

impl From<tsdb_core::Error> for ApiError {
    fn from(error: tsdb_core::Error) -> Self {
        StoreError::from(error).into()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.with_data::<()>(None)
    }
}

/// The warnings of an answer: those of what was read, and that a limit cut it short.
pub(super) fn warnings(told: &[String], is_cut: bool) -> Vec<String> {
    let cut = is_cut.then(|| TRUNCATED.to_owned());
    told.iter().cloned().chain(cut).collect()
}

/// A successful answer.
pub(super) fn success<T: Serialize>(data: &T, warnings: &[String]) -> Response {
    json(
        StatusCode::OK,
        &Success {
            status: "success",
            data,
            warnings,
        },
    )
}

fn json<T: Serialize>(status: StatusCode, body: &T) -> Response {
    match serde_json::to_vec(body) {
        Ok(mut body) => {
            html_safe(&mut body, 0);
            let headers = HeaderMap::from_iter([(
                CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            )]);
            (status, headers, body).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written as JSON, which is a bug");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
