//! How a read begins: replicas are asked, slow and failed ones replaced, until every shard is decided.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{Either, select};

use super::super::coordinator::{Coordinator, Shared};
use super::super::error::CoordinatorError;
use super::answer::Answer;
use super::plan::{Asks, Plan, is_among};
use super::query::ReadQuery;
use super::warning::Warning;
use crate::identity::{NodeId, ShardId};
use crate::message::{FoundStream, NodeError, ReadReply};
use crate::node::Refusal;
use crate::topology::{ReadDecision, ReadVotes, Shard};

/// How often a read begins anew, as the placement or the deletes changed while it began.
const ATTEMPTS: usize = 16;

/// How long it waits then for a placement that a node knows of already.
const PAUSE: Duration = Duration::from_millis(5);

impl Coordinator {
    /// Reads.
    ///
    /// # Errors
    /// When the level cannot be met, and when a limit of the query is reached.
    pub async fn read(&self, query: ReadQuery) -> Result<Answer, CoordinatorError> {
        let read = begin(&self.shared, query);
        self.shared.in_time(|| "a read".to_owned(), read).await
    }
}

/// Why a read begins anew.
enum Again {
    /// The placement is newer.
    Newer(u64),
    /// Deletes were heard of.
    Deletes,
}

async fn begin(shared: &Arc<Shared>, query: ReadQuery) -> Result<Answer, CoordinatorError> {
    let mut known = shared.topology.current().await?;
    let mut attempts = 0;
    loop {
        let mut plan = Plan::new(shared, query.clone(), Arc::clone(&known));
        match plan.open(shared).await? {
            Ok(opened) => return Answer::collect(shared, plan, opened).await,
            Err(again) => {
                attempts += 1;
                if attempts >= ATTEMPTS {
                    return Err(CoordinatorError::Restless { attempts });
                }
                if let Again::Newer(version) = again {
                    known = shared.topology.refresh().await?;
                    if known.version <= version {
                        // The node knows of an epoch that the metadata does not tell of yet.
                        shared.runtime.sleep(PAUSE).await;
                    }
                }
            }
        }
    }
}

/// The streams of those who answered, and what is to be said of them.
#[derive(Default)]
pub(super) struct Opened {
    pub(super) streams: Vec<(usize, FoundStream)>,
    pub(super) warnings: BTreeSet<Warning>,
    pub(super) is_truncated: bool,
}

/// What was heard of a read so far.
struct Heard<'v> {
    votes: Vec<(ShardId, ReadVotes<'v>)>,
    errors: Vec<String>,
    /// The newest delete that each node has applied.
    applied: BTreeMap<NodeId, u64>,
    /// Whether somebody has sealed an epoch.
    is_sealed: bool,
    opened: Opened,
}

impl Heard<'_> {
    fn is_decided(&self) -> bool {
        let is_open = |votes: &ReadVotes<'_>| votes.decision() == ReadDecision::Undecided;
        !self.votes.iter().any(|(_, votes)| is_open(votes))
    }
}

impl Plan {
    /// Asks until every shard is decided.
    async fn open(
        &mut self,
        shared: &Arc<Shared>,
    ) -> Result<Result<Opened, Again>, CoordinatorError> {
        let known = Arc::clone(&self.known);
        let mut votes: Vec<_> = known
            .topology
            .numbered()
            .filter(|(id, _)| self.query.is_about(*id))
            .map(|(id, shard)| (id, ReadVotes::new(shard.slots(), self.level, |_| ())))
            .collect();
        let gone = self.leave_out_gone(&mut votes);
        let mut asks = Asks::new();
        self.ask_first(shared, &votes, &mut asks);
        let mut heard = Heard {
            votes,
            errors: gone,
            applied: BTreeMap::new(),
            is_sealed: false,
            opened: Opened::default(),
        };
        let mut hedge = shared.runtime.sleep(shared.options.hedge_after);
        while !heard.is_decided() {
            let next = match select(asks.next(), hedge).await {
                Either::Left((next, rest)) => {
                    hedge = rest;
                    next
                }
                Either::Right(((), _)) => {
                    hedge = Box::pin(std::future::pending());
                    shared.figures.hedged();
                    self.ask_spares(shared, &heard.votes, None, &mut asks);
                    continue;
                }
            };
            let Some((index, answer)) = next else {
                break;
            };
            if let Some(again) = self.hear(shared, &mut heard, index, answer, &mut asks)? {
                return Ok(Err(again));
            }
        }
        drop(asks);
        if let Some(again) = self.check_deletes(shared, &heard.applied).await? {
            return Ok(Err(again));
        }
        if heard.is_sealed
            && let Some(again) = self.confirm(shared).await?
        {
            return Ok(Err(again));
        }
        for (id, votes) in &heard.votes {
            self.weigh(*id, votes, &heard.errors, &mut heard.opened.warnings)?;
        }
        Ok(Ok(heard.opened))
    }

    /// Counts what a node answered, and asks another where it failed.
    fn hear(
        &mut self,
        shared: &Arc<Shared>,
        heard: &mut Heard<'_>,
        index: usize,
        answer: Result<(ReadReply, FoundStream), NodeError>,
        asks: &mut Asks,
    ) -> Result<Option<Again>, CoordinatorError> {
        let Some((node, shards)) = self.asked(index).cloned() else {
            return Ok(None);
        };
        match answer {
            Ok((reply, stream)) => {
                if let Err(again) = self.judge(&reply, &mut heard.is_sealed) {
                    return Ok(Some(again));
                }
                heard.applied.insert(node.clone(), reply.deletes_applied);
                heard.opened.is_truncated |= reply.is_truncated;
                heard.opened.streams.push((index, stream));
                for (id, votes) in &mut heard.votes {
                    if is_among(&shards, *id)
                        && let Some(incarnation) = self.incarnation(*id, &node)
                    {
                        votes.answered(&node, incarnation);
                    }
                }
            }
            Err(error) => {
                if let Some(error) = CoordinatorError::of_request(&error) {
                    return Err(error);
                }
                heard.errors.push(format!("{node}: {error}"));
                for (id, votes) in &mut heard.votes {
                    if is_among(&shards, *id) {
                        votes.failed(&node);
                    }
                }
                self.ask_spares(shared, &heard.votes, Some(&shards), asks);
            }
        }
        Ok(None)
    }

    /// What a node says of the epochs it was asked in.
    fn judge(&self, reply: &ReadReply, sealed: &mut bool) -> Result<(), Again> {
        for (_, refusal) in &reply.refusals {
            match refusal {
                Refusal::Sealed { .. } => *sealed = true,
                Refusal::Stale { .. } => return Err(Again::Newer(self.known.version)),
            }
        }
        Ok(())
    }

    /// Whether all have applied the same deletes; if not, those that have not are told.
    async fn check_deletes(
        &self,
        shared: &Shared,
        applied: &BTreeMap<NodeId, u64>,
    ) -> Result<Option<Again>, CoordinatorError> {
        let newest = applied.values().max().copied().unwrap_or(0);
        if applied.values().all(|applied| *applied == newest) && newest == self.deletes_seen {
            return Ok(None);
        }
        let namespace = &self.query.namespace;
        if newest > self.deletes_seen {
            let knows = applied.iter().find(|(_, applied)| **applied == newest);
            if let Some((node, _)) = knows {
                shared.learn_deletes(node, namespace).await?;
            }
        }
        let all_have = applied.values().all(|applied| *applied >= newest);
        Ok((!all_have || newest > self.deletes_seen).then_some(Again::Deletes))
    }

    /// Somebody sealed an epoch: the answer holds if the next one was not begun before it.
    async fn confirm(&self, shared: &Shared) -> Result<Option<Again>, CoordinatorError> {
        let now = shared.topology.refresh().await?;
        let same = |(id, shard): (ShardId, &Shard)| {
            let read = self.known.topology.shard(id);
            read.is_some_and(|read| read.epoch() == shard.epoch())
        };
        let mut shards = now
            .topology
            .numbered()
            .filter(|(id, _)| self.query.is_about(*id));
        let holds = shards.all(same);
        Ok((!holds).then_some(Again::Newer(self.known.version)))
    }

    fn weigh(
        &self,
        id: ShardId,
        votes: &ReadVotes<'_>,
        errors: &[String],
        warnings: &mut BTreeSet<Warning>,
    ) -> Result<(), CoordinatorError> {
        match votes.decision() {
            ReadDecision::Reached => Ok(()),
            ReadDecision::ReachedBelowMajority => {
                warnings.insert(Warning::below_majority(self.level, errors));
                Ok(())
            }
            ReadDecision::Undecided | ReadDecision::Impossible => {
                Err(self.missed(id, votes.successes(), errors))
            }
        }
    }
}
