//! Deleting: a place in the order first, then every replica, until a majority of each shard's has it.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_channel::mpsc;
use futures_util::{FutureExt as _, StreamExt as _};
use tsdb_core::{Matcher, TimeRange};

use super::coordinator::{Coordinator, Shared};
use super::error::CoordinatorError;
use super::topology_view::KnownTopology;
use crate::identity::{Incarnation, NodeId};
use crate::message::{DeleteRequest, NodeError};
use crate::topology::{WriteDecision, WriteLevel, WriteVotes};

type Heard = (NodeId, Incarnation, Result<u64, NodeError>);

impl Coordinator {
    /// Deletes the samples in `range` of all series that match: no read sees them any more when
    /// this returns, and what is written afterwards is seen. Answers the delete's place in the
    /// order of deletes.
    ///
    /// # Errors
    /// When the metadata is away, nothing is deleted. When too few replicas answered, the delete
    /// has its place in the order and comes into effect as replicas learn of it.
    pub async fn delete(
        &self,
        namespace: &Arc<str>,
        range: TimeRange,
        matchers: &[Matcher],
    ) -> Result<u64, CoordinatorError> {
        let shared = &self.shared;
        let delete = async {
            let sequence = shared.deletes.push(namespace, range, matchers).await?;
            apply(shared, namespace, sequence).await?;
            Ok(sequence)
        };
        shared.in_time(|| "a delete".to_owned(), delete).await
    }
}

/// Tells all nodes, and waits for a majority of each shard's replicas.
async fn apply(
    shared: &Arc<Shared>,
    namespace: &Arc<str>,
    sequence: u64,
) -> Result<(), CoordinatorError> {
    // Read anew: replicas of an older placement may have no say any more.
    let known = shared.topology.refresh().await?;
    let (sender, mut heard) = mpsc::unbounded();
    for (node, incarnation) in members(&known) {
        tell(shared, node, incarnation, namespace, sender.clone());
    }
    drop(sender);
    let shards = known.topology.numbered();
    let level = WriteLevel::Majority;
    let mut votes: Vec<_> = shards
        .map(|(id, shard)| (id, shard.slots(), WriteVotes::new(shard.slots(), level)))
        .collect();
    let mut errors = Vec::new();
    let mut responded = 0;
    while votes
        .iter()
        .any(|(.., votes)| votes.decision() == WriteDecision::Undecided)
    {
        let Some((node, incarnation, answer)) = heard.next().await else {
            break;
        };
        responded += 1;
        let has_it = matches!(&answer, Ok(applied) if *applied >= sequence);
        for (.., votes) in &mut votes {
            match has_it {
                true => votes.acked(&node, incarnation),
                false => votes.failed(&node),
            }
        }
        if let Err(error) = answer {
            errors.push(format!("{node}: {error}"));
        }
    }
    let is_missed = |votes: &WriteVotes<'_>| votes.decision() != WriteDecision::Reached;
    let missed = votes.iter().find(|(.., votes)| is_missed(votes));
    let Some((shard, slots, votes)) = missed else {
        return Ok(());
    };
    Err(CoordinatorError::Consistency {
        level: level.as_str(),
        successes: votes.successes(),
        replicas: slots.len(),
        responded,
        shard: *shard,
        errors,
    })
}

/// All members that have what they had, by node.
fn members(known: &KnownTopology) -> BTreeMap<NodeId, Incarnation> {
    let shards = known.topology.shards().iter();
    let slots = shards.flat_map(|shard| shard.slots());
    let members = slots.flat_map(|slot| slot.members());
    let there = members.filter(|member| known.topology.is_there(member));
    let bound = there.filter_map(|member| Some((member.node.clone(), member.incarnation?)));
    bound.collect()
}

/// Tells a node all deletes that it may miss, on a task of its own.
fn tell(
    shared: &Arc<Shared>,
    node: NodeId,
    incarnation: Incarnation,
    namespace: &Arc<str>,
    answers: mpsc::UnboundedSender<Heard>,
) {
    let (own, namespace) = (Arc::clone(shared), Arc::clone(namespace));
    let task = async move {
        let request = DeleteRequest {
            records: own.deletes.behind(&namespace, 0),
            namespace,
            incarnation,
        };
        let answer = own.transport.delete(&node, request).await;
        // Nobody listens any more where this fails: it is decided.
        drop(answers.unbounded_send((node, incarnation, answer)));
    };
    shared.runtime.spawn(task.boxed());
}
