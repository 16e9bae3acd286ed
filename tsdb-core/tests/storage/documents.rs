//! Documents: versions, bounds, who carries them along, and what crashes and failing disks leave.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};

use parking_lot::Mutex;
use tsdb_core::clock::{ManualClock, SystemClock};
use tsdb_core::manifest::{DOCUMENT_BYTES_MAX, DOCUMENTS_BYTES_MAX};
use tsdb_core::model::ProtocolRules;
use tsdb_core::vfs::{Fault, FaultVfs, MemVfs, OperationKind, Outage, SplitMix64, Verdict};
use tsdb_core::{
    Backups, Db, DbOptions, Document, Error, ErrorKind, FolderStore, Lost, NamespaceOptions, Vfs,
};

use crate::snapshots::folder_of;
use crate::support::{START, chain, must, open_at};

fn open(vfs: &(impl Vfs + Clone + 'static)) -> Db {
    open_at(vfs, START, ProtocolRules::default()).unwrap()
}

fn dynamic(vfs: &FaultVfs) -> Arc<dyn Vfs> {
    Arc::new(vfs.clone())
}

fn read_only(vfs: Arc<dyn Vfs>) -> Db {
    Db::open_read_only_with(vfs, Arc::new(ManualClock::new(START))).unwrap()
}

fn names(documents: &[Document]) -> Vec<&str> {
    documents.iter().map(|one| one.name.as_str()).collect()
}

#[test]
fn documents_are_put_found_and_removed_by_version() {
    let db = Db::in_memory(DbOptions::default()).unwrap();
    assert_eq!(db.document("a"), None);
    let first = db.put_document("placement/a", None, b"one").unwrap();
    let other = db.put_document("registry", None, b"").unwrap();
    let second = db
        .put_document("placement/a", Some(first), b"two \0\xff")
        .unwrap();
    assert!(0 < first && first < other && other < second);
    let found = db.document("placement/a").unwrap();
    assert_eq!((&*found.bytes, found.version), (&b"two \0\xff"[..], second));
    db.put_document("placement/", None, b"x").unwrap();
    db.put_document("placement0", None, b"x").unwrap();
    let all = ["placement/", "placement/a", "placement0", "registry"];
    assert_eq!(names(&db.documents("")), all);
    assert_eq!(names(&db.documents("placement/")), all[..2]);
    assert_eq!(names(&db.documents("placement/a")), all[1..2]);
    assert_eq!(names(&db.documents("q")), [""; 0]);
    db.remove_document("placement/a", second).unwrap();
    assert_eq!(db.document("placement/a"), None);
    let again = db.put_document("placement/a", None, b"three").unwrap();
    assert!(again > second, "{again} after {second}");
}

fn conflict(outcome: Result<impl std::fmt::Debug, Error>) -> String {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(!error.is_retryable());
    error.to_string()
}

#[test]
fn another_version_than_expected_is_told_with_both() {
    let db = Db::in_memory(DbOptions::default()).unwrap();
    let version = db.put_document("a", None, b"1").unwrap();
    let text = conflict(db.put_document("a", None, b"2"));
    let expected = format!(
        "document \"a\" is of version {version}, expected was that there is none: read it again, \
         and change that"
    );
    assert_eq!(text, expected);
    let text = conflict(db.put_document("a", Some(version + 7), b"2"));
    let numbers = (
        format!("version {version}"),
        format!("version {}", version + 7),
    );
    assert!(
        text.contains(&numbers.0) && text.contains(&numbers.1),
        "{text}"
    );
    let text = conflict(db.put_document("b", Some(3), b"2"));
    assert!(
        text.contains("does not exist, expected was version 3"),
        "{text}"
    );
    conflict(db.remove_document("b", 1));
    conflict(db.remove_document("a", version + 1));
    assert_eq!(&*db.document("a").unwrap().bytes, b"1");
    assert_eq!(db.documents("").len(), 1);
}

fn refused(outcome: Result<u64, Error>, parts: [&str; 2]) {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    let text = error.to_string();
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
}

#[test]
fn bounds_are_told_with_limit_and_value() {
    let db = Db::in_memory(DbOptions::default()).unwrap();
    let long = "n".repeat(201);
    refused(
        db.put_document("", None, b""),
        ["0 bytes", "1 to 200 bytes"],
    );
    refused(
        db.put_document(&long, None, b""),
        ["201 bytes", "1 to 200 bytes"],
    );
    refused(
        db.put_document("a\nb", None, b""),
        ["a\\nb", "control character"],
    );
    let large = vec![1; DOCUMENT_BYTES_MAX + 1];
    refused(
        db.put_document("a", None, &large),
        ["1048577 bytes", "1 MiB"],
    );
    assert_eq!(db.documents("").len(), 0);
    let most = &large[..DOCUMENT_BYTES_MAX - 1];
    let mut versions = Vec::new();
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        versions.push(db.put_document(name, None, most).unwrap());
    }
    let size: usize = db.documents("").iter().map(Document::size).sum();
    assert_eq!(size, DOCUMENTS_BYTES_MAX);
    refused(db.put_document("i", None, b""), ["8388609 bytes", "8 MiB"]);
    refused(
        db.put_document("a", Some(versions[0]), &large[1..]),
        ["8388609 bytes", "8 MiB"],
    );
    // What makes no more of them is taken, and room that is made can be used.
    db.put_document("a", Some(versions[0]), b"").unwrap();
    db.put_document("i", None, b"as much").unwrap();
    db.remove_document("b", versions[1]).unwrap();
    db.put_document("b", None, most).unwrap();
}

#[test]
fn what_carries_the_catalog_carries_documents() {
    let vfs = FaultVfs::new(1);
    let db = open(&vfs);
    let version = db.put_document("a", None, b"old").unwrap();
    db.snapshot("before").unwrap();
    let version = db.put_document("a", Some(version), b"new").unwrap();
    let other = db.put_document("b", None, &[7; 5000]).unwrap();
    let expected = db.documents("");
    // Another process reads what is there, and what comes later once it opens anew.
    let reader = read_only(dynamic(&vfs));
    assert_eq!(reader.documents(""), expected);
    let error = reader.put_document("a", Some(version), b"").unwrap_err();
    assert!(matches!(error, Error::ReadOnly), "{error}");
    let error = reader.remove_document("a", version).unwrap_err();
    assert!(matches!(error, Error::ReadOnly), "{error}");
    let snapshot = folder_of(&vfs, Path::new("snapshots/before"));
    let old = read_only(snapshot).documents("");
    assert_eq!((old.len(), &*old[0].bytes), (1, &b"old"[..]));
    // Options of namespaces change the same file.
    db.namespace("second", NamespaceOptions::default()).unwrap();
    assert_eq!(db.documents(""), expected);
    db.close().unwrap();
    let db = open(&vfs);
    assert_eq!(db.documents(""), expected);
    assert!(db.verify().unwrap().problems.is_empty());
    // The clone that closes is the last to change anything.
    let clone = db.clone();
    db.close().unwrap();
    let error = clone.put_document("c", None, b"").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    let error = clone.remove_document("b", other).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);

    let store: Arc<dyn Vfs> = Arc::new(MemVfs::new());
    let backups = Backups::new(Arc::new(FolderStore::new(store)));
    backups.take(&vfs, ("one", START), &mut |_| ()).unwrap();
    let to = FaultVfs::new(2);
    backups
        .restore(Some("one"), &dynamic(&to), &mut |_| ())
        .unwrap();
    assert_eq!(open(&to).documents(""), expected);
}

/// A folder with two documents in which the files that `is` names are damaged.
fn damaged(is: impl Fn(&str) -> bool) -> (FaultVfs, Vec<Document>) {
    let vfs = FaultVfs::new(3);
    let db = open(&vfs);
    db.put_document("a", None, b"1").unwrap();
    db.put_document("b", None, b"2").unwrap();
    let documents = db.documents("");
    drop(db);
    let vfs = vfs.image(Outage::Kill);
    for (path, mut bytes) in vfs.contents() {
        if is(&path) {
            bytes[20] ^= 1;
            vfs.overwrite(&path, &bytes).unwrap();
        }
    }
    (vfs.image(Outage::Kill), documents)
}

#[test]
fn salvage_keeps_documents_and_tells_when_they_are_lost() {
    for (file, lost) in [("default/MANIFEST", false), ("CATALOG", true)] {
        for in_place in [false, true] {
            let (from, documents) = damaged(|path| path == file);
            let to = FaultVfs::new(4);
            let report = if in_place {
                Db::salvage_in_place(&dynamic(&from), &mut |_| ()).unwrap()
            } else {
                Db::salvage(&dynamic(&from), &dynamic(&to), &mut |_| ()).unwrap()
            };
            let told = report.damage.iter().any(|one| one.lost == Lost::Documents);
            assert_eq!(told, lost, "{report:?}");
            let db = open(if in_place { &from } else { &to });
            if !lost {
                assert_eq!(db.documents(""), documents);
                continue;
            }
            assert_eq!(db.documents(""), []);
            // No version is given again, although the old ones are not known.
            let version = db.put_document("a", None, b"3").unwrap();
            assert!(documents.iter().all(|old| old.version < version));
        }
    }
}

#[test]
fn of_many_writers_that_saw_the_same_one_succeeds() {
    let db = Db::in_memory(DbOptions::default()).unwrap();
    let first = db.put_document("a", None, b"").unwrap();
    let (threads, rounds) = (4, 100);
    let (barrier, done) = (Barrier::new(threads), AtomicBool::new(false));
    let versions = Mutex::new(Vec::new());
    let write = &|thread: usize| {
        for _ in 0..rounds {
            let seen = db.document("a").unwrap().version;
            barrier.wait();
            match db.put_document("a", Some(seen), &[thread as u8]) {
                Ok(version) => versions.lock().push((seen, version)),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict),
            }
            barrier.wait();
        }
    };
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || write(thread)))
            .collect();
        // Meanwhile the same file is changed for another reason, and read.
        scope.spawn(|| {
            for name in (0..20).map(|number| format!("n{number}")) {
                db.namespace(&name, NamespaceOptions::default()).unwrap();
            }
        });
        scope.spawn(|| {
            let mut last = 0;
            while !done.load(Ordering::Relaxed) {
                let version = db.document("a").unwrap().version;
                assert!(version >= last, "{version} after {last}");
                last = version;
            }
        });
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(db.namespaces().len(), 21);
    let versions = versions.into_inner();
    assert_eq!(versions.len(), rounds);
    let mut last = first;
    for (seen, version) in versions {
        assert!(seen == last && version > seen, "{seen} {version} {last}");
        last = version;
    }
}

/// What a failed change leaves in memory is what was there before; its version is not given again,
/// as the next start may yet find it.
#[test]
fn a_change_that_fails_is_not_seen_and_its_version_not_used() {
    let kinds = [
        OperationKind::Create,
        OperationKind::Write,
        OperationKind::Sync,
        OperationKind::Rename,
        OperationKind::SyncDir,
    ];
    for kind in kinds {
        let vfs = FaultVfs::new(5);
        let db = open(&vfs);
        let first = db.put_document("a", None, b"1").unwrap();
        vfs.on_operation(move |_, operation| match operation.kind {
            failing if failing == kind => Verdict::Fail(Fault::DISK),
            _ => Verdict::Proceed,
        });
        let error = db.put_document("a", Some(first), b"2").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{kind:?}: {error}");
        assert_eq!(&*db.document("a").unwrap().bytes, b"1");
        vfs.clear_hook();
        let found = read_only(dynamic(&vfs.image(Outage::Kill)));
        let found = found.document("a").unwrap();
        assert_eq!(&*found.bytes == b"2", kind == OperationKind::SyncDir);
        let second = db.put_document("a", Some(first), b"3").unwrap();
        assert!(second > found.version.max(first + 1), "{kind:?}");
        drop(db);
        let db = open(&vfs.image(Outage::BarePowerCut));
        assert_eq!(&*db.document("a").unwrap().bytes, b"3");
    }
}

/// What is acked, and what the change that goes on would make of it.
#[derive(Clone, Debug, Default)]
struct Known {
    acked: BTreeMap<String, (u64, Vec<u8>)>,
    next: BTreeMap<String, (u64, Vec<u8>)>,
    /// The highest version that anybody was told.
    told: u64,
}

impl Known {
    fn check(&self, image: &FaultVfs) -> Result<(), String> {
        let rules = ProtocolRules::default();
        let db = open_at(image, START, rules).map_err(|error| chain(&error))?;
        let all = db.documents("").into_iter();
        let found: BTreeMap<_, _> = all
            .map(|one| (one.name, (one.version, one.bytes.to_vec())))
            .collect();
        // The version of a change that goes on was not told to anybody.
        let contents = |all: &BTreeMap<String, (u64, Vec<u8>)>| -> BTreeMap<_, _> {
            let all = all.iter();
            all.map(|(name, one)| (name.clone(), one.1.clone()))
                .collect()
        };
        if found != self.acked && contents(&found) != contents(&self.next) {
            return Err(format!("{found:?} is found of {self:?}"));
        }
        let name = "fresh";
        let version = db
            .put_document(name, None, b"")
            .map_err(|error| chain(&error))?;
        let highest = found.values().map(|one| one.0).max().unwrap_or(0);
        if version <= self.told.max(highest) {
            return Err(format!("version {version} was told before: {self:?}"));
        }
        Ok(())
    }
}

/// An outage at every sync and rename of a history: each change is there, or not at all.
#[test]
fn an_outage_leaves_each_change_whole_or_undone() {
    for seed in 0..4 {
        let vfs = FaultVfs::new(seed);
        let mut random = SplitMix64::new(seed);
        let mut db = open(&vfs);
        let known = Arc::new(Mutex::new(Known::default()));
        let (hook, failure) = (Arc::clone(&known), Arc::new(Mutex::new(None)));
        let (failed, examined) = (Arc::clone(&failure), Arc::new(Mutex::new(0)));
        let counter = Arc::clone(&examined);
        vfs.on_operation(move |vfs, operation| {
            if operation.kind.is_sync() || operation.kind == OperationKind::Rename {
                let number = operation.number;
                let cut = Outage::PowerCut { seed: number };
                for outage in [Outage::Kill, Outage::BarePowerCut, cut] {
                    let checked = hook.lock().check(&vfs.image(outage));
                    if let Err(what) = checked {
                        *failed.lock() = Some(format!("{number}, {outage:?}: {what}"));
                    }
                    *counter.lock() += 1;
                }
            }
            Verdict::Proceed
        });
        for step in 0..60 {
            let name = format!("d{}", random.below(4));
            let old = db.document(&name).map(|old| old.version);
            match (random.below(12), old) {
                (0, _) => {
                    drop(db);
                    db = open(&vfs);
                }
                (1, _) => drop(db.snapshot(&format!("s{step}")).unwrap()),
                (2, _) => {
                    let options = NamespaceOptions::default();
                    db.namespace(&format!("n{step}"), options).unwrap();
                }
                (3..=5, Some(version)) => {
                    known.lock().next.remove(&name);
                    db.remove_document(&name, version).unwrap();
                }
                _ => {
                    let bytes = vec![random.below(256) as u8; random.index(3000)];
                    known.lock().next.insert(name.clone(), (0, bytes.clone()));
                    let version = db.put_document(&name, old, &bytes).unwrap();
                    let mut known = known.lock();
                    assert!(version > known.told);
                    known.told = version;
                    known.next.insert(name, (version, bytes));
                }
            }
            let mut known = known.lock();
            known.acked = known.next.clone();
            must((seed, step), failure.lock().take().map_or(Ok(()), Err));
        }
        vfs.clear_hook();
        assert!(*examined.lock() > 300, "{} images", examined.lock());
    }
}

/// A folder that was closed may be somebody else's: nothing is written to it any more.
#[test]
fn closing_waits_for_a_change() {
    let vfs = FaultVfs::new(6);
    let db = open(&vfs);
    let (closer, other) = (db.clone(), db.clone());
    let (begin, begun) = std::sync::mpsc::channel();
    let closed = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&closed);
    let begin = Mutex::new(Some(begin));
    vfs.on_operation(move |_, operation| {
        if operation.kind == OperationKind::Rename
            && let Some(begin) = begin.lock().take()
        {
            begin.send(()).unwrap();
            while other.maintain().is_ok() {}
            for _ in 0..1000 {
                std::thread::yield_now();
            }
            assert!(!seen.load(Ordering::Acquire), "closed under the change");
        }
        Verdict::Proceed
    });
    std::thread::scope(|scope| {
        let closed = &closed;
        scope.spawn(move || {
            begun.recv().unwrap();
            closer.close().unwrap();
            closed.store(true, Ordering::Release);
        });
        db.put_document("a", None, b"whole").unwrap();
    });
    vfs.clear_hook();
    let db = open(&vfs);
    assert_eq!(&*db.document("a").unwrap().bytes, b"whole");
}

/// A folder that has documents on a real disk.
#[test]
fn a_real_disk_keeps_documents() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(folder.path(), DbOptions::default()).unwrap();
    let version = db.put_document("a", None, b"kept").unwrap();
    drop(db);
    let reader = Db::open_read_only(folder.path()).unwrap();
    assert_eq!(reader.document("a").unwrap().version, version);
    let vfs = tsdb_core::vfs::OsVfs::new(folder.path());
    let db = Db::open_with(
        Arc::new(vfs),
        Arc::new(SystemClock::new()),
        DbOptions::default(),
    );
    assert_eq!(&*db.unwrap().document("a").unwrap().bytes, b"kept");
}
