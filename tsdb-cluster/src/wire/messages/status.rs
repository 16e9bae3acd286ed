//! How a node is, and which topology it acts by.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tsdb_proto::node_v1 as proto;

use super::message::{NodeMessage, incarnation_bytes, incarnation_of};
use crate::message::{Backlog, NodeStatus, ShardMove};
use crate::node::ShardState;
use crate::wire::{WireError, check_version};
use crate::{NodeId, ShardId};

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

/// The answer to a [`StatusRequest`]: what the node says of itself, and which versions it speaks.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusReply {
    /// The version of the protocol that it speaks.
    pub version: u32,
    /// The oldest that it understands.
    pub oldest_version: u32,
    /// What it says of itself.
    pub status: NodeStatus,
}

impl NodeMessage for StatusReply {
    const NAME: &'static str = "StatusReply";
    type Proto = proto::StatusReply;

    fn into_proto(self) -> proto::StatusReply {
        let shard = |(shard, state): (ShardId, ShardState)| proto::ShardStatus {
            shard,
            epoch: state.epoch,
            sealed: state.sealed,
            empty: state.is_empty,
        };
        let deletes = |(namespace, newest): (Arc<str>, u64)| proto::NamespaceDeletes {
            namespace: namespace.as_ref().to_owned(),
            deletes_seen: newest,
        };
        let status = self.status;
        proto::StatusReply {
            version: self.version,
            oldest_version: self.oldest_version,
            incarnation: incarnation_bytes(status.incarnation),
            shards: status.shards.into_iter().map(shard).collect(),
            deletes: status.deletes.into_iter().map(deletes).collect(),
            divergence: counts_into(status.backlog.divergence),
            hints: counts_into(status.backlog.hints),
            moves: status.backlog.moves.into_iter().map(move_into).collect(),
            rounds: status.backlog.rounds,
        }
    }

    fn from_proto(proto: proto::StatusReply) -> Result<Self, WireError> {
        let shard = |one: proto::ShardStatus| {
            let state = ShardState {
                epoch: one.epoch,
                sealed: one.sealed,
                is_empty: one.empty,
            };
            (one.shard, state)
        };
        let deletes = |one: proto::NamespaceDeletes| (one.namespace.into(), one.deletes_seen);
        Ok(Self {
            version: proto.version,
            oldest_version: proto.oldest_version,
            status: NodeStatus {
                incarnation: incarnation_of::<Self>(&proto.incarnation)?,
                shards: proto.shards.into_iter().map(shard).collect(),
                deletes: proto.deletes.into_iter().map(deletes).collect(),
                backlog: Backlog {
                    divergence: counts_of(proto.divergence),
                    hints: counts_of(proto.hints),
                    moves: proto.moves.into_iter().map(move_of).collect(),
                    rounds: proto.rounds,
                },
            },
        })
    }
}

fn counts_into(counts: BTreeMap<NodeId, u64>) -> Vec<proto::NodeCount> {
    let count = |(node, count): (NodeId, u64)| proto::NodeCount {
        node: node.as_str().to_owned(),
        count,
    };
    counts.into_iter().map(count).collect()
}

/// Whatever a node says twice is added up.
fn counts_of(counts: Vec<proto::NodeCount>) -> BTreeMap<NodeId, u64> {
    let mut all = BTreeMap::new();
    for one in counts {
        let sum: &mut u64 = all.entry(NodeId::new(one.node.as_str())).or_default();
        *sum = sum.saturating_add(one.count);
    }
    all
}

fn move_into(one: ShardMove) -> proto::ShardMove {
    proto::ShardMove {
        shard: one.shard,
        series: one.series,
        samples: one.samples,
    }
}

fn move_of(one: proto::ShardMove) -> ShardMove {
    ShardMove {
        shard: one.shard,
        series: one.series,
        samples: one.samples,
    }
}
