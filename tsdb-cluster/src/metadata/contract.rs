//! What every store of metadata does, for the tests of each.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "asserts, on behalf of tests"
)]

use std::fmt::Debug;
use std::sync::Arc;

use futures_util::future::join_all;

use super::store::{MetadataError, MetadataStore};

fn is_conflict<T: Debug>(result: Result<T, MetadataError>, key: &str) {
    match result {
        Err(MetadataError::Conflict { key: named }) => assert_eq!(named, key),
        other => panic!("{other:?} is no conflict"),
    }
}

/// Plays what every store of metadata does.
///
/// # Panics
/// When this one does not.
pub async fn metadata_keeps_its_word(metadata: Arc<dyn MetadataStore>) {
    let key = "_kv/default_env/m3db.node.namespaces";
    let mut changes = metadata.changes();
    assert_eq!(metadata.get(key).await.expect("a look"), None);
    is_conflict(metadata.set(key, Some(1), b"x".to_vec()).await, key);
    is_conflict(metadata.remove(key, 1).await, key);
    assert!(!changes.take(), "nothing changed");

    let first = metadata.set(key, None, b"one".to_vec()).await.expect("new");
    changes.changed().await;
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

    changes.take();
    metadata
        .remove(key, second)
        .await
        .expect("the version it has");
    changes.changed().await;
    assert_eq!(metadata.get(key).await.expect("a look"), None);
    let third = metadata.set(key, None, b"three".to_vec()).await;
    assert!(third.expect("new again") > second, "no version comes twice");
}

/// Of many that set a key at a time, one wins.
///
/// # Panics
/// When another number does.
pub async fn one_of_many_that_set_a_key_wins(metadata: Arc<dyn MetadataStore>) {
    let set = |number: u8| metadata.set("key", None, vec![number]);
    let all = join_all((0..8).map(set)).await;
    assert_eq!(all.iter().filter(|one| one.is_ok()).count(), 1);
}
