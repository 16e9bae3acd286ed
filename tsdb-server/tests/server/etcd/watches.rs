use std::time::Duration;

use tsdb_cluster::metadata::MetadataStore;
use tsdb_server::metadata::EtcdReach;

use super::start::{SOON, follow, hasty, is, told, until, watches};
use crate::support::{Etcd, Link, wait_for};

#[tokio::test]
async fn changes_by_others_are_told_and_only_those_that_are_watched() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let metadata = follow(hasty(&[&etcd.url])).await;
    for prefix in ["_kv/", "_sd.placement/", "/placement/", "_tsdb/"] {
        let mut changes = metadata.changes();
        let key = format!("{prefix}x");
        let revision = etcd.put(&key, "1").await;
        told(&mut changes, SOON * 4).await;
        assert!(metadata.status().watch_revision >= Some(revision));
        etcd.delete(&key).await;
        told(&mut changes, SOON * 4).await;
    }
    let mut changes = metadata.changes();
    etcd.put("elsewhere", "1").await;
    // In order: had the first been told, it would have been before the second.
    let revision = etcd.put("_kv/y", "1").await;
    told(&mut changes, SOON * 4).await;
    assert_eq!(metadata.status().watch_revision, Some(revision));
    assert!(!changes.take());
}

#[tokio::test]
async fn a_watch_goes_on_where_it_was_cut() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let link = Link::to(etcd.url.trim_start_matches("http://")).await;
    let metadata = follow(hasty(&[&link.address.to_string()])).await;
    link.cut();
    is(&metadata, EtcdReach::Unreachable).await;
    let mut changes = metadata.changes();
    let revision = etcd.put("_kv/x", "1").await;
    link.mend();
    told(&mut changes, Duration::from_secs(20)).await;
    until(&metadata, "the change to be told", |status| {
        status.watch_revision >= Some(revision)
    })
    .await;
}

#[tokio::test]
async fn a_watch_whose_changes_are_compacted_tells_that_all_may_have_changed_and_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let link = Link::to(etcd.url.trim_start_matches("http://")).await;
    let metadata = follow(hasty(&[&link.address.to_string()])).await;
    etcd.put("_kv/x", "1").await;
    link.cut();
    is(&metadata, EtcdReach::Unreachable).await;
    let mut changes = metadata.changes();
    etcd.put("_kv/x", "2").await;
    let last = etcd.put("elsewhere", "3").await;
    etcd.compact(last).await;
    link.mend();
    told(&mut changes, Duration::from_secs(20)).await;
    let said = wait_for("the watch to go on", 20, async || {
        let status = metadata.status();
        (status.watch_revision >= Some(last)).then_some(status.last_error)
    })
    .await;
    let said = said.expect("an error");
    assert!(
        said.contains(&format!("before revision {last} are compacted")),
        "{said}"
    );
    changes.take();
    etcd.put("_kv/x", "4").await;
    told(&mut changes, SOON * 4).await;
}

#[tokio::test]
async fn an_etcd_that_begins_from_nothing_is_followed_from_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let metadata = follow(hasty(&[&etcd.url])).await;
    let mut before = 0;
    for value in 0..20 {
        before = etcd.put("_kv/x", &value.to_string()).await;
    }
    until(&metadata, "the changes to be told", |status| {
        status.watch_revision == Some(before)
    })
    .await;
    let mut changes = metadata.changes();
    etcd.restart_empty().await;
    told(&mut changes, Duration::from_secs(20)).await;
    until(&metadata, "the watch to begin anew", |status| {
        status.watch_revision < Some(before)
    })
    .await;
    watches(&metadata).await;
    changes.take();
    let revision = etcd.put("_kv/x", "1").await;
    assert!(revision < before);
    told(&mut changes, SOON * 4).await;
}

#[tokio::test]
async fn a_connection_that_is_silently_dead_is_noticed_in_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let link = Link::to(etcd.url.trim_start_matches("http://")).await;
    let metadata = follow(hasty(&[&link.address.to_string()])).await;
    // Signs of life keep the connection that there is.
    let opened = link.opened();
    tokio::time::timeout(SOON * 4, metadata.changes().changed())
        .await
        .expect_err("nothing changes");
    assert_eq!(link.opened(), opened);

    let mut changes = metadata.changes();
    link.silence();
    let revision = etcd.put("_kv/x", "1").await;
    // A silence, a question without an answer, and a connection anew.
    told(&mut changes, SOON * 6).await;
    assert!(metadata.status().watch_revision >= Some(revision));
}

#[tokio::test]
async fn nothing_is_followed_once_the_last_clone_is_dropped() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let link = Link::to(etcd.url.trim_start_matches("http://")).await;
    let metadata = follow(hasty(&[&link.address.to_string()])).await;
    let clone = metadata.clone();
    drop(metadata);
    let mut changes = clone.changes();
    etcd.put("_kv/x", "1").await;
    told(&mut changes, SOON * 4).await;
    watches(&clone).await;
    drop(clone);
    wait_for("the connections to be closed", 20, async || {
        (link.open() == 0).then_some(())
    })
    .await;
}
