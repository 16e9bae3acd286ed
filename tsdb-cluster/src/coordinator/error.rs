//! Why a coordinator could not do what it was asked to.

use std::sync::Arc;

use super::delete_log::DeleteLogError;
use crate::identity::ShardId;
use crate::message::NodeError;
use crate::metadata::MetadataError;

/// Why a coordinator could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum CoordinatorError {
    /// There is no placement yet.
    #[error("there is no placement: POST one to /api/v1/services/m3db/placement/init")]
    NoPlacement,
    /// The placement cannot be read.
    #[error("the placement cannot be read: {0}")]
    Metadata(#[from] MetadataError),
    /// What is kept as the placement is none of ours.
    #[error("{key} in the metadata is not as this version writes it: {error}")]
    Unreadable {
        /// The key.
        key: String,
        /// What is wrong.
        error: String,
    },
    /// Too few replicas of a shard did what was asked, in the words of M3.
    #[error("failed to meet consistency level {level} with {successes}/{replicas} success, {responded} nodes responded, shard {shard}, errors: [{}]", list(.errors))]
    Consistency {
        /// The level.
        level: &'static str,
        /// Slots that succeeded.
        successes: usize,
        /// Slots there are.
        replicas: usize,
        /// Nodes that answered, whatever.
        responded: usize,
        /// The shard.
        shard: ShardId,
        /// Why others did not.
        errors: Vec<String>,
    },
    /// The time was over before it was decided.
    #[error("not decided within {millis} ms: {what}")]
    TimedOut {
        /// How long was waited.
        millis: u128,
        /// For what.
        what: String,
    },
    /// The placement or the deletes changed whenever it was tried.
    #[error(
        "the placement or the deletes changed each of the {attempts} times that this read began: try again"
    )]
    Restless {
        /// How often it was tried.
        attempts: usize,
    },
    /// A node did not tell its answer to the end.
    #[error("an answer was cut off, try again: {0}")]
    Cut(NodeError),
    /// What a node answered cannot be decoded.
    #[error("what a node answered is damaged: {0}")]
    Damaged(tsdb_core::Error),
    /// A delete got no place in the order.
    #[error(transparent)]
    Deletes(#[from] DeleteLogError),
    /// No node has the namespace.
    #[error("there is no namespace {0:?}: create it, or name another")]
    NoNamespace(Arc<str>),
    /// A limit of the query was reached.
    #[error("{0}")]
    Limit(String),
    /// The request is wrong.
    #[error("{0}")]
    Invalid(String),
}

impl CoordinatorError {
    /// Whether the same request may succeed later, without anybody changing it.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::NoPlacement | Self::Metadata(_) | Self::Consistency { .. } => true,
            Self::TimedOut { .. } | Self::Restless { .. } | Self::Cut(_) => true,
            Self::Deletes(error) => matches!(error, DeleteLogError::Metadata(_)),
            Self::Unreadable { .. } | Self::NoNamespace(_) => false,
            Self::Limit(_) | Self::Invalid(_) | Self::Damaged(_) => false,
        }
    }

    /// Samples of more series are asked for than may be, in the words of a single database.
    #[must_use]
    pub fn too_many_series(limit: usize) -> Self {
        Self::of_limit("series", "max_series", limit as u64)
    }

    /// More samples are asked for than may be, in the words of a single database.
    pub(super) fn too_many_samples(limit: u64) -> Self {
        Self::of_limit("samples", "max_samples", limit)
    }

    fn of_limit(what: &'static str, name: &'static str, limit: u64) -> Self {
        let error = tsdb_core::shard::ShardError::QueryLimit { what, name, limit };
        Self::Limit(tsdb_core::Error::from(error).to_string())
    }

    /// What is no matter of this or that replica.
    pub(super) fn of_request(error: &NodeError) -> Option<Self> {
        match error {
            NodeError::NoNamespace(name) => Some(Self::NoNamespace(Arc::clone(name))),
            NodeError::Limit(why) => Some(Self::Limit(why.clone())),
            NodeError::Invalid(why) => Some(Self::Invalid(why.clone())),
            _ => None,
        }
    }
}

fn list(errors: &[String]) -> String {
    errors.join(" ")
}
