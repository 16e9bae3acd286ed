use std::sync::Arc;

use tsdb_cluster::metadata::{
    MetadataError, MetadataStore, metadata_keeps_its_word, one_of_many_that_set_a_key_wins,
};
use tsdb_core::vfs::FaultVfs;
use tsdb_core::{Db, DbOptions, OpeningProgress, SystemClock, Vfs};

use super::EmbeddedMetadata;
use crate::store::{Store, StoreError, StoreOptions};
use crate::telemetry::Telemetry;

/// A store over `disk` that is not open yet.
pub(crate) fn store_over(disk: &FaultVfs) -> Store {
    let disk: Arc<dyn Vfs> = Arc::new(disk.clone());
    let open = move || {
        let clock = Arc::new(SystemClock::new());
        Db::open_with(Arc::clone(&disk), clock, DbOptions::default())
    };
    let options = StoreOptions {
        open: Arc::new(open),
        progress: Arc::new(OpeningProgress::default()),
        max_concurrent_queries: 1,
        disk: None,
        writers: 1,
    };
    Store::start(options, &Arc::new(Telemetry::default())).expect("threads")
}

fn open() -> Store {
    let store = store_over(&FaultVfs::new(1));
    let plain = |_: &Db| -> Result<String, StoreError> { Ok("default".to_owned()) };
    store.open(plain).expect("a database");
    store
}

#[tokio::test]
async fn the_database_keeps_its_word() {
    metadata_keeps_its_word(Arc::new(EmbeddedMetadata::new(open()))).await;
}

#[tokio::test]
async fn of_many_that_set_one_key_at_a_time_one_wins() {
    one_of_many_that_set_a_key_wins(Arc::new(EmbeddedMetadata::new(open()))).await;
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_a_database_that_is_not_open_is_waited_for() {
    let metadata = EmbeddedMetadata::new(open());
    let error = metadata.set("key", None, vec![0; 2 << 20]).await;
    assert!(matches!(error, Err(MetadataError::Store(_))), "{error:?}");
    let metadata = EmbeddedMetadata::new(store_over(&FaultVfs::new(1)));
    match metadata.get("key").await {
        Err(MetadataError::Store(error)) => {
            let error = error.downcast::<StoreError>().expect("the store's");
            assert!(error.is_passing(), "{error}");
        }
        other => panic!("{other:?}"),
    }
}
