//! What other replicas miss.

use tsdb_proto::node_v1 as proto;

use super::message::{NodeMessage, addressed, field, incarnation_bytes, incarnation_of};
use super::selection::{range_from_proto, range_into_proto};
use crate::message::{Absent, MarkRequest, Missed};
use crate::wire::{PROTOCOL_VERSION, WireError};
use crate::{NodeId, ShardId};

/// Bytes of the longest name of a node that is remembered.
const NODE_NAME_BYTES_MAX: usize = 1024;

pub(super) fn absent_into_proto(all: Vec<Absent>) -> Vec<proto::Absent> {
    let one = |absent: Absent| proto::Absent {
        node: absent.node.as_str().to_owned(),
        incarnation: incarnation_bytes(absent.incarnation),
        shards: absent.shards,
    };
    all.into_iter().map(one).collect()
}

pub(super) fn absent_from_proto<M: NodeMessage>(
    all: Vec<proto::Absent>,
) -> Result<Vec<Absent>, WireError> {
    let one = |absent: proto::Absent| {
        Ok(Absent {
            node: node_from_proto::<M>(absent.node)?,
            incarnation: incarnation_of::<M>(&absent.incarnation)?,
            shards: absent.shards,
        })
    };
    all.into_iter().map(one).collect()
}

fn node_from_proto<M: NodeMessage>(name: String) -> Result<NodeId, WireError> {
    match name.len() {
        1..=NODE_NAME_BYTES_MAX => Ok(NodeId::new(name)),
        len => Err(field::<M>(
            "node",
            format!("has {len} bytes, and not 1 to {NODE_NAME_BYTES_MAX}"),
        )),
    }
}

impl NodeMessage for MarkRequest {
    const NAME: &'static str = "MarkRequest";
    type Proto = proto::MarkRequest;

    fn into_proto(self) -> proto::MarkRequest {
        let missed = |one: Missed| {
            let shards = one.shards.into_iter();
            proto::Missed {
                node: one.node.as_str().to_owned(),
                incarnation: incarnation_bytes(one.incarnation),
                shards: shards
                    .map(|(shard, range)| proto::MissedShard {
                        shard,
                        range: range_into_proto(range),
                    })
                    .collect(),
            }
        };
        proto::MarkRequest {
            version: PROTOCOL_VERSION,
            incarnation: incarnation_bytes(self.incarnation),
            namespace: self.namespace.as_ref().to_owned(),
            missed: self.missed.into_iter().map(missed).collect(),
        }
    }

    fn from_proto(proto: proto::MarkRequest) -> Result<Self, WireError> {
        let incarnation = addressed::<Self>(proto.version, &proto.incarnation)?;
        let missed = |one: proto::Missed| {
            let shard = |shard: proto::MissedShard| {
                Ok::<_, WireError>((shard.shard, range_from_proto::<Self>(shard.range)?))
            };
            Ok::<_, WireError>(Missed {
                node: node_from_proto::<Self>(one.node)?,
                incarnation: incarnation_of::<Self>(&one.incarnation)?,
                shards: one
                    .shards
                    .into_iter()
                    .map(shard)
                    .collect::<Result<_, _>>()?,
            })
        };
        let missed = proto.missed.into_iter().map(missed);
        Ok(Self {
            incarnation,
            namespace: proto.namespace.into(),
            missed: missed.collect::<Result<_, _>>()?,
        })
    }
}

/// The answer to a [`MarkRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkReply {
    /// The shards of which the node remembers it.
    pub shards: Vec<ShardId>,
}

impl NodeMessage for MarkReply {
    const NAME: &'static str = "MarkReply";
    type Proto = proto::MarkReply;

    fn into_proto(self) -> proto::MarkReply {
        proto::MarkReply {
            shards: self.shards,
        }
    }

    fn from_proto(proto: proto::MarkReply) -> Result<Self, WireError> {
        Ok(Self {
            shards: proto.shards,
        })
    }
}
