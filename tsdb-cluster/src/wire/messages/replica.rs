//! What keeps replicas alike: epochs that end, shards that move, sums over what they hold.

use tsdb_core::{Labels, TimeRange};
use tsdb_proto::node_v1 as proto;

use super::message::{NodeMessage, addressed, field, incarnation_bytes, required};
use super::selection::{range_from_proto, range_into_proto};
use super::verdict::{
    epochs_from_proto, epochs_into_proto, outcomes_from_proto, outcomes_into_proto,
};
use super::{ShardEpoch, Verdict};
use crate::node;
use crate::wire::{PROTOCOL_VERSION, WireError};
use crate::{Epoch, Incarnation, ShardId};

/// Ends an epoch of each of some shards: no write of it is taken any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealRequest {
    /// The node that is meant.
    pub incarnation: Incarnation,
    /// What is sealed.
    pub shards: Vec<(ShardId, Epoch)>,
}

impl NodeMessage for SealRequest {
    const NAME: &'static str = "SealRequest";
    type Proto = proto::SealRequest;

    fn into_proto(self) -> proto::SealRequest {
        proto::SealRequest {
            version: PROTOCOL_VERSION,
            incarnation: incarnation_bytes(self.incarnation),
            shards: epochs_into_proto(self.shards),
        }
    }

    fn from_proto(proto: proto::SealRequest) -> Result<Self, WireError> {
        Ok(Self {
            incarnation: addressed::<Self>(proto.version, &proto.incarnation)?,
            shards: epochs_from_proto(proto.shards),
        })
    }
}

/// The answer to a [`SealRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealReply {
    /// Each of the shards, and why it is not sealed where it is not.
    pub shards: Vec<(ShardId, Result<(), node::Refusal>)>,
}

impl NodeMessage for SealReply {
    const NAME: &'static str = "SealReply";
    type Proto = proto::SealReply;

    fn into_proto(self) -> proto::SealReply {
        proto::SealReply {
            shards: outcomes_into_proto(self.shards),
        }
    }

    fn from_proto(proto: proto::SealReply) -> Result<Self, WireError> {
        Ok(Self {
            shards: outcomes_from_proto::<Self>(proto.shards)?,
        })
    }
}

/// Series of a shard for another node, answered by [`super::SelectReply`]s. Who asks goes on where
/// an answer ended: with the labels that came last, window by window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamShardRequest {
    /// Version of the protocol.
    pub version: u32,
    /// The node that is meant.
    pub incarnation: Incarnation,
    /// The namespace.
    pub namespace: String,
    /// The shard.
    pub shard: ShardEpoch,
    /// Samples of this time: mostly one window.
    pub range: TimeRange,
    /// Goes on behind the series with these labels; from the first when there are none.
    pub after: Option<Labels>,
    /// The last delete that the newcomer has applied.
    pub deletes_seen: u64,
    /// Bytes of frames after which the node may end the answer as truncated; 0 for no bound.
    pub bytes_max: u64,
}

impl NodeMessage for StreamShardRequest {
    const NAME: &'static str = "StreamShardRequest";
    type Proto = proto::StreamShardRequest;

    fn into_proto(self) -> proto::StreamShardRequest {
        let after = self.after.as_ref().map(Labels::as_bytes);
        proto::StreamShardRequest {
            version: self.version,
            incarnation: incarnation_bytes(self.incarnation),
            namespace: self.namespace,
            shard: Some(self.shard.into_proto()),
            range: range_into_proto(self.range),
            after: after.unwrap_or_default().to_vec(),
            deletes_seen: self.deletes_seen,
            bytes_max: self.bytes_max,
        }
    }

    fn from_proto(proto: proto::StreamShardRequest) -> Result<Self, WireError> {
        let incarnation = addressed::<Self>(proto.version, &proto.incarnation)?;
        let after = (!proto.after.is_empty()).then(|| Labels::from_bytes(proto.after.into()));
        Ok(Self {
            version: proto.version,
            incarnation,
            namespace: proto.namespace,
            shard: shard::<Self>(proto.shard)?,
            range: range_from_proto::<Self>(proto.range)?,
            after: after.transpose()?,
            deletes_seen: proto.deletes_seen,
            bytes_max: proto.bytes_max,
        })
    }
}

/// Asks for sums over what a shard holds, to find where replicas differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestRequest {
    /// Version of the protocol.
    pub version: u32,
    /// The node that is meant.
    pub incarnation: Incarnation,
    /// The namespace.
    pub namespace: String,
    /// The shard.
    pub shard: ShardEpoch,
    /// Samples of this time.
    pub range: TimeRange,
    /// Milliseconds of one window, not 0.
    pub window_ms: u64,
    /// Into how many parts the series are split by their hash, not 0.
    pub parts: u32,
}

impl NodeMessage for DigestRequest {
    const NAME: &'static str = "DigestRequest";
    type Proto = proto::DigestRequest;

    fn into_proto(self) -> proto::DigestRequest {
        proto::DigestRequest {
            version: self.version,
            incarnation: incarnation_bytes(self.incarnation),
            namespace: self.namespace,
            shard: Some(self.shard.into_proto()),
            range: range_into_proto(self.range),
            window_ms: self.window_ms,
            parts: self.parts,
        }
    }

    fn from_proto(proto: proto::DigestRequest) -> Result<Self, WireError> {
        let incarnation = addressed::<Self>(proto.version, &proto.incarnation)?;
        if proto.window_ms == 0 {
            return Err(field::<Self>("window_ms", "is 0"));
        }
        if proto.parts == 0 {
            return Err(field::<Self>("parts", "is 0"));
        }
        Ok(Self {
            version: proto.version,
            incarnation,
            namespace: proto.namespace,
            shard: shard::<Self>(proto.shard)?,
            range: range_from_proto::<Self>(proto.range)?,
            window_ms: proto.window_ms,
            parts: proto.parts,
        })
    }
}

/// The sums of one part of the series in one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// The window's first millisecond.
    pub window: i64,
    /// The part, from 0.
    pub part: u32,
    /// Series with samples in it.
    pub series: u64,
    /// Samples.
    pub samples: u64,
    /// The sum of a hash over each of them.
    pub hash: u64,
}

/// The answer to a [`DigestRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestReply {
    /// [`Verdict::Stored`] when the sums are all there.
    pub verdict: Verdict,
    /// The last delete that was applied.
    pub deletes_seen: u64,
    /// Windows and parts with samples.
    pub digests: Vec<Digest>,
}

impl NodeMessage for DigestReply {
    const NAME: &'static str = "DigestReply";
    type Proto = proto::DigestReply;

    fn into_proto(self) -> proto::DigestReply {
        let digest = |one: Digest| proto::Digest {
            window: one.window,
            part: one.part,
            series: one.series,
            samples: one.samples,
            hash: one.hash,
        };
        proto::DigestReply {
            verdict: Some(self.verdict.into_proto()),
            deletes_seen: self.deletes_seen,
            digests: self.digests.into_iter().map(digest).collect(),
        }
    }

    fn from_proto(proto: proto::DigestReply) -> Result<Self, WireError> {
        let digest = |one: proto::Digest| Digest {
            window: one.window,
            part: one.part,
            series: one.series,
            samples: one.samples,
            hash: one.hash,
        };
        Ok(Self {
            verdict: Verdict::required::<Self>(proto.verdict)?,
            deletes_seen: proto.deletes_seen,
            digests: proto.digests.into_iter().map(digest).collect(),
        })
    }
}

fn shard<M: NodeMessage>(proto: Option<proto::ShardEpoch>) -> Result<ShardEpoch, WireError> {
    required::<M, _>("shard", proto).map(ShardEpoch::from_proto)
}
