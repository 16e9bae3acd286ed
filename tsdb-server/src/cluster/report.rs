//! What a cluster tells of itself: the document that `/api/v1/cluster` answers and `ctl` reads.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How a cluster is, as one coordinator sees it. Fields are only ever added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ClusterReport {
    /// Version of the placement; grows with each change of it.
    pub(crate) placement_version: u64,
    /// Nodes that are to have each shard.
    pub(crate) replicas: u32,
    /// The nodes of the placement, by name.
    pub(crate) nodes: Vec<NodeReport>,
    /// The shards, by number.
    pub(crate) shards: Vec<ShardReport>,
    /// All of it in a few numbers.
    pub(crate) totals: Totals,
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct NodeReport {
    pub(crate) id: String,
    /// Where other servers reach it.
    pub(crate) endpoint: String,
    pub(crate) isolation_group: String,
    pub(crate) zone: String,
    pub(crate) weight: u32,
    /// Whether it was removed and still has shards to hand over.
    pub(crate) leaving: bool,
    /// The data folder that the placement counts on; null before the node came up.
    pub(crate) incarnation: Option<String>,
    /// Whether it answered just now, with that folder.
    pub(crate) reachable: bool,
    /// Why not.
    pub(crate) error: Option<String>,
    /// How many shards it has, by state.
    pub(crate) shards: ShardCounts,
    /// The newest delete that it has applied to each namespace.
    pub(crate) deletes_applied: BTreeMap<String, u64>,
    /// Windows in which it differs from other replicas, by replica.
    pub(crate) divergence: BTreeMap<String, u64>,
    /// Windows of shards that other nodes are known to miss, and are to get from it, by node.
    pub(crate) hints: BTreeMap<String, u64>,
    /// Shards that it is copying.
    pub(crate) moves: Vec<MoveReport>,
    /// How often it has compared all its shards with all other replicas since it started.
    pub(crate) rounds: u64,
    /// Writes of this coordinator that wait for it.
    pub(crate) write_queue: Option<QueueReport>,
    /// Whether this coordinator asks it.
    pub(crate) circuits: Option<CircuitReport>,
}

/// Comparisons that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RepairReport {
    /// The number of each node's; it is over when the node's `rounds` is as high.
    pub(crate) rounds: BTreeMap<String, u64>,
    /// Nodes that could not be asked, and why.
    pub(crate) errors: BTreeMap<String, String>,
}

/// Shards by state, in M3's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ShardCounts {
    pub(crate) initializing: u64,
    pub(crate) available: u64,
    pub(crate) leaving: u64,
}

/// A shard that a node is copying.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct MoveReport {
    pub(crate) shard: u32,
    pub(crate) copied_series: u64,
    pub(crate) copied_samples: u64,
}

/// How full a queue is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct QueueReport {
    pub(crate) requests: u64,
    pub(crate) requests_max: u64,
    pub(crate) bytes: u64,
    pub(crate) bytes_max: u64,
}

/// `closed`, `open` or `half_open`: an open circuit asks nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CircuitReport {
    pub(crate) writes: String,
    pub(crate) calls: String,
}

/// A shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ShardReport {
    pub(crate) id: u32,
    pub(crate) epoch: u64,
    /// Whether a change of its nodes is under way.
    pub(crate) in_change: bool,
    /// Its nodes.
    pub(crate) members: Vec<MemberReport>,
    /// Nodes that are to answer for it and cannot: not reached, or without its data.
    pub(crate) missing: Vec<String>,
    /// Whether so many are missing that no majority answers.
    pub(crate) without_majority: bool,
}

/// A node of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct MemberReport {
    pub(crate) node: String,
    /// `INITIALIZING`, `AVAILABLE` or `LEAVING`.
    pub(crate) state: String,
    /// The node whose place it takes.
    pub(crate) source: Option<String>,
}

/// The cluster in a few numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Totals {
    pub(crate) nodes: u64,
    pub(crate) nodes_reachable: u64,
    pub(crate) shards: u64,
    pub(crate) shards_in_change: u64,
    pub(crate) shards_with_missing: u64,
    pub(crate) shards_without_majority: u64,
    pub(crate) divergence: u64,
    pub(crate) hints: u64,
    pub(crate) moves: u64,
}

impl ClusterReport {
    /// The same with its totals.
    pub(super) fn summed(mut self) -> Self {
        let (nodes, shards) = (&self.nodes, &self.shards);
        let of_shards = |is: fn(&ShardReport) -> bool| count(shards.iter().filter(|one| is(one)));
        self.totals = Totals {
            nodes: count(nodes.iter()),
            nodes_reachable: count(nodes.iter().filter(|node| node.reachable)),
            shards: count(shards.iter()),
            shards_in_change: of_shards(|shard| shard.in_change),
            shards_with_missing: of_shards(|shard| !shard.missing.is_empty()),
            shards_without_majority: of_shards(|shard| shard.without_majority),
            divergence: nodes.iter().flat_map(|node| node.divergence.values()).sum(),
            hints: nodes.iter().flat_map(|node| node.hints.values()).sum(),
            moves: count(nodes.iter().flat_map(|node| &node.moves)),
        };
        self
    }
}

fn count(items: impl Iterator) -> u64 {
    items.count() as u64
}
