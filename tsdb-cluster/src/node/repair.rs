//! Compares what a node has with the other replicas of its shards, in the background, and fetches
//! what it lacks. Each fetches for itself, so all become equal; nothing is ever removed for it.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tsdb_core::model::Window;
use tsdb_core::{Digest, Label, Labels, Matcher, TimeRange};

use super::divergence::Divergence;
use super::epochs::Refusal;
use super::membership::{Membership, MembershipError};
use crate::batch::Batch;
use crate::coordinator::KnownTopology;
use crate::identity::{Epoch, Incarnation, NodeId, ShardId};
use crate::message::{
    DeleteRequest, DigestOf, DigestReply, DigestRequest, Found, NodeError, ReadRequest, Want,
};
use crate::transport::ask_behind_deletes;

/// Series whose digests are asked for at a time.
const SERIES_AT_A_TIME: usize = 4096;
/// Up to so many series of a window are fetched one by one; beyond, all of the window are read.
const ONE_BY_ONE: usize = 16;

/// How fast a node repairs.
#[derive(Clone, Copy, Debug)]
pub struct RepairOptions {
    /// The pause after each comparison of a shard with another replica.
    pub pause: Duration,
    /// Samples that are fetched in a second, at most.
    pub samples_per_second: u64,
    /// How long the windows are that are compared, in milliseconds.
    pub window_ms: i64,
}

impl Default for RepairOptions {
    fn default() -> Self {
        Self {
            pause: Duration::from_secs(10),
            samples_per_second: 100_000,
            window_ms: 2 * 60 * 60 * 1000,
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

/// Another replica of a shard of a namespace.
#[derive(Clone, Debug)]
struct Peer {
    node: NodeId,
    incarnation: Incarnation,
    namespace: Arc<str>,
    shard: ShardId,
    epoch: Epoch,
    shards: NonZeroU32,
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

    /// Where the node differs from others.
    #[must_use]
    pub fn divergence(&self) -> &Divergence {
        &self.divergence
    }

    /// Compares and fetches, for ever.
    pub async fn run(self) {
        loop {
            let mut pause = self.options.pause;
            if let Some(known) = self.membership.cluster().topology().known() {
                // What went wrong with one is tried again in the next round.
                for peer in self.peers(&known).await.unwrap_or_default() {
                    drop(self.compare(&known, &peer).await);
                    self.membership.runtime().sleep(self.options.pause).await;
                    pause = Duration::ZERO;
                }
            }
            self.membership.runtime().sleep(pause).await;
        }
    }

    /// The other replicas of all shards that the node answers for.
    async fn peers(&self, known: &KnownTopology) -> Result<Vec<Peer>, NodeError> {
        let (own, node) = (self.membership.id(), self.membership.node());
        let shards = known.topology.shard_count();
        let mut peers = Vec::new();
        for namespace in node.namespaces().await? {
            for (id, shard) in known.topology.numbered() {
                let members = || shard.slots().iter().map(|slot| slot.answering());
                let is_own = |incarnation| incarnation == Some(node.incarnation());
                if !members().any(|one| one.node == *own && is_own(one.incarnation)) {
                    continue;
                }
                let others = members().filter(|one| one.node != *own);
                peers.extend(others.filter_map(|one| {
                    Some(Peer {
                        node: one.node.clone(),
                        incarnation: one.incarnation?,
                        namespace: Arc::clone(&namespace),
                        shard: id,
                        epoch: shard.epoch(),
                        shards,
                    })
                }));
            }
        }
        self.divergence
            .retain(&peers.iter().map(Peer::pair).collect());
        Ok(peers)
    }

    /// Compares with another replica, and fetches what it has and the node has not.
    async fn compare(&self, known: &KnownTopology, peer: &Peer) -> Result<(), MembershipError> {
        let window_ms = self.options.window_ms;
        let of = DigestOf::Windows { window_ms };
        let (own, theirs) = self.digests(peer, TimeRange::ALL, of).await?;
        let digests = |reply: &DigestReply| -> BTreeMap<Window, Digest> {
            let windows = reply.windows.iter();
            windows.map(|one| (one.window, one.digest)).collect()
        };
        let (own, theirs) = (digests(&own), digests(&theirs));
        let all = own.keys().chain(theirs.keys());
        let differ = all.filter(|window| own.get(*window) != theirs.get(*window));
        let differ: BTreeSet<Window> = differ.copied().collect();
        let starts = differ.iter().map(|window| window.start).collect();
        self.divergence.compared(peer.pair(), starts);
        for window in differ.iter().filter(|window| theirs.contains_key(window)) {
            let range = TimeRange::inclusive(window.start, window.last);
            let range = range.map_err(|error| NodeError::Invalid(error.to_string()))?;
            self.repair(known, peer, range).await?;
        }
        Ok(())
    }

    /// Fetches the series that differ in a range of time.
    async fn repair(
        &self,
        known: &KnownTopology,
        peer: &Peer,
        range: TimeRange,
    ) -> Result<(), MembershipError> {
        let mut after = None;
        loop {
            let of = |limit| DigestOf::Series {
                after: after.clone(),
                limit,
            };
            // All of its own: it may have others between those of a page.
            let theirs = self.theirs(peer, range, of(SERIES_AT_A_TIME)).await?;
            let own = self.own(peer, range, of(usize::MAX)).await?;
            let own: BTreeMap<&Labels, Digest> = own
                .series
                .iter()
                .map(|one| (&one.labels, one.digest))
                .collect();
            let series = theirs.series.iter();
            let differ = series.filter(|one| own.get(&one.labels) != Some(&one.digest));
            let differ: BTreeSet<Labels> = differ.map(|one| one.labels.clone()).collect();
            match differ.len() > ONE_BY_ONE {
                true => self.fetch(known, peer, range, &differ, Vec::new()).await?,
                false => {
                    for labels in &differ {
                        let one = [labels.clone()].into();
                        let is = |label: Label<'_>| Matcher::equal(label.name, label.value);
                        let matchers = labels.iter().map(is).collect();
                        self.fetch(known, peer, range, &one, matchers).await?;
                    }
                }
            }
            let is_last = theirs.series.len() < SERIES_AT_A_TIME;
            match theirs.series.last().filter(|_| !is_last) {
                Some(last) => after = Some(last.labels.clone()),
                None => return Ok(()),
            }
        }
    }

    /// Stores what another replica has of some series, as far as no delete hides it.
    async fn fetch(
        &self,
        known: &KnownTopology,
        peer: &Peer,
        range: TimeRange,
        wanted: &BTreeSet<Labels>,
        matchers: Vec<Matcher>,
    ) -> Result<(), MembershipError> {
        let request = ReadRequest {
            namespace: Arc::clone(&peer.namespace),
            incarnation: peer.incarnation,
            epochs: vec![(peer.shard, peer.epoch)],
            shards: peer.shards,
            deletes_seen: 0,
            range,
            matchers,
            want: Want::Samples,
            after: None,
            limit: usize::MAX,
            max_samples: u64::MAX,
        };
        let transport = self.membership.cluster().transport();
        let (reply, mut pieces) = transport.read(&peer.node, request).await?;
        while let Some(piece) = pieces.next().await {
            let mut batch = Batch::default();
            for found in piece? {
                let Found::Series(labels, chunks) = found else {
                    continue;
                };
                if !wanted.contains(&labels) {
                    continue;
                }
                batch.push_chunks(peer.shard, labels, chunks, range)?;
            }
            let pause = self.pause_for(batch.samples_len());
            let (shard, namespace) = (peer.shard, &peer.namespace);
            let taken = self
                .membership
                .take(known, shard, namespace, reply.deletes_applied, batch);
            taken.await?;
            self.membership.runtime().sleep(pause).await;
        }
        Ok(())
    }

    fn pause_for(&self, samples: usize) -> Duration {
        let micros = (samples as u64).saturating_mul(1_000_000);
        Duration::from_micros(micros / self.options.samples_per_second.max(1))
    }

    /// The digests of the node and of another replica, once both have applied the same deletes.
    async fn digests(
        &self,
        peer: &Peer,
        range: TimeRange,
        of: DigestOf,
    ) -> Result<(DigestReply, DigestReply), MembershipError> {
        let theirs = self.theirs(peer, range, of.clone()).await?;
        let own = self.own(peer, range, of).await?;
        Ok((own, theirs))
    }

    async fn own(
        &self,
        peer: &Peer,
        range: TimeRange,
        of: DigestOf,
    ) -> Result<DigestReply, NodeError> {
        let node = self.membership.node();
        let request = peer.request(node.incarnation(), 0, range, of);
        node.digest(request).await
    }

    /// The digests of another replica. It is told the deletes that it misses before, and tells those
    /// that the node does.
    async fn theirs(
        &self,
        peer: &Peer,
        range: TimeRange,
        of: DigestOf,
    ) -> Result<DigestReply, MembershipError> {
        let (node, namespace) = (self.membership.node(), &peer.namespace);
        let transport = self.membership.cluster().transport();
        let seen = node.deletes_applied(namespace);
        let request = peer.request(peer.incarnation, seen, range, of);
        let tell = |applied| {
            let missing = DeleteRequest {
                namespace: Arc::clone(namespace),
                incarnation: peer.incarnation,
                records: node.deletes_behind(namespace, applied),
            };
            transport.delete(&peer.node, missing)
        };
        let ask = || transport.digest(&peer.node, request.clone());
        let theirs = ask_behind_deletes(ask, tell).await?;
        if let Some((_, Refusal::Stale { .. })) = theirs.refusals.first() {
            return Err(MembershipError::Overtaken(peer.shard));
        }
        if theirs.deletes_applied > seen {
            let behind = transport.deletes_behind(&peer.node, Arc::clone(namespace), seen);
            let missing = DeleteRequest {
                namespace: Arc::clone(namespace),
                incarnation: node.incarnation(),
                records: behind.await?,
            };
            node.delete(missing).await?;
        }
        Ok(theirs)
    }
}

impl Peer {
    fn pair(&self) -> (Arc<str>, ShardId, NodeId) {
        (Arc::clone(&self.namespace), self.shard, self.node.clone())
    }

    fn request(
        &self,
        incarnation: Incarnation,
        deletes_seen: u64,
        range: TimeRange,
        of: DigestOf,
    ) -> DigestRequest {
        DigestRequest {
            namespace: Arc::clone(&self.namespace),
            incarnation,
            epochs: vec![(self.shard, self.epoch)],
            shards: self.shards,
            deletes_seen,
            range,
            of,
        }
    }
}
