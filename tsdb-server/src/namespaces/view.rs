//! The namespaces at one moment: those that were added, and those that the database has besides.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tsdb_core::Db;

use super::configured::Configured;
use super::document::Document;
use super::options::{NamespaceOptions, StagingState, StagingStatus};
use crate::store::IDS_NAMESPACE;

/// The namespace that every database has.
pub(crate) const DEFAULT: &str = "default";

/// A namespace and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) options: NamespaceOptions,
    /// Whether a request added it, rather than the settings or the database itself.
    pub(crate) added: bool,
}

/// All namespaces, by name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct View {
    /// The one that plain requests use.
    pub(crate) plain: Arc<str>,
    pub(crate) entries: BTreeMap<String, Entry>,
}

impl Default for View {
    fn default() -> Self {
        Self {
            plain: DEFAULT.into(),
            entries: BTreeMap::new(),
        }
    }
}

impl View {
    /// What the database, what was added, and the settings say together. May wait for the disk.
    pub(super) fn of(db: &Db, document: &Document, configured: &Configured) -> Self {
        let plain = plain_of(db, document, configured);
        let mut entries = BTreeMap::new();
        for namespace in db.namespaces() {
            let name = namespace.name();
            if name == IDS_NAMESPACE {
                continue;
            }
            let added = document.namespaces.get(name);
            let options = match added {
                Some(options) => options.clone(),
                None if name == DEFAULT && !is_used(db, &plain, configured) => continue,
                None => found(namespace.options(), configured, name),
            };
            let added = added.is_some();
            entries.insert(name.to_owned(), Entry { options, added });
        }
        let plain = plain.into();
        Self { plain, entries }
    }

    /// The namespace for aggregated samples of this resolution and retention.
    pub(crate) fn by_storage_policy(
        &self,
        resolution: Duration,
        retention: Duration,
    ) -> Option<&str> {
        let nanos = |duration: Duration| i64::try_from(duration.as_nanos()).ok();
        let (resolution, retention) = (nanos(resolution)?, nanos(retention)?);
        let fits = |options: &NamespaceOptions| {
            options.retention().retention_period_nanos == retention
                && options.aggregations().iter().any(|one| {
                    let said = one.attributes.as_ref();
                    one.aggregated && said.is_some_and(|said| said.resolution_nanos == resolution)
                })
        };
        let mut all = self.entries.iter();
        let (name, _) = all.find(|(_, entry)| fits(&entry.options))?;
        Some(name)
    }
}

/// The first of those that are to be the plain one and are there.
pub(super) fn plain_of(db: &Db, document: &Document, configured: &Configured) -> String {
    let wanted = [configured.plain(), document.plain.as_deref()];
    let mut wanted = wanted.into_iter().flatten();
    let found = wanted.find(|name| db.find(name).is_some());
    found.unwrap_or(DEFAULT).to_owned()
}

/// Options of a namespace that no request added.
fn found(
    present: tsdb_core::NamespaceOptions,
    configured: &Configured,
    name: &str,
) -> NamespaceOptions {
    let mut options = NamespaceOptions::of_database(present);
    options.staging_state = StagingState {
        status: StagingStatus::Ready,
    };
    match configured.find(name) {
        Some(setting) if setting.aggregated => {
            let resolution = setting.resolution.unwrap_or_default().as_nanos();
            options.aggregated(i64::try_from(resolution).unwrap_or(i64::MAX))
        }
        _ => options.unaggregated(),
    }
}

/// Whether anybody uses `default`, which is there whether or not.
fn is_used(db: &Db, plain: &str, configured: &Configured) -> bool {
    plain == DEFAULT || configured.names().any(|name| name == DEFAULT) || holds_samples(db, DEFAULT)
}

/// Whether a namespace holds any samples, or series that had some.
pub(super) fn holds_samples(db: &Db, name: &str) -> bool {
    let stats = db.stats().namespaces;
    let of_name = stats.iter().find(|stats| stats.name == name);
    of_name.is_some_and(|stats| stats.series > 0 || stats.runs > 0 || stats.blocks > 0)
}
