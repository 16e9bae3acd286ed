//! Brings changes of the placement to their end: seals what is to change, and opens what is sealed.
//! Any number of them may run: what they write is taken only where nobody else was faster.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::coordinator::{Coordinator, Shared};
use super::error::CoordinatorError;
use super::topology_view::{KnownTopology, TopologyView};
use crate::identity::{Epoch, Incarnation, NodeId, ShardId};
use crate::rules::Rule;
use crate::runtime::within;
use crate::topology::{Member, Seals};

/// How long a node may take to seal.
const SEAL_TIMEOUT: Duration = Duration::from_secs(5);
/// How many shards are between two epochs at a time, so that few have to wait.
const SHARDS_AT_A_TIME: usize = 64;

impl Coordinator {
    /// Seals and opens whatever is ready to, for ever. `told` hears of every try.
    pub async fn schedule(self, mut told: impl FnMut(Result<(), CoordinatorError>) + Send) {
        let shared = &self.shared;
        let mut changes = shared.topology.changes();
        loop {
            // What went wrong is tried again: nothing is lost by waiting, and others may be faster.
            let tried = match shared.topology.known() {
                Some(known) => step(shared, &known).await,
                None => Ok(false),
            };
            let more = *tried.as_ref().unwrap_or(&true);
            told(tried.map(|_| ()));
            TopologyView::wait(&*shared.runtime, &mut changes, !more).await;
        }
    }
}

/// Seals what is ready, and opens what enough have sealed. Answers whether shards are left.
async fn step(shared: &Arc<Shared>, known: &KnownTopology) -> Result<bool, CoordinatorError> {
    let ready: Vec<ShardId> = known.topology.ready().collect();
    if ready.is_empty() {
        return Ok(false);
    }
    let now: Vec<ShardId> = ready.iter().copied().take(SHARDS_AT_A_TIME).collect();
    let seals = seal(shared, known, &now).await;
    let enough = |seals: &Seals| {
        let shard = known.topology.shard(seals.shard());
        shard.is_some_and(|shard| seals.enough(shard.slots()))
    };
    let sealed: Vec<Seals> = seals.into_iter().filter(enough).collect();
    let is_all = sealed.len() == ready.len();
    if sealed.is_empty() {
        return Ok(true);
    }
    let opened = known.topology.open(&sealed);
    let opened = opened.map_err(|error| CoordinatorError::Invalid(error.to_string()))?;
    let is_kept = shared.topology.change(known, opened).await?;
    Ok(!(is_kept && is_all))
}

/// Has every member that answers for these shards seal them; who did.
async fn seal(shared: &Arc<Shared>, known: &KnownTopology, shards: &[ShardId]) -> Vec<Seals> {
    let mut asks: BTreeMap<(NodeId, Incarnation), Vec<(ShardId, Epoch)>> = BTreeMap::new();
    let mut seals = BTreeMap::new();
    for id in shards {
        let Some(shard) = known.topology.shard(*id) else {
            continue;
        };
        seals.insert(*id, Seals::new(*id, shard.epoch()));
        for member in shard.slots().iter().map(|slot| slot.answering()) {
            if let Some(incarnation) = member.incarnation {
                let own = asks.entry((member.node.clone(), incarnation)).or_default();
                own.push((*id, shard.epoch()));
            }
        }
    }
    let asks = asks.into_iter().map(async |((node, incarnation), shards)| {
        let sealed = match shared.options.rules.hold(Rule::Seal) {
            true => {
                let ask = shared.transport.seal(&node, incarnation, shards);
                let answer = within(&*shared.runtime, SEAL_TIMEOUT, ask).await;
                answer.ok().and_then(Result::ok).unwrap_or_default()
            }
            false => shards.iter().map(|(id, _)| (*id, Ok(()))).collect(),
        };
        let member = Member {
            node,
            incarnation: Some(incarnation),
        };
        (member, sealed)
    });
    for (member, sealed) in join_all(asks).await {
        for (id, _) in sealed.iter().filter(|(_, result)| result.is_ok()) {
            if let Some(seals) = seals.get_mut(id) {
                seals.sealed(member.clone());
            }
        }
    }
    seals.into_values().collect()
}
