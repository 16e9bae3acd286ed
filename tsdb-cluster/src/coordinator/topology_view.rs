//! The placement as a coordinator knows it: perhaps an old one, which the nodes tell it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::error::CoordinatorError;
use crate::metadata::{Changes, MetadataError, MetadataStore, Revision, Versioned};
use crate::runtime::{Runtime, within};
use crate::topology::Topology;

/// After which time what went wrong, or could not be done yet, is tried again.
const AGAIN: Duration = Duration::from_millis(500);

/// A placement, and which one of its key it is.
#[derive(Debug)]
pub struct KnownTopology {
    /// Grows with every change.
    pub version: u64,
    /// Who has what.
    pub topology: Topology,
}

/// The newest placement that is known. Cloning shares it.
#[derive(Clone)]
pub struct TopologyView {
    shared: Arc<Shared>,
}

struct Shared {
    metadata: Arc<dyn MetadataStore>,
    key: String,
    known: Mutex<Option<Arc<KnownTopology>>>,
    revision: Revision,
}

impl fmt::Debug for TopologyView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.known().map(|known| known.version);
        f.debug_struct("TopologyView")
            .field("version", &version)
            .finish_non_exhaustive()
    }
}

impl TopologyView {
    /// The placement kept at `key`, of which nothing is known yet.
    #[must_use]
    pub fn new(metadata: Arc<dyn MetadataStore>, key: &str) -> Self {
        Self {
            shared: Arc::new(Shared {
                metadata,
                key: key.to_owned(),
                known: Mutex::new(None),
                revision: Revision::default(),
            }),
        }
    }

    /// The newest that is known.
    #[must_use]
    pub fn known(&self) -> Option<Arc<KnownTopology>> {
        self.lock().clone()
    }

    /// The newest that is known, read if none is.
    ///
    /// # Errors
    /// When there is none, or the metadata cannot be read.
    pub async fn current(&self) -> Result<Arc<KnownTopology>, CoordinatorError> {
        match self.known() {
            Some(known) => Ok(known),
            None => self.refresh().await,
        }
    }

    /// Reads it: what it answers is no older than the call.
    ///
    /// # Errors
    /// When there is none, or the metadata cannot be read.
    pub async fn refresh(&self) -> Result<Arc<KnownTopology>, CoordinatorError> {
        let kept = self.shared.metadata.get(&self.shared.key).await?;
        let Some(kept) = kept else {
            // It was removed: nobody is to be asked any more.
            *self.lock() = None;
            self.shared.revision.raise();
            return Err(CoordinatorError::NoPlacement);
        };
        self.take(&kept)
    }

    /// Takes over a placement, if it is newer than what is known; answers the newest.
    fn take(&self, kept: &Versioned) -> Result<Arc<KnownTopology>, CoordinatorError> {
        if let Some(known) = self.known().filter(|known| known.version >= kept.version) {
            return Ok(known);
        }
        let unreadable = |error: serde_json::Error| CoordinatorError::Unreadable {
            key: self.shared.key.clone(),
            error: error.to_string(),
        };
        let topology = serde_json::from_slice(&kept.bytes).map_err(unreadable)?;
        let version = kept.version;
        Ok(self.adopt(Arc::new(KnownTopology { version, topology })))
    }

    /// Goes on with a placement, unless a newer one is known; answers the newest.
    fn adopt(&self, read: Arc<KnownTopology>) -> Arc<KnownTopology> {
        let mut known = self.lock();
        if let Some(newer) = known.as_ref().filter(|own| own.version >= read.version) {
            return Arc::clone(newer);
        }
        *known = Some(Arc::clone(&read));
        drop(known);
        self.shared.revision.raise();
        read
    }

    /// Keeps a placement that was made of the one of `before`, `None` where there was none.
    ///
    /// # Errors
    /// [`MetadataError::Conflict`] when somebody else was faster.
    pub async fn put(
        &self,
        before: Option<u64>,
        topology: Topology,
    ) -> Result<Arc<KnownTopology>, MetadataError> {
        let bytes = serde_json::to_vec(&topology).map_err(MetadataError::store)?;
        let Shared { metadata, key, .. } = &*self.shared;
        let version = metadata.set(key, before, bytes).await?;
        let put = Arc::new(KnownTopology { version, topology });
        self.adopt(Arc::clone(&put));
        Ok(put)
    }

    /// The same of one that is known; whether it is kept. Where somebody else was faster what that
    /// one kept is read.
    ///
    /// # Errors
    /// When the metadata is away.
    pub(crate) async fn change(
        &self,
        known: &KnownTopology,
        after: Topology,
    ) -> Result<bool, CoordinatorError> {
        match self.put(Some(known.version), after).await {
            Ok(_) => Ok(true),
            Err(MetadataError::Conflict { .. }) => {
                self.refresh().await?;
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the placement of `version`.
    ///
    /// # Errors
    /// [`MetadataError::Conflict`] when it has another version.
    pub async fn remove(&self, version: u64) -> Result<(), MetadataError> {
        let Shared { metadata, key, .. } = &*self.shared;
        metadata.remove(key, version).await?;
        *self.lock() = None;
        self.shared.revision.raise();
        Ok(())
    }

    /// Tells when another one is known.
    #[must_use]
    pub fn changes(&self) -> Changes {
        self.shared.revision.changes()
    }

    /// Has `changes` wait for the next placement; where something is left to do, not longer than a
    /// while.
    pub(crate) async fn wait(runtime: &dyn Runtime, changes: &mut Changes, is_done: bool) {
        match is_done {
            true => changes.changed().await,
            false => {
                let jitter = Duration::from_millis(runtime.random() % 100);
                let _ended = within(runtime, AGAIN + jitter, changes.changed()).await;
            }
        }
    }

    /// Follows the metadata, for ever.
    pub async fn follow(self) {
        let mut changes = self.shared.metadata.changes();
        loop {
            // Where it cannot be read what is known goes on; the store tells when it is back.
            drop(self.refresh().await);
            changes.changed().await;
        }
    }

    /// Nothing is left half changed under the lock, so a panic elsewhere does not matter here.
    fn lock(&self) -> MutexGuard<'_, Option<Arc<KnownTopology>>> {
        self.shared
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
