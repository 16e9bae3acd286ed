use std::time::Duration;

use tsdb_cluster::metadata::MetadataStore;
use tsdb_server::metadata::{EtcdMetadata, EtcdOptions};

use super::start::follow;
use crate::support::{Etcd, wait_for};

const KEY: &str = "_tsdb/nodes/a";
const TTL: Duration = Duration::from_secs(2);

/// Waits until the key holds a value, and answers its lease.
async fn holds(etcd: &Etcd, value: &str) -> String {
    wait_for(&format!("{KEY} to hold {value}"), 30, async || {
        let (found, lease) = etcd.get(KEY).await?;
        (found == value).then_some(lease)
    })
    .await
}

async fn is_gone(etcd: &Etcd) {
    wait_for(&format!("{KEY} to go"), 30, async || {
        etcd.get(KEY).await.is_none().then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_is_announced_outlives_etcd_and_goes_when_it_is_dropped() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    // Does not wait for etcd.
    etcd.kill();
    let metadata = EtcdMetadata::connect(EtcdOptions::new([&etcd.url])).expect("options");
    let held = metadata.announce(KEY, b"here".to_vec(), Duration::from_secs(60));
    etcd.restart().await;
    let lease = holds(&etcd, "here").await;
    etcd.restart().await;
    assert_eq!(holds(&etcd, "here").await, lease, "it is the same lease");
    // Long before its time is over.
    drop(held);
    is_gone(&etcd).await;
    assert_eq!(etcd.leases().await, 0);
}

#[tokio::test]
async fn what_is_announced_comes_back_when_it_was_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let metadata = follow(EtcdOptions::new([&etcd.url])).await;
    let held = metadata.announce(KEY, b"here".to_vec(), TTL);
    let first = holds(&etcd, "here").await;
    etcd.revoke(&first).await;
    let second = holds(&etcd, "here").await;
    assert_ne!(second, first);
    etcd.delete(KEY).await;
    assert_eq!(holds(&etcd, "here").await, second, "the lease was not lost");
    drop(held);
    is_gone(&etcd).await;
}

#[tokio::test]
async fn the_last_who_announces_a_key_has_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let metadata = follow(EtcdOptions::new([&etcd.url])).await;
    let older = metadata.announce(KEY, b"older".to_vec(), TTL);
    holds(&etcd, "older").await;
    let newer = metadata.announce(KEY, b"newer".to_vec(), TTL);
    let lease = holds(&etcd, "newer").await;
    drop(older);
    wait_for("the older lease to end", 30, async || {
        (etcd.leases().await == 1).then_some(())
    })
    .await;
    assert_eq!(etcd.get(KEY).await, Some(("newer".to_owned(), lease)));
    drop(newer);
    is_gone(&etcd).await;
}

#[tokio::test]
async fn what_is_announced_goes_when_nobody_keeps_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let url = etcd.url.clone();
    let keeper = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime");
        let held = runtime.block_on(async {
            let metadata = EtcdMetadata::connect(EtcdOptions::new([&url])).expect("options");
            let mut changes = metadata.changes();
            let held = metadata.announce(KEY, b"here".to_vec(), TTL);
            while metadata.get(KEY).await.expect("a look").is_none() {
                changes.changed().await;
            }
            held
        });
        // Its tasks end with it, and keep nothing.
        drop(runtime);
        held
    });
    let held = keeper.join().expect("no panic");
    holds(&etcd, "here").await;
    is_gone(&etcd).await;
    drop(held);
}
