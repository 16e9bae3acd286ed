//! The node that a server is itself, and what it has still to do.

use std::sync::Arc;

use tsdb_cluster::message::Backlog;
use tsdb_cluster::node::Divergence;

use crate::rpc::RpcFigures;

/// What is told of the own node, from when its data is open. Cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct LocalNode {
    divergence: Divergence,
    /// Of the server that others reach it at.
    figures: Arc<RpcFigures>,
}

impl LocalNode {
    pub(super) fn new(divergence: Divergence, figures: Arc<RpcFigures>) -> Self {
        Self {
            divergence,
            figures,
        }
    }

    /// What its server counts.
    pub(super) fn figures(&self) -> &Arc<RpcFigures> {
        &self.figures
    }

    /// What is still to be done.
    pub(super) fn backlog(&self) -> Backlog {
        Backlog {
            divergence: self.divergence.by_peer(),
            ..Backlog::default()
        }
    }
}
