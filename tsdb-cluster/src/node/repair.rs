//! Keeps replicas equal: a node gives others what it knows that they miss, as soon as they are
//! there again; and it compares all it has with theirs in the background, and fetches what it lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tsdb_core::TimeRange;
use tsdb_core::model::Window;

use super::comparison::{Compared, Mend, Peer};
use super::divergence::Divergence;
use super::marks::{Away, Mark, WINDOW_MS};
use super::membership::{Membership, MembershipError};
use crate::coordinator::KnownTopology;
use crate::identity::{Epoch, Incarnation, NodeId, ShardId};
use crate::message::NodeError;
use crate::topology::{Member, Shard, Slot};

/// Shards that are compared with one request: an answer has a digest for each window of each.
const SHARDS_AT_A_TIME: usize = 16;
/// How often it is looked whether those that miss something are there.
const GIVE_EVERY: Duration = Duration::from_secs(1);
/// How many times as long as a round took it is paused behind it: the reading is a tenth of the time.
const IDLE: u32 = 9;
/// By how much the pause is shorter while something differs.
const SOONER: u32 = 12;

/// How often a node repairs.
#[derive(Clone, Copy, Debug)]
pub struct RepairOptions {
    /// The shortest pause between two rounds, while nothing differs.
    pub pause: Duration,
    /// How long the windows are that are compared, in milliseconds.
    pub window_ms: i64,
}

impl Default for RepairOptions {
    fn default() -> Self {
        Self {
            pause: Duration::from_secs(60),
            window_ms: WINDOW_MS,
        }
    }
}

/// Repairs a node. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Repair {
    membership: Membership,
    options: RepairOptions,
    divergence: Divergence,
}

impl Repair {
    /// Of the node of a membership.
    #[must_use]
    pub fn new(membership: Membership, options: RepairOptions) -> Self {
        Self {
            membership,
            options,
            divergence: Divergence::default(),
        }
    }

    /// The node, in its cluster.
    #[must_use]
    pub fn membership(&self) -> &Membership {
        &self.membership
    }

    /// Where the node differs from others.
    #[must_use]
    pub fn divergence(&self) -> &Divergence {
        &self.divergence
    }

    /// Compares and fetches, for ever; at once when it begins, as the node may have been away.
    /// `told` hears of every round. Who asks for one at [`Node::rounds`](super::Node::rounds) waits for
    /// no pause.
    pub async fn run(self, mut told: impl FnMut(Result<(), MembershipError>) + Send) {
        let runtime = self.membership.runtime();
        let rounds = self.membership.node().rounds();
        let topology = self.membership.cluster().topology();
        let mut changes = topology.changes();
        while topology.known().is_none() {
            changes.changed().await;
        }
        loop {
            let begun = runtime.now();
            rounds.begin();
            let done = self.round().await;
            rounds.end();
            let is_equal = done.is_ok() && self.divergence.total() == 0;
            told(done);
            let took = runtime.now().saturating_sub(begun);
            let pause = match is_equal {
                true => self.options.pause.max(took * IDLE),
                false => (self.options.pause / SOONER).max(took),
            };
            rounds.pause(&**runtime, pause).await;
        }
    }

    /// Compares with all other replicas; the last error, where one cannot be compared with.
    async fn round(&self) -> Result<(), MembershipError> {
        let Some(known) = self.membership.cluster().topology().known() else {
            return Ok(());
        };
        let mut peers = self.peers(&known).await?;
        // None is last for ever, whatever becomes of the others.
        let turns = self.membership.runtime().random() % (peers.len().max(1) as u64);
        peers.rotate_left(usize::try_from(turns).unwrap_or(0));
        let (mut all, mut away) = (Ok(()), BTreeSet::new());
        for peer in peers {
            if away.contains(&peer.node) {
                continue;
            }
            if let Err(error) = self.compare(&known, &peer).await {
                away.extend(error.is_away().then(|| peer.node.clone()));
                let (node, error) = (peer.node, Box::new(error));
                all = Err(MembershipError::Peer { node, error });
            }
        }
        all
    }

    /// The other replicas of all shards that the node answers for, a few shards at a time.
    async fn peers(&self, known: &KnownTopology) -> Result<Vec<Peer>, NodeError> {
        let (own, node) = (self.membership.id(), self.membership.node());
        let mut epochs: BTreeMap<(NodeId, Incarnation), Vec<(ShardId, Epoch)>> = BTreeMap::new();
        for (id, shard) in known.topology.numbered() {
            let members = || shard.slots().iter().map(Slot::answering);
            let is_own =
                |one: &Member| one.node == *own && one.incarnation == Some(node.incarnation());
            if !members().any(is_own) {
                continue;
            }
            for one in members().filter(|one| one.node != *own) {
                if let Some(incarnation) = one.incarnation {
                    let shards = epochs.entry((one.node.clone(), incarnation)).or_default();
                    shards.push((id, shard.epoch()));
                }
            }
        }
        let mut peers = Vec::new();
        for namespace in node.namespaces().await? {
            for ((node, incarnation), epochs) in &epochs {
                peers.extend(epochs.chunks(SHARDS_AT_A_TIME).map(|epochs| Peer {
                    node: node.clone(),
                    incarnation: *incarnation,
                    namespace: Arc::clone(&namespace),
                    epochs: epochs.to_vec(),
                    shards: known.topology.shard_count(),
                    window_ms: self.options.window_ms,
                }));
            }
        }
        let pairs = peers.iter().flat_map(|peer| {
            let pair = |(shard, _): &(ShardId, Epoch)| pair(peer, *shard);
            peer.epochs.iter().map(pair)
        });
        self.divergence.retain(&pairs.collect());
        Ok(peers)
    }

    /// Compares with another replica, and fetches what it has and the node has not. What differs
    /// behind that stays known.
    async fn compare(&self, known: &KnownTopology, peer: &Peer) -> Result<(), MembershipError> {
        self.is_there(&peer.node).await?;
        let mut found: BTreeMap<Window, BTreeSet<ShardId>> = BTreeMap::new();
        let compare = self.membership.compare(
            known,
            peer,
            TimeRange::ALL,
            Some(Mend::Fetch),
            |shard, window| {
                self.divergence.found(pair(peer, shard), window.start);
                found.entry(window).or_default().insert(shard);
            },
        );
        let compared = compare.await?;
        let mut left: BTreeMap<ShardId, BTreeSet<i64>> = BTreeMap::new();
        for (window, shards) in found {
            let of_them = |(shard, _): &(ShardId, Epoch)| shards.contains(shard);
            let epochs = peer.epochs.iter().copied().filter(of_them);
            let again = Peer {
                epochs: epochs.collect(),
                ..peer.clone()
            };
            let range = window.range();
            let look = self
                .membership
                .compare(known, &again, range, None, |shard, window| {
                    left.entry(shard).or_default().insert(window.start);
                });
            look.await?.failed?;
        }
        for shard in compared.shards {
            let starts = left.remove(&shard).unwrap_or_default();
            self.divergence.compared(pair(peer, shard), starts);
        }
        compared.failed
    }

    /// Asks a node something that is answered at once: digests are waited for much longer.
    async fn is_there(&self, node: &NodeId) -> Result<Incarnation, NodeError> {
        let status = self.membership.cluster().transport().status(node).await?;
        Ok(status.incarnation)
    }

    /// Gives other replicas what they are known to miss, for ever. `told` hears of every try.
    pub async fn give(self, mut told: impl FnMut(Result<(), MembershipError>) + Send) {
        loop {
            told(self.give_all().await);
            self.membership.runtime().sleep(GIVE_EVERY).await;
        }
    }

    /// Gives all that are there what is marked for them; the last error.
    async fn give_all(&self) -> Result<(), MembershipError> {
        let marks = self.membership.node().marks();
        let Some(known) = self.membership.cluster().topology().known() else {
            return Ok(());
        };
        let known = match marks.is_empty() {
            true => return Ok(()),
            false => self.forget_strangers(known).await?,
        };
        let gives = marks.all().into_iter().map(async |(away, marked)| {
            // One that is still away, or came back with another folder, is given nothing yet.
            if self.is_there(&away.0).await != Ok(away.1) {
                return Ok(());
            }
            let given = self.give_to(&known, &away, marked).await;
            given.map_err(|error| MembershipError::Peer {
                node: away.0,
                error: Box::new(error),
            })
        });
        let given = join_all(gives).await;
        let all = given.into_iter().find(Result::is_err).unwrap_or(Ok(()));
        self.keep_marks().await?;
        all
    }

    async fn keep_marks(&self) -> Result<(), NodeError> {
        let node = self.membership.node();
        node.keep_marks(node.marks().changes()).await
    }

    /// Forgets what is marked for nodes that have left the shard, and marks of shards that this one
    /// has left, or of namespaces that are gone. An old placement may not know yet who has come:
    /// nothing is forgotten for that. Answers the newest that is known.
    async fn forget_strangers(
        &self,
        known: Arc<KnownTopology>,
    ) -> Result<Arc<KnownTopology>, NodeError> {
        let marks = self.membership.node().marks();
        let namespaces = self.membership.node().namespaces().await?;
        let is_stranger = |known: &KnownTopology, away: &Away, mark: &Mark| {
            let shard = known.topology.shard(mark.shard);
            let (node, incarnation) = (self.membership.id(), self.membership.node().incarnation());
            let is_shared = shard
                .is_some_and(|shard| has(shard, &away.0, away.1) && has(shard, node, incarnation));
            !is_shared || !namespaces.contains(&mark.namespace)
        };
        let all = marks.all().into_iter();
        let all = all.flat_map(|(away, marks)| {
            let one = move |mark| (away.clone(), mark);
            marks.into_iter().map(one)
        });
        let mut strangers: Vec<_> = all
            .filter(|(away, mark)| is_stranger(&known, away, mark))
            .collect();
        if strangers.is_empty() {
            return Ok(known);
        }
        // Where the metadata is away all marks stay, and nobody is asked in vain but these.
        let Ok(fresh) = self.membership.cluster().topology().refresh().await else {
            return Ok(known);
        };
        // Whoever noted these knew no newer one.
        strangers.retain(|(away, mark)| is_stranger(&fresh, away, mark));
        for (away, mark) in strangers {
            marks.settle(&away, &mark);
        }
        Ok(fresh)
    }

    /// Gives a replica what is marked for it, and takes away the marks of what it has then.
    async fn give_to(
        &self,
        known: &KnownTopology,
        away: &Away,
        marked: Vec<Mark>,
    ) -> Result<(), MembershipError> {
        let marks = self.membership.node().marks();
        let mut groups = self.groups(known, away, &marked);
        // Others may give it the same: they begin elsewhere.
        let turns = self.membership.runtime().random() % (groups.len().max(1) as u64);
        groups.rotate_left(usize::try_from(turns).unwrap_or(0));
        let (mut all, mut unequal) = (Ok(()), BTreeSet::new());
        for (peer, range) in groups {
            let give = self
                .membership
                .compare(known, &peer, range, Some(Mend::Give), |_, _| {});
            let (compared, failed) = match give.await {
                Ok(Compared { shards, failed }) => (shards, failed),
                Err(error) => (BTreeSet::new(), Err(error)),
            };
            let shards = peer.epochs.iter().map(|(shard, _)| *shard);
            let left = shards.filter(|shard| !compared.contains(shard));
            unequal.extend(left.map(|shard| (Arc::clone(&peer.namespace), shard)));
            all = failed.and(all);
            if all.as_ref().is_err_and(MembershipError::is_away) {
                return all;
            }
        }
        for mark in marked {
            if !unequal.contains(&(Arc::clone(&mark.namespace), mark.shard)) {
                marks.settle(away, &mark);
            }
        }
        all
    }

    /// What a replica is to be compared with for its marks: a few shards and a range at a time.
    fn groups(
        &self,
        known: &KnownTopology,
        away: &Away,
        marked: &[Mark],
    ) -> Vec<(Peer, TimeRange)> {
        let window_ms = self.membership.node().marks().window_ms();
        let mut epochs_of: BTreeMap<_, Vec<(ShardId, Epoch)>> = BTreeMap::new();
        for mark in marked {
            let Some(shard) = known.topology.shard(mark.shard) else {
                continue;
            };
            for range in mark.ranges(window_ms) {
                let key = (Arc::clone(&mark.namespace), range.min(), range.max());
                let own = epochs_of.entry(key).or_default();
                own.push((mark.shard, shard.epoch()));
            }
        }
        let mut groups = Vec::new();
        for ((namespace, start, last), epochs) in &epochs_of {
            let window = Window {
                start: *start,
                last: *last,
            };
            groups.extend(epochs.chunks(SHARDS_AT_A_TIME).map(|epochs| {
                let peer = Peer {
                    node: away.0.clone(),
                    incarnation: away.1,
                    namespace: Arc::clone(namespace),
                    epochs: epochs.to_vec(),
                    shards: known.topology.shard_count(),
                    window_ms,
                };
                (peer, window.range())
            }));
        }
        groups
    }
}

fn pair(peer: &Peer, shard: ShardId) -> (Arc<str>, ShardId, NodeId) {
    (Arc::clone(&peer.namespace), shard, peer.node.clone())
}

/// Whether a node has a shard with this data folder, or is to have it.
fn has(shard: &Shard, node: &NodeId, incarnation: Incarnation) -> bool {
    let slots = shard.slots().iter().chain(shard.planned());
    let mut members = slots.flat_map(Slot::members);
    members.any(|one| one.node == *node && one.incarnation == Some(incarnation))
}
