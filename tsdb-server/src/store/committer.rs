//! The one thread that leads the group commits, so that no request holds a thread for its fsync.

use std::sync::Arc;
use std::time::Duration;

use tsdb_core::ErrorKind;

use super::slot::{Opened, Slot};

/// How long to wait for work before looking whether the server stops.
const LOOK: Duration = Duration::from_millis(200);

/// Commits until the server stops, with one database after the other.
pub(super) fn run(slot: &Arc<Slot>) {
    let mut epoch = None;
    while let Some(opened) = slot.newer_than(epoch) {
        epoch = Some(opened.epoch);
        commit_until_it_fails(slot, &opened);
    }
}

fn commit_until_it_fails(slot: &Slot, opened: &Opened) {
    while !slot.stopping() {
        if !opened.db.wait_for_work(LOOK) {
            if slot
                .current()
                .map_or(true, |current| current.epoch != opened.epoch)
            {
                return;
            }
            continue;
        }
        if let Err(error) = opened.db.commit() {
            tracing::error!(%error, "a commit failed; the writes in it were not acked");
            // The maintainer reopens the database; the next one comes through the slot.
            slot.call();
            if opened.db.poisoned().is_some() || error.kind() == ErrorKind::Closed {
                return;
            }
        }
    }
}
