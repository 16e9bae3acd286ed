//! The node that a server is itself, and what it has still to do.

use std::sync::Arc;

use tsdb_cluster::message::{Backlog, ShardMove};
use tsdb_cluster::node::{Divergence, Membership, Move, Node};

use crate::rpc::RpcFigures;

/// What is told of the own node, from when its data is open. Cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct LocalNode {
    pub(super) node: Node,
    pub(super) membership: Membership,
    pub(super) divergence: Divergence,
    /// Of the server that others reach it at.
    pub(super) figures: Arc<RpcFigures>,
}

impl LocalNode {
    /// What is still to be done.
    pub(super) fn backlog(&self) -> Backlog {
        let shard_move = |one: Move| ShardMove {
            shard: one.shard,
            series: one.copied_series,
            samples: one.copied_samples,
        };
        Backlog {
            divergence: self.divergence.by_peer(),
            moves: self
                .membership
                .moves()
                .into_iter()
                .map(shard_move)
                .collect(),
            ..self.node.status().backlog
        }
    }
}
