//! The one thread that cuts, flushes, merges and expires, and that reopens a poisoned database.

use std::sync::Arc;
use std::time::Duration;

use tsdb_core::{ErrorKind, MaintenanceStep};

use super::disk::DiskWatch;
use super::handle::{OpenDatabase, tell};
use super::slot::Slot;
use crate::telemetry::Telemetry;

/// How often to look for work when nobody calls.
const LOOK: Duration = Duration::from_secs(1);
/// How long to wait after a failed attempt to reopen, doubled each time up to [`BACKOFF_MAX`].
const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// What the maintainer works with.
pub(super) struct Maintainer {
    pub(super) slot: Arc<Slot>,
    pub(super) open: OpenDatabase,
    pub(super) disk: Option<DiskWatch>,
    pub(super) telemetry: Arc<Telemetry>,
}

impl Maintainer {
    /// Works until the server stops.
    pub(super) fn run(&self) {
        while !self.slot.stopping() {
            self.check_disk();
            let Ok(opened) = self.slot.current() else {
                self.reopen("it was not open");
                continue;
            };
            if let Some(reason) = opened.db.poisoned() {
                let reason = reason.to_string();
                drop(opened);
                self.reopen(&reason);
                continue;
            }
            let more = match opened.db.maintain() {
                Ok(done) => done.more && done.step != MaintenanceStep::Busy,
                Err(error) if error.kind() == ErrorKind::Poisoned => true,
                Err(error) => {
                    self.telemetry.maintenance_failed();
                    tracing::error!(%error, "maintenance failed; it is tried again");
                    false
                }
            };
            drop(opened);
            if !more {
                self.slot.wait_for_call(LOOK);
            }
        }
    }

    /// Turns writes away while the disk is too full.
    pub(super) fn check_disk(&self) {
        self.slot
            .refuse(self.disk.as_ref().and_then(DiskWatch::refusal));
    }

    /// Closes the database and opens it again, as often as it takes.
    fn reopen(&self, reason: &str) {
        tracing::error!(
            reason,
            "the database refuses writes; closing and reopening it"
        );
        if let Some(old) = self
            .slot
            .withdraw(format!("it is being reopened, because {reason}"))
        {
            let db = old.db;
            drop(old.namespace);
            if let Err(error) = db.close() {
                // Expected: what it could not write is written anew after opening.
                tracing::warn!(%error, "closing the failed database");
            }
        }
        let mut backoff = BACKOFF_MIN;
        while !self.slot.stopping() {
            match (self.open)() {
                Ok(db) => {
                    tell(db.recovery());
                    self.telemetry.reopened();
                    self.slot.put(db);
                    return;
                }
                Err(error) => {
                    let wait_ms = u64::try_from(backoff.as_millis()).unwrap_or(u64::MAX);
                    tracing::error!(%error, wait_ms, "the database cannot be reopened yet");
                    self.slot.wait_for_stop(backoff);
                    backoff = (backoff * 2).min(BACKOFF_MAX);
                }
            }
        }
    }
}
