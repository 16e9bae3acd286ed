//! What a node does of itself: it names its data folder, copies the shards it is given, and lets
//! go of those it has no more.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use tsdb_core::{AppendReport, Db, Matcher, RejectReason, Rejected, TimeRange};

use super::epochs::Removing;
use super::storage_node::{Node, failure, shard_set};
use super::throttle::Throttle;
use crate::batch::Batch;
use crate::coordinator::{Coordinator, CoordinatorError, KnownTopology, TopologyView};
use crate::identity::{Epoch, Incarnation, NodeId, ShardId};
use crate::message::{DeleteRequest, NodeError, Origin, ShardVerdict, WriteReply, WriteRequest};
use crate::metadata::MetadataError;
use crate::rules::Rule;
use crate::runtime::SharedRuntime;
use crate::storage::{Lane, with_db};
use crate::topology::{Slot, Topology, TopologyError};
use crate::transport::ask_behind_deletes;

/// How fast a node copies and mends beside its work.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Samples that are copied or mended in a second, at most.
    pub samples_per_second: u64,
    /// About how many samples of a shard are copied at a time: what is copied is stored, and is not
    /// copied again after a restart.
    pub samples_at_a_time: usize,
    /// How many shards are copied at a time.
    pub shards_at_a_time: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            samples_per_second: 500_000,
            samples_at_a_time: 200_000,
            shards_at_a_time: 2,
        }
    }
}

/// Why a node could not do what the placement asks of it, just now.
#[derive(Debug, thiserror::Error)]
pub enum MembershipError {
    /// Others could not be read, or the metadata.
    #[error(transparent)]
    Coordinator(#[from] CoordinatorError),
    /// The node itself could not.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The metadata could not be changed.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The placement does not allow it.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// This server had the place, and another one has it now. Both may not have it: they would take
    /// it from each other for ever.
    #[error(
        "another server runs as {node}, with the data folder {other}; this one has {own} and stays \
         aside: stop one of the two, then start the other one again"
    )]
    Taken {
        /// The name of both.
        node: NodeId,
        /// The data folder of this one.
        own: Incarnation,
        /// The data folder of the other one.
        other: Incarnation,
    },
    /// The shard went on to another epoch meanwhile.
    #[error("shard {0} went on to another epoch while it was copied or compared")]
    Overtaken(ShardId),
    /// Too few of those that a shard was copied from are there to compare it with.
    #[error(
        "shard {shard} is copied, and compared with {verified} of the {needed} others that it has \
         to be compared with: {why}"
    )]
    Unverified {
        /// Which.
        shard: ShardId,
        /// Those that it was compared with.
        verified: usize,
        /// How many it has to be compared with.
        needed: usize,
        /// Why another one was not.
        why: String,
    },
    /// Another replica could not be compared with, or given what it misses.
    #[error("{node}: {error}")]
    Peer {
        /// The other one.
        node: NodeId,
        /// Why.
        error: Box<MembershipError>,
    },
    /// The node does not store what others have.
    #[error("shard {shard} cannot be copied: {series} series are refused: {reason}")]
    Refused {
        /// Which.
        shard: ShardId,
        /// Series that are refused whole.
        series: u64,
        /// Why, as far as it is listed.
        reason: String,
    },
}

impl MembershipError {
    /// Whether it is in vain to ask the node of this error anything else just now.
    pub(super) fn is_away(&self) -> bool {
        match self {
            Self::Node(NodeError::Unreachable(_) | NodeError::OtherIncarnation { .. }) => true,
            Self::Peer { error, .. } => error.is_away(),
            _ => false,
        }
    }
}

/// A shard that a node copies from others just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// Which.
    pub shard: ShardId,
    /// Series that were copied since it began, or since the node started.
    pub copied_series: u64,
    /// Samples, likewise.
    pub copied_samples: u64,
}

/// A node in a cluster. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Membership {
    id: NodeId,
    node: Node,
    /// How it reads what others have.
    cluster: Coordinator,
    runtime: SharedRuntime,
    /// Whether the placement knew this data folder since this node began.
    has_place: Arc<AtomicBool>,
    moves: Arc<Mutex<BTreeMap<ShardId, Move>>>,
    pace: Pace,
    throttle: Throttle,
}

impl Membership {
    /// The node of this name.
    #[must_use]
    pub fn new(id: NodeId, node: Node, cluster: Coordinator, runtime: SharedRuntime) -> Self {
        Self {
            id,
            node,
            cluster,
            runtime,
            has_place: Arc::default(),
            moves: Arc::default(),
            pace: Pace::default(),
            throttle: Throttle::new(Pace::default().samples_per_second),
        }
    }

    /// The same, at another pace.
    #[must_use]
    pub fn with_pace(self, pace: Pace) -> Self {
        let throttle = Throttle::new(pace.samples_per_second);
        Self {
            pace,
            throttle,
            ..self
        }
    }

    pub(super) fn pace(&self) -> Pace {
        self.pace
    }

    /// Waits until so many samples may be copied or mended.
    pub(super) async fn throttle(&self, samples: usize) {
        self.throttle.pass(&*self.runtime, samples).await;
    }

    /// The shards that it copies just now.
    #[must_use]
    pub fn moves(&self) -> Vec<Move> {
        self.lock_moves().values().copied().collect()
    }

    /// Nothing is left half changed under the lock, so a panic elsewhere does not matter here.
    pub(super) fn lock_moves(&self) -> MutexGuard<'_, BTreeMap<ShardId, Move>> {
        self.moves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name of the node.
    #[must_use]
    pub fn id(&self) -> &NodeId {
        &self.id
    }

    /// The node.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    pub(super) fn cluster(&self) -> &Coordinator {
        &self.cluster
    }

    pub(super) fn runtime(&self) -> &SharedRuntime {
        &self.runtime
    }

    /// Follows the placement, for ever. What went wrong is tried again; `told` hears of every try.
    pub async fn run(self, mut told: impl FnMut(Result<(), MembershipError>) + Send) {
        let mut changes = self.cluster.topology().changes();
        loop {
            let tried = self.step().await;
            let is_done = *tried.as_ref().unwrap_or(&false);
            told(tried.map(|_| ()));
            TopologyView::wait(&*self.runtime, &mut changes, is_done).await;
        }
    }

    /// Does what the placement asks of the node; whether that was all.
    ///
    /// # Errors
    /// What could not be done.
    pub async fn step(&self) -> Result<bool, MembershipError> {
        let Some(known) = self.cluster.topology().known() else {
            return Ok(true);
        };
        let Some(own) = known.topology.nodes().get(&self.id) else {
            self.has_place.store(false, Ordering::Relaxed);
            self.let_go(&known).await?;
            return Ok(true);
        };
        let folder = self.node.incarnation();
        let is_known = own.incarnation.is_some() && !self.node.rules().hold(Rule::Incarnation);
        if own.incarnation != Some(folder) && !is_known {
            if let (Some(other), true) = (own.incarnation, self.has_place.load(Ordering::Relaxed)) {
                return Err(MembershipError::Taken {
                    node: self.id.clone(),
                    own: folder,
                    other,
                });
            }
            let bound = known.topology.rebind(&self.id, folder)?;
            if self.cluster.topology().change(&known, bound).await? {
                self.has_place.store(true, Ordering::Relaxed);
            }
            return Ok(false);
        }
        self.has_place.store(true, Ordering::Relaxed);
        let given = self.given(&known.topology);
        if !given.is_empty() {
            self.copy_all(&known, &given).await?;
            self.claim(known, &given).await?;
            return Ok(false);
        }
        self.forget_progress().await?;
        self.let_go(&known).await?;
        Ok(true)
    }

    /// Says that it has copied some shards. Others may change the placement at the same time: what
    /// was copied stands as long as the epochs of these shards do.
    async fn claim(
        &self,
        known: Arc<KnownTopology>,
        given: &[ShardId],
    ) -> Result<(), MembershipError> {
        let (view, folder) = (self.cluster.topology(), self.node.incarnation());
        let epochs = |known: &KnownTopology| -> Vec<Option<Epoch>> {
            let shards = given.iter().map(|id| known.topology.shard(*id));
            shards.map(|shard| Some(shard?.epoch())).collect()
        };
        let copied = epochs(&known);
        let mut newest = known;
        loop {
            let settled = newest.topology.copied(&self.id, folder, given)?;
            if view.change(&newest, settled).await? {
                return Ok(());
            }
            match view.known() {
                Some(newer) if newer.version > newest.version && epochs(&newer) == copied => {
                    newest = newer;
                }
                _ => return Ok(()),
            }
        }
    }

    /// Stores what was copied, as far as no delete hides it.
    pub(super) async fn take(
        &self,
        known: &KnownTopology,
        id: ShardId,
        namespace: &Arc<str>,
        deletes_seen: u64,
        batch: Batch,
    ) -> Result<(), MembershipError> {
        let Some(shard) = known.topology.shard(id).filter(|_| !batch.is_empty()) else {
            return Ok(());
        };
        let own = self.node.incarnation();
        let request = carried(namespace, own, (id, shard.epoch()), deletes_seen, batch);
        stored(id, &self.write(request).await?)
    }

    /// Removes what the node still has of shards that are not its own. Writes are kept out before
    /// the metadata is asked whose they are: what is known may be old, and nothing may be removed
    /// for that.
    async fn let_go(&self, known: &KnownTopology) -> Result<(), MembershipError> {
        let strangers = self.node.strangers(&own(&known.topology, &self.id));
        if strangers.is_empty() {
            return Ok(());
        }
        let removing = self.node.epochs().remove(&strangers).await;
        let fresh = self.cluster.topology().refresh().await?;
        let own = own(&fresh.topology, &self.id);
        let mut strangers = self.node.strangers(&own);
        strangers.retain(|id| removing.shards().contains(id));
        let of = fresh.topology.shard_count();
        self.node.remove(removing, of, strangers).await?;
        Ok(())
    }

    /// Writes to the node itself, which is told the deletes that it misses before.
    async fn write(&self, request: WriteRequest) -> Result<WriteReply, NodeError> {
        let ask = || {
            let (node, request) = (self.node.clone(), request.clone());
            async move { node.write(request).await }.boxed()
        };
        let tell = |applied| {
            let missing = DeleteRequest {
                namespace: Arc::clone(&request.namespace),
                incarnation: request.incarnation,
                records: self.cluster.deletes_behind(&request.namespace, applied),
            };
            let node = self.node.clone();
            async move { node.delete(missing).await }.boxed()
        };
        ask_behind_deletes(ask, tell).await
    }
}

/// Samples that one replica of a shard has from another.
pub(super) fn carried(
    namespace: &Arc<str>,
    incarnation: Incarnation,
    shard: (ShardId, Epoch),
    deletes_seen: u64,
    batch: Batch,
) -> WriteRequest {
    WriteRequest {
        namespace: Arc::clone(namespace),
        incarnation,
        epochs: vec![shard],
        deletes_seen,
        origin: Origin::Replica,
        places: (0..batch.series().len()).collect(),
        absent: Vec::new(),
        batch: Arc::new(batch),
    }
}

/// Whether a replica has all that it was given of a shard.
pub(super) fn stored(shard: ShardId, reply: &WriteReply) -> Result<(), MembershipError> {
    complete(shard, &reply.report)?;
    let is_stored = |(_, verdict): &(ShardId, ShardVerdict)| *verdict == ShardVerdict::Stored;
    match !reply.shards.is_empty() && reply.shards.iter().all(is_stored) {
        true => Ok(()),
        false => Err(MembershipError::Overtaken(shard)),
    }
}

/// What is too old for a node is about to go everywhere; all else that others have it must store.
fn complete(shard: ShardId, report: &AppendReport) -> Result<(), MembershipError> {
    let is_lost = |one: &&Rejected| !matches!(one.reason, RejectReason::OutsideRetention { .. });
    match report.rejected.iter().find(is_lost) {
        None if report.rejected_series == 0 => Ok(()),
        lost => Err(MembershipError::Refused {
            shard,
            series: report.rejected_series,
            reason: lost.map(|lost| lost.reason.to_string()).unwrap_or_default(),
        }),
    }
}

/// The shards that a node has, or is to have.
fn own(topology: &Topology, id: &NodeId) -> BTreeSet<ShardId> {
    let has = |slots: &[Slot]| {
        let mut members = slots.iter().flat_map(Slot::members);
        members.any(|member| member.node == *id)
    };
    let own = topology
        .numbered()
        .filter(|(_, shard)| has(shard.slots()) || has(shard.planned()));
    own.map(|(id, _)| id).collect()
}

impl Node {
    /// The namespaces it has.
    pub(super) async fn namespaces(&self) -> Result<Vec<Arc<str>>, NodeError> {
        let names = |db: &Db| {
            let all = db.namespaces();
            Ok(all
                .iter()
                .map(|namespace| namespace.name().into())
                .collect())
        };
        with_db(&**self.storage(), Lane::Read, names).await
    }

    /// Shards that it was ever in an epoch of, and that are not `own`.
    fn strangers(&self, own: &BTreeSet<ShardId>) -> Vec<ShardId> {
        let promised = self.epochs().states().into_iter();
        let held = promised.filter(|(id, state)| !state.is_empty && !own.contains(id));
        held.map(|(id, _)| id).collect()
    }

    /// Removes all series of some shards, and remembers that nothing is there.
    async fn remove(
        &self,
        removing: Removing,
        of: NonZeroU32,
        shards: Vec<ShardId>,
    ) -> Result<(), NodeError> {
        if shards.is_empty() {
            return Ok(());
        }
        let set = shard_set(of, shards.iter().copied())?;
        let (records, epochs) = (self.records(), self.epochs().clone());
        let remove = move |db: &Db| {
            for namespace in db.namespaces() {
                let matchers = [Matcher::shards(set.clone())];
                let removed = namespace.delete(TimeRange::ALL, &matchers);
                removed.map_err(|error| failure(&error))?;
            }
            removing.removed(&shards);
            records.keep(db, &epochs)
        };
        with_db(&**self.storage(), Lane::Write, remove).await
    }
}
