use std::sync::Arc;

use tsdb_core::vfs::FaultVfs;
use tsdb_core::{Db, DbOptions, OpeningProgress, SystemClock, Vfs};

use super::{EmbeddedMetadata, MemoryMetadata, MetadataError, MetadataStore};
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

fn is_conflict<T: std::fmt::Debug>(result: Result<T, MetadataError>, key: &str) {
    match result {
        Err(MetadataError::Conflict { key: named }) => assert_eq!(named, key),
        other => panic!("{other:?} is no conflict"),
    }
}

/// What every store of metadata does.
async fn keeps_its_word(metadata: Arc<dyn MetadataStore>) {
    let key = "_kv/default_env/m3db.node.namespaces";
    let mut changes = metadata.changes();
    assert_eq!(metadata.get(key).await.expect("a look"), None);
    is_conflict(metadata.set(key, Some(1), b"x".to_vec()).await, key);
    is_conflict(metadata.remove(key, 1).await, key);
    assert!(!changes.has_changed().expect("alive"), "nothing changed");

    let first = metadata.set(key, None, b"one".to_vec()).await.expect("new");
    assert!(changes.has_changed().expect("alive"));
    changes.mark_unchanged();
    is_conflict(metadata.set(key, None, b"two".to_vec()).await, key);
    let kept = metadata.get(key).await.expect("a look").expect("a value");
    assert_eq!((kept.version, &*kept.bytes), (first, &b"one"[..]));

    let second = metadata.set(key, Some(first), b"two".to_vec()).await;
    let second = second.expect("the version it has");
    assert!(second > first);
    is_conflict(metadata.set(key, Some(first), b"x".to_vec()).await, key);
    is_conflict(metadata.remove(key, first).await, key);

    for other in [
        "_kv/default_env/other",
        "_kv/else/other",
        "_sd.placement/e/m3db",
    ] {
        metadata.set(other, None, other.into()).await.expect("new");
    }
    let listed = metadata.list("_kv/default_env/").await.expect("a list");
    let keys: Vec<_> = listed.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, [key, "_kv/default_env/other"]);
    assert_eq!(&*listed[0].1.bytes, b"two");

    changes.mark_unchanged();
    metadata
        .remove(key, second)
        .await
        .expect("the version it has");
    assert!(changes.has_changed().expect("alive"));
    assert_eq!(metadata.get(key).await.expect("a look"), None);
    let third = metadata.set(key, None, b"three".to_vec()).await;
    assert!(third.expect("new again") > second, "no version comes twice");
}

#[tokio::test]
async fn memory_keeps_its_word() {
    keeps_its_word(Arc::new(MemoryMetadata::default())).await;
}

#[tokio::test]
async fn the_database_keeps_its_word() {
    keeps_its_word(Arc::new(EmbeddedMetadata::new(open()))).await;
}

#[tokio::test]
async fn of_two_that_set_one_key_at_a_time_one_wins() {
    for metadata in [
        Arc::new(MemoryMetadata::default()) as Arc<dyn MetadataStore>,
        Arc::new(EmbeddedMetadata::new(open())),
    ] {
        let set = |number: u8| {
            let metadata = Arc::clone(&metadata);
            tokio::spawn(async move { metadata.set("key", None, vec![number]).await.is_ok() })
        };
        let all: Vec<_> = (0..8).map(set).collect();
        let mut won = 0;
        for one in all {
            won += usize::from(one.await.expect("no panic"));
        }
        assert_eq!(won, 1);
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_a_database_that_is_not_open_is_waited_for() {
    let metadata = EmbeddedMetadata::new(open());
    let error = metadata.set("key", None, vec![0; 2 << 20]).await;
    assert!(matches!(error, Err(MetadataError::Store(_))), "{error:?}");
    let metadata = EmbeddedMetadata::new(store_over(&FaultVfs::new(1)));
    match metadata.get("key").await {
        Err(MetadataError::Store(error)) => assert!(error.is_passing(), "{error}"),
        other => panic!("{other:?}"),
    }
}
