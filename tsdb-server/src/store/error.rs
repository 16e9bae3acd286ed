//! Why the store did not do what a request asked for.

use std::time::Duration;

use tsdb_cluster::coordinator::CoordinatorError;
use tsdb_core::ErrorKind;
use tsdb_remote::{DecodeError, ReadError, WriteError};

use super::queue::QueueError;
use crate::tenancy::TooFast;

/// When to come back after a refusal that passes.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Why the store did not do what a request asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The database is closed at this moment: it is being reopened, or the server stops.
    #[error("the database is not open: {0}")]
    Unavailable(String),
    /// The disk is too full to take more.
    #[error("{0}")]
    DiskFull(String),
    /// More writes wait than may.
    #[error("too many writes wait: {0}; try again")]
    Busy(#[from] QueueError),
    /// More queries run than may, and none ended in time.
    #[error(
        "{limit} queries run already, the limit max_concurrent_queries: try again, or raise it"
    )]
    TooManyQueries {
        /// Queries that may run at a time.
        limit: usize,
    },
    /// The sender writes faster than a limit of its own lets it.
    #[error("more than {} samples a second were sent, the limit maxSamplesPerSecond of this tenant: send fewer, or raise it", .0.per_second)]
    TooFast(TooFast),
    /// Replicas of more clusters send than are remembered.
    #[error(
        "replicas of more than {limit} clusters send samples: look for a cluster label that changes"
    )]
    TooManyClusters {
        /// How many are remembered.
        limit: usize,
    },
    /// A namespace is named that is not there.
    #[error("there is no namespace {0:?}: create it, or name another")]
    NoNamespace(String),
    /// What was asked for makes no sense here.
    #[error("{0}")]
    Refused(String),
    /// What is kept of the namespaces cannot be read.
    #[error("{0}")]
    Registry(String),
    /// The request's body could not be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The database refused or failed.
    #[error(transparent)]
    Database(#[from] tsdb_core::Error),
    /// The nodes of the cluster refused or failed.
    #[error(transparent)]
    Cluster(#[from] CoordinatorError),
    /// An answer began as if it were whole, and is not.
    #[error("cut off, as it began as if it were whole, ask again: {0}")]
    Unmarked(String),
    /// The thread that had the work gave no answer, which is a bug; its log line tells more.
    #[error("the work on this request was lost: see the server's log")]
    Lost,
}

impl StoreError {
    /// From an error of any layer of the database.
    pub(crate) fn database(error: impl Into<tsdb_core::Error>) -> Self {
        Self::Database(error.into())
    }

    /// Whether the same request may succeed later, without anybody changing it.
    #[must_use]
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Unavailable(_)
            | Self::DiskFull(_)
            | Self::Busy(_)
            | Self::TooFast(_)
            | Self::TooManyQueries { .. }
            | Self::Unmarked(_) => true,
            Self::Decode(_)
            | Self::NoNamespace(_)
            | Self::Refused(_)
            | Self::Registry(_)
            | Self::TooManyClusters { .. }
            | Self::Lost => false,
            Self::Database(error) => error.is_retryable() || error.kind() == ErrorKind::Closed,
            Self::Cluster(error) => error.is_passing(),
        }
    }

    /// When to come back after a passing refusal.
    #[must_use]
    pub(crate) fn retry_after(&self) -> Duration {
        match self {
            Self::TooFast(refused) => refused.retry_after,
            _ => RETRY_AFTER,
        }
    }
}

impl From<TooFast> for StoreError {
    fn from(refused: TooFast) -> Self {
        Self::TooFast(refused)
    }
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        if let StoreError::TooFast(refused) = error {
            return Self::TooFast {
                message: error.to_string(),
                retry_after: refused.retry_after,
            };
        }
        if error.is_passing() {
            return Self::Unavailable {
                message: error.to_string(),
                retry_after: Some(error.retry_after()),
            };
        }
        match error {
            StoreError::Decode(error) => Self::Decode(error),
            StoreError::NoNamespace(_)
            | StoreError::Refused(_)
            | StoreError::TooManyClusters { .. }
            | StoreError::Cluster(_) => Self::Invalid(error.to_string()),
            StoreError::Database(error) if error.kind() == ErrorKind::InvalidInput => {
                Self::Invalid(error.to_string())
            }
            other => Self::Internal(Box::new(other)),
        }
    }
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        if error.is_passing() {
            return Self::Unavailable {
                message: error.to_string(),
                retry_after: Some(error.retry_after()),
            };
        }
        match error {
            StoreError::Decode(error) => Self::Decode(error),
            StoreError::NoNamespace(_)
            | StoreError::Refused(_)
            | StoreError::TooManyClusters { .. } => Self::Invalid(error.to_string()),
            StoreError::Cluster(CoordinatorError::Limit(why)) => Self::TooExpensive(why),
            StoreError::Cluster(
                error @ (CoordinatorError::Invalid(_) | CoordinatorError::NoNamespace(_)),
            ) => Self::Invalid(error.to_string()),
            StoreError::Database(error) => match error.kind() {
                ErrorKind::InvalidInput => Self::Invalid(error.to_string()),
                ErrorKind::Limit => Self::TooExpensive(error.to_string()),
                _ => Self::Internal(Box::new(error)),
            },
            other => Self::Internal(Box::new(other)),
        }
    }
}
