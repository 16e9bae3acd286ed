//! What the suites have found, each as the shortest story that shows it.

use std::sync::Arc;

use tsdb_core::clock::ManualClock;
use tsdb_core::model::ProtocolRules;
use tsdb_core::vfs::{Fault, FaultVfs, OperationKind, Outage, SimulatedCrash, Verdict};
use tsdb_core::{Db, ErrorKind, NamespaceOptions, Sample, TimeRange, WriteBatch};

use crate::support::{START, Universe, open_at, small_options};

fn open(vfs: &FaultVfs) -> Db {
    let clock = Arc::new(ManualClock::new(START));
    let options = small_options(ProtocolRules::default());
    Db::open_with(Arc::new(vfs.clone()), clock, options).unwrap()
}

fn count(db: &Db) -> usize {
    let namespace = db.default_namespace();
    let found = namespace.select(TimeRange::ALL, &[]).unwrap();
    found.map(|series| series.unwrap().timestamps().len()).sum()
}

/// The next sync of a file whose path has this end fails.
fn fail_sync_of(vfs: &FaultVfs, end: &'static str) {
    let failed = parking_lot::Mutex::new(false);
    vfs.on_operation(move |_, operation| {
        let chosen = operation.kind == OperationKind::Sync
            && operation
                .path
                .to_str()
                .is_some_and(|path| path.ends_with(end));
        if chosen && !std::mem::replace(&mut *failed.lock(), true) {
            return Verdict::Fail(Fault::DISK);
        }
        Verdict::Proceed
    });
}

/// The catalog listed the namespace already, so that it was listed twice by the second attempt.
#[test]
fn a_namespace_whose_making_failed_can_be_made_again() {
    let vfs = FaultVfs::new(1);
    let db = open(&vfs);
    for end in [".series", ".tmp"] {
        fail_sync_of(&vfs, end);
        let name = if end == ".tmp" { "one" } else { "other" };
        let failed = db.namespace(name, NamespaceOptions::default());
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::Io);
        assert!(db.find(name).is_none());
        db.namespace(name, NamespaceOptions::default()).unwrap();
    }
    drop(db);
    let db = open(&vfs.image(Outage::BarePowerCut));
    assert_eq!(db.namespaces().len(), 3);
}

/// A failed cut closed its generation all the same; it was then written as a run that names
/// series whose definitions were lost with the power.
#[test]
fn a_poisoned_db_does_not_flush_what_a_failed_cut_closed() {
    let vfs = FaultVfs::new(1);
    let db = open(&vfs);
    let universe = Universe::new(1);
    let mut batch = WriteBatch::new();
    batch.push(&universe.series[0], Sample::new(START, 1.0));
    let unacked = db.default_namespace().append(&batch).unwrap();
    fail_sync_of(&vfs, ".series");
    assert_eq!(db.flush().unwrap_err().kind(), ErrorKind::Io);
    assert!(unacked.ticket.wait().is_err());
    assert_eq!(db.flush().unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(count(&db), 1);
    drop(db);
    let db = open(&vfs.image(Outage::BarePowerCut));
    assert_eq!((count(&db), db.recovery().runs), (0, 0));
}

/// The error of a series file shares its cause, through which the crash was not seen.
#[test]
fn a_simulated_crash_is_seen_through_every_error() {
    let vfs = FaultVfs::new(1);
    drop(open(&vfs));
    let whole = vfs.image(Outage::Kill);
    drop(open(&whole));
    for number in 1..=whole.counters().operations() {
        let image = vfs.image(Outage::Kill);
        image.crash_at_operation(number);
        let error = open_at(&image, START, ProtocolRules::default()).unwrap_err();
        assert!(
            SimulatedCrash::caused(&error),
            "operation {number}: {error}"
        );
    }
}

/// It was given up as torn, although the newer log was begun only when it was synced: what an
/// older log held was acked.
#[test]
fn an_older_log_that_lost_its_end_is_refused_and_named() {
    let vfs = FaultVfs::new(1);
    let universe = Universe::new(1);
    let db = open(&vfs);
    let mut batch = WriteBatch::new();
    batch.push(&universe.series[0], Sample::new(START, 1.0));
    db.default_namespace().write(&batch).unwrap();
    drop(db);
    // The next log is empty: none of its frames can claim anything.
    drop(open(&vfs));
    let logs: Vec<String> = vfs
        .contents()
        .into_keys()
        .filter(|path| path.ends_with(".log"))
        .collect();
    assert_eq!(logs.len(), 2);
    let older = vfs.content(&logs[0]).unwrap();
    for len in [older.len() - 1, 32] {
        let image = vfs.image(Outage::Kill);
        image.overwrite(&logs[0], &older[..len]).unwrap();
        let error = open_at(&image, START, ProtocolRules::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        let named = error
            .to_string()
            .contains(&format!("{} is corrupt at byte 32", logs[0]));
        assert!(named, "{error}");
        assert_eq!(
            image.content(&logs[0]).unwrap().len(),
            len,
            "it was changed"
        );
    }
}
