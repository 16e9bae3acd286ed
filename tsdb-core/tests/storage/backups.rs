//! Backups: what is copied, what a restore gives back, and what crashes, full disks and flipped
//! bits leave of either.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tsdb_core::clock::ManualClock;
use tsdb_core::model::ProtocolRules;
use tsdb_core::vfs::{FaultVfs, OperationKind, Outage, SplitMix64, Verdict};
use tsdb_core::{
    BackupProgress, Backups, Db, ErrorKind, FolderStore, NamespaceOptions, Sample, Vfs, WriteBatch,
};

use crate::support::{
    Contents, START, Universe, chain, delete, must, open_at, push, read_all, small_options, value,
};

const NAMES: [&str; 2] = ["default", "second"];

/// A Db that is written to, with its disk.
struct Workload {
    random: SplitMix64,
    universe: Universe,
    vfs: FaultVfs,
}

fn quiet(_: BackupProgress<'_>) {}

impl Workload {
    fn new(seed: u64) -> Self {
        Self {
            random: SplitMix64::new(seed),
            universe: Universe::new(4),
            vfs: FaultVfs::new(seed),
        }
    }

    fn open(&self) -> Db {
        let clock = Arc::new(ManualClock::new(START));
        let options = small_options(ProtocolRules::default());
        Db::open_with(Arc::new(self.vfs.clone()), clock, options).unwrap()
    }

    /// Writes, flushes, compacts and deletes; what there is in the end. Nobody has it open then.
    fn go_on(&mut self, operations: u64) -> Contents {
        let db = self.open();
        db.namespace(NAMES[1], NamespaceOptions::default()).unwrap();
        for _ in 0..operations {
            let number = self.random.index(NAMES.len());
            let namespace = db.find(NAMES[number]).unwrap();
            match self.random.below(24) {
                0 => db.flush().unwrap(),
                1 if self.random.coin() => db.compact().unwrap(),
                2 => {
                    let time = (START, 2_000_000);
                    let chosen = self.universe.to_delete(&mut self.random, number, time);
                    delete(&namespace, chosen.1.range, &chosen.0).unwrap();
                }
                _ => {
                    let mut batch = WriteBatch::new();
                    for _ in 0..self.random.index(8) + 1 {
                        let rank = self.random.index(self.universe.series.len());
                        let time = START - self.random.between(0, 9_000_000);
                        let bits = value(&mut self.random);
                        push(&mut batch, &self.universe.series[rank], time, bits);
                    }
                    namespace.write(&batch).unwrap();
                }
            }
        }
        read_all(&db, &NAMES, &self.universe).unwrap()
    }

    fn restored(&self, backups: &Backups, name: &str) -> Result<Contents, String> {
        let to = FaultVfs::new(3);
        let report = backups.restore(Some(name), &dynamic(&to), &mut quiet);
        let report = report.map_err(|error| chain(&error))?;
        if report.name != name || report.copied_bytes != report.bytes {
            return Err(format!("{report:?}"));
        }
        self.read(&to)
    }

    fn read(&self, vfs: &FaultVfs) -> Result<Contents, String> {
        let db = open_at(vfs, START, ProtocolRules::default()).map_err(|error| chain(&error))?;
        let problems = db.verify().map_err(|error| chain(&error))?.problems;
        if !problems.is_empty() {
            return Err(format!("{problems:?}"));
        }
        read_all(&db, &NAMES, &self.universe)
    }
}

fn dynamic(vfs: &FaultVfs) -> Arc<dyn Vfs> {
    Arc::new(vfs.clone())
}

fn backups(vfs: &FaultVfs) -> Backups {
    Backups::new(Arc::new(FolderStore::new(dynamic(vfs))))
}

fn objects(vfs: &FaultVfs) -> BTreeMap<String, Vec<u8>> {
    let mut contents = vfs.contents();
    contents.retain(|path, _| path != "LOCK");
    contents
}

#[test]
fn a_backup_gives_back_every_sample() {
    for seed in 0..8 {
        let mut workload = Workload::new(seed);
        let store = FaultVfs::new(seed);
        let backups = backups(&store);
        let mut taken = Vec::new();
        for number in 0..4 {
            let contents = workload.go_on(60);
            let name = format!("backup {number}");
            let begun = START + number;
            let report = backups
                .take(&workload.vfs, (&name, begun), &mut quiet)
                .unwrap();
            assert!(report.copied_bytes <= report.bytes && report.name == name);
            taken.push((name, contents));
        }
        let listed: Vec<String> = backups
            .list()
            .unwrap()
            .into_iter()
            .map(|one| one.name)
            .collect();
        let names: Vec<String> = taken.iter().map(|one| one.0.clone()).collect();
        assert_eq!(listed, names);
        let checked = backups.check(None, &mut quiet).unwrap();
        assert!(
            checked.backups == 4 && checked.problems.is_empty(),
            "{checked:?}"
        );
        for (name, contents) in &taken {
            assert!(must((seed, name), workload.restored(&backups, name)) == *contents);
        }
        // The newest one, without a name.
        let to = FaultVfs::new(1);
        let report = backups.restore(None, &dynamic(&to), &mut quiet).unwrap();
        assert_eq!(report.name, taken[3].0);
        // What no remaining backup names goes, and nothing else.
        let removed = backups.retain(2).unwrap();
        assert_eq!(removed.removed, names[..2]);
        for (name, contents) in &taken[2..] {
            assert!(must((seed, name), workload.restored(&backups, name)) == *contents);
        }
        assert_eq!(backups.retain(2).unwrap().objects, 0);
        backups.retain(0).unwrap();
        assert!(objects(&store).is_empty(), "{:?}", objects(&store).keys());
    }
}

/// Files that never change are copied once: a second backup after a little more copies little.
#[test]
fn a_second_backup_copies_little() {
    let vfs = FaultVfs::new(1);
    let clock = Arc::new(ManualClock::new(START));
    let db = Db::open_with(Arc::new(vfs.clone()), clock.clone(), Default::default()).unwrap();
    let universe = Universe::new(40);
    let mut random = SplitMix64::new(1);
    for step in 0..60 {
        let mut batch = WriteBatch::new();
        for labels in &universe.series {
            let time = START - 20_000_000 + step * 15_000;
            batch.push(
                labels,
                Sample::new(time, f64::from_bits(random.next_u64() >> 2)),
            );
        }
        db.default_namespace().write(&batch).unwrap();
    }
    db.compact().unwrap();
    drop(db);
    let store = FaultVfs::new(2);
    let backups = backups(&store);
    let first = backups.take(&vfs, ("first", START), &mut quiet).unwrap();
    assert_eq!(first.copied_bytes, first.bytes);
    let before = store.counters();
    let again = backups.take(&vfs, ("again", START), &mut quiet).unwrap();
    assert_eq!((again.copied_files, again.copied_bytes), (0, 0));
    let db = Db::open_with(Arc::new(vfs.clone()), clock, Default::default()).unwrap();
    let mut batch = WriteBatch::new();
    batch.push(&universe.series[0], Sample::new(START, 1.0));
    db.default_namespace().write(&batch).unwrap();
    drop(db);
    let second = backups.take(&vfs, ("second", START), &mut quiet).unwrap();
    assert!(second.copied_bytes * 10 < second.bytes, "{second:?}");
    // What the store was given is what was told, and the manifests.
    let written = store.counters().since(&before).bytes_written();
    let manifests = objects(&store);
    let manifests = manifests
        .iter()
        .filter(|(path, _)| path.starts_with("backups/"));
    let manifests: usize = manifests.map(|(_, bytes)| bytes.len()).sum();
    let allowed = second.copied_bytes + manifests as u64 + 64;
    assert!(written <= allowed, "{written} bytes, {second:?}");
    assert_eq!(
        backups
            .restore(Some("second"), &dynamic(&FaultVfs::new(4)), &mut quiet)
            .unwrap()
            .bytes,
        second.bytes
    );
}

/// The machine or the process ends at every sync and rename of a backup: it is there and whole, or
/// not there; a second attempt copies only what is missing.
#[test]
fn a_backup_that_is_cut_short_goes_on() {
    let mut workload = Workload::new(5);
    let old = workload.go_on(40);
    let store = FaultVfs::new(7);
    backups(&store)
        .take(&workload.vfs, ("first", START), &mut quiet)
        .unwrap();
    let new = workload.go_on(40);
    let images = watched(&store, || {
        backups(&store)
            .take(&workload.vfs, ("second", START + 1), &mut quiet)
            .unwrap();
    });
    let (mut absent, mut went_on) = (0, 0);
    for image in images {
        let backups = backups(&image);
        let names: Vec<String> = backups
            .list()
            .unwrap()
            .into_iter()
            .map(|one| one.name)
            .collect();
        assert!(must(0, workload.restored(&backups, "first")) == old);
        if !names.contains(&"second".to_owned()) {
            absent += 1;
            let report = backups
                .take(&workload.vfs, ("second", START + 1), &mut quiet)
                .unwrap();
            went_on += u64::from(report.copied_files + 3 < report.files);
        }
        assert!(must(0, workload.restored(&backups, "second")) == new);
        backups.retain(1).unwrap();
        assert!(must(0, workload.restored(&backups, "second")) == new);
        assert!(backups.check(None, &mut quiet).unwrap().problems.is_empty());
    }
    assert!(
        absent > 10 && went_on > 5,
        "{absent} absent, {went_on} went on"
    );
}

/// Everything that a disk may be found as at any sync or rename of what `act` does.
fn watched(vfs: &FaultVfs, act: impl FnOnce()) -> Vec<FaultVfs> {
    let images = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let hook = Arc::clone(&images);
    vfs.on_operation(move |vfs, operation| {
        if operation.kind.is_sync()
            || operation.kind == OperationKind::Rename
            || operation.kind == OperationKind::Remove
        {
            let cut = Outage::PowerCut {
                seed: operation.sync_number,
            };
            hook.lock()
                .extend([Outage::Kill, Outage::BarePowerCut, cut].map(|one| vfs.image(one)));
        }
        Verdict::Proceed
    });
    act();
    vfs.clear_hook();
    std::mem::take(&mut *images.lock())
}

#[test]
fn a_restore_that_is_cut_short_goes_on() {
    let mut workload = Workload::new(6);
    let contents = workload.go_on(60);
    let store = FaultVfs::new(7);
    let backups = backups(&store);
    backups
        .take(&workload.vfs, ("one", START), &mut quiet)
        .unwrap();
    backups
        .take(&workload.vfs, ("two", START + 1), &mut quiet)
        .unwrap();
    let to = FaultVfs::new(8);
    let images = watched(&to, || {
        backups
            .restore(Some("one"), &dynamic(&to), &mut quiet)
            .unwrap();
    });
    let (mut unfinished, mut went_on) = (0, 0);
    for image in images {
        let contents_before = image.contents();
        if contents_before.contains_key("FORMAT") {
            assert!(must(0, workload.read(&image)) == contents);
            continue;
        }
        if contents_before.contains_key("CATALOG") {
            assert!(open_at(&image.image(Outage::Kill), START, ProtocolRules::default()).is_err());
        }
        unfinished += 1;
        if contents_before.contains_key("RESTORE") {
            let other = backups.restore(Some("two"), &dynamic(&image), &mut quiet);
            assert_eq!(other.unwrap_err().kind(), ErrorKind::InvalidInput);
        }
        let report = match backups.restore(Some("one"), &dynamic(&image), &mut quiet) {
            Ok(report) => report,
            Err(error) => panic!("{}", chain(&error)),
        };
        went_on += u64::from(report.copied_bytes < report.bytes);
        assert!(must(0, workload.read(&image)) == contents);
    }
    assert!(unfinished > 10 && went_on > 5, "{unfinished}, {went_on}");
    let full = backups.restore(Some("one"), &dynamic(&to), &mut quiet);
    assert!(chain(&full.unwrap_err()).contains("must be empty"));
}

/// Every object with a flipped bit, cut short or gone is found by a check, and by a restore.
#[test]
fn damage_is_found() {
    let mut workload = Workload::new(9);
    workload.go_on(60);
    let store = FaultVfs::new(7);
    backups(&store)
        .take(&workload.vfs, ("one", START), &mut quiet)
        .unwrap();
    let mut random = SplitMix64::new(1);
    for (path, content) in objects(&store) {
        for harm in 0..4 {
            let image = store.image(Outage::Kill);
            let mut bytes = content.clone();
            match harm {
                0 => bytes.truncate(random.index(content.len())),
                1 => image.remove(Path::new(&path)).unwrap(),
                _ => {
                    let bit = random.index(content.len() * 8);
                    bytes[bit / 8] ^= 1 << (bit % 8);
                }
            }
            if harm != 1 {
                image.overwrite(&path, &bytes).unwrap();
            }
            let backups = backups(&image);
            let to = FaultVfs::new(1);
            let restored = backups.restore(Some("one"), &dynamic(&to), &mut quiet);
            assert!(restored.is_err(), "{path}");
            assert!(!to.contents().contains_key("FORMAT"), "{path}");
            if harm == 1 && path.starts_with("backups/") {
                assert!(backups.list().unwrap().is_empty());
                continue;
            }
            let checked = backups.check(None, &mut quiet).unwrap();
            let named = checked
                .problems
                .iter()
                .any(|one| one.path.to_str() == Some(&path));
            assert!(named && checked.problems.len() == 1, "{path}: {checked:?}");
            if path.starts_with("backups/") {
                // Nothing is removed that it might name.
                let before = objects(&image);
                assert_eq!(backups.retain(1).unwrap_err().kind(), ErrorKind::Corrupt);
                assert!(objects(&image) == before);
            }
        }
    }
}

#[test]
fn a_full_disk_ends_a_backup_and_a_restore() {
    let mut workload = Workload::new(11);
    let contents = workload.go_on(80);
    let store = FaultVfs::new(7);
    let reference = FaultVfs::new(7);
    let needed = backups(&reference)
        .take(&workload.vfs, ("one", START), &mut quiet)
        .unwrap()
        .bytes;
    for share in 1..8 {
        store.set_capacity(Some(store.used_bytes().max(needed * share / 8)));
        let error = backups(&store)
            .take(&workload.vfs, ("one", START), &mut quiet)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{}", chain(&error));
        assert!(backups(&store).list().unwrap().is_empty());
    }
    store.set_capacity(None);
    let report = backups(&store)
        .take(&workload.vfs, ("one", START), &mut quiet)
        .unwrap();
    assert!(report.copied_bytes < report.bytes, "{report:?}");
    let to = FaultVfs::new(1);
    for share in 1..8 {
        to.set_capacity(Some(to.used_bytes().max(needed * share / 8)));
        let error = backups(&store)
            .restore(None, &dynamic(&to), &mut quiet)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{}", chain(&error));
    }
    to.set_capacity(None);
    let report = backups(&store)
        .restore(None, &dynamic(&to), &mut quiet)
        .unwrap();
    assert!(report.copied_bytes < report.bytes, "{report:?}");
    assert!(must(0, workload.read(&to)) == contents);
}

#[test]
fn what_is_in_use_or_taken_is_refused() {
    let mut workload = Workload::new(12);
    workload.go_on(20);
    let store = FaultVfs::new(7);
    let backups = backups(&store);
    let db = workload.open();
    let used = backups
        .take(&workload.vfs, ("one", START), &mut quiet)
        .unwrap_err();
    assert_eq!(used.kind(), ErrorKind::Locked);
    // A snapshot of it is nobody's.
    db.snapshot("now").unwrap();
    drop(db);
    for name in ["", "..", "a/b", "a\n"] {
        let error = backups
            .take(&workload.vfs, (name, START), &mut quiet)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name:?}");
    }
    backups
        .take(&workload.vfs, ("one", START), &mut quiet)
        .unwrap();
    let taken = backups
        .take(&workload.vfs, ("one", START), &mut quiet)
        .unwrap_err();
    assert!(chain(&taken).contains("there is one of that name"));
    let missing = backups.restore(Some("two"), &dynamic(&FaultVfs::new(1)), &mut quiet);
    assert!(chain(&missing.unwrap_err()).contains("there is none of that name"));
    let lock = store.lock(Path::new("LOCK")).unwrap();
    let busy = backups
        .take(&workload.vfs, ("two", START), &mut quiet)
        .unwrap_err();
    assert_eq!(busy.kind(), ErrorKind::Locked);
    drop(lock);
}
