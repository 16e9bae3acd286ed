//! Compares what a node has with another replica, by digests: of windows, then of the minutes in
//! those that differ, then of the series in these; and carries over what one of both lacks. Nothing
//! is ever removed for it.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;
use tsdb_core::model::Window;
use tsdb_core::{Digest, Label, Labels, Matcher, TimeRange};

use super::epochs::Refusal;
use super::membership::{Membership, MembershipError, carried, stored};
use crate::batch::Batch;
use crate::coordinator::KnownTopology;
use crate::identity::{Epoch, Incarnation, NodeId, ShardId};
use crate::message::{
    DeleteRequest, DigestOf, DigestReply, DigestRequest, Found, FoundStream, NodeError, ReadReply,
    ReadRequest, Want,
};
use crate::transport::ask_behind_deletes;

/// Series whose digests are asked for at a time.
const SERIES_AT_A_TIME: usize = 4096;
/// Up to so many series are read one by one; beyond, all of the shard are.
const ONE_BY_ONE: usize = 16;
/// Into how many parts a window that differs is cut, to find which of them do.
const PARTS: i64 = 24;
/// Parts of shards that are mended at a time.
const AT_A_TIME: usize = 4;

/// What is done about a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mend {
    /// The node fetches what the other one has.
    Fetch,
    /// The other one is given what the node has.
    Give,
}

/// What came of a comparison.
#[derive(Debug)]
pub(super) struct Compared {
    /// The shards that were compared, and mended where that was asked for.
    pub(super) shards: BTreeSet<ShardId>,
    /// The last that went wrong with another one.
    pub(super) failed: Result<(), MembershipError>,
}

/// Another replica of some shards of a namespace.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) node: NodeId,
    pub(super) incarnation: Incarnation,
    pub(super) namespace: Arc<str>,
    pub(super) epochs: Vec<(ShardId, Epoch)>,
    pub(super) shards: NonZeroU32,
    /// How long the windows are that are compared, in milliseconds.
    pub(super) window_ms: i64,
}

/// A range of time of a shard, within one window of those that are compared.
#[derive(Clone, Copy, Debug)]
struct Part {
    shard: ShardId,
    epoch: Epoch,
    range: TimeRange,
}

/// Digests by what they are of.
type Digests<K> = BTreeMap<K, Digest>;

/// What both sides have, the own one before and after the other.
struct Sides<K> {
    before: Digests<K>,
    theirs: Digests<K>,
    after: Digests<K>,
}

impl<K: Ord + Clone> Sides<K> {
    /// What differs. What is written meanwhile may fit only what was there before, or only what
    /// came after.
    fn differ(&self) -> BTreeSet<K> {
        let Self {
            before,
            theirs,
            after,
        } = self;
        let all = after.keys().chain(theirs.keys());
        let differ = all.filter(|key| {
            let theirs = theirs.get(*key);
            theirs != before.get(*key) && theirs != after.get(*key)
        });
        differ.cloned().collect()
    }
}

impl Membership {
    /// Compares some time of all shards of a peer that it is in the same epoch of. `found` hears of
    /// every window of a shard with a difference, also where none is to be mended. What goes wrong
    /// with one shard stops no other one.
    pub(super) async fn compare(
        &self,
        known: &KnownTopology,
        peer: &Peer,
        range: TimeRange,
        mend: Option<Mend>,
        mut found: impl FnMut(ShardId, Window),
    ) -> Result<Compared, MembershipError> {
        let (mut shards, differ) = self.windows(peer, range, peer.window_ms).await?;
        let mut failed = Ok(());
        let mut shards_of: BTreeMap<Window, Vec<(ShardId, Epoch)>> = BTreeMap::new();
        for (shard, window) in differ {
            let own = peer.epochs.iter().filter(|(id, _)| *id == shard);
            shards_of.entry(window).or_default().extend(own);
        }
        for (window, epochs) in shards_of {
            let peer = Peer {
                epochs,
                ..peer.clone()
            };
            let within = overlap(window.range(), range)?;
            let parts = self.parts(&peer, within).await?.into_iter();
            let peer = &peer;
            let mended = parts.map(async |part| {
                let differs = self.mend(known, peer, part, mend).await;
                (part.shard, differs)
            });
            let mut mended = stream::iter(mended).buffer_unordered(AT_A_TIME);
            while let Some((shard, differs)) = mended.next().await {
                if !matches!(differs, Ok(false)) {
                    found(shard, window);
                }
                if let Err(error) = differs {
                    if error.is_away() {
                        return Err(error);
                    }
                    shards.remove(&shard);
                    failed = Err(error);
                }
            }
        }
        Ok(Compared { shards, failed })
    }

    /// The shards in which the peer is in the same epoch, and the windows of these that differ.
    async fn windows(
        &self,
        peer: &Peer,
        range: TimeRange,
        window_ms: i64,
    ) -> Result<(BTreeSet<ShardId>, BTreeSet<(ShardId, Window)>), MembershipError> {
        let of = DigestOf::Windows { window_ms };
        let digests = |reply: &DigestReply| -> Digests<(ShardId, Window)> {
            let windows = reply.windows.iter();
            let windows = windows.map(|one| ((one.shard, one.window), one.digest));
            windows.collect()
        };
        let own = self.own(peer, range, of.clone()).await?;
        let theirs = self.theirs(peer, range, of.clone()).await?;
        let mut compared: BTreeSet<ShardId> = peer.epochs.iter().map(|(id, _)| *id).collect();
        for (id, refusal) in own.refusals.iter().chain(&theirs.refusals) {
            if matches!(refusal, Refusal::Stale { .. }) {
                compared.remove(id);
            }
        }
        let mut sides = Sides {
            before: digests(&own),
            theirs: digests(&theirs),
            after: digests(&own),
        };
        if !sides.differ().is_empty() {
            sides.after = digests(&self.own(peer, range, of).await?);
        }
        let mut differ = sides.differ();
        differ.retain(|(shard, _)| compared.contains(shard));
        Ok((compared, differ))
    }

    /// The parts of a window in which the shards of a peer differ.
    async fn parts(&self, peer: &Peer, range: TimeRange) -> Result<Vec<Part>, MembershipError> {
        let part_ms = (peer.window_ms / PARTS).max(1);
        let (_, differ) = self.windows(peer, range, part_ms).await?;
        let mut parts: Vec<Part> = Vec::new();
        for (shard, window) in differ {
            let epoch = peer.epochs.iter().find(|(id, _)| *id == shard);
            let Some((_, epoch)) = epoch else {
                continue;
            };
            let range = overlap(window.range(), range)?;
            match parts.last_mut() {
                Some(last)
                    if last.shard == shard
                        && last.range.max().checked_add(1) == Some(range.min()) =>
                {
                    last.range = between(last.range.min(), range.max())?;
                }
                _ => parts.push(Part {
                    shard,
                    epoch: *epoch,
                    range,
                }),
            }
        }
        Ok(parts)
    }

    /// Mends the series that differ in a part, where that is wanted; whether any does.
    async fn mend(
        &self,
        known: &KnownTopology,
        peer: &Peer,
        part: Part,
        mend: Option<Mend>,
    ) -> Result<bool, MembershipError> {
        let peer = Peer {
            epochs: vec![(part.shard, part.epoch)],
            ..peer.clone()
        };
        let (mut after, mut is_different) = (None, false);
        loop {
            let of = DigestOf::Series {
                after: after.clone(),
                limit: SERIES_AT_A_TIME,
            };
            let own = self.own(&peer, part.range, of.clone()).await?;
            let theirs = self.theirs(&peer, part.range, of.clone()).await?;
            if let Some((_, Refusal::Stale { .. })) = theirs.refusals.first() {
                return Err(MembershipError::Overtaken(part.shard));
            }
            let again = self.own(&peer, part.range, of).await?;
            // Behind the end of a page that is full there are more.
            let pages = [&own, &theirs, &again];
            let full = pages
                .iter()
                .filter(|page| page.series.len() >= SERIES_AT_A_TIME);
            let end = full
                .filter_map(|page| page.series.last())
                .map(|one| &one.labels);
            let end = end.min().cloned();
            let digests = |reply: DigestReply| -> Digests<Labels> {
                let series = reply.series.into_iter();
                let series = series.filter(|one| end.as_ref().is_none_or(|end| one.labels <= *end));
                series.map(|one| (one.labels, one.digest)).collect()
            };
            let sides = Sides {
                before: digests(own),
                theirs: digests(theirs),
                after: digests(again),
            };
            let mut differ = sides.differ();
            is_different |= !differ.is_empty();
            if let Some(mend) = mend {
                let has = match mend {
                    Mend::Fetch => &sides.theirs,
                    Mend::Give => &sides.after,
                };
                differ.retain(|labels| has.contains_key(labels));
                self.carry(known, &peer, part, &differ, mend).await?;
            }
            match end {
                Some(end) => after = Some(end),
                None => return Ok(is_different),
            }
        }
    }

    /// Carries over some series of a part.
    async fn carry(
        &self,
        known: &KnownTopology,
        peer: &Peer,
        part: Part,
        wanted: &BTreeSet<Labels>,
        mend: Mend,
    ) -> Result<(), MembershipError> {
        if wanted.len() > ONE_BY_ONE {
            return self
                .carry_matching(known, peer, part, wanted, Vec::new(), mend)
                .await;
        }
        for labels in wanted {
            let one = [labels.clone()].into();
            let is = |label: Label<'_>| Matcher::equal(label.name, label.value);
            let matchers = labels.iter().map(is).collect();
            self.carry_matching(known, peer, part, &one, matchers, mend)
                .await?;
        }
        Ok(())
    }

    async fn carry_matching(
        &self,
        known: &KnownTopology,
        peer: &Peer,
        part: Part,
        wanted: &BTreeSet<Labels>,
        matchers: Vec<Matcher>,
        mend: Mend,
    ) -> Result<(), MembershipError> {
        let (reply, mut pieces) = self.read(peer, part, matchers, mend).await?;
        while let Some(piece) = pieces.next().await {
            let mut batch = Batch::default();
            for found in piece? {
                if let Found::Series(labels, chunks) = found
                    && wanted.contains(&labels)
                {
                    batch.push_chunks(part.shard, labels, chunks, part.range)?;
                }
            }
            if batch.is_empty() {
                continue;
            }
            self.throttle(batch.samples_len()).await;
            let seen = reply.deletes_applied;
            match mend {
                Mend::Give => self.give(peer, part, seen, batch).await?,
                Mend::Fetch => {
                    let namespace = &peer.namespace;
                    self.take(known, part.shard, namespace, seen, batch).await?;
                }
            }
        }
        Ok(())
    }

    /// Reads from the side that has what is to be carried.
    async fn read(
        &self,
        peer: &Peer,
        part: Part,
        matchers: Vec<Matcher>,
        mend: Mend,
    ) -> Result<(ReadReply, FoundStream), NodeError> {
        let incarnation = match mend {
            Mend::Give => self.node().incarnation(),
            Mend::Fetch => peer.incarnation,
        };
        let request = ReadRequest {
            namespace: Arc::clone(&peer.namespace),
            incarnation,
            epochs: vec![(part.shard, part.epoch)],
            shards: peer.shards,
            deletes_seen: 0,
            range: part.range,
            matchers,
            want: Want::Samples,
            after: None,
            limit: usize::MAX,
            max_samples: u64::MAX,
        };
        match mend {
            Mend::Give => self.node().read(request).await,
            Mend::Fetch => {
                let transport = self.cluster().transport();
                transport.read(&peer.node, request).await
            }
        }
    }

    /// Gives a peer what the node has, as far as no delete hides it there.
    async fn give(
        &self,
        peer: &Peer,
        part: Part,
        deletes_seen: u64,
        batch: Batch,
    ) -> Result<(), MembershipError> {
        let shard = (part.shard, part.epoch);
        let request = carried(
            &peer.namespace,
            peer.incarnation,
            shard,
            deletes_seen,
            batch,
        );
        let transport = self.cluster().transport();
        let ask = || transport.write(&peer.node, request.clone());
        let reply = ask_behind_deletes(ask, |applied| self.tell(peer, applied)).await?;
        stored(part.shard, &reply)
    }

    /// Tells a peer the deletes that it misses.
    fn tell(&self, peer: &Peer, applied: u64) -> crate::transport::NodeAnswer<u64> {
        let missing = DeleteRequest {
            namespace: Arc::clone(&peer.namespace),
            incarnation: peer.incarnation,
            records: self.node().deletes_behind(&peer.namespace, applied),
        };
        self.cluster().transport().delete(&peer.node, missing)
    }

    async fn own(
        &self,
        peer: &Peer,
        range: TimeRange,
        of: DigestOf,
    ) -> Result<DigestReply, NodeError> {
        let node = self.node();
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
    ) -> Result<DigestReply, NodeError> {
        let (node, namespace) = (self.node(), &peer.namespace);
        let transport = self.cluster().transport();
        let seen = node.deletes_applied(namespace);
        let request = peer.request(peer.incarnation, seen, range, of);
        let ask = || transport.digest(&peer.node, request.clone());
        let theirs = ask_behind_deletes(ask, |applied| self.tell(peer, applied)).await?;
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
            epochs: self.epochs.clone(),
            shards: self.shards,
            deletes_seen,
            range,
            of,
        }
    }
}

fn between(min: i64, max: i64) -> Result<TimeRange, NodeError> {
    TimeRange::inclusive(min, max).map_err(|error| NodeError::Invalid(error.to_string()))
}

/// What two ranges have in common: something.
fn overlap(one: TimeRange, other: TimeRange) -> Result<TimeRange, NodeError> {
    between(one.min().max(other.min()), one.max().min(other.max()))
}
