//! Ids that M3's clients give to series. Here a series is its labels; an id that does not follow
//! from them is kept in a namespace beside the data, one series for each: it is durable, is backed
//! up and restored as all data are, and no query of the data meets it. A label with the id would be
//! seen by every query of Prometheus, and two ids of the same tags would be two series of one name.

use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tsdb_core::clock::{Clock, SystemClock};
use tsdb_core::model::{
    HashSet, Labels, METRIC_NAME, Matcher, SeriesKey, TimeRange, WriteBatch, is_legacy_label_name,
    write_quoted,
};
use tsdb_core::{CommitTicket, Db, DeleteReport, Namespace, NamespaceOptions};

use super::error::StoreError;
use super::slot::Opened;

/// The namespace that holds the ids. Made when the first one is given.
pub(crate) const IDS_NAMESPACE: &str = "_series_ids";

const METRIC: &str = "series_id";
const NAMESPACE: &str = "namespace";
const ID: &str = "id";
const SERIES: &str = "series";

/// Ids that are known to be kept; they are forgotten when there are more.
const MAX_KNOWN: usize = 65_536;
/// Most series that one id is looked up for.
const MAX_SERIES: usize = 1000;

/// Keeps ids and finds them.
#[derive(Debug, Default)]
pub(crate) struct SeriesIds {
    known: Mutex<Known>,
}

/// Ids that were given lately, of the database that is open since `epoch`.
#[derive(Debug, Default)]
struct Known {
    epoch: u64,
    labels: HashSet<Labels>,
}

/// The id that follows from labels: `{a="1",b="2"}`, as M3's coordinator makes it.
#[must_use]
pub(crate) fn id_of(labels: &Labels) -> String {
    let mut id = String::from("{");
    for (index, label) in labels.iter().enumerate() {
        if index > 0 {
            id.push(',');
        }
        // Writing to a string cannot fail.
        let _written = match is_legacy_label_name(label.name) {
            true => id.write_str(label.name),
            false => write_quoted(&mut id, label.name),
        };
        id.push('=');
        let _written = write_quoted(&mut id, label.value);
    }
    id.push('}');
    id
}

/// What is kept of the id of a series.
fn kept(namespace: &str, id: &str, series: &str) -> Result<Labels, StoreError> {
    let pairs = [
        (METRIC_NAME, METRIC),
        (NAMESPACE, namespace),
        (ID, id),
        (SERIES, series),
    ];
    Labels::from_pairs(pairs)
        .map_err(|error| StoreError::Refused(format!("id {id:?} of series {series}: {error}")))
}

fn find(
    ids: &Namespace,
    namespace: &str,
    (name, value): (&str, &str),
) -> Result<Vec<Labels>, StoreError> {
    let matchers = [
        Matcher::equal(METRIC_NAME, METRIC),
        Matcher::equal(NAMESPACE, namespace),
        Matcher::equal(name, value),
    ];
    Ok(ids.series(TimeRange::ALL, &matchers, MAX_SERIES)?.values)
}

impl SeriesIds {
    /// Nothing is left half changed under the lock, so a panic elsewhere does not matter here.
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `write`, which stores samples of the series with `labels`, and keeps its id. The ticket,
    /// if there is one, has to be waited for as well.
    ///
    /// # Errors
    /// When the series has another id, or the database refuses; those of `write`.
    pub(crate) fn keep<T>(
        &self,
        opened: &Opened,
        namespace: &str,
        (id, labels): (&str, &Labels),
        write: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<(T, Option<CommitTicket>), StoreError> {
        let series = id_of(labels);
        if id.is_empty() || id == series {
            return Ok((write()?, None));
        }
        let mark = kept(namespace, id, &series)?;
        // Held until the id is readable, so that two that differ are not both the first.
        let mut known = self.lock();
        if known.epoch != opened.epoch || known.labels.len() >= MAX_KNOWN {
            *known = Known {
                epoch: opened.epoch,
                labels: HashSet::default(),
            };
        }
        if known.labels.contains(&mark) {
            drop(known);
            return Ok((write()?, None));
        }
        let ids = ids_namespace(&opened.db)?;
        let present = find(&ids, namespace, (SERIES, &series))?;
        if let Some(other) = present.iter().find(|other| **other != mark) {
            let other = other.get(ID).unwrap_or_default();
            return Err(StoreError::Refused(format!(
                "the series {series} has the id {other:?}, not {id:?}: a series is its tags here, so give it one id"
            )));
        }
        let written = write()?;
        let ticket = match present.is_empty() {
            true => Some(append(&ids, &mark)?),
            false => None,
        };
        known.labels.insert(mark);
        Ok((written, ticket))
    }

    /// Forgets all ids of a namespace.
    ///
    /// # Errors
    /// When the database refuses.
    pub(crate) fn forget_all(
        &self,
        opened: &Opened,
        namespace: &str,
    ) -> Result<DeleteReport, StoreError> {
        let mut known = self.lock();
        known.labels.clear();
        let Some(ids) = opened.db.find(IDS_NAMESPACE) else {
            return Ok(DeleteReport::default());
        };
        let matchers = [Matcher::equal(NAMESPACE, namespace)];
        Ok(ids.delete(TimeRange::ALL, &matchers)?)
    }

    /// The id of the series with `labels`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) fn id(db: &Db, namespace: &str, labels: &Labels) -> Result<String, StoreError> {
        let series = id_of(labels);
        let Some(ids) = db.find(IDS_NAMESPACE) else {
            return Ok(series);
        };
        let found = find(&ids, namespace, (SERIES, &series))?;
        let id = found.first().and_then(|kept| kept.get(ID));
        Ok(id.map_or(series, str::to_owned))
    }

    /// The series that were given this id, each as the id that follows from its labels.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) fn series(db: &Db, namespace: &str, id: &str) -> Result<Vec<String>, StoreError> {
        let Some(ids) = db.find(IDS_NAMESPACE) else {
            return Ok(Vec::new());
        };
        let found = find(&ids, namespace, (ID, id))?;
        let series = found.iter().filter_map(|kept| kept.get(SERIES));
        Ok(series.map(str::to_owned).collect())
    }
}

fn ids_namespace(db: &Db) -> Result<Namespace, StoreError> {
    match db.find(IDS_NAMESPACE) {
        Some(ids) => Ok(ids),
        // As a namespace's retention may be changed at any time, ids are kept for good.
        None => Ok(db.namespace(IDS_NAMESPACE, NamespaceOptions::default())?),
    }
}

fn append(ids: &Namespace, mark: &Labels) -> Result<CommitTicket, StoreError> {
    let mut batch = WriteBatch::new();
    batch.begin(SeriesKey::Labels(mark));
    batch.sample(SystemClock::new().now_ms(), 1.0);
    let appended = ids.append(&batch)?;
    match appended.report.rejected.first() {
        Some(rejected) => Err(StoreError::Refused(format!(
            "the id cannot be kept: {rejected}"
        ))),
        None => Ok(appended.ticket),
    }
}
