//! Metadata in memory, for tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use futures_util::FutureExt as _;
use tokio::sync::watch;

use super::store::{Answer, MetadataError, MetadataStore, Versioned};

/// Keeps values until it is dropped.
#[derive(Debug, Default)]
pub(crate) struct MemoryMetadata {
    values: Mutex<(u64, BTreeMap<String, Versioned>)>,
    changed: watch::Sender<u64>,
}

impl MemoryMetadata {
    fn values(&self) -> MutexGuard<'_, (u64, BTreeMap<String, Versioned>)> {
        self.values
            .lock()
            .expect("no test panics while it holds it")
    }

    fn change(
        &self,
        key: &str,
        expected: Option<u64>,
        bytes: Option<Vec<u8>>,
    ) -> Result<u64, MetadataError> {
        let mut guard = self.values();
        let (revision, values) = &mut *guard;
        if values.get(key).map(|value| value.version) != expected {
            return Err(MetadataError::Conflict {
                key: key.to_owned(),
            });
        }
        *revision += 1;
        let version = *revision;
        match bytes {
            Some(bytes) => {
                let bytes = bytes.into();
                values.insert(key.to_owned(), Versioned { version, bytes });
            }
            None => _ = values.remove(key),
        }
        self.changed.send_replace(version);
        Ok(version)
    }
}

impl MetadataStore for MemoryMetadata {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Versioned>> {
        async move { Ok(self.values().1.get(key).cloned()) }.boxed()
    }

    fn list<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<(String, Versioned)>> {
        async move {
            let values = self.values();
            let found = values.1.iter().filter(|(key, _)| key.starts_with(prefix));
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

    fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}
