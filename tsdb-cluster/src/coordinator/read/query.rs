//! What to read.

use std::sync::Arc;

use tsdb_core::{Labels, Matcher, TimeRange};

use crate::identity::ShardId;
use crate::message::Want;
use crate::topology::ReadLevel;

/// What to read.
#[derive(Clone, Debug)]
pub struct ReadQuery {
    /// The namespace.
    pub namespace: Arc<str>,
    /// When.
    pub range: TimeRange,
    /// Which series.
    pub matchers: Vec<Matcher>,
    /// What of them.
    pub want: Want,
    /// Series, names, values or metrics to answer at most. Samples of more series are refused; of
    /// all else that many are answered, and that there are more is told.
    pub limit: usize,
    /// Samples to answer at most; more are refused.
    pub max_samples: u64,
    /// How many replicas must be asked; `None` for the coordinator's own level.
    pub level: Option<ReadLevel>,
    /// Which shards; `None` for all.
    pub shards: Option<Arc<[ShardId]>>,
    /// Only series sorted behind this.
    pub after: Option<Labels>,
}

impl ReadQuery {
    /// All samples of all series of a namespace in a range.
    #[must_use]
    pub fn everything(namespace: Arc<str>, range: TimeRange) -> Self {
        Self {
            namespace,
            range,
            matchers: Vec::new(),
            want: Want::Samples,
            limit: usize::MAX,
            max_samples: u64::MAX,
            level: None,
            shards: None,
            after: None,
        }
    }

    pub(super) fn is_about(&self, id: ShardId) -> bool {
        self.shards
            .as_ref()
            .is_none_or(|shards| shards.contains(&id))
    }
}
