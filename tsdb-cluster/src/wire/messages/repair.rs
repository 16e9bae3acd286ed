//! A comparison that is asked for.

use tsdb_proto::node_v1 as proto;

use super::message::NodeMessage;
use crate::wire::{PROTOCOL_VERSION, WireError, check_version};

/// Asks a node to compare all its shards with the other replicas from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepairRequest;

impl NodeMessage for RepairRequest {
    const NAME: &'static str = "RepairRequest";
    type Proto = proto::RepairRequest;

    fn into_proto(self) -> proto::RepairRequest {
        let version = PROTOCOL_VERSION;
        proto::RepairRequest { version }
    }

    fn from_proto(proto: proto::RepairRequest) -> Result<Self, WireError> {
        check_version(proto.version).map(|()| Self)
    }
}

/// The answer to a [`RepairRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepairReply {
    /// The number of the comparison, since the node started.
    pub round: u64,
}

impl NodeMessage for RepairReply {
    const NAME: &'static str = "RepairReply";
    type Proto = proto::RepairReply;

    fn into_proto(self) -> proto::RepairReply {
        proto::RepairReply { round: self.round }
    }

    fn from_proto(proto: proto::RepairReply) -> Result<Self, WireError> {
        Ok(Self { round: proto.round })
    }
}
