//! What a node says to what it was asked.

use std::time::Duration;

use tsdb_proto::node_v1 as proto;

use super::message::{NodeMessage, field, incarnation_bytes, incarnation_of, required};
use crate::message::NodeError;
use crate::node;
use crate::wire::{OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION, WireError};
use crate::{Epoch, Incarnation, ShardId};

/// What a node says to what it was asked of a shard, or of all that it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is durable here; of a read: what there is follows.
    Stored,
    /// The node is in another epoch of the shard.
    StaleEpoch {
        /// The node's.
        epoch: Epoch,
    },
    /// The epoch is over: the node takes no write of it any more.
    Sealed {
        /// The last epoch that is sealed.
        epoch: Epoch,
    },
    /// The node has no such shard.
    NotMember,
    /// The node has another data folder than the one that was meant.
    OtherIncarnation {
        /// The node's.
        incarnation: Incarnation,
    },
    /// The sender had seen a delete that the node has not applied.
    DeletesBehind {
        /// The last one that it has applied.
        deletes_seen: u64,
    },
    /// The node has applied a delete that the sender had not seen.
    DeletesUnseen {
        /// The last one that it has applied.
        deletes_seen: u64,
    },
    /// The node has no such namespace.
    NoNamespace {
        /// Its name.
        namespace: String,
    },
    /// A limit of the request was reached.
    Limit {
        /// Which.
        message: String,
    },
    /// The request makes no sense.
    Invalid {
        /// Why.
        message: String,
    },
    /// The node has no room now.
    Overloaded {
        /// Why.
        message: String,
        /// When to try again; to the millisecond on the wire.
        retry_after: Duration,
    },
    /// It failed, or says something that this version does not know.
    Failed {
        /// Why.
        message: String,
    },
    /// The node does not understand the version it was spoken to in.
    UnsupportedVersion {
        /// That version.
        theirs: u32,
        /// The oldest that the node understands.
        oldest: u32,
        /// The newest that the node understands.
        newest: u32,
    },
}

impl Verdict {
    /// Whether what was asked for was done.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        *self == Self::Stored
    }

    /// What to answer to a message that could not be read.
    #[must_use]
    pub fn of_error(error: &WireError) -> Self {
        match error {
            WireError::Version { theirs, .. } => Self::UnsupportedVersion {
                theirs: *theirs,
                oldest: OLDEST_PROTOCOL_VERSION,
                newest: PROTOCOL_VERSION,
            },
            other => Self::Failed {
                message: other.to_string(),
            },
        }
    }

    /// What the sender of the request makes of it.
    #[must_use]
    pub fn into_error(self) -> NodeError {
        match self {
            Self::OtherIncarnation { incarnation } => NodeError::OtherIncarnation {
                actual: incarnation,
            },
            Self::DeletesBehind { deletes_seen } => NodeError::DeletesMissing {
                applied: deletes_seen,
            },
            Self::DeletesUnseen { deletes_seen } => NodeError::DeletesUnseen {
                applied: deletes_seen,
            },
            Self::NoNamespace { namespace } => NodeError::NoNamespace(namespace.into()),
            Self::Overloaded {
                message: reason,
                retry_after,
            } => NodeError::Busy {
                reason,
                retry_after,
            },
            Self::Limit { message } => NodeError::Limit(message),
            Self::Invalid { message } => NodeError::Invalid(message),
            Self::Failed { message } => NodeError::Failed(message),
            Self::UnsupportedVersion {
                theirs,
                oldest,
                newest,
            } => NodeError::Failed(format!(
                "it understands versions {oldest} to {newest} of the node protocol and was spoken to in {theirs}: upgrade nodes one version at a time"
            )),
            other => NodeError::Failed(format!("it answers {other:?} where that says nothing")),
        }
    }

    pub(super) fn of_shard(refusal: node::Refusal) -> Self {
        match refusal {
            node::Refusal::Stale { epoch } => Self::StaleEpoch { epoch },
            node::Refusal::Sealed { epoch } => Self::Sealed { epoch },
        }
    }

    /// Whether it was done to a shard, or why not.
    pub(super) fn into_shard<M: NodeMessage>(self) -> Result<Result<(), node::Refusal>, WireError> {
        match self {
            Self::Stored => Ok(Ok(())),
            Self::StaleEpoch { epoch } => Ok(Err(node::Refusal::Stale { epoch })),
            Self::Sealed { epoch } => Ok(Err(node::Refusal::Sealed { epoch })),
            other => Err(field::<M>("shards", format!("have one with {other:?}"))),
        }
    }

    pub(super) fn into_proto(self) -> proto::Verdict {
        use proto::verdict::Kind;
        let of = |kind: Kind| proto::Verdict {
            kind: kind.into(),
            ..proto::Verdict::default()
        };
        match self {
            Self::Stored => of(Kind::Stored),
            Self::StaleEpoch { epoch } => proto::Verdict {
                epoch,
                ..of(Kind::StaleEpoch)
            },
            Self::Sealed { epoch } => proto::Verdict {
                epoch,
                ..of(Kind::Sealed)
            },
            Self::NotMember => of(Kind::NotMember),
            Self::OtherIncarnation { incarnation } => proto::Verdict {
                incarnation: incarnation_bytes(incarnation),
                ..of(Kind::OtherIncarnation)
            },
            Self::DeletesBehind { deletes_seen } => proto::Verdict {
                deletes_seen,
                ..of(Kind::DeletesBehind)
            },
            Self::DeletesUnseen { deletes_seen } => proto::Verdict {
                deletes_seen,
                ..of(Kind::DeletesUnseen)
            },
            Self::NoNamespace { namespace } => proto::Verdict {
                message: namespace,
                ..of(Kind::NoNamespace)
            },
            Self::Limit { message } => proto::Verdict {
                message,
                ..of(Kind::Limit)
            },
            Self::Invalid { message } => proto::Verdict {
                message,
                ..of(Kind::Invalid)
            },
            Self::Overloaded {
                message,
                retry_after,
            } => proto::Verdict {
                message,
                retry_after_ms: millis(retry_after),
                ..of(Kind::Overloaded)
            },
            Self::Failed { message } => proto::Verdict {
                message,
                ..of(Kind::Failed)
            },
            Self::UnsupportedVersion {
                theirs,
                oldest,
                newest,
            } => proto::Verdict {
                their_version: theirs,
                oldest_version: oldest,
                newest_version: newest,
                ..of(Kind::UnsupportedVersion)
            },
        }
    }

    pub(super) fn from_proto<M: NodeMessage>(proto: proto::Verdict) -> Result<Self, WireError> {
        use proto::verdict::Kind;
        Ok(match Kind::try_from(proto.kind).unwrap_or(Kind::Unknown) {
            Kind::Stored => Self::Stored,
            Kind::StaleEpoch => Self::StaleEpoch { epoch: proto.epoch },
            Kind::Sealed => Self::Sealed { epoch: proto.epoch },
            Kind::NotMember => Self::NotMember,
            Kind::OtherIncarnation => Self::OtherIncarnation {
                incarnation: incarnation_of::<M>(&proto.incarnation)?,
            },
            Kind::DeletesBehind => Self::DeletesBehind {
                deletes_seen: proto.deletes_seen,
            },
            Kind::DeletesUnseen => Self::DeletesUnseen {
                deletes_seen: proto.deletes_seen,
            },
            Kind::NoNamespace => Self::NoNamespace {
                namespace: proto.message,
            },
            Kind::Limit => Self::Limit {
                message: proto.message,
            },
            Kind::Invalid => Self::Invalid {
                message: proto.message,
            },
            Kind::Overloaded => Self::Overloaded {
                message: proto.message,
                retry_after: Duration::from_millis(proto.retry_after_ms),
            },
            Kind::Failed => Self::Failed {
                message: proto.message,
            },
            Kind::UnsupportedVersion => Self::UnsupportedVersion {
                theirs: proto.their_version,
                oldest: proto.oldest_version,
                newest: proto.newest_version,
            },
            Kind::Unknown => Self::Failed {
                message: format!(
                    "the node answers with outcome {}, which this version does not know",
                    proto.kind
                ),
            },
        })
    }

    /// A verdict that must be there.
    pub(super) fn required<M: NodeMessage>(
        proto: Option<proto::Verdict>,
    ) -> Result<Self, WireError> {
        Self::from_proto::<M>(required::<M, _>("verdict", proto)?)
    }
}

impl From<NodeError> for Verdict {
    fn from(error: NodeError) -> Self {
        match error {
            NodeError::OtherIncarnation { actual } => Self::OtherIncarnation {
                incarnation: actual,
            },
            NodeError::DeletesMissing { applied } => Self::DeletesBehind {
                deletes_seen: applied,
            },
            NodeError::DeletesUnseen { applied } => Self::DeletesUnseen {
                deletes_seen: applied,
            },
            NodeError::NoNamespace(namespace) => Self::NoNamespace {
                namespace: namespace.as_ref().to_owned(),
            },
            NodeError::Busy {
                reason,
                retry_after,
            } => Self::Overloaded {
                message: reason,
                retry_after,
            },
            NodeError::Limit(message) => Self::Limit { message },
            NodeError::Invalid(message) => Self::Invalid { message },
            NodeError::Failed(message) | NodeError::Unreachable(message) => {
                Self::Failed { message }
            }
        }
    }
}

/// Whole milliseconds, rounded up so that no wait gets shorter.
pub(super) fn millis(duration: Duration) -> u64 {
    let nanos = duration.as_nanos().div_ceil(1_000_000);
    u64::try_from(nanos).unwrap_or(u64::MAX)
}

/// The verdict on a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardVerdict {
    /// The placement shard.
    pub shard: ShardId,
    /// What became of what was asked of it.
    pub verdict: Verdict,
}

/// A shard, and what became of what was asked of it.
pub(super) type ShardOutcome = (ShardId, Result<(), node::Refusal>);

pub(super) fn outcomes_into_proto(
    all: impl IntoIterator<Item = ShardOutcome>,
) -> Vec<proto::ShardVerdict> {
    let one = |(shard, outcome): ShardOutcome| ShardVerdict {
        shard,
        verdict: outcome.map_or_else(Verdict::of_shard, |()| Verdict::Stored),
    };
    ShardVerdict::all_into_proto(all.into_iter().map(one).collect())
}

pub(super) fn outcomes_from_proto<M: NodeMessage>(
    all: Vec<proto::ShardVerdict>,
) -> Result<Vec<ShardOutcome>, WireError> {
    let all = ShardVerdict::all_from_proto::<M>(all)?.into_iter();
    all.map(|one| Ok((one.shard, one.verdict.into_shard::<M>()?)))
        .collect()
}

pub(super) fn epochs_into_proto(
    all: impl IntoIterator<Item = (ShardId, Epoch)>,
) -> Vec<proto::ShardEpoch> {
    let one = |(shard, epoch)| proto::ShardEpoch { shard, epoch };
    all.into_iter().map(one).collect()
}

pub(super) fn epochs_from_proto(all: Vec<proto::ShardEpoch>) -> Vec<(ShardId, Epoch)> {
    let one = |one: proto::ShardEpoch| (one.shard, one.epoch);
    all.into_iter().map(one).collect()
}

impl ShardVerdict {
    pub(super) fn all_into_proto(all: Vec<Self>) -> Vec<proto::ShardVerdict> {
        let one = |one: Self| proto::ShardVerdict {
            shard: one.shard,
            verdict: Some(one.verdict.into_proto()),
        };
        all.into_iter().map(one).collect()
    }

    pub(super) fn all_from_proto<M: NodeMessage>(
        all: Vec<proto::ShardVerdict>,
    ) -> Result<Vec<Self>, WireError> {
        let one = |one: proto::ShardVerdict| {
            Ok(Self {
                shard: one.shard,
                verdict: Verdict::from_proto::<M>(
                    one.verdict
                        .ok_or_else(|| field::<M>("shards", "have one without a verdict"))?,
                )?,
            })
        };
        all.into_iter().map(one).collect()
    }
}

/// The body of a call that was not answered by its own reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub verdict: Verdict,
}

impl NodeMessage for Refusal {
    const NAME: &'static str = "Refusal";
    type Proto = proto::Refusal;

    fn into_proto(self) -> proto::Refusal {
        proto::Refusal {
            verdict: Some(self.verdict.into_proto()),
        }
    }

    fn from_proto(proto: proto::Refusal) -> Result<Self, WireError> {
        Ok(Self {
            verdict: Verdict::required::<Self>(proto.verdict)?,
        })
    }
}
