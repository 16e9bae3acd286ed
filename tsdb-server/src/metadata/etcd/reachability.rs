//! Whether etcd answers.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tsdb_cluster::metadata::Revision;

use super::endpoint::Endpoint;
use super::error::EtcdError;
use super::status::{EtcdReach, EtcdStatus};

/// Whether etcd answers. Says so once when this changes, and raises the revision when it is back.
#[derive(Debug)]
pub(super) struct Reachability {
    revision: Revision,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    reach: EtcdReach,
    since: Instant,
    endpoint: Option<String>,
    last_error: Option<String>,
    watch_revision: Option<i64>,
}

impl Reachability {
    pub(super) fn new(revision: Revision) -> Self {
        Self {
            revision,
            state: Mutex::new(State {
                reach: EtcdReach::Unknown,
                since: Instant::now(),
                endpoint: None,
                last_error: None,
                watch_revision: None,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An endpoint answered.
    pub(super) fn answered(&self, endpoint: &Endpoint) {
        let mut state = self.state();
        if state.reach == EtcdReach::Reachable {
            return;
        }
        let was_away = state.reach == EtcdReach::Unreachable;
        let lasted = state.since.elapsed();
        state.reach = EtcdReach::Reachable;
        state.since = Instant::now();
        drop(state);
        if was_away {
            tracing::warn!(%endpoint, away = ?lasted, "etcd is back");
            self.revision.raise();
        } else {
            tracing::info!(%endpoint, "etcd answers");
        }
    }

    /// Calls go to an endpoint from now on.
    pub(super) fn connected(&self, endpoint: &Endpoint) {
        self.state().endpoint = Some(endpoint.to_string());
        self.answered(endpoint);
    }

    /// Something went wrong that is tried anew.
    pub(super) fn noted(&self, error: &EtcdError) {
        self.state().last_error = Some(error.to_string());
    }

    /// Something went wrong with a call.
    pub(super) fn failed(&self, error: &EtcdError) {
        let mut state = self.state();
        state.last_error = Some(error.to_string());
        if !error.is_away() || state.reach == EtcdReach::Unreachable {
            return;
        }
        state.reach = EtcdReach::Unreachable;
        state.since = Instant::now();
        let endpoint = state.endpoint.clone().unwrap_or_default();
        drop(state);
        tracing::warn!(endpoint, %error, "etcd is away");
    }

    /// Up to where the changes were told.
    pub(super) fn watched(&self, revision: Option<i64>) {
        self.state().watch_revision = revision;
    }

    pub(super) fn status(&self) -> EtcdStatus {
        let state = self.state();
        EtcdStatus {
            reach: state.reach,
            lasted: state.since.elapsed(),
            endpoint: state.endpoint.clone(),
            last_error: state.last_error.clone(),
            watch_revision: state.watch_revision,
        }
    }
}
