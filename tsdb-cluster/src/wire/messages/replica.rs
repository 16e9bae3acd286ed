//! What keeps replicas alike: epochs that end, shards that move, sums over what they hold.

use tsdb_core::{Labels, Matcher, TimeRange};
use tsdb_proto::node_v1 as proto;

use super::message::{NodeMessage, addressed, field, incarnation_bytes, required};
use super::selection::{
    matchers_from_proto, matchers_into_proto, range_from_proto, range_into_proto,
};
use super::{ShardEpoch, Verdict};
use crate::Incarnation;
use crate::wire::WireError;

/// Ends an epoch of a shard: no write of it is taken any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealRequest {
    /// Version of the protocol.
    pub version: u32,
    /// The node that is meant.
    pub incarnation: Incarnation,
    /// What is sealed.
    pub shard: ShardEpoch,
}

impl NodeMessage for SealRequest {
    const NAME: &'static str = "SealRequest";
    type Proto = proto::SealRequest;

    fn into_proto(self) -> proto::SealRequest {
        proto::SealRequest {
            version: self.version,
            incarnation: incarnation_bytes(self.incarnation),
            shard: Some(self.shard.into_proto()),
        }
    }

    fn from_proto(proto: proto::SealRequest) -> Result<Self, WireError> {
        Ok(Self {
            version: proto.version,
            incarnation: addressed::<Self>(proto.version, &proto.incarnation)?,
            shard: shard::<Self>(proto.shard)?,
        })
    }
}

/// The answer to a [`SealRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealReply {
    /// [`Verdict::Sealed`] with the epoch that is durably sealed now, or why none is.
    pub verdict: Verdict,
}

impl NodeMessage for SealReply {
    const NAME: &'static str = "SealReply";
    type Proto = proto::SealReply;

    fn into_proto(self) -> proto::SealReply {
        proto::SealReply {
            verdict: Some(self.verdict.into_proto()),
        }
    }

    fn from_proto(proto: proto::SealReply) -> Result<Self, WireError> {
        Ok(Self {
            verdict: Verdict::required::<Self>(proto.verdict)?,
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

/// Hides the samples of a range of all series that match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteRequest {
    /// Version of the protocol.
    pub version: u32,
    /// The node that is meant.
    pub incarnation: Incarnation,
    /// The namespace.
    pub namespace: String,
    /// Its number among the namespace's deletes; each is one above the one before.
    pub seq: u64,
    /// All of which a series must match.
    pub matchers: Vec<Matcher>,
    /// What is hidden of them.
    pub range: TimeRange,
}

impl NodeMessage for DeleteRequest {
    const NAME: &'static str = "DeleteRequest";
    type Proto = proto::DeleteRequest;

    fn into_proto(self) -> proto::DeleteRequest {
        proto::DeleteRequest {
            version: self.version,
            incarnation: incarnation_bytes(self.incarnation),
            namespace: self.namespace,
            seq: self.seq,
            matchers: matchers_into_proto(&self.matchers),
            range: range_into_proto(self.range),
        }
    }

    fn from_proto(proto: proto::DeleteRequest) -> Result<Self, WireError> {
        Ok(Self {
            incarnation: addressed::<Self>(proto.version, &proto.incarnation)?,
            version: proto.version,
            namespace: proto.namespace,
            seq: proto.seq,
            matchers: matchers_from_proto::<Self>(proto.matchers)?,
            range: range_from_proto::<Self>(proto.range)?,
        })
    }
}

/// The answer to a [`DeleteRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteReply {
    /// [`Verdict::Stored`] when it is durable, also if it was so before.
    pub verdict: Verdict,
    /// The last delete that is durable now.
    pub deletes_seen: u64,
}

impl NodeMessage for DeleteReply {
    const NAME: &'static str = "DeleteReply";
    type Proto = proto::DeleteReply;

    fn into_proto(self) -> proto::DeleteReply {
        proto::DeleteReply {
            verdict: Some(self.verdict.into_proto()),
            deletes_seen: self.deletes_seen,
        }
    }

    fn from_proto(proto: proto::DeleteReply) -> Result<Self, WireError> {
        Ok(Self {
            verdict: Verdict::required::<Self>(proto.verdict)?,
            deletes_seen: proto.deletes_seen,
        })
    }
}

fn shard<M: NodeMessage>(proto: Option<proto::ShardEpoch>) -> Result<ShardEpoch, WireError> {
    required::<M, _>("shard", proto).map(ShardEpoch::from_proto)
}
