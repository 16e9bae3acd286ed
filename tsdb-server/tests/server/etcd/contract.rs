use std::sync::Arc;

use futures_util::future::join_all;
use tsdb_cluster::metadata::{
    MetadataError, MetadataStore, metadata_keeps_its_word, one_of_many_that_set_a_key_wins,
};
use tsdb_server::metadata::{EtcdError, EtcdOptions};

use super::start::{error, follow};
use crate::support::Etcd;

#[tokio::test]
async fn etcd_keeps_its_word() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let metadata = Arc::new(follow(EtcdOptions::new([&etcd.url])).await);
    metadata_keeps_its_word(metadata.clone()).await;
    one_of_many_that_set_a_key_wins(metadata).await;
}

#[tokio::test]
async fn lists_are_whole_however_much_there_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let metadata = follow(EtcdOptions::new([&etcd.url])).await;
    let small: Vec<_> = (0..600)
        .map(|number| format!("_kv/many/{number:03}"))
        .collect();
    for sets in small.chunks(50) {
        let sets = sets
            .iter()
            .map(|key| metadata.set(key, None, key.clone().into_bytes()));
        for set in join_all(sets).await {
            set.expect("a write");
        }
    }
    // More than what is read of one answer.
    for number in 0..5_u8 {
        let key = format!("_kv/large/{number}");
        let value = vec![number; 1 << 20];
        metadata.set(&key, None, value).await.expect("a write");
    }
    for neighbour in ["_kv", "_kv.", "_kv0", "_kv/lar", "_kv/manz", "z"] {
        metadata
            .set(neighbour, None, Vec::new())
            .await
            .expect("a write");
    }
    let many = metadata.list("_kv/many/").await.expect("a list");
    assert!(many.iter().map(|(key, _)| key).eq(&small));
    assert!(
        many.iter()
            .all(|(key, value)| *value.bytes == *key.as_bytes())
    );
    let large = metadata.list("_kv/large/").await.expect("a list");
    let sizes: Vec<_> = large
        .iter()
        .map(|(_, value)| (value.bytes.len(), value.bytes[0]))
        .collect();
    let expected: Vec<_> = (0..5).map(|number| (1 << 20, number)).collect();
    assert_eq!(sizes, expected);
    let all = metadata.list("").await.expect("a list");
    assert_eq!(all.len(), 600 + 5 + 6);
    assert!(all.is_sorted_by(|(one, _), (other, _)| one < other));
    assert_eq!(metadata.list("nothing/").await.expect("a list"), []);
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_names_the_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let more = ["--max-request-bytes=8388608"];
    let Some(etcd) = Etcd::start_with(folder.path(), "http", &more).await else {
        return;
    };
    let metadata = follow(EtcdOptions::new([&etcd.url])).await;
    let version = metadata.set("_kv/large", None, vec![7; 5 << 20]).await;
    let refused = error(metadata.get("_kv/large").await);
    assert!(matches!(refused, EtcdError::TooLarge { .. }), "{refused:?}");
    assert!(
        refused.to_string().contains("the limit is: 4194304 bytes"),
        "{refused}"
    );
    let refused = error(metadata.list("_kv/").await);
    assert!(matches!(refused, EtcdError::TooLarge { .. }), "{refused:?}");
    // It can be made smaller by one who knows the version.
    let version = version.expect("a write");
    metadata
        .set("_kv/large", Some(version), vec![7])
        .await
        .expect("a write");
    assert_eq!(metadata.list("_kv/").await.expect("a list").len(), 1);

    let refused = error(metadata.set("_kv/larger", None, vec![7; 9 << 20]).await);
    assert!(matches!(refused, EtcdError::Refused { .. }), "{refused:?}");
    assert_eq!(metadata.get("_kv/larger").await.expect("a look"), None);
}

#[tokio::test]
async fn versions_that_etcd_never_gives_are_conflicts() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let metadata = follow(EtcdOptions::new([&etcd.url])).await;
    for version in [0, u64::MAX] {
        let set = metadata.set("_kv/new", Some(version), Vec::new()).await;
        assert!(
            matches!(set, Err(MetadataError::Conflict { .. })),
            "{set:?}"
        );
        let removed = metadata.remove("_kv/new", version).await;
        assert!(
            matches!(removed, Err(MetadataError::Conflict { .. })),
            "{removed:?}"
        );
    }
    let refused = error(metadata.get("").await);
    assert!(
        refused.to_string().contains("key is not provided"),
        "{refused}"
    );
}
