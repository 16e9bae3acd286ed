//! How a node is, and which topology it acts by.

use bytes::Bytes;
use tsdb_proto::node_v1 as proto;

use super::message::{NodeMessage, incarnation_bytes, incarnation_of};
use crate::wire::{WireError, check_version};
use crate::{Epoch, Incarnation, ShardId};

/// Asks which topology a node acts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopologyRequest {
    /// Version of the protocol.
    pub version: u32,
}

impl NodeMessage for TopologyRequest {
    const NAME: &'static str = "TopologyRequest";
    type Proto = proto::TopologyRequest;

    fn into_proto(self) -> proto::TopologyRequest {
        proto::TopologyRequest {
            version: self.version,
        }
    }

    fn from_proto(proto: proto::TopologyRequest) -> Result<Self, WireError> {
        check_version(proto.version)?;
        Ok(Self {
            version: proto.version,
        })
    }
}

/// The answer to a [`TopologyRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopologyReply {
    /// The topology as its own document.
    pub topology: Bytes,
}

impl NodeMessage for TopologyReply {
    const NAME: &'static str = "TopologyReply";
    type Proto = proto::TopologyReply;

    fn into_proto(self) -> proto::TopologyReply {
        proto::TopologyReply {
            topology: self.topology,
        }
    }

    fn from_proto(proto: proto::TopologyReply) -> Result<Self, WireError> {
        Ok(Self {
            topology: proto.topology,
        })
    }
}

/// Asks how a node is. The one request that is answered in any version: whoever was refused asks
/// so which versions the node understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRequest {
    /// Version of the protocol.
    pub version: u32,
}

impl NodeMessage for StatusRequest {
    const NAME: &'static str = "StatusRequest";
    type Proto = proto::StatusRequest;

    fn into_proto(self) -> proto::StatusRequest {
        proto::StatusRequest {
            version: self.version,
        }
    }

    fn from_proto(proto: proto::StatusRequest) -> Result<Self, WireError> {
        Ok(Self {
            version: proto.version,
        })
    }
}

/// What a node has of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardStatus {
    /// The placement shard.
    pub shard: ShardId,
    /// The epoch it is in.
    pub epoch: Epoch,
    /// The last epoch that was sealed, if any was.
    pub sealed: Option<Epoch>,
    /// Bytes on disk, about.
    pub data_bytes: u64,
}

/// How a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusReply {
    /// The version of the protocol that it speaks.
    pub version: u32,
    /// The oldest that it understands.
    pub oldest_version: u32,
    /// Which data folder it has.
    pub incarnation: Incarnation,
    /// Its shards.
    pub shards: Vec<ShardStatus>,
    /// Bytes on disk, of everything.
    pub data_bytes: u64,
    /// The version of its program, for people.
    pub build: String,
}

impl NodeMessage for StatusReply {
    const NAME: &'static str = "StatusReply";
    type Proto = proto::StatusReply;

    fn into_proto(self) -> proto::StatusReply {
        let shard = |one: ShardStatus| proto::ShardStatus {
            shard: one.shard,
            epoch: one.epoch,
            sealed: one.sealed,
            data_bytes: one.data_bytes,
        };
        proto::StatusReply {
            version: self.version,
            oldest_version: self.oldest_version,
            incarnation: incarnation_bytes(self.incarnation),
            shards: self.shards.into_iter().map(shard).collect(),
            data_bytes: self.data_bytes,
            build: self.build,
        }
    }

    fn from_proto(proto: proto::StatusReply) -> Result<Self, WireError> {
        let shard = |one: proto::ShardStatus| ShardStatus {
            shard: one.shard,
            epoch: one.epoch,
            sealed: one.sealed,
            data_bytes: one.data_bytes,
        };
        Ok(Self {
            version: proto.version,
            oldest_version: proto.oldest_version,
            incarnation: incarnation_of::<Self>(&proto.incarnation)?,
            shards: proto.shards.into_iter().map(shard).collect(),
            data_bytes: proto.data_bytes,
            build: proto.build,
        })
    }
}
