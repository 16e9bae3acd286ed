//! Metadata in memory, for tests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;

use super::changes::{Changes, Revision};
use super::store::{Announcement, Answer, MetadataError, MetadataStore, Versioned};

/// Keeps values until the last clone is dropped. Clones share them; each can be cut off.
#[derive(Clone, Debug, Default)]
pub struct MemoryMetadata {
    values: Arc<Mutex<Values>>,
    revision: Revision,
}

#[derive(Debug, Default)]
struct Values {
    revision: u64,
    by_key: BTreeMap<String, Versioned>,
    /// Whether nobody is answered.
    is_away: bool,
}

impl MemoryMetadata {
    /// Has every call fail from now on, or answers again.
    pub fn set_away(&self, is_away: bool) {
        self.values().is_away = is_away;
        self.revision.raise();
    }

    fn values(&self) -> MutexGuard<'_, Values> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn present(&self) -> Result<MutexGuard<'_, Values>, MetadataError> {
        let values = self.values();
        match values.is_away {
            true => Err(MetadataError::store("the metadata is away")),
            false => Ok(values),
        }
    }

    fn change(
        &self,
        key: &str,
        expected: Option<u64>,
        bytes: Option<Vec<u8>>,
    ) -> Result<u64, MetadataError> {
        let mut values = self.present()?;
        if values.by_key.get(key).map(|value| value.version) != expected {
            return Err(MetadataError::Conflict {
                key: key.to_owned(),
            });
        }
        values.revision += 1;
        let version = values.revision;
        match bytes {
            Some(bytes) => {
                let bytes = bytes.into();
                let value = Versioned { version, bytes };
                values.by_key.insert(key.to_owned(), value);
            }
            None => _ = values.by_key.remove(key),
        }
        drop(values);
        self.revision.raise();
        Ok(version)
    }
}

impl MetadataStore for MemoryMetadata {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Versioned>> {
        async move { Ok(self.present()?.by_key.get(key).cloned()) }.boxed()
    }

    fn list<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<(String, Versioned)>> {
        async move {
            let values = self.present()?;
            let found = values.by_key.range(prefix.to_owned()..);
            let found = found.take_while(|(key, _)| key.starts_with(prefix));
            Ok(found
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect())
        }
        .boxed()
    }

    fn set<'a>(&'a self, key: &'a str, expected: Option<u64>, bytes: Vec<u8>) -> Answer<'a, u64> {
        async move { self.change(key, expected, Some(bytes)) }.boxed()
    }

    fn remove<'a>(&'a self, key: &'a str, expected: u64) -> Answer<'a, ()> {
        async move { self.change(key, Some(expected), None).map(drop) }.boxed()
    }

    fn changes(&self) -> Changes {
        self.revision.changes()
    }

    /// Set at once, and gone at once: whoever holds it is heard of all the time.
    fn announce(&self, key: &str, bytes: Vec<u8>, _: Duration) -> Announcement {
        let mut values = self.values();
        values.revision += 1;
        let (version, bytes) = (values.revision, bytes.into());
        let value = Versioned { version, bytes };
        values.by_key.insert(key.to_owned(), value);
        drop(values);
        self.revision.raise();
        let (store, key) = (self.clone(), key.to_owned());
        Announcement::new(move || {
            let mut values = store.values();
            // Another may have announced the same key since.
            if values
                .by_key
                .get(&key)
                .is_some_and(|value| value.version == version)
            {
                values.by_key.remove(&key);
                values.revision += 1;
            }
            drop(values);
            store.revision.raise();
        })
    }
}
