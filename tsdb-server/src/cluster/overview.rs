//! How the whole cluster is, asked of all its nodes at once, and what this server counts of it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;
use tsdb_cluster::coordinator::{Coordinator, CoordinatorError, KnownTopology};
use tsdb_cluster::message::{NodeError, NodeStatus};
use tsdb_cluster::topology::{Member, Shard, ShardState, Slot, Topology};
use tsdb_cluster::transport::Transport as _;
use tsdb_cluster::{NodeId, ShardId};

use super::figures::ClusterFigures;
use super::local_node::LocalNode;
use super::report::{
    CircuitReport, ClusterReport, MemberReport, MoveReport, NodeReport, QueueReport, RepairReport,
    ShardCounts, ShardReport, Totals,
};
use crate::rpc::{PeerFigures, RpcClient};

/// So long a node may take to say how it is; all are asked at once.
const STATUS_DEADLINE: Duration = Duration::from_secs(2);

/// Asks all nodes of a cluster how they are. Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct Overview {
    /// The own node, where the server is one.
    id: Option<NodeId>,
    coordinator: Coordinator,
    client: RpcClient,
    /// The own node, once its data is open.
    local: Arc<OnceLock<LocalNode>>,
}

/// What each node said.
type Said = BTreeMap<NodeId, Result<NodeStatus, NodeError>>;

impl Overview {
    /// Of the cluster of a coordinator, asked over `client`.
    pub(super) fn new(id: Option<NodeId>, coordinator: Coordinator, client: RpcClient) -> Self {
        Self {
            id,
            coordinator,
            client,
            local: Arc::default(),
        }
    }

    /// The own node is there from now on.
    pub(super) fn joined(&self, local: LocalNode) {
        // There is one for each process.
        drop(self.local.set(local));
    }

    /// What this server counts.
    pub(crate) fn figures(&self) -> ClusterFigures {
        let known = self.coordinator.topology().known();
        let shards = known.as_ref().map(|known| {
            let replicas = known.topology.replicas_by_node();
            let own = self.id.as_ref().and_then(|id| replicas.get(id));
            let own = own.into_iter().flatten();
            counts(own.map(|one| one.state))
        });
        let local = self.local.get();
        let counted = self.coordinator.figures();
        ClusterFigures {
            placement_version: known.map_or(0, |known| known.version),
            shards: shards.unwrap_or_default(),
            backlog: local.map(LocalNode::backlog).unwrap_or_default(),
            peers: self.client.peers(),
            client: Arc::clone(self.client.figures()),
            server: local.map(|local| Arc::clone(local.figures())),
            writes_below_level: counted.writes_below_level(),
            hedges: counted.hedges(),
        }
    }

    /// Asks nodes, or all of them, to compare all their shards with the other replicas now; the number
    /// of that comparison, or why a node was not asked.
    ///
    /// # Errors
    /// When no placement is known, or none of its nodes has such a name.
    pub(crate) async fn repair(&self, only: Option<&str>) -> Result<RepairReport, RepairError> {
        let known = self.coordinator.topology().current().await?;
        let nodes = known.topology.nodes().keys();
        let nodes: Vec<&NodeId> = nodes
            .filter(|id| only.is_none_or(|only| id.as_str() == only))
            .collect();
        if let Some(only) = only.filter(|_| nodes.is_empty()) {
            return Err(RepairError::UnknownNode(only.to_owned()));
        }
        let asked = nodes.into_iter().map(async |id| {
            let answer = timeout(STATUS_DEADLINE, self.client.repair(id)).await;
            (id.to_string(), answer.unwrap_or_else(|_| Err(late())))
        });
        let mut report = RepairReport::default();
        for (id, answer) in join_all(asked).await {
            match answer {
                Ok(round) => drop(report.rounds.insert(id, round)),
                Err(error) => drop(report.errors.insert(id, error.to_string())),
            }
        }
        Ok(report)
    }

    /// How the cluster is now. Takes as long as the slowest node, and no longer than one may.
    ///
    /// # Errors
    /// When no placement is known.
    pub(crate) async fn report(&self) -> Result<ClusterReport, CoordinatorError> {
        let known = self.coordinator.topology().current().await?;
        let asked = known.topology.nodes().keys().map(async |id| {
            let answer = timeout(STATUS_DEADLINE, self.client.status(id)).await;
            let answer = answer.unwrap_or_else(|_| Err(late()));
            (id.clone(), answer)
        });
        let said = join_all(asked).await.into_iter().collect();
        let peers = self.client.peers();
        let peers = peers.into_iter().map(|peer| (peer.node.clone(), peer));
        Ok(report(&known, &said, &peers.collect()))
    }
}

/// Why nobody was asked to compare anything.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RepairError {
    /// There is no placement, or it cannot be read.
    #[error(transparent)]
    Coordinator(#[from] CoordinatorError),
    /// No node has this name.
    #[error("the placement has no node {0:?}: `tsdb-server ctl status` lists those that it has")]
    UnknownNode(String),
}

fn late() -> NodeError {
    let millis = STATUS_DEADLINE.as_millis();
    NodeError::Unreachable(format!("no answer within {millis} ms"))
}

/// The document of what is known.
fn report(
    known: &KnownTopology,
    said: &Said,
    peers: &BTreeMap<NodeId, PeerFigures>,
) -> ClusterReport {
    let topology = &known.topology;
    let replicas = topology.replicas_by_node();
    let mut members: BTreeMap<ShardId, Vec<MemberReport>> = BTreeMap::new();
    for (id, replica) in replicas
        .iter()
        .flat_map(|(id, of)| of.iter().map(move |one| (id, one)))
    {
        members
            .entry(replica.shard)
            .or_default()
            .push(MemberReport {
                node: id.to_string(),
                state: replica.state.as_str().to_owned(),
                source: replica.source.map(ToString::to_string),
            });
    }
    let nodes = topology.nodes().keys().map(|id| {
        let states = replicas.get(id).into_iter().flatten().map(|one| one.state);
        NodeReport {
            shards: counts(states),
            ..node(topology, id, said, peers.get(id))
        }
    });
    let shards = topology.numbered().map(|(id, one)| ShardReport {
        id,
        members: members.remove(&id).unwrap_or_default(),
        ..shard(topology, one, said)
    });
    ClusterReport {
        placement_version: known.version,
        replicas: topology.replicas().into(),
        nodes: nodes.collect(),
        shards: shards.collect(),
        totals: Totals::default(),
    }
    .summed()
}

/// A node, but for its shards.
fn node(topology: &Topology, id: &NodeId, said: &Said, peer: Option<&PeerFigures>) -> NodeReport {
    let mut report = NodeReport {
        id: id.to_string(),
        ..NodeReport::default()
    };
    let Some(node) = topology.nodes().get(id) else {
        return report;
    };
    report.endpoint.clone_from(&node.endpoint);
    report.isolation_group.clone_from(&node.isolation_group);
    report.zone.clone_from(&node.zone);
    report.weight = node.weight;
    report.leaving = node.leaving;
    report.incarnation = node.incarnation.map(|one| one.to_string());
    if let Some(peer) = peer {
        report.write_queue = Some(QueueReport {
            requests: peer.queue.requests as u64,
            requests_max: peer.queue.requests_max as u64,
            bytes: peer.queue.bytes as u64,
            bytes_max: peer.queue.bytes_max as u64,
        });
        report.circuits = Some(CircuitReport {
            writes: peer.writes.state.name().to_owned(),
            calls: peer.calls.state.name().to_owned(),
        });
    }
    match said.get(id) {
        None => report.error = Some("it was not asked".to_owned()),
        Some(Err(error)) => report.error = Some(error.to_string()),
        Some(Ok(status)) => {
            report.reachable = node.incarnation == Some(status.incarnation);
            report.error =
                (!report.reachable).then(|| other_folder(node.incarnation.is_some(), status));
            tell(&mut report, status);
        }
    }
    report
}

fn other_folder(is_bound: bool, status: &NodeStatus) -> String {
    let own = status.incarnation;
    match is_bound {
        true => format!("it has the data folder {own}, which the placement does not know yet"),
        false => format!("it came up with the data folder {own}, and has not taken its place yet"),
    }
}

/// What a node said of itself.
fn tell(report: &mut NodeReport, status: &NodeStatus) {
    let counts = |of: &BTreeMap<NodeId, u64>| {
        let all = of.iter().map(|(id, count)| (id.to_string(), *count));
        all.collect()
    };
    let applied = status.deletes.iter();
    report.deletes_applied = applied
        .map(|(name, newest)| (name.as_ref().to_owned(), *newest))
        .collect();
    report.divergence = counts(&status.backlog.divergence);
    report.hints = counts(&status.backlog.hints);
    let moves = status.backlog.moves.iter().map(|one| MoveReport {
        shard: one.shard,
        copied_series: one.series,
        copied_samples: one.samples,
    });
    report.moves = moves.collect();
    report.rounds = status.backlog.rounds;
}

fn counts(states: impl Iterator<Item = ShardState>) -> ShardCounts {
    let mut counts = ShardCounts::default();
    for state in states {
        match state {
            ShardState::Initializing => counts.initializing += 1,
            ShardState::Available => counts.available += 1,
            ShardState::Leaving => counts.leaving += 1,
        }
    }
    counts
}

/// A shard, but for its number and members.
fn shard(topology: &Topology, shard: &Shard, said: &Said) -> ShardReport {
    let answers = |member: &Member| {
        let status = said.get(&member.node).and_then(|said| said.as_ref().ok());
        let folder = status.map(|status| status.incarnation);
        topology.is_there(member) && folder.is_some() && folder == member.incarnation
    };
    let members = shard.slots().iter().map(Slot::answering);
    let missing: Vec<_> = members
        .filter(|member| !answers(member))
        .map(|member| member.node.to_string())
        .collect();
    let there = shard.slots().len() - missing.len();
    ShardReport {
        epoch: shard.epoch(),
        in_change: shard.is_in_change(),
        without_majority: there <= shard.slots().len() / 2,
        missing,
        ..ShardReport::default()
    }
}
