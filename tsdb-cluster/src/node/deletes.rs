//! The deletes that a node has applied, in their one order, and who may write meanwhile.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event_listener::Event;
use serde::{Deserialize, Serialize};
use tsdb_core::{Labels, MatchOp, Matcher, MatcherError, TimeRange, TimeRangeError};

/// A delete, as the cluster keeps it: all deletes of a namespace have one order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteRecord {
    /// Its place in the order; the first is 1.
    pub sequence: u64,
    /// First timestamp that it hides, in milliseconds since the epoch.
    pub min_time: i64,
    /// Last timestamp that it hides.
    pub max_time: i64,
    /// What series it hides: those that match all of them; all, if there are none.
    pub matchers: Vec<MatcherRecord>,
}

/// A condition on a label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MatcherRecord {
    /// The label.
    pub name: String,
    /// `=`, `!=`, `=~` or `!~`.
    pub op: String,
    /// The value or the regular expression.
    pub value: String,
}

impl MatcherRecord {
    /// Of a matcher.
    #[must_use]
    pub fn of(matcher: &Matcher) -> Self {
        Self {
            name: matcher.name().to_owned(),
            op: matcher.op().as_str().to_owned(),
            value: matcher.value().to_owned(),
        }
    }
}

/// Why a record cannot be applied: it was not made by a node of this version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeleteRecordError {
    /// There is no such comparison.
    #[error("delete {sequence}: no comparison is written {op:?}")]
    Op {
        /// Which delete.
        sequence: u64,
        /// What is written.
        op: String,
    },
    /// The expression does not parse.
    #[error("delete {sequence}: {error}")]
    Matcher {
        /// Which delete.
        sequence: u64,
        /// Why.
        error: MatcherError,
    },
    /// It ends before it begins.
    #[error("delete {sequence}: {error}")]
    Range {
        /// Which delete.
        sequence: u64,
        /// Why.
        error: TimeRangeError,
    },
}

impl DeleteRecord {
    /// What it hides: where and when.
    ///
    /// # Errors
    /// When it is none of ours.
    pub fn parse(&self) -> Result<(TimeRange, Vec<Matcher>), DeleteRecordError> {
        let sequence = self.sequence;
        let range = TimeRange::inclusive(self.min_time, self.max_time)
            .map_err(|error| DeleteRecordError::Range { sequence, error })?;
        let one = |matcher: &MatcherRecord| {
            let all = [
                MatchOp::Equal,
                MatchOp::NotEqual,
                MatchOp::Regex,
                MatchOp::NotRegex,
            ];
            let op = all.into_iter().find(|op| op.as_str() == matcher.op);
            let op = op.ok_or_else(|| DeleteRecordError::Op {
                sequence,
                op: matcher.op.clone(),
            })?;
            let made = Matcher::new(op, matcher.name.as_str(), matcher.value.as_str());
            made.map_err(|error| DeleteRecordError::Matcher { sequence, error })
        };
        let matchers: Result<_, _> = self.matchers.iter().map(one).collect();
        Ok((range, matchers?))
    }
}

/// A delete, ready to say what it hides.
#[derive(Clone, Debug)]
pub struct Mask {
    record: DeleteRecord,
    range: TimeRange,
    matchers: Vec<Matcher>,
}

impl Mask {
    /// # Errors
    /// When the record is none of ours.
    pub fn new(record: DeleteRecord) -> Result<Self, DeleteRecordError> {
        let (range, matchers) = record.parse()?;
        Ok(Self {
            record,
            range,
            matchers,
        })
    }

    /// Its place in the order of deletes.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.record.sequence
    }

    /// Whether it is about a series.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        Matcher::all_match(&self.matchers, labels)
    }

    /// When it hides.
    #[must_use]
    pub fn range(&self) -> TimeRange {
        self.range
    }

    /// What it hides.
    #[must_use]
    pub fn matchers(&self) -> &[Matcher] {
        &self.matchers
    }
}

/// The deletes that a node has applied. Cloning shares them.
///
/// A sample that was written by somebody who had seen a delete is hidden by none up to that one,
/// and is taken only once the node has applied them. One whose writer had not seen a delete that
/// the node has applied is not stored where that hides it. So a delete that arrives late hides
/// nothing that came after it, and a copy that arrives late raises nothing that was deleted.
#[derive(Clone, Debug, Default)]
pub struct Deletes {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    namespaces: Mutex<BTreeMap<Arc<str>, Namespace>>,
    /// A write ended, or a delete was applied.
    changed: Event,
}

#[derive(Debug, Default)]
struct Namespace {
    applied: Arc<Vec<Mask>>,
    writers: usize,
    is_applying: bool,
}

impl Namespace {
    fn sequence(&self) -> u64 {
        self.applied.last().map_or(0, |mask| mask.sequence())
    }
}

/// A writer that deletes wait for, and what it has to leave out.
#[derive(Debug)]
#[must_use = "the write counts as running until this is dropped"]
pub struct Writing {
    shared: Arc<Shared>,
    namespace: Arc<str>,
    applied: Arc<Vec<Mask>>,
    seen: u64,
}

impl Writing {
    /// Deletes that the node has applied and the writer had not seen.
    pub fn unseen(&self) -> impl Iterator<Item = &Mask> {
        let seen = self.seen;
        let behind = move |mask: &&Mask| mask.sequence() > seen;
        self.applied.iter().filter(behind)
    }

    /// The newest delete that the node has applied.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.applied.last().map_or(0, |mask| mask.sequence())
    }
}

/// The exclusive right to apply deletes to a namespace.
#[derive(Debug)]
pub struct Applying {
    shared: Arc<Shared>,
    namespace: Arc<str>,
    masks: Vec<Mask>,
}

impl Deletes {
    /// As they were kept, by namespace, each in order.
    ///
    /// # Errors
    /// When a record is none of ours.
    pub fn new(kept: BTreeMap<Arc<str>, Vec<DeleteRecord>>) -> Result<Self, DeleteRecordError> {
        let mut namespaces = BTreeMap::new();
        for (name, records) in kept {
            let masks: Result<Vec<_>, _> = records.into_iter().map(Mask::new).collect();
            let namespace = Namespace {
                applied: Arc::new(masks?),
                ..Namespace::default()
            };
            namespaces.insert(name, namespace);
        }
        let shared = Shared {
            namespaces: Mutex::new(namespaces),
            changed: Event::new(),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// The newest delete that was applied to a namespace; 0 if none was.
    #[must_use]
    pub fn applied(&self, namespace: &str) -> u64 {
        self.lock().get(namespace).map_or(0, Namespace::sequence)
    }

    /// The newest delete that was applied to each namespace.
    #[must_use]
    pub fn newest(&self) -> Vec<(Arc<str>, u64)> {
        let namespaces = self.lock();
        let newest = namespaces
            .iter()
            .map(|(name, own)| (Arc::clone(name), own.sequence()));
        newest.collect()
    }

    /// Those behind `sequence`, in order.
    #[must_use]
    pub fn behind(&self, namespace: &str, sequence: u64) -> Vec<DeleteRecord> {
        let namespaces = self.lock();
        let masks = namespaces
            .get(namespace)
            .map(|one| Arc::clone(&one.applied));
        let masks = masks.unwrap_or_default();
        let behind = masks.iter().filter(|mask| mask.sequence() > sequence);
        behind.map(|mask| mask.record.clone()).collect()
    }

    /// Begins a write by somebody who had seen all deletes up to `seen`; waits while a delete is
    /// being applied. It counts as running until what is returned is dropped.
    ///
    /// # Errors
    /// The newest delete that was applied, when that is older: the others must be applied before.
    pub async fn write(&self, namespace: &Arc<str>, seen: u64) -> Result<Writing, u64> {
        loop {
            let changed = self.shared.changed.listen();
            {
                let mut namespaces = self.lock();
                let own = namespaces.entry(Arc::clone(namespace)).or_default();
                if !own.is_applying {
                    if own.sequence() < seen {
                        return Err(own.sequence());
                    }
                    own.writers += 1;
                    return Ok(Writing {
                        shared: Arc::clone(&self.shared),
                        namespace: Arc::clone(namespace),
                        applied: Arc::clone(&own.applied),
                        seen,
                    });
                }
            }
            changed.await;
        }
    }

    /// Begins to apply those of `records` that were not applied yet: waits for the end of writes,
    /// and keeps others out until what is returned is finished or dropped.
    ///
    /// # Errors
    /// When a record is none of ours.
    pub async fn apply(
        &self,
        namespace: &Arc<str>,
        records: Vec<DeleteRecord>,
    ) -> Result<Applying, DeleteRecordError> {
        let masks: Result<Vec<_>, _> = records.into_iter().map(Mask::new).collect();
        let mut masks = masks?;
        masks.sort_by_key(|mask| mask.sequence());
        let mut applying: Option<Applying> = None;
        loop {
            let changed = self.shared.changed.listen();
            {
                let mut namespaces = self.lock();
                let own = namespaces.entry(Arc::clone(namespace)).or_default();
                if applying.is_none() && !own.is_applying {
                    own.is_applying = true;
                    let applied = own.sequence();
                    masks.retain(|mask| mask.sequence() > applied);
                    masks.dedup_by_key(|mask| mask.sequence());
                    applying = Some(Applying {
                        shared: Arc::clone(&self.shared),
                        namespace: Arc::clone(namespace),
                        masks: std::mem::take(&mut masks),
                    });
                }
                if own.writers == 0
                    && let Some(applying) = applying.take()
                {
                    return Ok(applying);
                }
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Namespace>> {
        self.shared.lock()
    }
}

impl Applying {
    /// What is to be applied, in order.
    #[must_use]
    pub fn masks(&self) -> &[Mask] {
        &self.masks
    }

    /// What is to be kept once they are applied: all deletes of the namespace.
    #[must_use]
    pub fn kept(&self) -> Vec<DeleteRecord> {
        let namespaces = self.shared.lock();
        let before = namespaces
            .get(&self.namespace)
            .map(|one| Arc::clone(&one.applied));
        drop(namespaces);
        let before = before.unwrap_or_default();
        let all = before.iter().chain(&self.masks);
        all.map(|mask| mask.record.clone()).collect()
    }

    /// They are applied and kept: the newest delete of the namespace is told.
    pub fn finish(mut self) -> u64 {
        let masks = std::mem::take(&mut self.masks);
        let mut namespaces = self.shared.lock();
        let own = namespaces.entry(Arc::clone(&self.namespace)).or_default();
        let mut applied = own.applied.to_vec();
        applied.extend(masks);
        own.applied = Arc::new(applied);
        own.sequence()
    }
}

impl Drop for Applying {
    fn drop(&mut self) {
        if let Some(own) = self.shared.lock().get_mut(&self.namespace) {
            own.is_applying = false;
        }
        self.shared.changed.notify(usize::MAX);
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if let Some(own) = self.shared.lock().get_mut(&self.namespace) {
            own.writers -= 1;
        }
        self.shared.changed.notify(usize::MAX);
    }
}

impl Shared {
    /// Nothing is left half changed under the lock, so a panic elsewhere does not matter here.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Namespace>> {
        self.namespaces
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
