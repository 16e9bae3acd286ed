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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::oneshot;
    use tsdb_core::vfs::{FaultVfs, Vfs};
    use tsdb_core::{Db, DbOptions, OpeningProgress, SystemClock};

    use super::*;
    use crate::store::{DiskWatch, StoreOptions};
    use crate::telemetry::Telemetry;

    fn start(disk: Option<DiskWatch>) -> Store {
        let vfs: Arc<dyn Vfs> = Arc::new(FaultVfs::new(3));
        let options = StoreOptions {
            open: Arc::new(move || {
                let clock = Arc::new(SystemClock::new());
                Db::open_with(Arc::clone(&vfs), clock, DbOptions::default())
            }),
            progress: Arc::new(OpeningProgress::default()),
            max_concurrent_queries: 1,
            disk,
            writers: 1,
        };
        Store::start(options, &Arc::new(Telemetry::default())).expect("threads")
    }

    /// What work on a lane is given.
    async fn given(store: &Store, lane: Lane) -> Result<(), NodeError> {
        let (sender, answer) = oneshot::channel();
        let work = move |db: Result<&Db, NodeError>| {
            sender.send(db.map(|_| ())).expect("the test waits");
        };
        StoreStorage::new(store.clone()).run(lane, Box::new(work));
        answer.await.expect("the work is never lost")
    }

    #[tokio::test]
    async fn work_is_told_when_there_is_no_database() {
        let store = start(None);
        for lane in [Lane::Append, Lane::Write, Lane::Read] {
            let told = given(&store, lane).await;
            let Err(NodeError::Failed(why)) = told else {
                panic!("{lane:?}: {told:?}");
            };
            assert!(why.contains("not open: it is being opened"), "{why}");
        }
        store
            .open(|_| Ok("default".to_owned()))
            .expect("a database");
        for lane in [Lane::Append, Lane::Write, Lane::Read] {
            assert_eq!(given(&store, lane).await, Ok(()));
        }
        store.close().expect("a clean stop");
        for lane in [Lane::Append, Lane::Write, Lane::Read] {
            let told = given(&store, lane).await;
            assert!(told.is_err(), "{lane:?}");
        }
    }

    #[tokio::test]
    async fn a_full_disk_refuses_samples_and_stands_in_the_way_of_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = start(Some(DiskWatch {
            folder: folder.path().to_owned(),
            high_water_percent: 0,
        }));
        store
            .open(|_| Ok("default".to_owned()))
            .expect("a database");
        let told = given(&store, Lane::Append).await;
        assert!(matches!(told, Err(NodeError::Busy { .. })), "{told:?}");
        assert_eq!(given(&store, Lane::Write).await, Ok(()));
        assert_eq!(given(&store, Lane::Read).await, Ok(()));
        store.close().expect("a clean stop");
    }
}
