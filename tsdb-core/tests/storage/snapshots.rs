//! Snapshots: what is in them, that they stay as they are, and what crashes leave of them.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use tsdb_core::clock::ManualClock;
use tsdb_core::model::ProtocolRules;
use tsdb_core::vfs::{
    Fault, FaultVfs, MemVfs, OpenMode, OperationKind, Outage, SplitMix64, Verdict, read_to_end,
    write_all_at,
};
use tsdb_core::{Clock, Db, ErrorKind, NamespaceOptions, Sample, Vfs, WriteBatch};

use crate::support::{
    Contents, START, Universe, chain, delete, must, open_at, read_all, small_options, value,
};

const NAMES: [&str; 2] = ["default", "second"];

/// A copy of a folder, as its own disk.
pub(crate) fn folder_of(vfs: &dyn Vfs, folder: &Path) -> Arc<MemVfs> {
    let to = Arc::new(MemVfs::new());
    copy(vfs, &*to, folder, Path::new(""));
    to
}

fn copy(from: &dyn Vfs, to: &dyn Vfs, folder: &Path, below: &Path) {
    for name in from.list(folder).unwrap() {
        let (path, target) = (folder.join(&name), below.join(&name));
        if from.list(&path).is_ok() {
            to.create_dir(&target).unwrap();
            copy(from, to, &path, &target);
        } else {
            let bytes = read_to_end(&*from.open(&path, OpenMode::Read).unwrap()).unwrap();
            write_all_at(&*to.create(&target).unwrap(), &bytes, 0).unwrap();
        }
    }
}

struct Workload {
    random: SplitMix64,
    universe: Universe,
    clock: Arc<ManualClock>,
    db: Db,
}

impl Workload {
    fn new(seed: u64, vfs: Arc<dyn Vfs>) -> Self {
        let clock = Arc::new(ManualClock::new(START));
        let options = small_options(ProtocolRules::default());
        let db = Db::open_with(vfs, clock.clone(), options).unwrap();
        db.namespace(NAMES[1], NamespaceOptions::default()).unwrap();
        Self {
            random: SplitMix64::new(seed),
            universe: Universe::new(4),
            clock,
            db,
        }
    }

    fn go_on(&mut self, operations: u64) {
        for _ in 0..operations {
            let number = self.random.index(NAMES.len());
            let namespace = self.db.find(NAMES[number]).unwrap();
            match self.random.below(20) {
                0 => self.clock.advance(self.random.below(4_000_000)),
                1..=3 => {
                    self.db.maintain().unwrap();
                }
                4 if self.random.coin() => {
                    let time = (self.clock.now_ms(), 2_000_000);
                    let chosen = self.universe.to_delete(&mut self.random, number, time);
                    delete(&namespace, chosen.1.range, &chosen.0).unwrap();
                }
                5 if self.random.chance(1, 4) => self.db.compact().unwrap(),
                _ => {
                    let rank = self.random.index(self.universe.series.len());
                    let time = self.clock.now_ms() - self.random.between(0, 900_000);
                    let mut batch = WriteBatch::new();
                    let bits = value(&mut self.random);
                    let sample = Sample::new(time, f64::from_bits(bits));
                    batch.push(&self.universe.series[rank], sample);
                    namespace.write(&batch).unwrap();
                }
            }
        }
    }

    fn contents(&self) -> Contents {
        read_all(&self.db, &NAMES, &self.universe).unwrap()
    }

    fn contents_of(&self, vfs: &dyn Vfs, name: &str) -> Result<Contents, String> {
        let folder = folder_of(vfs, &Path::new("snapshots").join(name));
        let clock = Arc::new(ManualClock::new(self.clock.now_ms()));
        let reader = Db::open_read_only_with(folder.clone(), clock.clone());
        let reader = reader.map_err(|error| chain(&error))?;
        let shown = read_all(&reader, &NAMES, &self.universe)?;
        let options = small_options(ProtocolRules::default());
        let db = Db::open_with(folder, clock, options).map_err(|error| chain(&error))?;
        if read_all(&db, &NAMES, &self.universe)? != shown {
            return Err("a reader shows something else than a writer".to_owned());
        }
        let (recovery, report) = (db.recovery(), db.verify().unwrap());
        if recovery.logs > 0 || !recovery.removed.is_empty() || !report.problems.is_empty() {
            return Err(format!("{recovery:?} {report:?}"));
        }
        Ok(shown)
    }
}

#[test]
fn a_snapshot_holds_what_was_acked_and_stays_as_it_is() {
    for seed in 0..20 {
        let vfs = Arc::new(MemVfs::new());
        let mut workload = Workload::new(seed, vfs.clone());
        let mut taken = Vec::new();
        for number in 0..4 {
            workload.go_on(150);
            let (name, before) = (format!("number {number}"), workload.contents());
            let report = workload.db.snapshot(&name).unwrap();
            assert_eq!(report.path, Path::new("snapshots").join(&name));
            assert_eq!(workload.contents(), before);
            taken.push((name, before));
        }
        workload.go_on(150);
        workload.db.compact().unwrap();
        for (name, before) in &taken {
            let shown = must((seed, name), workload.contents_of(&*vfs, name));
            assert!(shown == *before, "seed {seed}, {name}");
        }
    }
}

/// Runs and blocks of a snapshot are the same files, not copies, and copies where there are no
/// links.
#[test]
fn files_are_shared_where_the_disk_can() {
    for links in [true, false] {
        let vfs = FaultVfs::new(3);
        let mut workload = Workload::new(3, Arc::new(vfs.clone()));
        workload.go_on(200);
        workload.db.flush().unwrap();
        vfs.on_operation(move |_, operation| {
            if operation.kind == OperationKind::Link && !links {
                return Verdict::Fail(Fault::Kind(std::io::ErrorKind::CrossesDevices));
            }
            Verdict::Proceed
        });
        let report = workload.db.snapshot("a").unwrap();
        vfs.clear_hook();
        let stats = workload.db.stats();
        let bytes = |(runs, blocks): (u64, u64)| runs + blocks;
        let live = stats.namespaces.iter();
        let live: u64 = live
            .map(|one| bytes((one.run_bytes, one.block_bytes)))
            .sum();
        assert!(live > 0 && report.files > 0);
        assert_eq!(report.linked_bytes, if links { live } else { 0 });
        let before = workload.contents();
        assert_eq!(workload.contents_of(&vfs, "a").unwrap(), before);
    }
}

/// At every sync of a snapshot the machine ends: the snapshot is not there, or all of it.
#[test]
fn a_crash_leaves_all_of_a_snapshot_or_nothing() {
    for seed in 0..2 {
        let vfs = FaultVfs::new(seed);
        let mut workload = Workload::new(seed, Arc::new(vfs.clone()));
        workload.go_on(120);
        workload.db.snapshot("first").unwrap();
        workload.go_on(60);
        let before = workload.contents();
        let images = Arc::new(Mutex::new(Vec::new()));
        let hook = Arc::clone(&images);
        vfs.on_operation(move |vfs, operation| {
            if operation.kind.is_sync() || operation.kind == OperationKind::Rename {
                let number = operation.sync_number;
                let cut = Outage::PowerCut { seed: number };
                let outages = [Outage::Kill, Outage::BarePowerCut, cut];
                hook.lock().extend(outages.map(|outage| vfs.image(outage)));
            }
            Verdict::Proceed
        });
        workload.db.snapshot("second").unwrap();
        vfs.clear_hook();
        let images = std::mem::take(&mut *images.lock());
        assert!(images.len() > 30, "{} images", images.len());
        for image in images.into_iter().chain([vfs.image(Outage::BarePowerCut)]) {
            let db = open_at(&image, workload.clock.now_ms(), ProtocolRules::default()).unwrap();
            assert!(read_all(&db, &NAMES, &workload.universe).unwrap() == before);
            let names = image.list(Path::new("snapshots")).unwrap();
            assert!(names.contains(&"first".to_owned()), "{names:?}");
            for name in names {
                let shown = must(seed, workload.contents_of(&image, &name));
                assert!(name == "first" || shown == before, "seed {seed}, {name}");
            }
            if !image
                .list(Path::new("snapshots"))
                .unwrap()
                .contains(&"second".to_owned())
            {
                db.snapshot("second").unwrap();
                assert!(workload.contents_of(&image, "second").unwrap() == before);
            }
        }
        assert!(workload.contents_of(&vfs, "second").unwrap() == before);
    }
}

#[test]
fn names_that_cannot_be_are_refused() {
    let vfs = Arc::new(MemVfs::new());
    let workload = Workload::new(1, vfs.clone());
    let db = &workload.db;
    for name in [
        "",
        "..",
        ".a",
        "a/b",
        "a\\b",
        "a\n",
        "a.tmp",
        &"x".repeat(201),
    ] {
        let error = db.snapshot(name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name:?}: {error}");
    }
    db.snapshot("a").unwrap();
    let error = db.snapshot("a").unwrap_err();
    assert!(
        error.to_string().contains("there is one of that name"),
        "{error}"
    );
    let error = db.namespace("snapshots", NamespaceOptions::default());
    assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidInput);
}
