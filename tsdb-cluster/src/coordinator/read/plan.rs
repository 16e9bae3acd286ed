//! Whom to ask what, as one placement has it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tsdb_core::Labels;

use super::super::coordinator::Shared;
use super::super::error::CoordinatorError;
use super::super::topology_view::KnownTopology;
use super::query::ReadQuery;
use crate::identity::{Epoch, Incarnation, NodeId, ShardId};
use crate::message::{FoundStream, NodeError, ReadReply, ReadRequest};
use crate::topology::{ReadDecision, ReadLevel, ReadVotes, Slot};

/// Whom to ask what, as one placement has it.
pub(super) struct Plan {
    pub(super) query: ReadQuery,
    pub(super) known: Arc<KnownTopology>,
    pub(super) level: ReadLevel,
    pub(super) deletes_seen: u64,
    /// Who was asked about which shards, which are sorted.
    asked: Vec<(NodeId, Vec<ShardId>)>,
}

/// An ask that is under way or answered, by its index in the plan.
pub(super) type Asked = (usize, Result<(ReadReply, FoundStream), NodeError>);

/// Asks that are under way.
pub(super) type Asks = FuturesUnordered<BoxFuture<'static, Asked>>;

impl Plan {
    pub(super) fn new(shared: &Shared, query: ReadQuery, known: Arc<KnownTopology>) -> Self {
        Self {
            level: query.level.unwrap_or(shared.options.read_level),
            deletes_seen: shared.deletes.newest(&query.namespace),
            query,
            known,
            asked: Vec::new(),
        }
    }

    /// Who was asked about which shards in an ask.
    pub(super) fn asked(&self, index: usize) -> Option<&(NodeId, Vec<ShardId>)> {
        self.asked.get(index)
    }

    /// How many asks there were.
    pub(super) fn asks(&self) -> usize {
        self.asked.len()
    }

    /// Asks all that are to be asked at first.
    pub(super) fn ask_first(
        &mut self,
        shared: &Arc<Shared>,
        votes: &[(ShardId, ReadVotes<'_>)],
        asks: &mut Asks,
    ) {
        let first = votes.iter();
        let first = by_node(first.map(|(id, votes)| (*id, self.first(*id, votes))));
        for (node, shards) in first {
            asks.push(self.ask(shared, node, shards, self.query.after.clone()));
        }
    }

    /// Asks one more node about each shard that is not decided, of `only` if given.
    pub(super) fn ask_spares(
        &mut self,
        shared: &Arc<Shared>,
        votes: &[(ShardId, ReadVotes<'_>)],
        only: Option<&[ShardId]>,
        asks: &mut Asks,
    ) {
        let is_meant = |id: &ShardId| only.is_none_or(|only| is_among(only, *id));
        let open = votes
            .iter()
            .filter(|(id, votes)| is_meant(id) && votes.decision() == ReadDecision::Undecided);
        let spare = open.filter_map(|(id, _)| Some((*id, vec![self.spare(*id)?])));
        for (node, shards) in by_node(spare.collect::<Vec<_>>().into_iter()) {
            let ask = self.ask(shared, node, shards, self.query.after.clone());
            asks.push(ask);
        }
    }

    /// Asks a node about shards.
    pub(super) fn ask(
        &mut self,
        shared: &Arc<Shared>,
        node: NodeId,
        shards: Vec<ShardId>,
        after: Option<Labels>,
    ) -> BoxFuture<'static, Asked> {
        let index = self.asked.len();
        let incarnation = shards.first().and_then(|id| self.incarnation(*id, &node));
        let epoch = |id: &ShardId| -> Option<(ShardId, Epoch)> {
            Some((*id, self.known.topology.shard(*id)?.epoch()))
        };
        let request = ReadRequest {
            namespace: Arc::clone(&self.query.namespace),
            incarnation: incarnation.unwrap_or(Incarnation(0)),
            epochs: shards.iter().filter_map(epoch).collect(),
            shards: self.known.topology.shard_count(),
            deletes_seen: self.deletes_seen,
            range: self.query.range,
            matchers: self.query.matchers.clone(),
            want: self.query.want.clone(),
            after,
            limit: self.query.limit,
            max_samples: self.query.max_samples,
        };
        self.asked.push((node.clone(), shards));
        let shared = Arc::clone(shared);
        async move {
            let namespace = Arc::clone(&request.namespace);
            let incarnation = request.incarnation;
            let ask = || shared.transport.read(&node, request.clone());
            let answer = shared
                .with_deletes(&node, incarnation, &namespace, ask)
                .await;
            (index, answer)
        }
        .boxed()
    }

    /// The data folder that a node has, if it is the one that answers for a shard.
    pub(super) fn incarnation(&self, id: ShardId, node: &NodeId) -> Option<Incarnation> {
        let slots = self.known.topology.shard(id)?.slots();
        let mut members = slots.iter().map(Slot::answering);
        let member = members.find(|member| member.node == *node)?;
        let there = self.known.topology.is_there(member);
        member.incarnation.filter(|_| there)
    }

    /// Asks nothing of members whose data folder is known to be gone; tells which.
    pub(super) fn leave_out_gone(&self, votes: &mut [(ShardId, ReadVotes<'_>)]) -> Vec<String> {
        let mut gone = BTreeSet::new();
        for (id, votes) in votes {
            let nodes: Vec<_> = votes.first().chain(votes.spares()).collect();
            for node in nodes {
                if self.incarnation(*id, node).is_none() {
                    votes.failed(node);
                    gone.insert(format!("{node}: its data folder is gone"));
                }
            }
        }
        gone.into_iter().collect()
    }

    /// Whom to ask about a shard at first: those that have what they had.
    fn first<'a>(&self, id: ShardId, votes: &ReadVotes<'a>) -> Vec<&'a NodeId> {
        let all = votes.first().chain(votes.spares());
        let able = all.filter(|node| self.incarnation(id, node).is_some());
        able.take(votes.first().count()).collect()
    }

    /// Another replica of a shard that was not asked yet, and has what it had.
    pub(super) fn spare(&self, id: ShardId) -> Option<&NodeId> {
        let slots = self.known.topology.shard(id)?.slots().iter();
        let there = slots
            .map(Slot::answering)
            .filter(|member| self.known.topology.is_there(member));
        let mut nodes = there.map(|member| &member.node);
        nodes.find(|node| !self.has_asked(id, node))
    }

    fn has_asked(&self, id: ShardId, node: &NodeId) -> bool {
        let is_it =
            |(asked, shards): &(NodeId, Vec<ShardId>)| asked == node && is_among(shards, id);
        self.asked.iter().any(is_it)
    }

    /// How many replicas a shard has.
    pub(super) fn replicas(&self, id: ShardId) -> usize {
        let shard = self.known.topology.shard(id);
        shard.map_or(0, |shard| shard.slots().len())
    }

    /// The level is not met for a shard.
    pub(super) fn missed(
        &self,
        shard: ShardId,
        successes: usize,
        errors: &[String],
    ) -> CoordinatorError {
        CoordinatorError::Consistency {
            level: self.level.as_str(),
            successes,
            replicas: self.replicas(shard),
            responded: self.asks().saturating_sub(errors.len()),
            shard,
            errors: errors.to_vec(),
        }
    }
}

/// Whether a shard is one of some, which are sorted.
pub(super) fn is_among(shards: &[ShardId], id: ShardId) -> bool {
    shards.binary_search(&id).is_ok()
}

/// Shards by the nodes that are to be asked about them.
fn by_node<'a>(
    asks: impl Iterator<Item = (ShardId, Vec<&'a NodeId>)>,
) -> BTreeMap<NodeId, Vec<ShardId>> {
    let mut by_node: BTreeMap<NodeId, Vec<ShardId>> = BTreeMap::new();
    for (id, nodes) in asks {
        for node in nodes {
            by_node.entry(node.clone()).or_default().push(id);
        }
    }
    by_node
}
