//! What a store of metadata can do.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::changes::Changes;

/// A value and which one of its key it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    /// Grows with every change of the key.
    pub version: u64,
    /// The value.
    pub bytes: Arc<[u8]>,
}

/// Why a value could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// The value has another version than expected, or there is one where none was.
    #[error("{key} was changed by somebody else meanwhile: try again")]
    Conflict {
        /// The key.
        key: String,
    },
    /// The store refused or failed; whether a change was made is not known.
    #[error(transparent)]
    Store(Box<dyn Error + Send + Sync>),
}

impl MetadataError {
    /// The store refused or failed.
    pub fn store(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Store(error.into())
    }
}

/// What a store answers, later. Network and disk are waited for without holding a thread.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, MetadataError>>;

/// Keeps values by key, those of M3's keys in etcd. What was answered is durable.
pub trait MetadataStore: fmt::Debug + Send + Sync {
    /// The value of a key; `None` when there is none. What it answers is no older than the call.
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Versioned>>;

    /// All keys that begin with `prefix`, with their values, sorted by key.
    fn list<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<(String, Versioned)>>;

    /// Makes or changes a value that has the version `expected`, `None` for one that is not there;
    /// answers the new version.
    fn set<'a>(&'a self, key: &'a str, expected: Option<u64>, bytes: Vec<u8>) -> Answer<'a, u64>;

    /// Removes a value that has the version `expected`.
    fn remove<'a>(&'a self, key: &'a str, expected: u64) -> Answer<'a, ()>;

    /// Tells of every change, whoever made it, and once the store is reached again after it was not.
    fn changes(&self) -> Changes;

    /// Sets a value that goes when whoever set it has not been heard of for `ttl`, and that is set
    /// anew should it go while the announcement is held. Meant for hints about who is there:
    /// nothing that must be true may rest on it. Does not wait for the store.
    fn announce(&self, key: &str, bytes: Vec<u8>, ttl: Duration) -> Announcement;
}

/// Holds a value that goes when this is dropped.
#[must_use = "what is announced goes when this is dropped"]
pub struct Announcement {
    withdraw: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl Announcement {
    /// Calls `withdraw` when it is dropped.
    pub fn new(withdraw: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self {
            withdraw: Some(Box::new(withdraw)),
        }
    }
}

impl fmt::Debug for Announcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Announcement").finish_non_exhaustive()
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        if let Some(withdraw) = self.withdraw.take() {
            withdraw();
        }
    }
}
