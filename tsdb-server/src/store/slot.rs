//! The database that is open at this moment, if one is.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tsdb_core::{Db, Namespace};

use super::error::StoreError;
use super::series_ids::IDS_NAMESPACE;

/// The open database and its default namespace.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    /// The database.
    pub(crate) db: Db,
    /// The namespace that plain requests use.
    pub(crate) namespace: Namespace,
    /// How many databases were open before it in this process.
    pub(super) epoch: u64,
}

impl Opened {
    /// The namespace of this name.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn find(&self, name: &str) -> Result<Namespace, StoreError> {
        self.db
            .find(name)
            .filter(|_| name != IDS_NAMESPACE)
            .ok_or_else(|| StoreError::NoNamespace(name.to_owned()))
    }
}

#[derive(Debug)]
struct State {
    current: Result<Opened, String>,
    epoch: u64,
    stopping: bool,
    /// Why writes are turned away though the database would take them.
    refusal: Option<String>,
    /// Somebody asked the maintainer to look now.
    called: bool,
    /// Name of the namespace that plain requests use.
    namespace: String,
}

/// Where the open database is found, and where threads wait for what happens to it.
#[derive(Debug)]
pub(super) struct Slot {
    state: Mutex<State>,
    changed: Condvar,
}

impl Slot {
    /// Nothing is open yet, for this reason.
    pub(super) fn new(reason: &str) -> Self {
        Self {
            state: Mutex::new(State {
                current: Err(reason.to_owned()),
                epoch: 0,
                stopping: false,
                called: false,
                refusal: None,
                namespace: "default".to_owned(),
            }),
            changed: Condvar::new(),
        }
    }

    /// No state is left half changed under the lock, so a panic elsewhere does not matter here.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn current(&self) -> Result<Opened, StoreError> {
        self.lock().current.clone().map_err(StoreError::Unavailable)
    }

    /// Takes the database out, so that nobody new gets hold of it.
    pub(super) fn withdraw(&self, reason: String) -> Option<Opened> {
        let taken = std::mem::replace(&mut self.lock().current, Err(reason)).ok();
        self.changed.notify_all();
        taken
    }

    pub(super) fn put(&self, db: Db) {
        let mut state = self.lock();
        state.epoch += 1;
        state.current = Ok(Opened {
            namespace: plain(&db, &state.namespace),
            db,
            epoch: state.epoch,
        });
        drop(state);
        self.changed.notify_all();
    }

    /// Has plain requests use the namespace of this name, in this database and later ones.
    pub(super) fn use_namespace(&self, name: &str) {
        let mut state = self.lock();
        name.clone_into(&mut state.namespace);
        if let Ok(opened) = &mut state.current {
            opened.namespace = plain(&opened.db, name);
        }
    }

    pub(super) fn stop(&self) {
        self.lock().stopping = true;
        self.changed.notify_all();
    }

    pub(super) fn stopping(&self) -> bool {
        self.lock().stopping
    }

    /// Turns writes away, or takes them again.
    pub(super) fn refuse(&self, refusal: Option<String>) {
        let mut state = self.lock();
        match (&refusal, &state.refusal) {
            (Some(reason), None) => tracing::error!(reason, "writes are turned away"),
            (None, Some(_)) => tracing::info!("writes are taken again"),
            _ => {}
        }
        state.refusal = refusal;
    }

    pub(super) fn refusal(&self) -> Option<String> {
        self.lock().refusal.clone()
    }

    /// Makes the maintainer look now.
    pub(super) fn call(&self) {
        self.lock().called = true;
        self.changed.notify_all();
    }

    /// Waits until the server stops, somebody calls, or `timeout` is over.
    pub(super) fn wait_for_call(&self, timeout: Duration) {
        let state = self.lock();
        let wait = self
            .changed
            .wait_timeout_while(state, timeout, |state| !state.stopping && !state.called);
        wait.unwrap_or_else(PoisonError::into_inner).0.called = false;
    }

    /// Waits until the server stops or `timeout` is over.
    pub(super) fn wait_for_stop(&self, timeout: Duration) {
        let state = self.lock();
        drop(
            self.changed
                .wait_timeout_while(state, timeout, |state| !state.stopping),
        );
    }

    /// The first database newer than `epoch`, waiting for it; `None` when the server stops.
    pub(super) fn newer_than(&self, epoch: Option<u64>) -> Option<Opened> {
        let mut state = self.lock();
        loop {
            if state.stopping {
                return None;
            }
            match &state.current {
                Ok(opened) if epoch.is_none_or(|seen| opened.epoch > seen) => {
                    return Some(opened.clone());
                }
                _ => {
                    state = self
                        .changed
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner)
                }
            }
        }
    }
}

fn plain(db: &Db, name: &str) -> Namespace {
    db.find(name).unwrap_or_else(|| db.default_namespace())
}
