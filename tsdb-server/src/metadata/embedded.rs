//! Metadata in the node's own database.

use std::time::Duration;

use futures_util::FutureExt as _;
use tsdb_cluster::metadata::{
    Announcement, Answer, Changes, MetadataError, MetadataStore, Revision, Versioned,
};
use tsdb_core::{Db, Document, ErrorKind};

use crate::store::{Store, StoreError};

/// Keeps values as documents of the database that is open at the moment.
#[derive(Clone, Debug)]
pub(crate) struct EmbeddedMetadata {
    store: Store,
    revision: Revision,
}

impl EmbeddedMetadata {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            revision: Revision::default(),
        }
    }

    /// Runs `work` on a thread that may wait for the disk.
    async fn run<T: Send + 'static>(
        &self,
        key: &str,
        work: impl FnOnce(&Db, &str) -> Result<T, tsdb_core::Error> + Send + 'static,
    ) -> Result<T, MetadataError> {
        let (store, key) = (self.store.clone(), key.to_owned());
        let work = move || {
            let opened = store.current().map_err(MetadataError::store)?;
            work(&opened.db, &key).map_err(|error| match error.kind() {
                ErrorKind::Conflict => MetadataError::Conflict { key },
                _ => MetadataError::store(StoreError::from(error)),
            })
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or(Err(MetadataError::store(StoreError::Lost)))
    }
}

fn versioned(document: Document) -> Versioned {
    Versioned {
        version: document.version,
        bytes: document.bytes,
    }
}

impl MetadataStore for EmbeddedMetadata {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Versioned>> {
        self.run(key, |db, key| Ok(db.document(key).map(versioned)))
            .boxed()
    }

    fn list<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<(String, Versioned)>> {
        self.run(prefix, |db, prefix| {
            let found = db.documents(prefix).into_iter();
            let found = found.map(|document| (document.name.clone(), versioned(document)));
            Ok(found.collect())
        })
        .boxed()
    }

    fn set<'a>(&'a self, key: &'a str, expected: Option<u64>, bytes: Vec<u8>) -> Answer<'a, u64> {
        async move {
            let put = move |db: &Db, key: &str| db.put_document(key, expected, &bytes);
            let version = self.run(key, put).await?;
            self.revision.raise();
            Ok(version)
        }
        .boxed()
    }

    fn remove<'a>(&'a self, key: &'a str, expected: u64) -> Answer<'a, ()> {
        async move {
            let remove = move |db: &Db, key: &str| db.remove_document(key, expected);
            self.run(key, remove).await?;
            self.revision.raise();
            Ok(())
        }
        .boxed()
    }

    fn changes(&self) -> Changes {
        self.revision.changes()
    }

    /// Nobody else reads this database: there is nobody to be told.
    fn announce(&self, _: &str, _: Vec<u8>, _: Duration) -> Announcement {
        Announcement::new(|| ())
    }
}
