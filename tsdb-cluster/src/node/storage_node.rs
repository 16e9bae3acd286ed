//! The node: requests in, answers out.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures_channel::oneshot;
use tsdb_core::{
    AppendReport, CommitTicket, Db, ErrorKind, MetricMetadata, Namespace, ShardSet, WriteBatch,
};

use super::deletes::{DeleteRecord, Deletes, Writing};
use super::digests;
use super::epochs::{Admission, Epochs, Refusal};
use super::marks::{Marks, WINDOW_MS};
use super::reading;
use super::records::Records;
use super::rounds::Rounds;
use crate::identity::{Epoch, Incarnation, ShardId};
use crate::message::{
    Absent, Backlog, DeleteRequest, DigestReply, DigestRequest, FoundStream, MarkRequest, Missed,
    NodeError, NodeStatus, Origin, ReadReply, ReadRequest, ShardVerdict, WriteReply, WriteRequest,
};
use crate::rules::{Rule, Rules};
use crate::storage::{Lane, SharedStorage, with_db};

/// When to come back to a node that has too much to do.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A storage node. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Node {
    storage: SharedStorage,
    incarnation: Incarnation,
    epochs: Epochs,
    deletes: Deletes,
    marks: Marks,
    rounds: Rounds,
    records: Records,
    rules: Rules,
}

impl Node {
    /// The node of an open database, with all that it promised before. `fresh` names the data
    /// folder if it has no name yet.
    ///
    /// # Errors
    /// When the database cannot be read, or was written by another version.
    pub async fn open(storage: SharedStorage, fresh: Incarnation) -> Result<Self, NodeError> {
        let read = move |db: &Db| {
            let incarnation = Records::incarnation(db, fresh)?;
            let promised = (Records::epochs(db)?, Records::deletes(db)?);
            Ok((incarnation, promised, Records::marks(db)?))
        };
        let (incarnation, (epochs, deletes), marks) = with_db(&*storage, Lane::Write, read).await?;
        let deletes =
            Deletes::new(deletes).map_err(|error| NodeError::Failed(error.to_string()))?;
        Ok(Self {
            storage,
            incarnation,
            epochs: Epochs::new(epochs),
            deletes,
            marks: Marks::new(marks, WINDOW_MS),
            rounds: Rounds::default(),
            records: Records::default(),
            rules: Rules::default(),
        })
    }

    /// The same, under other rules.
    #[cfg(feature = "testkit")]
    #[must_use]
    pub fn with_rules(self, rules: Rules) -> Self {
        Self {
            epochs: self.epochs.with_rules(rules),
            rules,
            ..self
        }
    }

    /// The same, with marks for windows of another length.
    #[cfg(feature = "testkit")]
    #[must_use]
    pub fn with_windows(self, window_ms: i64) -> Self {
        Self {
            marks: self.marks.with_windows(window_ms),
            ..self
        }
    }

    /// Its comparisons of all shards with all other replicas.
    #[must_use]
    pub fn rounds(&self) -> &Rounds {
        &self.rounds
    }

    /// What other replicas miss of that which it has.
    #[must_use]
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// Its data folder.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    pub(super) fn rules(&self) -> Rules {
        self.rules
    }

    pub(super) fn storage(&self) -> &SharedStorage {
        &self.storage
    }

    pub(super) fn epochs(&self) -> &Epochs {
        &self.epochs
    }

    pub(super) fn records(&self) -> Records {
        self.records.clone()
    }

    /// What it has promised.
    #[must_use]
    pub fn status(&self) -> NodeStatus {
        NodeStatus {
            incarnation: self.incarnation,
            shards: self.epochs.states().into_iter().collect(),
            deletes: self.deletes.newest(),
            // The rest is known by whoever repairs and copies.
            backlog: Backlog {
                hints: self.marks.backlog(),
                rounds: self.rounds.ended(),
                ..Backlog::default()
            },
        }
    }

    /// Stores samples: they are durable when it answers, in the epoch that the request names.
    ///
    /// # Errors
    /// When nothing is stored.
    pub async fn write(&self, request: WriteRequest) -> Result<WriteReply, NodeError> {
        self.check(request.incarnation)?;
        self.go_on_to(&request.epochs).await?;
        let seen = match self.rules.hold(Rule::Deletes) {
            true => request.deletes_seen,
            false => self.deletes.applied(&request.namespace),
        };
        let writing = self.deletes.write(&request.namespace, seen).await;
        let writing = writing.map_err(|applied| NodeError::DeletesMissing { applied })?;
        if request.origin == Origin::Writer && writing.applied() > seen {
            let applied = writing.applied();
            return Err(NodeError::DeletesUnseen { applied });
        }
        let mut shards = Vec::with_capacity(request.epochs.len());
        let mut admissions = Vec::with_capacity(request.epochs.len());
        for &(shard, epoch) in &request.epochs {
            let admitted = self.epochs.admit(shard, epoch);
            shards.push((
                shard,
                match &admitted {
                    Ok(_) => ShardVerdict::Stored,
                    Err(refusal) => ShardVerdict::Refused(*refusal),
                },
            ));
            admissions.extend(admitted);
        }
        if admissions.is_empty() {
            let report = AppendReport::default();
            return Ok(WriteReply { shards, report });
        }
        let (namespace, missed) = (Arc::clone(&request.namespace), missed(&request, &shards));
        let report = self.append(request, &shards, writing, admissions).await?;
        // Behind the samples: whoever settles a mark that was there before finds them.
        self.note(&namespace, &missed).await?;
        Ok(WriteReply { shards, report })
    }

    /// Notes what other replicas miss of the shards that it is in an epoch of: durably so when it
    /// answers. Answers these shards.
    ///
    /// # Errors
    /// When it has no such namespace, and when there are more marks than a cluster can have.
    pub async fn mark(&self, request: MarkRequest) -> Result<Vec<ShardId>, NodeError> {
        self.check(request.incarnation)?;
        let namespace = Arc::clone(&request.namespace);
        let exists = move |db: &Db| find(db, &namespace).map(drop);
        with_db(&*self.storage, Lane::Read, exists).await?;
        let held = self.epochs.states();
        let is_held = |id: &ShardId| held.get(id).is_some_and(|state| !state.is_empty);
        let mut taken = BTreeSet::new();
        let mut missed = request.missed;
        for one in &mut missed {
            one.shards.retain(|(id, _)| is_held(id));
            taken.extend(one.shards.iter().map(|(id, _)| *id));
        }
        self.note(&request.namespace, &missed).await?;
        Ok(taken.into_iter().collect())
    }

    /// Notes durably what replicas miss.
    async fn note(&self, namespace: &Arc<str>, missed: &[Missed]) -> Result<(), NodeError> {
        if missed.is_empty() {
            return Ok(());
        }
        let noted = self.marks.note(namespace, missed);
        match noted.map_err(|error| NodeError::Failed(error.to_string()))? {
            Some(change) => self.keep_marks(change).await,
            None => Ok(()),
        }
    }

    /// Keeps the marks up to a change.
    pub(super) async fn keep_marks(&self, change: u64) -> Result<(), NodeError> {
        let (records, marks) = (self.records.clone(), self.marks.clone());
        let keep = move |db: &Db| records.keep_marks(db, &marks, change);
        with_db(&*self.storage, Lane::Write, keep).await
    }

    /// Appends what was admitted, and waits until it is durable. The admissions last as long, even
    /// if the caller is gone.
    async fn append(
        &self,
        request: WriteRequest,
        shards: &[(ShardId, ShardVerdict)],
        writing: Writing,
        admissions: Vec<Admission>,
    ) -> Result<AppendReport, NodeError> {
        let (sender, durable) = oneshot::channel();
        let stored = |(shard, verdict): &(ShardId, ShardVerdict)| {
            (*verdict == ShardVerdict::Stored).then_some(*shard)
        };
        let mut admitted: Vec<ShardId> = shards.iter().filter_map(stored).collect();
        admitted.sort_unstable();
        let rules = self.rules;
        let work = move |db: Result<&Db, NodeError>| {
            let held = (writing, admissions);
            let appended = db.and_then(|db| append(db, &request, &admitted, &held.0));
            match appended {
                Err(error) => drop(sender.send(Err(error))),
                Ok((report, tickets)) => {
                    if !rules.hold(Rule::Sync) {
                        // Nobody waits any more where this fails.
                        drop(sender.send(Ok(report)));
                        return;
                    }
                    CommitTicket::on_all(tickets, move |committed| {
                        drop(held);
                        let failed = |error: tsdb_core::Error| failure(&error);
                        let answer = committed
                            .map(|()| report)
                            .map_err(|error| failed(error.into()));
                        // Nobody waits any more where this fails.
                        drop(sender.send(answer));
                    });
                }
            }
        };
        self.storage.run(Lane::Append, Box::new(work));
        let lost = || NodeError::Failed("the write was lost: see the node's log".to_owned());
        durable.await.unwrap_or_else(|_| Err(lost()))
    }

    /// Takes no more writes of `epoch` of a shard: durably so when it answers, and what was
    /// acknowledged before is durable.
    ///
    /// # Errors
    /// The refusal, when the node is in a newer epoch already.
    pub async fn seal(
        &self,
        incarnation: Incarnation,
        shards: &[(ShardId, Epoch)],
    ) -> Result<Vec<(ShardId, Result<(), Refusal>)>, NodeError> {
        self.check(incarnation)?;
        // Whoever reads in this epoch meanwhile misses no write of one before.
        self.go_on_to(shards).await?;
        let mut sealed = Vec::with_capacity(shards.len());
        for &(shard, epoch) in shards {
            sealed.push((shard, self.epochs.seal(shard, epoch).await));
        }
        let (records, epochs) = (self.records.clone(), self.epochs.clone());
        let keep = move |db: &Db| records.keep(db, &epochs);
        with_db(&*self.storage, Lane::Write, keep).await?;
        Ok(sealed)
    }

    /// Applies deletes that were not applied yet, in their order: durably so when it answers.
    ///
    /// # Errors
    /// When some are missing before them, or the database refuses.
    pub async fn delete(&self, request: DeleteRequest) -> Result<u64, NodeError> {
        self.check(request.incarnation)?;
        let namespace = request.namespace;
        let applying = self.deletes.apply(&namespace, request.records).await;
        let applying = applying.map_err(|error| NodeError::Invalid(error.to_string()))?;
        let apply = move |db: &Db| {
            let own = find(db, &namespace)?;
            for mask in applying.masks() {
                let deleted = match mask.matchers() {
                    [] => own.delete_all_series(mask.range()),
                    matchers => own.delete(mask.range(), matchers),
                };
                deleted.map_err(|error| failure(&error))?;
            }
            if !applying.masks().is_empty() {
                Records::keep_deletes(db, &namespace, &applying.kept())?;
            }
            Ok(applying.finish())
        };
        with_db(&*self.storage, Lane::Write, apply).await
    }

    /// The newest delete that was applied to a namespace; 0 if none was.
    pub(super) fn deletes_applied(&self, namespace: &str) -> u64 {
        self.deletes.applied(namespace)
    }

    /// The deletes behind `sequence` that were applied to a namespace.
    #[must_use]
    pub fn deletes_behind(&self, namespace: &str, sequence: u64) -> Vec<DeleteRecord> {
        self.deletes.behind(namespace, sequence)
    }

    /// Finds what a reader wants. What it has to know beside, comes first; the stream is of what
    /// was there when this answered, or later.
    ///
    /// # Errors
    /// When the node has not applied deletes that the reader had seen, and when it cannot read.
    pub async fn read(&self, request: ReadRequest) -> Result<(ReadReply, FoundStream), NodeError> {
        self.check(request.incarnation)?;
        let applied = self.has_applied(&request.namespace, request.deletes_seen)?;
        let refusals = self.look(&request.epochs).await?;
        let (found, is_truncated) = reading::find(Arc::clone(&self.storage), request).await?;
        let reply = ReadReply {
            refusals,
            deletes_applied: applied,
            is_truncated,
        };
        Ok((reply, found))
    }

    /// What it holds, for another replica to compare.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn digest(&self, request: DigestRequest) -> Result<DigestReply, NodeError> {
        self.check(request.incarnation)?;
        let deletes_applied = self.has_applied(&request.namespace, request.deletes_seen)?;
        let refusals = self.look(&request.epochs).await?;
        let digest = move |db: &Db| digests::digest(db, &request);
        let (windows, series) = with_db(&*self.storage, Lane::Read, digest).await?;
        Ok(DigestReply {
            refusals,
            deletes_applied,
            windows,
            series,
        })
    }

    /// The newest delete that was applied: all that the asker had seen.
    fn has_applied(&self, namespace: &str, seen: u64) -> Result<u64, NodeError> {
        let applied = self.deletes.applied(namespace);
        match applied < seen {
            true => Err(NodeError::DeletesMissing { applied }),
            false => Ok(applied),
        }
    }

    /// What a reader has to know of the epochs it names, after the node has gone on to them.
    async fn look(
        &self,
        epochs: &[(ShardId, Epoch)],
    ) -> Result<Vec<(ShardId, Refusal)>, NodeError> {
        self.go_on_to(epochs).await?;
        let look = |&(shard, epoch): &(ShardId, Epoch)| {
            Some((shard, self.epochs.look(shard, epoch).err()?))
        };
        Ok(epochs.iter().filter_map(look).collect())
    }

    fn check(&self, meant: Incarnation) -> Result<(), NodeError> {
        let actual = self.incarnation;
        match meant == actual || !self.rules.hold(Rule::Incarnation) {
            true => Ok(()),
            false => Err(NodeError::OtherIncarnation { actual }),
        }
    }

    /// Only the placement gives epochs, and not before the one before is sealed by enough: whoever
    /// names a newer one knows better.
    async fn go_on_to(&self, named: &[(ShardId, Epoch)]) -> Result<(), NodeError> {
        if !self.epochs.newer(named) {
            return Ok(());
        }
        self.epochs.leave(named).await;
        let (records, epochs, named) = (self.records.clone(), self.epochs.clone(), named.to_vec());
        let raise = move |db: &Db| records.raise(db, &epochs, &named);
        with_db(&*self.storage, Lane::Write, raise).await
    }
}

/// What absent replicas miss of the shards that a request stores.
fn missed(request: &WriteRequest, shards: &[(ShardId, ShardVerdict)]) -> Vec<Missed> {
    if request.absent.is_empty() {
        return Vec::new();
    }
    let times = request.batch.times(request.places.iter().copied());
    let stored = shards
        .iter()
        .filter(|(_, verdict)| *verdict == ShardVerdict::Stored);
    let all: BTreeSet<ShardId> = stored.map(|(id, _)| *id).collect();
    let of = |absent: &Absent| {
        let stored = absent.shards.iter().filter(|id| all.contains(id));
        Missed {
            node: absent.node.clone(),
            incarnation: absent.incarnation,
            shards: stored
                .filter_map(|id| Some((*id, *times.get(id)?)))
                .collect(),
        }
    };
    request.absent.iter().map(of).collect()
}

/// Appends the series of the shards that were admitted, which are sorted, and keeps what is said of
/// their metrics; what has to be waited for.
fn append(
    db: &Db,
    request: &WriteRequest,
    admitted: &[ShardId],
    writing: &Writing,
) -> Result<(AppendReport, Vec<CommitTicket>), NodeError> {
    let namespace = find(db, &request.namespace)?;
    let series = request.batch.series();
    let is_admitted = |place: &usize| {
        let entry = series.get(*place);
        entry.is_some_and(|series| admitted.binary_search(&series.entry.shard).is_ok())
    };
    let places = request.places.iter().copied().filter(is_admitted);
    let unseen: Vec<_> = writing.unseen().collect();
    let mut batch = WriteBatch::new();
    if request.origin == Origin::Replica {
        batch.mark_copied();
    }
    request.batch.fill(
        places,
        |labels, timestamp| {
            let hides =
                |mask: &&super::Mask| mask.range().contains(timestamp) && mask.matches(labels);
            unseen.iter().any(hides)
        },
        &mut batch,
    );
    let mut tickets = Vec::new();
    let mut report = AppendReport::default();
    let of_admitted =
        |(shard, _): &&(ShardId, MetricMetadata)| admitted.binary_search(shard).is_ok();
    let metadata = request.batch.all_metadata().iter().filter(of_admitted);
    let metadata: Vec<_> = metadata.map(|(_, metadata)| metadata.clone()).collect();
    if metadata.is_empty() || !request.places.is_empty() {
        let appended = namespace.append(&batch).map_err(|error| failure(&error))?;
        report = appended.report;
        tickets.push(appended.ticket);
    }
    if !metadata.is_empty() {
        let kept = namespace.set_metadata(&metadata);
        tickets.push(kept.map_err(|error| failure(&error))?);
    }
    Ok((report, tickets))
}

/// The namespace of this name.
pub(super) fn find(db: &Db, name: &Arc<str>) -> Result<Namespace, NodeError> {
    db.find(name)
        .ok_or_else(|| NodeError::NoNamespace(Arc::clone(name)))
}

/// Some of so many shards, as the engine takes them.
pub(super) fn shard_set(
    of: NonZeroU32,
    shards: impl Iterator<Item = ShardId>,
) -> Result<ShardSet, NodeError> {
    ShardSet::new(of, shards).map_err(|error| NodeError::Invalid(error.to_string()))
}

/// How an error of the database is told to another machine.
pub(super) fn failure(error: &tsdb_core::Error) -> NodeError {
    match error.kind() {
        ErrorKind::InvalidInput => NodeError::Invalid(error.to_string()),
        ErrorKind::Limit => NodeError::Limit(error.to_string()),
        ErrorKind::Backpressure => NodeError::Busy {
            reason: error.to_string(),
            retry_after: RETRY_AFTER,
        },
        _ => NodeError::Failed(error.to_string()),
    }
}
