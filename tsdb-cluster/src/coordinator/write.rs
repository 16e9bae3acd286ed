//! Writing: each sample to all replicas of its shard, until enough have it durable in one epoch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_channel::mpsc;
use futures_util::{FutureExt as _, StreamExt as _};
use tsdb_core::AppendReport;

use super::coordinator::{Coordinator, Shared};
use super::error::CoordinatorError;
use super::topology_view::KnownTopology;
use super::untold;
use crate::batch::Batch;
use crate::identity::{Epoch, Incarnation, NodeId, ShardId};
use crate::message::{Absent, NodeError, Origin, ShardVerdict, WriteReply, WriteRequest};
use crate::node::Refusal;
use crate::rules::{Rule, Rules};
use crate::runtime::within;
use crate::topology::{Slot, WriteDecision, WriteLevel, WriteVotes};

/// What became of a write that was acknowledged.
#[derive(Clone, Debug, Default)]
pub struct WriteOutcome {
    /// What was refused, by any replica. The rest has as many copies as the level asks for.
    pub report: AppendReport,
}

/// What a node answered to one attempt.
type Heard = (NodeId, Incarnation, Result<WriteReply, NodeError>);

impl Coordinator {
    /// Writes at the level of the coordinator.
    ///
    /// # Errors
    /// When the level was not met for some shard: samples may or may not be stored then, and
    /// writing them again does no harm.
    pub async fn write(
        &self,
        namespace: &Arc<str>,
        batch: Arc<Batch>,
    ) -> Result<WriteOutcome, CoordinatorError> {
        self.write_at(namespace, batch, self.shared.options.write_level)
            .await
    }

    /// Writes at a level of the caller's choice.
    ///
    /// # Errors
    /// As [`Coordinator::write`].
    pub async fn write_at(
        &self,
        namespace: &Arc<str>,
        batch: Arc<Batch>,
        level: WriteLevel,
    ) -> Result<WriteOutcome, CoordinatorError> {
        let what = || format!("a write at consistency level {level}");
        let write = write(&self.shared, namespace, batch, level);
        let written = self.shared.in_time(what, write).await;
        self.shared.figures.written(&written);
        written
    }
}

async fn write(
    shared: &Arc<Shared>,
    namespace: &Arc<str>,
    batch: Arc<Batch>,
    level: WriteLevel,
) -> Result<WriteOutcome, CoordinatorError> {
    let mut report = AppendReport::default();
    let mut known = shared.topology.current().await?;
    let mut open = shards_of(&batch, known.topology.shards().len());
    while !open.is_empty() {
        let mut attempt = Attempt::new(&known, &open, level, shared.options.rules)?;
        attempt.run(shared, &known, namespace, &batch).await?;
        open = attempt.again();
        report = joined(report, attempt.reports);
        if attempt.is_outdated {
            known = newer(shared, &known).await?;
        }
    }
    Ok(WriteOutcome { report })
}

/// The shards of a batch, most of which are among so many.
fn shards_of(batch: &Batch, count: usize) -> BTreeSet<ShardId> {
    let mut is_of_it = vec![false; count];
    let mut strange = BTreeSet::new();
    for id in batch.shards() {
        match is_of_it.get_mut(index_of(id)) {
            Some(is_of_it) => *is_of_it = true,
            None => drop(strange.insert(id)),
        }
    }
    let numbered = (0..).zip(is_of_it).filter(|(_, is_of_it)| *is_of_it);
    strange.extend(numbered.map(|(id, _)| id));
    strange
}

/// Where something of a shard stands in a list of all.
fn index_of(shard: ShardId) -> usize {
    usize::try_from(shard).unwrap_or(usize::MAX)
}

/// A placement that is newer than `known`, waited for: somebody is about to change it.
async fn newer(
    shared: &Shared,
    known: &Arc<KnownTopology>,
) -> Result<Arc<KnownTopology>, CoordinatorError> {
    let mut changes = shared.topology.changes();
    let mut pause = Duration::from_millis(5);
    loop {
        let read = match shared
            .topology
            .known()
            .filter(|own| own.version > known.version)
        {
            Some(newer) => Ok(newer),
            None => shared.topology.refresh().await,
        };
        match read {
            Ok(read) if read.version > known.version => return Ok(read),
            Err(CoordinatorError::NoPlacement) => return Err(CoordinatorError::NoPlacement),
            // Not there yet, or the metadata is away: what the request may take decides.
            _ => {}
        }
        let _ended = within(&*shared.runtime, pause, changes.changed()).await;
        pause = (pause * 2).min(Duration::from_millis(200));
    }
}

/// One shard of an attempt.
struct Open<'a> {
    votes: WriteVotes<'a>,
    epoch: Epoch,
    slots: &'a [Slot],
    /// It is to be written again, in a newer epoch or behind a delete.
    is_over: bool,
    responded: usize,
    errors: Vec<String>,
}

/// A write to the replicas of some shards, as one placement has them.
struct Attempt<'a> {
    level: WriteLevel,
    open: BTreeMap<ShardId, Open<'a>>,
    /// Whether a newer placement is needed.
    is_outdated: bool,
    reports: Vec<AppendReport>,
}

/// What is meant for one node.
struct Share {
    node: NodeId,
    incarnation: Incarnation,
    epochs: Vec<(ShardId, Epoch)>,
    places: Vec<usize>,
}

impl Share {
    fn new(node: NodeId, incarnation: Incarnation) -> Self {
        Self {
            node,
            incarnation,
            epochs: Vec::new(),
            places: Vec::new(),
        }
    }

    /// What another share's node has to remember of it; nothing where they have no shard in common.
    fn absent_of(&self, other: &Self) -> Option<Absent> {
        // Both are sorted.
        let is_common = |one: &&(ShardId, Epoch)| other.epochs.binary_search(one).is_ok();
        let own = self.epochs.iter().filter(is_common);
        let shards: Vec<ShardId> = own.map(|(shard, _)| *shard).collect();
        (!shards.is_empty()).then(|| Absent {
            node: self.node.clone(),
            incarnation: self.incarnation,
            shards,
        })
    }
}

impl<'a> Attempt<'a> {
    fn new(
        known: &'a KnownTopology,
        shards: &BTreeSet<ShardId>,
        level: WriteLevel,
        rules: Rules,
    ) -> Result<Self, CoordinatorError> {
        let counted = match rules.hold(Rule::Quorum) {
            true => level,
            false => WriteLevel::One,
        };
        let mut open = BTreeMap::new();
        for id in shards {
            let shard = known.topology.shard(*id).ok_or_else(|| {
                let there_are = known.topology.shards().len();
                CoordinatorError::Invalid(format!("there is no shard {id} of {there_are}"))
            })?;
            let slots = shard.slots();
            open.insert(
                *id,
                Open {
                    votes: WriteVotes::new(slots, counted),
                    epoch: shard.epoch(),
                    slots,
                    is_over: false,
                    responded: 0,
                    errors: Vec::new(),
                },
            );
        }
        Ok(Self {
            level,
            open,
            is_outdated: false,
            reports: Vec::new(),
        })
    }

    /// Sends, and listens until every shard is decided.
    async fn run(
        &mut self,
        shared: &Arc<Shared>,
        known: &KnownTopology,
        namespace: &Arc<str>,
        batch: &Arc<Batch>,
    ) -> Result<(), CoordinatorError> {
        let deletes_seen = shared.deletes.newest(namespace);
        let (sender, mut heard) = mpsc::unbounded();
        let (mut shares, mut away) = (Vec::new(), Vec::new());
        for share in self.shares(known, batch) {
            match shared.transport.refusal(&share.node) {
                None => shares.push(share),
                Some(error) => away.push((share, error)),
            }
        }
        for share in shares {
            let absent = away.iter().filter_map(|(away, _)| away.absent_of(&share));
            let absent = absent.collect();
            let Share {
                node, incarnation, ..
            } = share;
            let request = WriteRequest {
                namespace: Arc::clone(namespace),
                incarnation,
                epochs: share.epochs,
                deletes_seen,
                origin: Origin::Writer,
                batch: Arc::clone(batch),
                places: share.places,
                absent,
            };
            send(shared, node, request, sender.clone());
        }
        drop(sender);
        for (share, error) in away {
            self.hear(&share.node, share.incarnation, Err(error))?;
        }
        while !self.is_decided() {
            // A slow node still gets its share once the others have decided.
            let Some((node, incarnation, answer)) = heard.next().await else {
                break;
            };
            if let Err(NodeError::DeletesUnseen { applied }) = &answer
                && shared.deletes.newest(namespace) < *applied
            {
                shared.learn_deletes(&node, namespace).await?;
            }
            self.hear(&node, incarnation, answer)?;
        }
        self.fail_the_rest()
    }

    /// What each node gets. Members whose data folder is known to be gone get nothing.
    fn shares(&mut self, known: &KnownTopology, batch: &Batch) -> Vec<Share> {
        let mut shares: Vec<Share> = Vec::new();
        let mut shares_of = vec![Vec::new(); known.topology.shards().len()];
        for (id, open) in &mut self.open {
            let Some(own) = shares_of.get_mut(index_of(*id)) else {
                continue;
            };
            for member in open.slots.iter().flat_map(Slot::members) {
                let there = known.topology.is_there(member);
                let Some(incarnation) = member.incarnation.filter(|_| there) else {
                    continue;
                };
                let found = shares.iter().position(|share| share.node == member.node);
                let at = found.unwrap_or(shares.len());
                if found.is_none() {
                    shares.push(Share::new(member.node.clone(), incarnation));
                }
                if let Some(share) = shares.get_mut(at) {
                    share.epochs.push((*id, open.epoch));
                    own.push(at);
                }
            }
            let is_asked = |node: &NodeId| {
                let mut own = own.iter().filter_map(|at| shares.get(*at));
                own.any(|share| share.node == *node)
            };
            let lost: Vec<_> = open.votes.nodes().filter(|node| !is_asked(node)).collect();
            for node in lost {
                open.votes.failed(node);
                open.errors.push(format!("{node}: its data folder is gone"));
            }
        }
        for (place, series) in batch.series().iter().enumerate() {
            let own = shares_of.get(index_of(series.entry.shard));
            for at in own.into_iter().flatten() {
                if let Some(share) = shares.get_mut(*at) {
                    share.places.push(place);
                }
            }
        }
        shares
    }

    fn is_decided(&self) -> bool {
        let is_decided =
            |open: &Open<'_>| open.is_over || open.votes.decision() != WriteDecision::Undecided;
        self.open.values().all(is_decided)
    }

    /// Counts what a node answered.
    fn hear(
        &mut self,
        node: &NodeId,
        incarnation: Incarnation,
        answer: Result<WriteReply, NodeError>,
    ) -> Result<(), CoordinatorError> {
        match answer {
            Ok(reply) => {
                for (shard, verdict) in reply.shards {
                    self.count(shard, node, incarnation, verdict);
                }
                self.reports.push(reply.report);
            }
            Err(error) => {
                if let Some(error) = CoordinatorError::of_request(&error) {
                    return Err(error);
                }
                let is_behind = matches!(error, NodeError::DeletesUnseen { .. });
                for open in self.open.values_mut() {
                    let is_of_it = open.votes.nodes().any(|asked| asked == node);
                    if is_of_it {
                        open.is_over |= is_behind;
                        open.votes.failed(node);
                        open.responded += usize::from(!matches!(error, NodeError::Unreachable(_)));
                        open.errors.push(format!("{node}: {error}"));
                    }
                }
            }
        }
        Ok(())
    }

    fn count(
        &mut self,
        shard: ShardId,
        node: &NodeId,
        incarnation: Incarnation,
        verdict: ShardVerdict,
    ) {
        let Some(open) = self.open.get_mut(&shard) else {
            return;
        };
        open.responded += 1;
        match verdict {
            ShardVerdict::Stored => open.votes.acked(node, incarnation),
            ShardVerdict::Refused(refusal) => {
                open.votes.failed(node);
                open.errors.push(format!("{node}: {refusal}"));
                let is_newer = match refusal {
                    Refusal::Stale { epoch } => epoch > open.epoch,
                    Refusal::Sealed { .. } => true,
                };
                if is_newer && open.votes.decision() != WriteDecision::Reached {
                    open.is_over = true;
                    self.is_outdated = true;
                }
            }
        }
    }

    /// The shards to write again.
    fn again(&self) -> BTreeSet<ShardId> {
        let again = self.open.iter().filter(|(_, open)| open.is_over);
        again.map(|(id, _)| *id).collect()
    }

    /// An error for the first shard that is lost.
    fn fail_the_rest(&mut self) -> Result<(), CoordinatorError> {
        for (id, open) in &mut self.open {
            if open.is_over || open.votes.decision() == WriteDecision::Reached {
                continue;
            }
            return Err(CoordinatorError::Consistency {
                level: self.level.as_str(),
                successes: open.votes.successes(),
                replicas: open.slots.len(),
                responded: open.responded,
                shard: *id,
                errors: std::mem::take(&mut open.errors),
            });
        }
        Ok(())
    }
}

/// Sends a request on a task of its own, which goes on when nobody listens any more.
fn send(
    shared: &Arc<Shared>,
    node: NodeId,
    request: WriteRequest,
    answers: mpsc::UnboundedSender<Heard>,
) {
    let task = {
        let shared = Arc::clone(shared);
        async move {
            let incarnation = request.incarnation;
            let namespace = Arc::clone(&request.namespace);
            let ask = || shared.transport.write(&node, request.clone());
            let answer = shared
                .with_deletes(&node, incarnation, &namespace, ask)
                .await;
            untold::hear(&shared, &node, &request, &answer);
            // Nobody listens any more where this fails: the write is decided.
            drop(answers.unbounded_send((node, incarnation, answer)));
        }
    };
    shared.runtime.spawn(task.boxed());
}

/// What several replicas refused, as one report: whatever any of them refused.
fn joined(mut all: AppendReport, reports: Vec<AppendReport>) -> AppendReport {
    let is_listed = |report: &AppendReport| report.rejected.len() < AppendReport::MAX_LISTED;
    let are_listed = reports.iter().all(is_listed);
    for report in reports {
        all.appended = all.appended.max(report.appended);
        all.appended_histograms = all.appended_histograms.max(report.appended_histograms);
        all.appended_exemplars = all.appended_exemplars.max(report.appended_exemplars);
        all.dropped_exemplars = all.dropped_exemplars.max(report.dropped_exemplars);
        if !are_listed {
            // Which of them are the same is not known: rather too many than too few.
            all.rejected_samples += report.rejected_samples;
            all.rejected_series += report.rejected_series;
            all.rejected_exemplars += report.rejected_exemplars;
            continue;
        }
        // Of a series that is refused as a whole each of its samples is listed.
        all.rejected_series = all.rejected_series.max(report.rejected_series);
        for rejected in report.rejected {
            let same = |other: &tsdb_core::Rejected| {
                (&other.series, other.timestamp) == (&rejected.series, rejected.timestamp)
            };
            if !all.rejected.iter().any(same) {
                all.reject(rejected.samples, false, || rejected);
            }
        }
    }
    all
}
