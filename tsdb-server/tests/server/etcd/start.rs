//! Stores of metadata over etcd that the tests play with.

use std::time::Duration;

use tsdb_cluster::metadata::{Changes, MetadataError};
use tsdb_server::metadata::{EtcdError, EtcdMetadata, EtcdOptions, EtcdReach, EtcdStatus};

/// What tests that wait for deadlines can wait for.
pub(super) const SOON: Duration = Duration::from_millis(500);

/// Options for deadlines and signs of life that are soon over.
pub(super) fn hasty(endpoints: &[&str]) -> EtcdOptions {
    EtcdOptions {
        call_timeout: SOON,
        keep_alive: SOON,
        ..EtcdOptions::new(endpoints.iter().copied())
    }
}

/// A store that follows what changes already.
pub(super) async fn follow(options: EtcdOptions) -> EtcdMetadata {
    let metadata = EtcdMetadata::connect(options).expect("options");
    watches(&metadata).await;
    metadata
}

/// Waits until changes are followed.
pub(super) async fn watches(metadata: &EtcdMetadata) {
    until(metadata, "changes to be followed", |status| {
        status.watch_revision.is_some()
    })
    .await;
}

/// Waits until etcd is known to answer, or not to.
pub(super) async fn is(metadata: &EtcdMetadata, reach: EtcdReach) {
    until(metadata, &format!("etcd to be {reach:?}"), |status| {
        status.reach == reach
    })
    .await;
}

/// Waits until it stands with etcd as `holds` says.
pub(super) async fn until(
    metadata: &EtcdMetadata,
    what: &str,
    holds: impl Fn(&EtcdStatus) -> bool,
) {
    let waited = wait_until(Duration::from_secs(30), || holds(&metadata.status())).await;
    assert!(waited, "waited in vain for {what}: {:?}", metadata.status());
}

async fn wait_until(within: Duration, holds: impl Fn() -> bool) -> bool {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(within, wait).await.is_ok()
}

/// Waits for a change to be told.
pub(super) async fn told(changes: &mut Changes, within: Duration) {
    let changed = tokio::time::timeout(within, changes.changed()).await;
    changed.unwrap_or_else(|_| panic!("no change was told within {within:?}"));
}

/// What went wrong at etcd.
pub(super) fn error<T: std::fmt::Debug>(result: Result<T, MetadataError>) -> EtcdError {
    match result {
        Err(MetadataError::Store(error)) => *error.downcast().expect("an error of etcd"),
        other => panic!("{other:?} is no error of etcd"),
    }
}
