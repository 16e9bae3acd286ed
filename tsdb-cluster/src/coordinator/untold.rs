//! What replicas are known to miss, until others that have it were told: they see to it then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tsdb_core::TimeRange;

use super::coordinator::Shared;
use crate::identity::{Incarnation, NodeId, ShardId};
use crate::message::{MarkRequest, Missed, NodeError, ShardVerdict, WriteReply, WriteRequest};
use crate::runtime::within;
use crate::topology::{Slot, Topology};

/// How long what is missed is gathered before it is told, and the longest pause between two tries.
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long a node may take to remember it.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A node with the data folder that it has.
type Member = (NodeId, Incarnation);

/// A replica of a shard of a namespace.
type Replica = (Arc<str>, ShardId, Member);

/// What replicas miss: not more than a range for each.
type Missing = BTreeMap<Replica, (i64, i64)>;

/// What each member is told of a namespace: who misses what.
type Asks = BTreeMap<(Member, Arc<str>), BTreeMap<Member, Vec<(ShardId, TimeRange)>>>;

/// What is to be told.
#[derive(Debug, Default)]
pub(super) struct Untold {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    missing: Missing,
    /// Whether a task is there to tell it.
    is_told: bool,
}

impl Untold {
    /// How many replicas of shards are known to miss something that nobody was told.
    pub(super) fn len(&self) -> usize {
        self.lock().missing.len()
    }

    /// Notes what a node misses of a request; whether nobody is there to tell it.
    fn note(&self, node: &NodeId, request: &WriteRequest, shards: &BTreeSet<ShardId>) -> bool {
        let times = request.batch.times(request.places.iter().copied());
        let times = times
            .into_iter()
            .filter(|(shard, _)| shards.contains(shard));
        let mut state = self.lock();
        for (shard, range) in times {
            let member = (node.clone(), request.incarnation);
            let key = (Arc::clone(&request.namespace), shard, member);
            join(&mut state.missing, key, (range.min(), range.max()));
        }
        !std::mem::replace(&mut state.is_told, true)
    }

    /// Takes all; `None` when there is nothing, and nobody tells any more.
    fn take(&self) -> Option<Missing> {
        let mut state = self.lock();
        let missing = std::mem::take(&mut state.missing);
        state.is_told = !missing.is_empty();
        state.is_told.then_some(missing)
    }

    fn put_back(&self, missing: Missing) {
        let mut state = self.lock();
        for (key, range) in missing {
            join(&mut state.missing, key, range);
        }
    }

    /// Nothing is left half changed under the lock, so a panic elsewhere does not matter here.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn join(missing: &mut Missing, key: Replica, (min, max): (i64, i64)) {
    let own = missing.entry(key).or_insert((min, max));
    *own = (own.0.min(min), own.1.max(max));
}

/// Hears what a node answered to a write that others may have: what it does not say to have stored
/// is told them.
pub(super) fn hear(
    shared: &Arc<Shared>,
    node: &NodeId,
    request: &WriteRequest,
    answer: &Result<WriteReply, NodeError>,
) {
    let is_stored = |reply: &WriteReply| {
        let mut verdicts = reply.shards.iter().map(|(_, verdict)| verdict);
        reply.shards.len() == request.epochs.len()
            && verdicts.all(|verdict| *verdict == ShardVerdict::Stored)
    };
    if answer.as_ref().is_ok_and(is_stored) {
        return;
    }
    let all = request.epochs.iter().map(|(shard, _)| *shard);
    let shards: BTreeSet<ShardId> = match answer {
        Ok(reply) => {
            let stored = reply
                .shards
                .iter()
                .filter(|(_, verdict)| *verdict == ShardVerdict::Stored);
            let stored: BTreeSet<ShardId> = stored.map(|(id, _)| *id).collect();
            all.filter(|id| !stored.contains(id)).collect()
        }
        // It is written again behind the deletes, or by nobody at all.
        Err(NodeError::DeletesUnseen { .. } | NodeError::Invalid(_)) => return,
        Err(_) => all.collect(),
    };
    if shards.is_empty() || !shared.untold.note(node, request, &shards) {
        return;
    }
    let own = Arc::clone(shared);
    shared
        .runtime
        .spawn(async move { tell(&own).await }.boxed());
}

/// Tells what there is, until all is told.
async fn tell(shared: &Shared) {
    let mut pause = PAUSE;
    loop {
        // More comes meanwhile, and is told with it.
        shared.runtime.sleep(pause).await;
        let Some(missing) = shared.untold.take() else {
            return;
        };
        let left = tell_once(shared, missing).await;
        pause = match left.is_empty() {
            true => PAUSE,
            false => (pause * 2).min(PAUSE_MAX),
        };
        shared.untold.put_back(left);
    }
}

/// Tells all other members of the shards; what none of them took that may have it is left.
async fn tell_once(shared: &Shared, mut missing: Missing) -> Missing {
    let Some(known) = shared.topology.known() else {
        return missing;
    };
    // Who has left its shard misses nothing any more.
    missing.retain(|(_, shard, member), _| {
        members(&known.topology, *shard).any(|other| other == *member)
    });
    let asks = asks(&known.topology, &missing).into_iter();
    let asks = asks.map(async |((to, namespace), missed)| {
        let missed = missed
            .into_iter()
            .map(|((node, incarnation), shards)| Missed {
                node,
                incarnation,
                shards,
            });
        let request = MarkRequest {
            namespace: Arc::clone(&namespace),
            incarnation: to.1,
            missed: missed.collect(),
        };
        let ask = shared.transport.mark(&to.0, request);
        // Whoever does not take it is asked again, unless another one does.
        let answer = within(&*shared.runtime, TIMEOUT, ask).await;
        let taken = answer.ok().and_then(Result::ok).unwrap_or_default();
        (to, namespace, taken)
    });
    let mut taken: BTreeSet<Replica> = BTreeSet::new();
    for (to, namespace, shards) in join_all(asks).await {
        let of = |shard| (Arc::clone(&namespace), shard, to.clone());
        taken.extend(shards.into_iter().map(of));
    }
    let left = missing
        .iter()
        .filter(|(key, _)| !is_told(&known.topology, key, &missing, &taken));
    left.map(|(key, range)| (key.clone(), *range)).collect()
}

/// What each member is told of the others of its shards.
fn asks(topology: &Topology, missing: &Missing) -> Asks {
    let mut asks = Asks::new();
    for ((namespace, shard, member), (min, max)) in missing {
        let Ok(range) = TimeRange::inclusive(*min, *max) else {
            continue;
        };
        for other in members(topology, *shard).filter(|other| other.0 != member.0) {
            let ask = asks.entry((other, Arc::clone(namespace))).or_default();
            let own = ask.entry(member.clone()).or_default();
            own.push((*shard, range));
        }
    }
    asks
}

/// Whether one that has what a replica misses took it. Where all others miss something too, each of
/// them may have it.
fn is_told(
    topology: &Topology,
    (namespace, shard, member): &Replica,
    missing: &Missing,
    taken: &BTreeSet<Replica>,
) -> bool {
    let others = members(topology, *shard).filter(|other| other.0 != member.0);
    let others = others.map(|other| (Arc::clone(namespace), *shard, other));
    let (lacking, having): (Vec<_>, Vec<_>) = others.partition(|other| missing.contains_key(other));
    let mut asked = if having.is_empty() { lacking } else { having }.into_iter();
    asked.any(|other| taken.contains(&other))
}

/// All members of a shard with the data folders that they have.
fn members(topology: &Topology, shard: ShardId) -> impl Iterator<Item = Member> {
    let slots = topology
        .shard(shard)
        .into_iter()
        .flat_map(|one| one.slots());
    let there = slots
        .flat_map(Slot::members)
        .filter(|one| topology.is_there(one));
    there.filter_map(|one| Some((one.node.clone(), one.incarnation?)))
}
