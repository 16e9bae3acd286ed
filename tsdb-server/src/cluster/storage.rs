//! The store of the server as a node's database.

use tsdb_cluster::message::NodeError;
use tsdb_cluster::storage::{Lane, Storage, Work};

use crate::store::{Opened, Store, StoreError};

/// The store as a node's database: it commits and maintains by itself.
#[derive(Clone, Debug)]
pub(crate) struct StoreStorage {
    store: Store,
}

impl StoreStorage {
    /// The database of `store`, once it is open.
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }
}

impl Storage for StoreStorage {
    fn run(&self, lane: Lane, work: Work) {
        let work = move |opened: Result<Opened, StoreError>| match opened {
            Ok(opened) => work(Ok(&opened.db)),
            Err(error) => work(Err(told(&error))),
        };
        match lane {
            Lane::Append => self.store.hand_append(work),
            Lane::Write => self.store.hand_write(work),
            Lane::Read => self.store.hand_read(work),
        }
    }
}

/// An error of the store, as other machines are told it.
fn told(error: &StoreError) -> NodeError {
    match error {
        StoreError::DiskFull(_) | StoreError::Busy(_) => NodeError::Busy {
            reason: error.to_string(),
            retry_after: error.retry_after(),
        },
        other => NodeError::Failed(other.to_string()),
    }
}
