//! What coordinators and nodes say to each other.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::BoxStream;
use tsdb_core::{
    AppendReport, ChunkPart, Labels, Matcher, MetricMetadata, SeriesDigest, SeriesExemplars,
    ShardDigest, TimeRange,
};

use crate::batch::Batch;
use crate::identity::{Epoch, Incarnation, NodeId, ShardId};
use crate::node::{DeleteRecord, Refusal};

/// Where samples come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From somebody who writes them now: a delete that the writer had not seen sends the write
    /// back, to be made again behind the delete.
    Writer,
    /// From another replica, or from a hint: what a delete hides is left out.
    Replica,
}

/// A replica that a write does not reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// The node.
    pub node: NodeId,
    /// The data folder that it has.
    pub incarnation: Incarnation,
    /// Its shards among those that are written.
    pub shards: Vec<ShardId>,
}

/// What a replica misses, and others have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// The node.
    pub node: NodeId,
    /// The data folder that it has.
    pub incarnation: Incarnation,
    /// Of which shards, and of which time.
    pub shards: Vec<(ShardId, TimeRange)>,
}

/// Tells a node what other replicas miss of that which it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkRequest {
    /// The namespace.
    pub namespace: Arc<str>,
    /// Which data folder is meant.
    pub incarnation: Incarnation,
    /// Who misses what.
    pub missed: Vec<Missed>,
}

/// Samples for a node.
#[derive(Clone, Debug)]
pub struct WriteRequest {
    /// The namespace.
    pub namespace: Arc<str>,
    /// Which data folder is meant.
    pub incarnation: Incarnation,
    /// In which epoch each shard is that the samples are of.
    pub epochs: Vec<(ShardId, Epoch)>,
    /// The newest delete of the namespace that the writer had seen.
    pub deletes_seen: u64,
    /// Where the samples come from.
    pub origin: Origin,
    /// The samples, and more.
    pub batch: Arc<Batch>,
    /// Which series of the batch are meant, in order.
    pub places: Vec<usize>,
    /// Replicas that are known not to get it: noted durably before the write is acknowledged.
    pub absent: Vec<Absent>,
}

/// What became of the samples of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardVerdict {
    /// They are durable, but for what the report refuses.
    Stored,
    /// They are not stored.
    Refused(Refusal),
}

/// What became of a write.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WriteReply {
    /// Of each shard's samples.
    pub shards: Vec<(ShardId, ShardVerdict)>,
    /// What was refused among those that are stored.
    pub report: AppendReport,
}

/// What a reader wants of the series that match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// Labels and samples.
    Samples,
    /// Labels.
    Labels,
    /// Names of labels.
    Names,
    /// Values of a label.
    Values(String),
    /// Exemplars.
    Exemplars,
    /// What is known of metrics, of all or of one; of no series, and of no time.
    Metadata(Option<String>),
}

impl Want {
    /// Whether series are wanted, which are answered one after the other.
    #[must_use]
    pub fn is_of_series(&self) -> bool {
        matches!(self, Self::Samples | Self::Labels)
    }
}

/// What to read from a node.
#[derive(Clone, Debug)]
pub struct ReadRequest {
    /// The namespace.
    pub namespace: Arc<str>,
    /// Which data folder is meant.
    pub incarnation: Incarnation,
    /// Which shards, and in which epoch each is.
    pub epochs: Vec<(ShardId, Epoch)>,
    /// Into how many shards series are divided.
    pub shards: NonZeroU32,
    /// The newest delete of the namespace that the reader had seen.
    pub deletes_seen: u64,
    /// When.
    pub range: TimeRange,
    /// Which series.
    pub matchers: Vec<Matcher>,
    /// What of them.
    pub want: Want,
    /// Only what is sorted behind this.
    pub after: Option<Labels>,
    /// Series, names, values or metrics to answer at most.
    pub limit: usize,
    /// Samples to answer at most.
    pub max_samples: u64,
}

/// What a node answers to a read, before and beside the stream of what it found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadReply {
    /// Shards whose epoch is over, or sealed.
    pub refusals: Vec<(ShardId, Refusal)>,
    /// The newest delete that the node has applied.
    pub deletes_applied: u64,
    /// Whether there is more than the limit allows.
    pub is_truncated: bool,
}

/// A piece of an answer.
#[derive(Clone, Debug)]
pub enum Found {
    /// A series; no chunks where only labels are wanted.
    Series(Labels, Vec<ChunkPart>),
    /// A name or a value.
    Text(Arc<str>),
    /// Exemplars of a series.
    Exemplars(SeriesExemplars),
    /// What is known of a metric.
    Metadata(MetricMetadata),
}

/// A stream of what was found: series sorted by labels, texts and metadata by name.
pub type FoundStream = BoxStream<'static, Result<Vec<Found>, NodeError>>;

/// Why a node did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NodeError {
    /// Its data folder is another one.
    #[error("the node has another data folder than the placement says: {actual}")]
    OtherIncarnation {
        /// The one that it has.
        actual: Incarnation,
    },
    /// It has not applied deletes that the request's sender had seen.
    #[error("the node has applied deletes up to {applied} only")]
    DeletesMissing {
        /// The newest that it has applied.
        applied: u64,
    },
    /// It has applied deletes that the request's sender had not seen.
    #[error("the node has applied deletes up to {applied}")]
    DeletesUnseen {
        /// The newest that it has applied.
        applied: u64,
    },
    /// It has no such namespace.
    #[error("the node has no namespace {0:?}")]
    NoNamespace(Arc<str>),
    /// It takes no more at the moment.
    #[error("the node is busy: {reason}")]
    Busy {
        /// Why.
        reason: String,
        /// When to come back.
        retry_after: Duration,
    },
    /// A limit of the query was reached.
    #[error("{0}")]
    Limit(String),
    /// The request is wrong.
    #[error("{0}")]
    Invalid(String),
    /// Its database failed, or is not open.
    #[error("the node cannot: {0}")]
    Failed(String),
    /// It cannot be reached.
    #[error("the node cannot be reached: {0}")]
    Unreachable(String),
}

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeStatus {
    /// Its data folder.
    pub incarnation: Incarnation,
    /// What it has promised of each shard.
    pub shards: Vec<(ShardId, crate::node::ShardState)>,
    /// The newest delete that it has applied to each namespace.
    pub deletes: Vec<(Arc<str>, u64)>,
    /// What is still to be done.
    pub backlog: Backlog,
}

/// What a node and others have still to do until all replicas are equal and at their places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Windows in which the node differs from other replicas, by replica.
    pub divergence: BTreeMap<NodeId, u64>,
    /// Windows of shards that other nodes are known to miss, and are to get from it, by node.
    pub hints: BTreeMap<NodeId, u64>,
    /// Shards that it is copying from others.
    pub moves: Vec<ShardMove>,
    /// How often it has compared all its shards with all other replicas since it started.
    pub rounds: u64,
}

/// How far the copy of a shard is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardMove {
    /// Which shard.
    pub shard: ShardId,
    /// Series that are copied.
    pub series: u64,
    /// Samples that are copied.
    pub samples: u64,
}

/// Deletes to apply.
#[derive(Clone, Debug)]
pub struct DeleteRequest {
    /// The namespace.
    pub namespace: Arc<str>,
    /// Which data folder is meant.
    pub incarnation: Incarnation,
    /// All deletes behind those that the node says it has applied, in order.
    pub records: Vec<DeleteRecord>,
}

/// What digests are wanted of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DigestOf {
    /// Of each shard in each window that is this long.
    Windows {
        /// Milliseconds.
        window_ms: i64,
    },
    /// Of each series.
    Series {
        /// Only what is sorted behind this.
        after: Option<Labels>,
        /// Series to answer at most.
        limit: usize,
    },
}

/// What another replica asks for, to compare.
#[derive(Clone, Debug)]
pub struct DigestRequest {
    /// The namespace.
    pub namespace: Arc<str>,
    /// Which data folder is meant.
    pub incarnation: Incarnation,
    /// Which shards, and in which epoch each is.
    pub epochs: Vec<(ShardId, Epoch)>,
    /// Into how many shards series are divided.
    pub shards: NonZeroU32,
    /// The newest delete of the namespace that the asker has applied.
    pub deletes_seen: u64,
    /// When.
    pub range: TimeRange,
    /// Of what.
    pub of: DigestOf,
}

/// What a node answers to one that compares.
#[derive(Clone, Debug, Default)]
pub struct DigestReply {
    /// Shards whose epoch is over, or sealed.
    pub refusals: Vec<(ShardId, Refusal)>,
    /// The newest delete that the node has applied.
    pub deletes_applied: u64,
    /// Windows that are not empty, sorted by shard and window, where these were asked for.
    pub windows: Vec<ShardDigest>,
    /// Series that are not empty, sorted by labels, where these were asked for; all that follow
    /// `after`, if there are fewer than the limit.
    pub series: Vec<SeriesDigest>,
}
