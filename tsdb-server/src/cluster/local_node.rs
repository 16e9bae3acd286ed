//! The node that a server is itself, and what it has still to do.

use std::sync::Arc;

use tsdb_cluster::message::{Backlog, ShardMove};
use tsdb_cluster::node::Repair;

use crate::rpc::RpcFigures;

/// What is told of the own node, from when its data is open. Cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct LocalNode {
    repair: Repair,
    /// Of the server that others reach it at.
    figures: Arc<RpcFigures>,
}

impl LocalNode {
    pub(super) fn new(repair: Repair, figures: Arc<RpcFigures>) -> Self {
        Self { repair, figures }
    }

    /// What its server counts.
    pub(super) fn figures(&self) -> &Arc<RpcFigures> {
        &self.figures
    }

    /// What is still to be done.
    pub(super) fn backlog(&self) -> Backlog {
        let membership = self.repair.membership();
        let moves = membership.moves().into_iter().map(|one| ShardMove {
            shard: one.shard,
            series: one.copied_series,
            samples: one.copied_samples,
        });
        Backlog {
            divergence: self.repair.divergence().by_peer(),
            hints: membership.node().marks().backlog(),
            moves: moves.collect(),
            rounds: membership.node().rounds().ended(),
        }
    }
}
