//! Epochs that end.

use tsdb_proto::node_v1 as proto;

use super::message::{NodeMessage, addressed, incarnation_bytes};
use super::verdict::{
    epochs_from_proto, epochs_into_proto, outcomes_from_proto, outcomes_into_proto,
};
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
