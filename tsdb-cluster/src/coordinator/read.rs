//! Reading: each shard from as many replicas as the level asks for, merged into one answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, Either, join_all, select};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use tsdb_core::{Labels, Matcher, TimeRange};

use super::coordinator::{Coordinator, Shared};
use super::error::CoordinatorError;
use super::merge::{Merge, MergedSeries, Step};
use super::topology_view::KnownTopology;
use crate::identity::{Epoch, Incarnation, NodeId, ShardId};
use crate::message::{Found, FoundStream, NodeError, ReadReply, ReadRequest, Want};
use crate::node::Refusal;
use crate::topology::{ReadDecision, ReadLevel, ReadVotes, Shard, Slot};

/// How often a read begins anew, as the placement or the deletes changed while it began.
const ATTEMPTS: usize = 16;

/// How long it waits then for a placement that a node knows of already.
const PAUSE: Duration = Duration::from_millis(5);

/// What to read.
#[derive(Clone, Debug)]
pub struct ReadQuery {
    /// The namespace.
    pub namespace: Arc<str>,
    /// When.
    pub range: TimeRange,
    /// Which series.
    pub matchers: Vec<Matcher>,
    /// What of them.
    pub want: Want,
    /// Series, names or values to answer at most.
    pub limit: usize,
    /// Samples that a node answers at most.
    pub max_samples: u64,
    /// How many replicas must be asked; `None` for the coordinator's own level.
    pub level: Option<ReadLevel>,
    /// Which shards; `None` for all.
    pub shards: Option<Arc<[ShardId]>>,
    /// Only series sorted behind this.
    pub after: Option<Labels>,
}

impl ReadQuery {
    /// All samples of all series of a namespace in a range.
    #[must_use]
    pub fn everything(namespace: Arc<str>, range: TimeRange) -> Self {
        Self {
            namespace,
            range,
            matchers: Vec::new(),
            want: Want::Samples,
            limit: usize::MAX,
            max_samples: u64::MAX,
            level: None,
            shards: None,
            after: None,
        }
    }

    fn is_about(&self, id: ShardId) -> bool {
        self.shards
            .as_ref()
            .is_none_or(|shards| shards.contains(&id))
    }
}

/// What whoever reads an answer has to know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning(pub String);

/// What was found.
#[derive(Debug)]
pub struct Answer {
    /// Texts: names or values, sorted; empty where series are wanted.
    pub texts: Vec<Arc<str>>,
    /// Series.
    pub series: SeriesStream,
    /// Whether there is more than the limit allows.
    pub is_truncated: bool,
    /// The newest delete that all who answered have applied.
    pub deletes_seen: u64,
}

/// Series, sorted by labels, each once.
pub struct SeriesStream {
    shared: Arc<Shared>,
    merge: Merge<usize>,
    plan: Plan,
    last: Option<Labels>,
    warnings: BTreeSet<Warning>,
}

impl std::fmt::Debug for SeriesStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SeriesStream")
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

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

/// Whom to ask what, as one placement has it.
struct Plan {
    query: ReadQuery,
    known: Arc<KnownTopology>,
    level: ReadLevel,
    deletes_seen: u64,
    /// Who was asked about which shards, which are sorted.
    asked: Vec<(NodeId, Vec<ShardId>)>,
}

/// An ask that is under way or answered, by its index in the plan.
type Asked = (usize, Result<(ReadReply, FoundStream), NodeError>);

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
            Ok(opened) => return collect(shared, plan, opened).await,
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
struct Opened {
    streams: Vec<(usize, FoundStream)>,
    warnings: BTreeSet<Warning>,
    is_truncated: bool,
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
    fn new(shared: &Shared, query: ReadQuery, known: Arc<KnownTopology>) -> Self {
        Self {
            level: query.level.unwrap_or(shared.options.read_level),
            deletes_seen: shared.deletes.newest(&query.namespace),
            query,
            known,
            asked: Vec::new(),
        }
    }

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
        let mut asks = FuturesUnordered::new();
        let first = votes.iter();
        let first = by_node(first.map(|(id, votes)| (*id, self.first(*id, votes))));
        for (node, shards) in first {
            asks.push(self.ask(shared, node, shards, self.query.after.clone()));
        }
        let opened = Opened {
            streams: Vec::new(),
            warnings: BTreeSet::new(),
            is_truncated: false,
        };
        let mut heard = Heard {
            votes,
            errors: gone,
            applied: BTreeMap::new(),
            is_sealed: false,
            opened,
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
        asks: &mut FuturesUnordered<BoxFuture<'static, Asked>>,
    ) -> Result<Option<Again>, CoordinatorError> {
        let Some((node, shards)) = self.asked.get(index).cloned() else {
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
                warnings.insert(below(self.level, errors));
                Ok(())
            }
            ReadDecision::Undecided | ReadDecision::Impossible => {
                let replicas = self
                    .known
                    .topology
                    .shard(id)
                    .map_or(0, |shard| shard.slots().len());
                Err(CoordinatorError::Consistency {
                    level: self.level.as_str(),
                    successes: votes.successes(),
                    replicas,
                    responded: self.asked.len().saturating_sub(errors.len()),
                    shard: id,
                    errors: errors.to_vec(),
                })
            }
        }
    }

    /// The data folder that a node has, if it is the one that answers for a shard.
    fn incarnation(&self, id: ShardId, node: &NodeId) -> Option<Incarnation> {
        let slots = self.known.topology.shard(id)?.slots();
        let mut members = slots.iter().map(Slot::answering);
        let member = members.find(|member| member.node == *node)?;
        let there = self.known.topology.is_there(member);
        member.incarnation.filter(|_| there)
    }

    /// Asks a node about shards.
    fn ask(
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

    /// Asks one more node about each shard that is not decided, of `only` if given.
    fn ask_spares(
        &mut self,
        shared: &Arc<Shared>,
        votes: &[(ShardId, ReadVotes<'_>)],
        only: Option<&[ShardId]>,
        asks: &mut FuturesUnordered<BoxFuture<'static, Asked>>,
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

    /// Asks nothing of members whose data folder is known to be gone; tells which.
    fn leave_out_gone(&self, votes: &mut [(ShardId, ReadVotes<'_>)]) -> Vec<String> {
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
    fn spare(&self, id: ShardId) -> Option<&NodeId> {
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
}

/// Whether a shard is one of some, which are sorted.
fn is_among(shards: &[ShardId], id: ShardId) -> bool {
    shards.binary_search(&id).is_ok()
}

fn below(level: ReadLevel, errors: &[String]) -> Warning {
    Warning(format!(
        "fewer than a majority of replicas answered, which consistency level {level} takes: acknowledged samples may be missing; errors: [{}]",
        errors.join(" ")
    ))
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

/// What was opened, as an answer: texts are collected, series are left to be read.
async fn collect(
    shared: &Arc<Shared>,
    plan: Plan,
    opened: Opened,
) -> Result<Answer, CoordinatorError> {
    let Opened {
        streams,
        warnings,
        mut is_truncated,
    } = opened;
    let mut merge = Merge::new();
    let mut texts = BTreeSet::new();
    if matches!(plan.query.want, Want::Names | Want::Values(_)) {
        let streams = streams.into_iter().map(async |(_, mut stream)| {
            let mut found = Vec::new();
            while let Some(piece) = stream.next().await {
                found.extend(piece?);
            }
            Ok::<_, NodeError>(found)
        });
        for found in join_all(streams).await {
            let found = found.map_err(|error| {
                CoordinatorError::of_request(&error).unwrap_or(CoordinatorError::Cut(error))
            })?;
            texts.extend(found.into_iter().filter_map(|found| match found {
                Found::Text(text) => Some(text),
                Found::Series(..) => None,
            }));
        }
        is_truncated |= texts.len() > plan.query.limit;
    } else {
        for (index, stream) in streams {
            merge.add(index, stream);
        }
    }
    Ok(Answer {
        texts: texts.into_iter().take(plan.query.limit).collect(),
        deletes_seen: plan.deletes_seen,
        series: SeriesStream {
            shared: Arc::clone(shared),
            merge,
            plan,
            last: None,
            warnings,
        },
        is_truncated,
    })
}

impl SeriesStream {
    /// The next series, as chunks of all replicas that were read: they may overlap.
    ///
    /// # Errors
    /// When a replica failed, and no other can take its place.
    pub async fn next(&mut self) -> Result<Option<MergedSeries>, CoordinatorError> {
        loop {
            match self.merge.next().await {
                Step::Series(series) => {
                    self.last = Some(series.0.clone());
                    return Ok(Some(series));
                }
                Step::End => return Ok(None),
                Step::Failed(failed) => {
                    for (index, error) in failed {
                        self.replace(index, &error).await?;
                    }
                }
            }
        }
    }

    /// What has to be said of what was read so far.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        self.warnings.iter().cloned().collect()
    }

    /// Asks others about what a replica that failed in the middle had not told yet.
    async fn replace(&mut self, index: usize, error: &NodeError) -> Result<(), CoordinatorError> {
        if let Some(error) = CoordinatorError::of_request(error) {
            return Err(error);
        }
        let plan = &mut self.plan;
        let Some((node, shards)) = plan.asked.get(index).cloned() else {
            return Ok(());
        };
        let mut lost = Vec::new();
        let mut spare: BTreeMap<NodeId, Vec<ShardId>> = BTreeMap::new();
        for id in shards {
            match plan.spare(id) {
                Some(other) => spare.entry(other.clone()).or_default().push(id),
                None => lost.push(id),
            }
        }
        let asks: Vec<_> = spare
            .into_iter()
            .map(|(node, shards)| {
                let after = self.last.clone().or_else(|| plan.query.after.clone());
                plan.ask(&self.shared, node, shards, after)
            })
            .collect();
        for (index, answer) in join_all(asks).await {
            match answer {
                Ok((reply, stream)) if reply.refusals.is_empty() => self.merge.add(index, stream),
                _ => lost.extend(plan.asked.get(index).and_then(|(_, shards)| shards.first())),
            }
        }
        let Some(shard) = lost.first() else {
            return Ok(());
        };
        let errors = vec![format!("{node}: {error}")];
        if plan.level == ReadLevel::UnstrictMajority {
            self.warnings.insert(below(plan.level, &errors));
            return Ok(());
        }
        let slots = plan
            .known
            .topology
            .shard(*shard)
            .map_or(0, |shard| shard.slots().len());
        Err(CoordinatorError::Consistency {
            level: plan.level.as_str(),
            successes: plan.level.needed(slots).saturating_sub(1),
            replicas: slots,
            responded: plan.asked.len(),
            shard: *shard,
            errors,
        })
    }
}
