//! What a store of metadata can do.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::watch;

use crate::store::StoreError;

/// A value and which one of its key it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Versioned {
    /// Grows with every change of the key.
    pub(crate) version: u64,
    pub(crate) bytes: Arc<[u8]>,
}

/// Why a value could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MetadataError {
    /// The value has another version than expected, or there is one where none was.
    #[error("{key} was changed by somebody else meanwhile: try again")]
    Conflict {
        /// The key.
        key: String,
    },
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a store answers, later. Network and disk are waited for without holding a thread.
pub(crate) type Answer<'a, T> = BoxFuture<'a, Result<T, MetadataError>>;

/// Keeps values by key, those of M3's keys in etcd. What was answered is durable.
pub(crate) trait MetadataStore: fmt::Debug + Send + Sync {
    /// The value of a key; `None` when there is none.
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Versioned>>;

    #[cfg_attr(not(test), expect(dead_code, reason = "for stores that others share"))]
    /// All keys that begin with `prefix`, with their values.
    fn list<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<(String, Versioned)>>;

    /// Makes or changes a value that has the version `expected`, `None` for one that is not there;
    /// answers the new version.
    fn set<'a>(&'a self, key: &'a str, expected: Option<u64>, bytes: Vec<u8>) -> Answer<'a, u64>;

    /// Removes a value that has the version `expected`.
    fn remove<'a>(&'a self, key: &'a str, expected: u64) -> Answer<'a, ()>;

    /// Sees a new number after every change, whoever made it.
    fn changes(&self) -> watch::Receiver<u64>;
}
