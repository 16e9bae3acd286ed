//! Stores of metadata over etcd that the tests play with.

use std::time::Duration;

use tsdb_cluster::metadata::{Changes, MetadataError};
use tsdb_server::metadata::{EtcdError, EtcdMetadata, EtcdOptions, EtcdReach};

use crate::support::wait_for;

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
    wait_for("changes to be followed", 30, async || {
        metadata.status().watch_revision
    })
    .await;
}

/// Waits until etcd is known to answer, or not to.
pub(super) async fn is(metadata: &EtcdMetadata, reach: EtcdReach) {
    wait_for(&format!("etcd to be {reach:?}"), 30, async || {
        (metadata.status().reach == reach).then_some(())
    })
    .await;
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
