//! The registry of namespaces: changed by requests, obeyed by the database at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tsdb_core::model::TimeRange;
use tsdb_core::{Db, check_namespace_name};

use super::configured::Configured;
use super::document::Document;
use super::options::{NamespaceOptions, StagingStatus};
use super::update::NamespaceUpdate;
use super::view::{DEFAULT, Entry, View, holds_samples, plain_of};
use crate::config::Retention;
use crate::jsonpb::JsonError;
use crate::store::{IDS_NAMESPACE, Store, StoreError};
use tsdb_cluster::metadata::{MetadataError, MetadataStore, namespaces_key};

/// The environment of a server on its own.
const ENVIRONMENT: &str = "default_env";
/// How often a change is tried that others come before.
const ATTEMPTS: usize = 8;

/// Why the registry is not as a request wants it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    /// A namespace is to be added that was added before.
    #[error("namespace with the same ID already exists: {0}; update it, or choose another name")]
    Exists(String),
    /// A namespace is named that is not there.
    #[error("unable to find a namespace with specified name: {0}")]
    NotFound(String),
    /// Options that cannot be.
    #[error("{0}")]
    Invalid(String),
    /// What is kept of the namespaces cannot be read.
    #[error("the registry of namespaces cannot be read: {0}")]
    Unreadable(JsonError),
    /// What is to be kept cannot be written, which is a bug.
    #[error("the registry of namespaces cannot be written: {0}")]
    Unwritable(#[from] serde_json::Error),
    /// The metadata could not be read or changed.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The database refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a change means for the database.
#[derive(Clone, Debug)]
enum Effect {
    Put(String, Box<NamespaceOptions>),
    Remove(String),
}

/// The registry. Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: Store,
    /// Where the metadata keep the registry.
    key: String,
    metadata: Arc<dyn MetadataStore>,
    configured: Configured,
    /// Held while the database follows a change, so that it follows them in order.
    changing: Mutex<()>,
    view: watch::Sender<Arc<View>>,
}

impl Registry {
    pub(crate) fn new(
        store: Store,
        metadata: Arc<dyn MetadataStore>,
        configured: Configured,
    ) -> Self {
        Self::in_environment(store, metadata, configured, ENVIRONMENT)
    }

    /// The registry of an environment of a cluster.
    pub(crate) fn in_environment(
        store: Store,
        metadata: Arc<dyn MetadataStore>,
        configured: Configured,
        environment: &str,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                store,
                key: namespaces_key(environment),
                metadata,
                configured,
                changing: Mutex::new(()),
                view: watch::Sender::default(),
            }),
        }
    }

    /// Where the registry is kept.
    pub(crate) fn key(&self) -> &str {
        &self.shared.key
    }

    /// What is kept there.
    ///
    /// # Errors
    /// When the metadata cannot be read just now.
    pub(crate) async fn kept(&self) -> Result<Option<Arc<[u8]>>, RegistryError> {
        let kept = self.shared.metadata.get(self.key()).await?;
        Ok(kept.map(|kept| kept.bytes))
    }

    /// Makes a database that was just opened have all namespaces, those of `bytes`, which is kept
    /// at [`Registry::key`], and those of the settings; answers the plain one. What a request set
    /// goes before the settings: nobody loses samples to a file that is older than the request.
    ///
    /// # Errors
    /// When what is kept cannot be read, or the database refuses.
    pub(crate) fn settle(&self, db: &Db, bytes: Option<&[u8]>) -> Result<String, StoreError> {
        let document = Document::read(bytes)
            .map_err(|error| StoreError::Registry(RegistryError::Unreadable(error).to_string()))?;
        let configured = &self.shared.configured;
        for name in configured.names() {
            ensure(db, name, |present| configured.bounded(name, present))?;
        }
        for (name, options) in &document.namespaces {
            put(db, name, options, configured)?;
        }
        let plain = plain_of(db, &document, configured);
        for namespace in db.namespaces() {
            let name = namespace.name();
            let Some(said) = configured.retention(name, name == plain) else {
                continue;
            };
            match document.namespaces.get(name) {
                None => {
                    let retention = said.limit();
                    ensure(db, name, |present| tsdb_core::NamespaceOptions {
                        retention,
                        ..present
                    })?;
                }
                Some(added) => tell_if_other(name, added.retention().period(), said),
            }
        }
        let view = Arc::new(View::of(db, &document, configured));
        self.shared.view.send_replace(view);
        Ok(plain)
    }

    /// The namespaces as they were a moment ago.
    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.shared.view.borrow())
    }

    /// Sees the namespaces change.
    #[cfg(test)]
    pub(crate) fn shared_view(&self) -> watch::Receiver<Arc<View>> {
        self.shared.view.subscribe()
    }

    /// Names that the settings ask for and etcd does not keep: other servers may not have them.
    ///
    /// # Errors
    /// When what is kept cannot be read.
    pub(crate) fn not_kept(&self, bytes: Option<&[u8]>) -> Result<Vec<String>, RegistryError> {
        let document = Document::read(bytes).map_err(RegistryError::Unreadable)?;
        let asked = self.shared.configured.names();
        let lacks = |name: &&str| *name != DEFAULT && !document.namespaces.contains_key(*name);
        Ok(asked.filter(lacks).map(str::to_owned).collect())
    }

    /// Name of the namespace that plain requests use, which is for samples as they come.
    pub(crate) fn unaggregated(&self) -> Arc<str> {
        Arc::clone(&self.view().plain)
    }

    /// Name of the namespace for aggregated samples of this resolution and retention.
    pub(crate) fn by_storage_policy(
        &self,
        resolution: Duration,
        retention: Duration,
    ) -> Option<Arc<str>> {
        let view = self.view();
        view.by_storage_policy(resolution, retention).map(Arc::from)
    }

    /// The namespaces as they are.
    pub(crate) async fn list(&self) -> Result<Arc<View>, RegistryError> {
        let _changing = self.shared.changing.lock().await;
        self.refresh().await
    }

    /// Adds namespaces, all or none; with `dry_run` only says what would be there.
    pub(crate) async fn add(
        &self,
        new: Vec<(String, NamespaceOptions)>,
        dry_run: bool,
    ) -> Result<Arc<View>, RegistryError> {
        let add = move |document: &mut Document, db: &Db, configured: &Configured| {
            let mut effects = Vec::new();
            for (name, options) in &new {
                let options = options.clone().completed();
                check_new(name, &options)?;
                check_unlike(name, db, document)?;
                let before = document.namespaces.insert(name.clone(), options.clone());
                if before.is_some() {
                    return Err(RegistryError::Exists(name.clone()));
                }
                let becomes_plain = options.is_unaggregated()
                    && name != DEFAULT
                    && configured.plain().is_none()
                    && configured.names().all(|asked| asked != name)
                    && document.plain.is_none()
                    && !document.namespaces.contains_key(DEFAULT)
                    && !holds_samples(db, DEFAULT);
                if becomes_plain {
                    document.plain = Some(name.clone());
                }
                effects.push(Effect::Put(name.clone(), Box::new(options)));
            }
            document.check().map_err(RegistryError::Invalid)?;
            Ok(effects)
        };
        self.change(dry_run, add).await
    }

    /// Changes the options of a namespace, at once.
    pub(crate) async fn update(
        &self,
        update: NamespaceUpdate,
        dry_run: bool,
    ) -> Result<Arc<View>, RegistryError> {
        let name = update.name.clone();
        let edit = move |options: &mut NamespaceOptions| {
            update.apply(options);
            options.check().map_err(RegistryError::Invalid)
        };
        self.edit(name, dry_run, edit).await
    }

    /// Notes that a namespace was said to be ready. It takes writes and reads without that.
    pub(crate) async fn mark_ready(&self, name: &str, dry_run: bool) -> Result<(), RegistryError> {
        let view = self.list().await?;
        let Some(entry) = view.entries.get(name) else {
            return Err(RegistryError::NotFound(name.to_owned()));
        };
        if entry.options.staging_state.status == StagingStatus::Ready {
            return Ok(());
        }
        let edit = |options: &mut NamespaceOptions| {
            options.staging_state.status = StagingStatus::Ready;
            Ok(())
        };
        self.edit(name.to_owned(), dry_run, edit).await.map(drop)
    }

    async fn edit(
        &self,
        name: String,
        dry_run: bool,
        edit: impl Fn(&mut NamespaceOptions) -> Result<(), RegistryError> + Send + Sync + 'static,
    ) -> Result<Arc<View>, RegistryError> {
        let change = move |document: &mut Document, db: &Db, configured: &Configured| {
            let view = View::of(db, document, configured);
            let entry = view.entries.get(&name);
            let Some(Entry { options, .. }) = entry else {
                return Err(RegistryError::NotFound(name.clone()));
            };
            let mut options = options.clone();
            edit(&mut options)?;
            document.namespaces.insert(name.clone(), options.clone());
            document.check().map_err(RegistryError::Invalid)?;
            Ok(vec![Effect::Put(name.clone(), Box::new(options))])
        };
        self.change(dry_run, change).await
    }

    /// Removes a namespace and its samples. `default` cannot go: it loses its samples, and its
    /// options are those of the settings again.
    pub(crate) async fn remove(&self, name: &str, dry_run: bool) -> Result<(), RegistryError> {
        let name = name.to_owned();
        let remove = move |document: &mut Document, db: &Db, _: &Configured| {
            let was_added = document.namespaces.remove(&name).is_some();
            if name == IDS_NAMESPACE || !was_added && db.find(&name).is_none() {
                return Err(RegistryError::NotFound(name.clone()));
            }
            if document.plain.as_ref() == Some(&name) {
                document.plain = None;
            }
            Ok(vec![Effect::Remove(name.clone())])
        };
        self.change(dry_run, remove).await.map(drop)
    }

    /// Makes a change: the database follows before it is kept, so that what it refuses is not
    /// kept, and what a crash leaves behind is what was never answered.
    async fn change(
        &self,
        dry_run: bool,
        edit: impl Fn(&mut Document, &Db, &Configured) -> Result<Vec<Effect>, RegistryError>
        + Send
        + Sync
        + 'static,
    ) -> Result<Arc<View>, RegistryError> {
        let edit = Arc::new(edit);
        let _changing = self.shared.changing.lock().await;
        let (mut attempts, key) = (0, self.key());
        loop {
            let kept = self.shared.metadata.get(key).await?;
            let mut document = Document::read(kept.as_ref().map(|kept| &*kept.bytes))
                .map_err(RegistryError::Unreadable)?;
            let edit = Arc::clone(&edit);
            let (document, view) = self
                .in_database(move |db, configured| {
                    let effects = edit(&mut document, db, configured)?;
                    if dry_run {
                        let mut view = View::of(db, &document, configured);
                        pretend(&mut view, effects);
                        return Ok((document, Some(view)));
                    }
                    for effect in effects {
                        follow(db, effect, configured)?;
                    }
                    Ok((document, None))
                })
                .await?;
            if let Some(view) = view {
                return Ok(Arc::new(view));
            }
            let version = kept.map(|kept| kept.version);
            let set = self
                .shared
                .metadata
                .set(key, version, document.bytes()?)
                .await;
            match set {
                Ok(_) => return self.refresh().await,
                Err(MetadataError::Conflict { .. }) if attempts < ATTEMPTS => attempts += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Follows changes that others make, until the metadata is gone.
    pub(crate) fn follow(self) -> impl Future<Output = ()> {
        let mut changes = self.shared.metadata.changes();
        async move {
            loop {
                changes.changed().await;
                let _changing = self.shared.changing.lock().await;
                if let Err(error) = self.refresh().await {
                    tracing::warn!(%error, "the namespaces cannot be read just now");
                }
            }
        }
    }

    /// Makes the database follow what is kept.
    async fn refresh(&self) -> Result<Arc<View>, RegistryError> {
        let kept = self.kept().await?;
        let document = Document::read(kept.as_deref()).map_err(RegistryError::Unreadable)?;
        let view = self
            .in_database(move |db, configured| {
                for (name, options) in &document.namespaces {
                    put(db, name, options, configured).map_err(StoreError::from)?;
                }
                Ok(Arc::new(View::of(db, &document, configured)))
            })
            .await?;
        self.shared.store.use_namespace(&view.plain);
        self.shared.view.send_replace(Arc::clone(&view));
        Ok(view)
    }

    /// Runs `work` on a thread that may wait for the disk.
    async fn in_database<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Db, &Configured) -> Result<T, RegistryError> + Send + 'static,
    ) -> Result<T, RegistryError> {
        let shared = Arc::clone(&self.shared);
        let work = move || work(&shared.store.current()?.db, &shared.configured);
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or(Err(RegistryError::Store(StoreError::Lost)))
    }
}

fn check_new(name: &str, options: &NamespaceOptions) -> Result<(), RegistryError> {
    let invalid = |what| RegistryError::Invalid(format!("bad namespace metadata: {what}"));
    check_namespace_name(name).map_err(|what| invalid(format!("{name:?}: {what}")))?;
    if name == IDS_NAMESPACE {
        return Err(invalid(format!("{name:?} is the server's own")));
    }
    options.check().map_err(invalid)
}

/// Folders are named after namespaces, and not every disk tells upper from lower case.
fn check_unlike(name: &str, db: &Db, document: &Document) -> Result<(), RegistryError> {
    let present = db.namespaces();
    let present = present.iter().map(|namespace| namespace.name());
    let mut all = present.chain(document.namespaces.keys().map(String::as_str));
    match all.find(|other| *other != name && other.eq_ignore_ascii_case(name)) {
        None => Ok(()),
        Some(other) => Err(RegistryError::Invalid(format!(
            "bad namespace metadata: {name:?} differs from the namespace {other:?} in upper and lower case alone"
        ))),
    }
}

/// Makes a namespace have these options.
fn put(
    db: &Db,
    name: &str,
    options: &NamespaceOptions,
    configured: &Configured,
) -> Result<(), tsdb_core::Error> {
    ensure(db, name, |present| {
        options.in_database(configured.bounded(name, present))
    })
}

/// Makes a namespace be there, with what `change` makes of its options; a write only if need be.
fn ensure(
    db: &Db,
    name: &str,
    change: impl FnOnce(tsdb_core::NamespaceOptions) -> tsdb_core::NamespaceOptions,
) -> Result<(), tsdb_core::Error> {
    let present = db.find(name).map(|namespace| namespace.options());
    let wanted = change(present.unwrap_or_default());
    if present != Some(wanted) {
        db.namespace(name, wanted)?;
    }
    Ok(())
}

fn follow(db: &Db, effect: Effect, configured: &Configured) -> Result<(), RegistryError> {
    match effect {
        Effect::Put(name, options) => {
            put(db, &name, &options, configured).map_err(StoreError::from)?;
            for what in options.without_effect() {
                tracing::warn!(namespace = name, "kept without effect: {what}");
            }
        }
        Effect::Remove(name) if name == DEFAULT => {
            let deleted = db.default_namespace().delete_all_series(TimeRange::ALL);
            deleted.map_err(StoreError::from)?;
            let retention = configured.retention(DEFAULT, configured.plain().is_none());
            let options = tsdb_core::NamespaceOptions {
                retention: retention.and_then(Retention::limit),
                ..tsdb_core::NamespaceOptions::default()
            };
            let options = configured.bounded(DEFAULT, options);
            db.namespace(DEFAULT, options).map_err(StoreError::from)?;
        }
        Effect::Remove(name) => {
            db.remove_namespace(&name).map_err(StoreError::from)?;
        }
    }
    Ok(())
}

/// Shows what effects would bring.
fn pretend(view: &mut View, effects: Vec<Effect>) {
    for effect in effects {
        match effect {
            Effect::Put(name, options) => {
                let (options, added) = (*options, true);
                view.entries.insert(name, Entry { options, added });
            }
            Effect::Remove(name) => _ = view.entries.remove(&name),
        }
    }
}

fn tell_if_other(name: &str, holds: Duration, said: Retention) {
    if said.limit() != Some(holds) {
        tracing::warn!(
            namespace = name,
            ?holds,
            ?said,
            "the retention that a request set holds, not that of the settings: change it with PUT /api/v1/services/m3db/namespace"
        );
    }
}
