//! The deletes of a namespace, in the one order that the metadata gives them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tsdb_core::{Matcher, TimeRange};

use crate::metadata::{MetadataError, MetadataStore};
use crate::node::{DeleteRecord, MatcherRecord};

/// How often a delete is put behind one that somebody else was faster with.
const ATTEMPTS: usize = 16;
/// Deletes of a namespace that are remembered at most.
const DELETES_MAX: usize = 10_000;

/// Why a delete got no place in the order.
#[derive(Debug, thiserror::Error)]
pub enum DeleteLogError {
    /// The metadata refused.
    #[error("a delete needs the cluster's metadata: {0}")]
    Metadata(#[from] MetadataError),
    /// What it holds is not ours.
    #[error("{key} in the metadata is not as this version writes it: {error}")]
    Unreadable {
        /// The key.
        key: String,
        /// What is wrong.
        error: String,
    },
    /// There are too many.
    #[error(
        "namespace {namespace} has {DELETES_MAX} deletes that are remembered, as many as may be: wait until retention has passed over the oldest"
    )]
    Full {
        /// The namespace.
        namespace: Arc<str>,
    },
}

/// All deletes that a coordinator knows of.
pub(super) struct DeleteLog {
    metadata: Arc<dyn MetadataStore>,
    environment: String,
    known: Mutex<BTreeMap<Arc<str>, Arc<Vec<DeleteRecord>>>>,
}

impl fmt::Debug for DeleteLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeleteLog").finish_non_exhaustive()
    }
}

/// As it is kept.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Kept {
    /// In order.
    deletes: Vec<DeleteRecord>,
}

impl DeleteLog {
    pub(super) fn new(metadata: Arc<dyn MetadataStore>, environment: &str) -> Self {
        Self {
            metadata,
            environment: environment.to_owned(),
            known: Mutex::new(BTreeMap::new()),
        }
    }

    /// The newest delete of a namespace that is known.
    pub(super) fn newest(&self, namespace: &str) -> u64 {
        let known = self.lock();
        let last = known.get(namespace).and_then(|records| records.last());
        last.map_or(0, |record| record.sequence)
    }

    /// Those behind `sequence`, in order.
    pub(super) fn behind(&self, namespace: &str, sequence: u64) -> Vec<DeleteRecord> {
        let known = self.lock();
        let records = known.get(namespace).map(|records| records.as_slice());
        let records = records.unwrap_or_default().iter();
        records
            .filter(|record| record.sequence > sequence)
            .cloned()
            .collect()
    }

    /// Others have told of these.
    pub(super) fn learn(&self, namespace: &Arc<str>, records: Vec<DeleteRecord>) {
        let mut known = self.lock();
        let own = known.entry(Arc::clone(namespace)).or_default();
        let newest = own.last().map_or(0, |record| record.sequence);
        if records.iter().any(|record| record.sequence > newest) {
            let own = Arc::make_mut(own);
            own.extend(
                records
                    .into_iter()
                    .filter(|record| record.sequence > newest),
            );
            own.sort_by_key(|record| record.sequence);
        }
    }

    /// Reads the deletes of a namespace anew.
    pub(super) async fn refresh(&self, namespace: &Arc<str>) -> Result<(), DeleteLogError> {
        let (_, kept) = self.read(namespace).await?;
        self.learn(namespace, kept.deletes);
        Ok(())
    }

    /// Gives a delete its place in the order: it is decided when this returns.
    pub(super) async fn push(
        &self,
        namespace: &Arc<str>,
        range: TimeRange,
        matchers: &[Matcher],
    ) -> Result<u64, DeleteLogError> {
        let key = self.key(namespace);
        let mut attempts = 0;
        loop {
            let (version, mut kept) = self.read(namespace).await?;
            if kept.deletes.len() >= DELETES_MAX {
                let namespace = Arc::clone(namespace);
                return Err(DeleteLogError::Full { namespace });
            }
            let sequence = kept.deletes.last().map_or(0, |last| last.sequence) + 1;
            kept.deletes.push(DeleteRecord {
                sequence,
                min_time: range.min(),
                max_time: range.max(),
                matchers: matchers.iter().map(MatcherRecord::of).collect(),
            });
            let bytes = serde_json::to_vec(&kept);
            let bytes = bytes.map_err(|error| self.unreadable(namespace, &error))?;
            match self.metadata.set(&key, version, bytes).await {
                Ok(_) => {
                    self.learn(namespace, kept.deletes);
                    return Ok(sequence);
                }
                Err(MetadataError::Conflict { .. }) if attempts < ATTEMPTS => attempts += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn read(&self, namespace: &str) -> Result<(Option<u64>, Kept), DeleteLogError> {
        match self.metadata.get(&self.key(namespace)).await? {
            None => Ok((None, Kept::default())),
            Some(found) => {
                let kept = serde_json::from_slice(&found.bytes);
                let kept = kept.map_err(|error| self.unreadable(namespace, &error))?;
                Ok((Some(found.version), kept))
            }
        }
    }

    fn key(&self, namespace: &str) -> String {
        format!("_tsdb/{}/deletes/{namespace}", self.environment)
    }

    fn unreadable(&self, namespace: &str, error: &serde_json::Error) -> DeleteLogError {
        DeleteLogError::Unreadable {
            key: self.key(namespace),
            error: error.to_string(),
        }
    }

    /// Nothing is left half changed under the lock, so a panic elsewhere does not matter here.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Arc<Vec<DeleteRecord>>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
