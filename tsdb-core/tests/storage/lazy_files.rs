//! Runs and blocks are opened when they are first read: what opening asks of the disk does not
//! grow with them, and what is wrong with one is told by the read that needs it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tsdb_core::clock::ManualClock;
use tsdb_core::model::ProtocolRules;
use tsdb_core::vfs::{Counters, FaultVfs, OperationKind};
use tsdb_core::{
    Db, DbOptions, Error, ErrorKind, Labels, MaintenanceStep, NamespaceOptions, Sample, TimeRange,
    Vfs, WriteBatch,
};

use crate::support::{START, chain, small_options};

const HOUR_MS: i64 = 3_600_000;

struct Disk {
    vfs: FaultVfs,
    clock: Arc<ManualClock>,
    options: DbOptions,
}

impl Disk {
    fn new() -> Self {
        let mut options = small_options(ProtocolRules::default());
        options.log_cap_bytes = 1 << 30;
        options.runs_max = 10_000;
        Self {
            vfs: FaultVfs::new(3),
            clock: Arc::new(ManualClock::new(START)),
            options,
        }
    }

    fn try_open(&self) -> Result<Db, Error> {
        let vfs = Arc::new(self.vfs.clone());
        Db::open_with(vfs, self.clock.clone(), self.options.clone())
    }

    fn open(&self) -> Db {
        self.try_open().unwrap()
    }

    fn counted<T>(&self, act: impl FnOnce() -> T) -> (T, Counters) {
        let before = self.vfs.counters();
        let done = act();
        (done, self.vfs.counters().since(&before))
    }

    /// Paths of the files in a folder of the default namespace.
    fn files(&self, folder: &str) -> Vec<String> {
        let folder = format!("default/{folder}");
        let names = self.vfs.list(Path::new(&folder)).unwrap();
        names
            .into_iter()
            .map(|name| format!("{folder}/{name}"))
            .collect()
    }
}

fn labels() -> Labels {
    Labels::from_pairs([("__name__", "up")]).unwrap()
}

fn hour(number: i64) -> i64 {
    START + number * HOUR_MS
}

fn append(db: &Db, number: i64) {
    let mut batch = WriteBatch::new();
    let labels = labels();
    batch.push(&labels, Sample::new(hour(number), number as f64));
    let report = db.default_namespace().write(&batch).unwrap();
    assert!(report.rejected.is_empty(), "{report:?}");
}

fn read(db: &Db, range: TimeRange) -> Result<Vec<f64>, Error> {
    let mut values = Vec::new();
    for series in db.default_namespace().select(range, &[])? {
        values.extend_from_slice(series?.values());
    }
    Ok(values)
}

fn at(number: i64) -> TimeRange {
    TimeRange::new(hour(number), hour(number) + 1).unwrap()
}

/// A run an hour.
fn write_runs(disk: &Disk, runs: i64) {
    let db = disk.open();
    for number in 0..runs {
        append(&db, number);
        db.flush().unwrap();
    }
    db.close().unwrap();
}

/// A block of each hour, too far apart to be merged.
fn write_blocks(disk: &Disk, blocks: i64) {
    let db = disk.open();
    let options = NamespaceOptions {
        window: Duration::from_secs(3600),
        retention: Some(Duration::from_secs(3600 * 24 * 3650)),
        ..NamespaceOptions::default()
    };
    db.namespace("default", options).unwrap();
    for number in 0..blocks {
        append(&db, number * 24 * 365);
        db.flush().unwrap();
        disk.clock.advance(365 * 24 * HOUR_MS.unsigned_abs());
        db.confirm_clock();
        while db.maintain().unwrap().more {}
    }
    assert_eq!(db.stats().namespaces[0].blocks, blocks as usize);
    db.close().unwrap();
}

/// Operations of opening but for what it takes to write the names of the files: the manifest.
fn opening(write: impl Fn(&Disk)) -> (u64, u64, u64) {
    let disk = Disk::new();
    write(&disk);
    let (db, asked) = disk.counted(|| disk.open());
    let stats = &db.stats().namespaces[0];
    assert!(stats.runs + stats.blocks > 0);
    let manifest = disk.vfs.content("default/MANIFEST").unwrap().len() as u64;
    (
        asked.operations(),
        asked.of(OperationKind::Open),
        asked.bytes_read() - manifest,
    )
}

#[test]
fn opening_asks_no_more_of_many_files_than_of_few() {
    let few = opening(|disk| write_runs(disk, 3));
    assert_eq!(opening(|disk| write_runs(disk, 60)), few);
    let (operations, opens, bytes) = opening(|disk| write_blocks(disk, 2));
    let (more_operations, more_opens, more_bytes) = opening(|disk| write_blocks(disk, 9));
    assert_eq!((more_operations, more_opens), (operations, opens));
    // Of the series, which left memory and came back, a definition each.
    assert!(more_bytes - bytes < 7 * 300, "{bytes} {more_bytes}");
}

#[test]
fn a_file_is_opened_by_the_first_read_that_needs_it() {
    let disk = Disk::new();
    write_runs(&disk, 12);
    let db = disk.open();
    let (values, asked) = disk.counted(|| read(&db, at(5)).unwrap());
    assert_eq!(values, [5.0]);
    assert_eq!(asked.of(OperationKind::Open), 1);
    let (values, asked) = disk.counted(|| read(&db, at(5)).unwrap());
    assert_eq!(values, [5.0]);
    assert_eq!(asked.of(OperationKind::Open), 0);
    assert_eq!(read(&db, TimeRange::ALL).unwrap().len(), 12);
}

#[test]
fn a_missing_file_is_refused_at_opening() {
    for (folder, write) in [
        ("runs", write_runs as fn(&Disk, i64)),
        ("blocks", write_blocks),
    ] {
        let disk = Disk::new();
        write(&disk, 3);
        let path = disk.files(folder).swap_remove(1);
        disk.vfs.remove(Path::new(&path)).unwrap();
        let error = disk.try_open().unwrap_err();
        assert!(chain(&error).contains(&path), "{}", chain(&error));
        assert!(Db::open_read_only_with(Arc::new(disk.vfs.clone()), disk.clock).is_err());
    }
}

/// What may be wrong with a file that was whole when the manifest was written.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    Short,
    Empty,
    Other,
    Gone,
}

fn spoil(disk: &Disk, path: &str, other: &str, wrong: Wrong) {
    let bytes = disk.vfs.content(path).unwrap();
    let spoiled = match wrong {
        Wrong::Short => bytes[..bytes.len() - 1].to_vec(),
        Wrong::Empty => Vec::new(),
        Wrong::Other => disk.vfs.content(other).unwrap(),
        Wrong::Gone => return disk.vfs.remove(Path::new(path)).unwrap(),
    };
    disk.vfs.overwrite(path, &spoiled).unwrap();
}

/// The read that needs a spoiled file names it; the others go on.
#[test]
fn damage_is_told_by_the_read_that_meets_it() {
    let write = [
        ("runs", write_runs as fn(&Disk, i64), 1),
        ("blocks", write_blocks, 24 * 365),
    ];
    for (folder, write, step) in write {
        for wrong in [Wrong::Short, Wrong::Empty, Wrong::Other, Wrong::Gone] {
            let disk = Disk::new();
            write(&disk, 4);
            let files = disk.files(folder);
            let db = disk.open();
            spoil(&disk, &files[1], &files[2], wrong);
            assert_eq!(db.stats().files_refused, 0);
            assert_eq!(read(&db, at(0)).unwrap(), [0.0], "{wrong:?}");
            for again in 1..3 {
                let error = read(&db, at(step)).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", chain(&error));
                assert!(chain(&error).contains(&files[1]), "{}", chain(&error));
                assert_eq!(db.stats().files_refused, again, "{wrong:?}");
            }
            assert_eq!(read(&db, at(2 * step)).unwrap(), [2.0 * step as f64]);
            let problems = db.verify().unwrap().problems;
            assert!(
                problems
                    .iter()
                    .any(|problem| problem.path == Path::new(&files[1]))
            );
            drop(db);
            if matches!(wrong, Wrong::Gone) {
                assert!(disk.try_open().is_err());
            } else {
                disk.open();
            }
        }
    }
}

/// Upkeep meets the damage once, then goes on without the file; retention drops it.
#[test]
fn upkeep_goes_on_beside_a_damaged_run() {
    let mut disk = Disk::new();
    write_runs(&disk, 6);
    disk.options.runs_max = 2;
    let path = disk.files("runs").swap_remove(2);
    spoil(&disk, &path, "", Wrong::Short);
    let db = disk.open();
    disk.clock.advance(48 * HOUR_MS.unsigned_abs());
    db.confirm_clock();
    let mut refused = 0;
    for _ in 0..50 {
        match db.maintain() {
            Ok(done) if done.step == MaintenanceStep::Idle => break,
            Ok(_) => {}
            Err(error) => {
                assert!(chain(&error).contains(&path), "{}", chain(&error));
                refused += 1;
            }
        }
    }
    // Once by each kind of upkeep that wants to read it.
    assert!((1..=2).contains(&refused), "{refused}");
    let stats = &db.stats().namespaces[0];
    assert_eq!(stats.runs, 1, "all others were compacted");
    assert!(read(&db, at(2)).is_err());
    assert_eq!(read(&db, at(4)).unwrap(), [4.0]);
    let options = NamespaceOptions {
        retention: Some(Duration::from_secs(2 * 3600)),
        ..db.default_namespace().options()
    };
    db.namespace("default", options).unwrap();
    while db.maintain().unwrap().more {}
    assert_eq!(disk.files("runs"), Vec::<String>::new());
    assert_eq!(read(&db, TimeRange::ALL).unwrap(), Vec::<f64>::new());
}

/// A reader that began before a file was removed can still open it.
#[test]
fn what_a_reader_may_still_come_to_is_opened_before_its_name_goes() {
    let disk = Disk::new();
    write_runs(&disk, 3);
    let db = disk.open();
    let namespace = db.default_namespace();
    let set = namespace.select(TimeRange::ALL, &[]).unwrap();
    disk.clock.advance(480 * HOUR_MS.unsigned_abs());
    db.confirm_clock();
    let options = NamespaceOptions {
        retention: Some(Duration::from_secs(2 * 3600)),
        ..namespace.options()
    };
    db.namespace("default", options).unwrap();
    while db.maintain().unwrap().more {}
    assert_eq!(disk.files("runs"), Vec::<String>::new());
    let found: Vec<f64> = set.flat_map(|one| one.unwrap().values().to_vec()).collect();
    assert_eq!(found, [0.0, 1.0, 2.0]);
    assert_eq!(read(&db, TimeRange::ALL).unwrap(), Vec::<f64>::new());
}
