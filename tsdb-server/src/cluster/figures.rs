//! What one server counts of its cluster.

use std::sync::Arc;

use tsdb_cluster::message::Backlog;

use super::report::ShardCounts;
use crate::rpc::{PeerFigures, RpcFigures};

/// Figures of a server that is part of a cluster, at this moment. Nobody else is asked for them.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClusterFigures {
    /// Version of the placement that it acts by; 0 before it knows one.
    pub(crate) placement_version: u64,
    /// Shards of its own node.
    pub(crate) shards: ShardCounts,
    /// What its own node has still to do.
    pub(crate) backlog: Backlog,
    /// The ways to the nodes.
    pub(crate) peers: Vec<PeerFigures>,
    /// Of what it asks nodes.
    pub(crate) client: Arc<RpcFigures>,
    /// Of what its own node is asked; nothing before that is open.
    pub(crate) server: Option<Arc<RpcFigures>>,
    /// Writes that fewer nodes had than they must.
    pub(crate) writes_below_level: u64,
    /// Reads for which further nodes were asked.
    pub(crate) hedges: u64,
}
