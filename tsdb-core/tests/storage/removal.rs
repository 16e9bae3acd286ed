//! A namespace that is removed: gone at once and for good, whoever holds, reads or writes it, and
//! nothing of its neighbours with it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tsdb_core::clock::ManualClock;
use tsdb_core::manifest::Catalog;
use tsdb_core::model::{NamespaceId, ProtocolRules};
use tsdb_core::vfs::{FaultVfs, MemVfs, Outage, Verdict};
use tsdb_core::{
    Backups, Db, DbOptions, Error, ErrorKind, Exemplar, FolderStore, Labels, Lost, MaintenanceStep,
    Matcher, MetricKind, MetricMetadata, Namespace, NamespaceOptions, Sample, TimeRange, Vfs,
    WriteBatch,
};

use crate::snapshots::folder_of;
use crate::support::{
    Contents, START, Universe, histogram_code, open_at, push, read_all, small_options,
};

const NAMES: [&str; 2] = ["default", "second"];

struct Host {
    vfs: FaultVfs,
    clock: Arc<ManualClock>,
    options: DbOptions,
    universe: Universe,
}

impl Host {
    fn new() -> Self {
        let mut options = small_options(ProtocolRules::default());
        options.log_cap_bytes = 1 << 30;
        Self {
            vfs: FaultVfs::new(1),
            clock: Arc::new(ManualClock::new(START)),
            options,
            universe: Universe::new(60),
        }
    }

    fn open(&self) -> Db {
        let vfs = Arc::new(self.vfs.clone());
        Db::open_with(vfs, self.clock.clone(), self.options.clone()).unwrap()
    }

    fn second(&self, db: &Db) -> Namespace {
        db.namespace(NAMES[1], NamespaceOptions::default()).unwrap()
    }

    /// Floats, histograms and exemplars of every series, at so many seconds after the start.
    fn write(&self, namespace: &Namespace, second: i64) {
        let time = START + second * 1000;
        let mut random = tsdb_core::vfs::SplitMix64::new(second.unsigned_abs());
        let mut batch = WriteBatch::new();
        for (rank, labels) in self.universe.series.iter().enumerate() {
            let bits = match rank % 5 {
                0 => histogram_code(&mut random),
                _ => (rank as f64 + second as f64 / 1024.0).to_bits(),
            };
            push(&mut batch, labels, time, bits);
        }
        let exemplar = Exemplar {
            labels: Labels::from_pairs([("trace", "1")]).unwrap(),
            value: second as f64,
            timestamp: time,
        };
        batch.push_exemplar(&self.universe.series[1], exemplar);
        let report = namespace.write(&batch).unwrap();
        assert!(report.rejected.is_empty(), "{report:?}");
    }

    /// Both namespaces with samples in a block, in runs and in the log, a delete and metadata.
    fn fill(&self, db: &Db) {
        self.second(db);
        for namespace in db.namespaces() {
            self.write(&namespace, 1);
        }
        db.compact().unwrap();
        for namespace in db.namespaces() {
            self.write(&namespace, 2);
        }
        db.flush().unwrap();
        for namespace in db.namespaces() {
            self.write(&namespace, 3);
            let deleted = namespace.delete(TimeRange::ALL, &[Matcher::equal("host", "host7")]);
            assert_eq!(deleted.unwrap().series, 3);
            self.write(&namespace, 4);
            let metadata = MetricMetadata {
                metric: "up".to_owned(),
                kind: MetricKind::Gauge,
                help: "whether it is".to_owned(),
                unit: String::new(),
            };
            let ticket = namespace.set_metadata(&[metadata]).unwrap();
            ticket.wait().unwrap();
        }
    }

    fn contents(&self, db: &Db) -> Contents {
        read_all(db, &NAMES, &self.universe).unwrap()
    }

    fn neighbour(&self, db: &Db) -> Contents {
        read_all(db, &NAMES[..1], &self.universe).unwrap()
    }
}

fn catalog(vfs: &dyn Vfs) -> Catalog {
    Catalog::read(vfs, Path::new("CATALOG")).unwrap()
}

fn id(vfs: &dyn Vfs, name: &str) -> Option<NamespaceId> {
    let entries = catalog(vfs).namespaces.into_iter();
    let mut found = entries.filter(|entry| entry.name == name);
    found.next().map(|entry| entry.id)
}

fn is_removed<T: std::fmt::Debug>(outcome: Result<T, Error>) -> bool {
    match outcome {
        Err(error @ Error::Removed { .. }) => {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(!error.is_retryable());
            error
                .to_string()
                .starts_with("namespace \"second\" was removed")
        }
        other => panic!("{other:?}"),
    }
}

/// Every call on a handle of what was removed.
fn check_handle(namespace: &Namespace, labels: &Labels) {
    let mut batch = WriteBatch::new();
    batch.push(labels, Sample::new(START, 1.0));
    let matchers = [Matcher::equal("__name__", "up")];
    let (all, new) = (TimeRange::ALL, Labels::from_pairs([("new", "1")]).unwrap());
    let metadata = MetricMetadata {
        metric: "up".to_owned(),
        kind: MetricKind::Counter,
        help: String::new(),
        unit: String::new(),
    };
    assert!(is_removed(namespace.append(&batch)));
    assert!(is_removed(namespace.write(&batch)));
    batch.clear();
    batch.push(&new, Sample::new(START, 1.0));
    assert!(is_removed(namespace.append(&batch)));
    assert!(is_removed(namespace.select(all, &[])));
    assert!(is_removed(namespace.series(all, &[], 10)));
    assert!(is_removed(namespace.label_names(all, &[], 10)));
    assert!(is_removed(namespace.label_values("host", all, &[], 10)));
    assert!(is_removed(namespace.exemplars(all, &[])));
    assert!(is_removed(namespace.cardinality(3, None)));
    assert!(is_removed(namespace.delete(all, &matchers)));
    assert!(is_removed(namespace.delete_all_series(all)));
    assert!(is_removed(namespace.set_metadata(&[metadata])));
    assert_eq!(namespace.metadata(None, 10), []);
    assert_eq!(namespace.name(), "second");
}

#[test]
fn what_is_removed_is_gone_with_its_memory_and_folder_and_nothing_else() {
    let host = Host::new();
    let db = host.open();
    host.fill(&db);
    let (before, first) = (host.neighbour(&db), id(&host.vfs, "second"));
    let used = db.stats();
    let namespace = db.find("second").unwrap();
    let batch_of = &host.universe.series[0];
    assert!(db.remove_namespace("second").unwrap());
    assert!(!db.remove_namespace("second").unwrap());
    assert!(!db.remove_namespace("third").unwrap());
    assert!(db.find("second").is_none());
    check_handle(&namespace, batch_of);
    let stats = db.stats();
    assert_eq!(stats.namespaces.len(), 1);
    // Both held the same: half of each kind of memory is free, although a handle is held.
    let halves = [
        (stats.series_memory_bytes, used.series_memory_bytes),
        (stats.buffer_memory_bytes, used.buffer_memory_bytes),
        (stats.exemplar_memory_bytes, used.exemplar_memory_bytes),
        (stats.file_memory_bytes, used.file_memory_bytes),
    ];
    for (now, then) in halves {
        assert!(then > 0 && now * 10 <= then * 6, "{now} of {then}");
    }
    let root = host.vfs.list(Path::new("")).unwrap();
    assert_eq!(root, ["CATALOG", "FORMAT", "LOCK", "default", "wal"]);
    assert_eq!(host.neighbour(&db), before);
    // One of the same name is empty, and another one.
    let again = host.second(&db);
    assert!(id(&host.vfs, "second") > first);
    assert_eq!(host.contents(&db), before);
    assert_eq!(again.metadata(None, 10), []);
    assert_eq!(again.exemplars(TimeRange::ALL, &[]).unwrap(), []);
    check_handle(&namespace, batch_of);
    host.write(&again, 9);
    let with_new = host.contents(&db);
    assert_eq!(with_new.len(), before.len() + host.universe.series.len());
    while db.maintain().unwrap().more {}
    assert!(db.verify().unwrap().problems.is_empty());
    drop((db, namespace, again));
    // The logs still have frames of both.
    let db = host.open();
    assert!(db.recovery().frames > 0);
    assert_eq!(host.contents(&db), with_new);
    assert_eq!(db.find("second").unwrap().metadata(None, 10), []);
    assert!(db.verify().unwrap().problems.is_empty());
    db.close().unwrap();
    let db = host.open();
    assert_eq!(host.contents(&db), with_new);
}

#[test]
fn what_cannot_be_removed_is_told() {
    let host = Host::new();
    let db = host.open();
    let error = db.remove_namespace("default").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(
        error
            .to_string()
            .ends_with("its series can be deleted instead"),
        "{error}"
    );
    host.second(&db);
    let vfs: Arc<dyn Vfs> = Arc::new(host.vfs.clone());
    let reader = Db::open_read_only_with(vfs, host.clock.clone()).unwrap();
    let error = reader.remove_namespace("second").unwrap_err();
    assert!(matches!(error, Error::ReadOnly), "{error}");
    let clone = db.clone();
    db.close().unwrap();
    let error = clone.remove_namespace("second").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}

/// Frames of a namespace that is not there any more are passed over; those of one that never was
/// are not.
#[test]
fn frames_of_the_removed_are_nobodys_and_those_of_the_unknown_are_corrupt() {
    let host = Host::new();
    let db = host.open();
    let older = host.vfs.content("CATALOG").unwrap();
    host.second(&db);
    host.write(&db.find("second").unwrap(), 1);
    let unknown = host.vfs.image(Outage::BarePowerCut);
    host.write(&db.default_namespace(), 1);
    assert!(db.remove_namespace("second").unwrap());
    let expected = host.contents(&db);
    drop(db);
    let image = host.vfs.image(Outage::BarePowerCut);
    let db = open_at(&image, START, ProtocolRules::default()).unwrap();
    assert_eq!(db.recovery().frames, 6, "three kinds of frames of each");
    assert_eq!(db.recovery().samples, host.universe.series.len() as u64);
    assert_eq!(host.contents(&db), expected);
    // A log that nobody else needs goes with the next start.
    db.flush().unwrap();
    drop(db);
    // A salvage finds nothing wrong, either.
    let report = Db::examine(&(Arc::new(image) as Arc<dyn Vfs>), &mut |_| ()).unwrap();
    assert!(report.is_healthy(), "{report:?}");

    unknown.overwrite("CATALOG", &older).unwrap();
    let error = open_at(&unknown, START, ProtocolRules::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let text = error.to_string();
    assert!(
        text.contains("namespace 1, which the catalog has never listed"),
        "{text}"
    );
    assert!(unknown.content("second/MANIFEST").is_ok(), "it was removed");
    let report = Db::examine(&(Arc::new(unknown) as Arc<dyn Vfs>), &mut |_| ()).unwrap();
    let lost = |one: &tsdb_core::Damage| matches!(one.lost, Lost::Samples(_));
    assert!(report.damage.iter().any(lost), "{report:?}");
}

/// A log that only the removed needed is removed at the next start.
#[test]
fn logs_of_the_removed_alone_go() {
    let host = Host::new();
    let db = host.open();
    host.write(&host.second(&db), 1);
    assert!(db.remove_namespace("second").unwrap());
    drop(db);
    let db = host.open();
    assert_eq!(db.recovery().frames, 3);
    let log = |path: &std::path::PathBuf| path.starts_with("wal");
    assert!(db.recovery().removed.iter().any(log), "{:?}", db.recovery());
    assert_eq!(host.vfs.list(Path::new("wal")).unwrap().len(), 1);
}

/// An open log that was full of what was removed stood in everybody's way: as nothing was there to
/// be flushed it was never closed.
#[test]
fn an_open_log_of_the_removed_is_closed() {
    for flushes in [false, true] {
        let mut host = Host::new();
        host.options.log_cap_bytes = 4096;
        host.options.inline_flush = flushes;
        let db = host.open();
        let namespace = host.second(&db);
        for second in 0..4 {
            host.write(&namespace, second);
        }
        assert!(db.stats().log_open_bytes > 8192);
        assert!(db.remove_namespace("second").unwrap());
        if !flushes {
            while db.maintain().unwrap().more {}
            assert!(db.stats().log_open_bytes < 100);
        }
        host.write(&db.default_namespace(), 1);
        assert_eq!(host.vfs.list(Path::new("wal")).unwrap().len(), 1);
    }
}

/// A log in the middle was removed, since only the removed had frames in it: the next start missed
/// the numbers of these.
#[test]
fn logs_of_the_removed_between_others_stay_until_these_go() {
    let host = Host::new();
    let db = host.open();
    host.write(&db.default_namespace(), 1);
    drop(db);
    let db = host.open();
    host.write(&host.second(&db), 2);
    drop(db);
    let db = host.open();
    host.write(&db.default_namespace(), 3);
    assert!(db.remove_namespace("second").unwrap());
    let expected = host.contents(&db);
    drop(db);
    for _ in 0..3 {
        assert_eq!(host.contents(&host.open()), expected);
    }
    let db = host.open();
    db.flush().unwrap();
    assert_eq!(host.vfs.list(Path::new("wal")).unwrap().len(), 1);
    drop(db);
    assert_eq!(host.contents(&host.open()), expected);
}

/// What is being read is read to its end, also of files that were not open yet; it is counted as
/// any other reader that was overtaken, and bounded.
#[test]
fn selects_that_are_read_go_on() {
    let mut host = Host::new();
    host.options.reader_age_max = Some(Duration::from_secs(60));
    let db = host.open();
    host.fill(&db);
    db.close().unwrap();
    let db = host.open();
    let before = host.contents(&db);
    let expected = before.iter().filter(|one| one.0.0 == 1).count();
    drop(db);
    // Nothing of runs and blocks is open.
    let db = host.open();
    let namespace = db.find("second").unwrap();
    let begun = || namespace.select(TimeRange::ALL, &[]).unwrap();
    let (set, slow) = (begun(), begun());
    assert!(db.remove_namespace("second").unwrap());
    let stats = db.stats();
    assert_eq!((stats.readers, stats.readers_overtaken), (2, 2));
    assert!(
        stats.pinned_files > 1 && stats.pinned_bytes > 0,
        "{stats:?}"
    );
    assert!(stats.pinned_memory_bytes > 0, "{stats:?}");
    host.second(&db);
    let read = set.map(|series| series.unwrap().all_samples().count());
    assert_eq!(read.sum::<usize>(), expected);
    db.maintain().unwrap();
    assert_eq!(db.stats().readers, 1);
    host.clock.advance(61_000);
    db.maintain().unwrap();
    let refused: Vec<_> = slow.filter_map(Result::err).collect();
    let text = refused[0].to_string();
    assert!(
        refused.len() == 1 && text.contains("reader_age_max"),
        "{text}"
    );
    db.maintain().unwrap();
    let stats = db.stats();
    assert_eq!((stats.readers, stats.readers_refused), (0, 1));
    assert_eq!((stats.pinned_files, stats.pinned_memory_bytes), (0, 0));
}

/// An append that was logged is acked, although its namespace is gone by then.
#[test]
fn tickets_of_appends_in_flight_are_done() {
    let host = Host::new();
    let db = host.open();
    let namespace = host.second(&db);
    let mut batch = WriteBatch::new();
    batch.push(&host.universe.series[0], Sample::new(START, 1.0));
    let waited = namespace.append(&batch).unwrap();
    let called = namespace.append(&batch).unwrap();
    let defined = namespace
        .set_metadata(&[MetricMetadata {
            metric: "up".to_owned(),
            kind: MetricKind::Counter,
            help: String::new(),
            unit: String::new(),
        }])
        .unwrap();
    assert!(db.wait_for_work(Duration::ZERO));
    assert!(db.remove_namespace("second").unwrap());
    let done = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&done);
    called.ticket.on_commit(move |outcome| {
        outcome.unwrap();
        seen.store(true, Ordering::Release);
    });
    waited.ticket.wait().unwrap();
    defined.wait().unwrap();
    assert!(done.load(Ordering::Acquire));
    assert!(!db.wait_for_work(Duration::ZERO));
    host.write(&db.default_namespace(), 1);
    let expected = host.contents(&db);
    drop(db);
    let image = host.vfs.image(Outage::BarePowerCut);
    let db = open_at(&image, START, ProtocolRules::default()).unwrap();
    assert_eq!(host.contents(&db), expected);
}

/// Steps of upkeep that were begun for it are given up, wherever they are.
#[test]
fn upkeep_that_was_begun_for_it_ends() {
    for step in [MaintenanceStep::Compact, MaintenanceStep::Forget] {
        for steps in 1..6 {
            let host = Host::new();
            let db = host.open();
            let namespace = host.second(&db);
            host.write(&namespace, 1);
            db.compact().unwrap();
            if step == MaintenanceStep::Compact {
                host.write(&namespace, 8 * 3600);
                db.flush().unwrap();
                host.clock.advance(86_400_000);
                db.confirm_clock();
            }
            for done in 0.. {
                let maintained = db.maintain().unwrap();
                host.clock.advance(1);
                let at_it = maintained.step == step;
                if !maintained.more || (at_it && done + 1 >= steps) {
                    break;
                }
            }
            assert!(db.remove_namespace("second").unwrap());
            host.write(&db.default_namespace(), 1);
            db.compact().unwrap();
            while db.maintain().unwrap().more {
                host.clock.advance(1);
            }
            let again = host.second(&db);
            host.write(&again, 2);
            let expected = host.contents(&db);
            db.compact().unwrap();
            assert_eq!(host.contents(&db), expected);
            assert!(db.verify().unwrap().problems.is_empty());
            let root = host.vfs.list(Path::new("")).unwrap();
            assert_eq!(
                root,
                ["CATALOG", "FORMAT", "LOCK", "default", "second", "wal"]
            );
            drop((db, namespace, again));
            assert_eq!(host.contents(&host.open()), expected);
        }
    }
}

/// A snapshot and a backup hold it as it was, also after it was removed.
#[test]
fn snapshots_and_backups_are_not_touched() {
    let host = Host::new();
    let db = host.open();
    host.fill(&db);
    let before = host.contents(&db);
    db.snapshot("before").unwrap();
    assert!(db.remove_namespace("second").unwrap());
    let after = host.contents(&db);
    db.snapshot("after").unwrap();
    drop(db);
    for (name, expected) in [("before", &before), ("after", &after)] {
        let folder = folder_of(&host.vfs, &Path::new("snapshots").join(name));
        let db = Db::open_with(folder, host.clock.clone(), host.options.clone()).unwrap();
        assert!(host.contents(&db) == *expected, "{name}");
    }
    // One of a folder whose logs still have frames of it.
    let store: Arc<dyn Vfs> = Arc::new(MemVfs::new());
    let backups = Backups::new(Arc::new(FolderStore::new(store)));
    backups
        .take(&host.vfs, ("one", START), &mut |_| ())
        .unwrap();
    let to = FaultVfs::new(2);
    let restored: Arc<dyn Vfs> = Arc::new(to.clone());
    backups
        .restore(Some("one"), &restored, &mut |_| ())
        .unwrap();
    let db = open_at(&to, START, ProtocolRules::default()).unwrap();
    assert!(host.contents(&db) == after);
}

/// At each operation of a reader that opens the folder, its writer removes the namespace, or
/// makes it anew and writes to it. The reader sees one of them whole, or the neighbour alone.
#[test]
fn a_reader_that_opens_meanwhile_sees_one_catalog() {
    let host = Host::new();
    let db = host.open();
    host.fill(&db);
    let neighbour = host.neighbour(&db);
    for at in 1.. {
        let namespace = host.second(&db);
        host.write(&namespace, 5);
        db.flush().unwrap();
        host.write(&namespace, 6);
        let before = host.contents(&db);
        let writer = db.clone();
        let (left, fresh) = (AtomicU64::new(at), at % 2 == 0);
        let (series, busy) = (host.universe.series[3].clone(), AtomicBool::new(false));
        host.vfs.on_operation(move |_, operation| {
            let reads = !operation.kind.is_change();
            let ours = busy.load(Ordering::Relaxed);
            if !ours && reads && left.fetch_sub(1, Ordering::Relaxed) == 1 {
                busy.store(true, Ordering::Relaxed);
                assert!(writer.remove_namespace("second").unwrap());
                if fresh {
                    let again = writer.namespace("second", NamespaceOptions::default());
                    let mut batch = WriteBatch::new();
                    batch.push(&series, Sample::new(START, 7.0));
                    again.unwrap().write(&batch).unwrap();
                }
            }
            Verdict::Proceed
        });
        let vfs: Arc<dyn Vfs> = Arc::new(host.vfs.clone());
        let reader = Db::open_read_only_with(vfs, host.clock.clone()).unwrap();
        host.vfs.clear_hook();
        let seen = host.contents(&reader);
        let after = host.contents(&db);
        assert!(
            seen == before || seen == neighbour || seen == after,
            "operation {at}"
        );
        if seen == before && after == before {
            assert!(at > 20, "{at} operations");
            return;
        }
    }
}

/// The value of a sample follows from its time.
fn right(timestamp: i64) -> f64 {
    (timestamp % 1000) as f64
}

/// Counts down, also where a thread panics.
struct Ends<'a>(&'a AtomicU64);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

/// Appenders and readers of both namespaces while one is removed and made anew.
struct Race {
    db: Db,
    universe: Universe,
    done: AtomicBool,
    /// How often an appender was told that its namespace was removed.
    told: AtomicU64,
    /// Times that were acked of the other one.
    acked: Mutex<Vec<i64>>,
    /// How many appenders there are: nobody waits for them once one has failed.
    writing: AtomicU64,
}

impl Race {
    fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    fn append(&self, name: &str, thread: i64) {
        let _ends = Ends(&self.writing);
        let make = || {
            let made = self.db.namespace(name, NamespaceOptions::default());
            made.unwrap()
        };
        let mut namespace = make();
        for step in 0.. {
            if self.is_done() {
                break;
            }
            let time = START + step * 10 + thread;
            let mut batch = WriteBatch::new();
            for labels in &self.universe.series[..6] {
                batch.push(labels, Sample::new(time, right(time)));
            }
            match namespace.write(&batch) {
                Ok(report) => {
                    assert_eq!(report.appended, 6);
                    if name == "default" {
                        self.acked.lock().push(time);
                    }
                }
                Err(Error::Removed { .. }) => {
                    self.told.fetch_add(1, Ordering::Relaxed);
                    namespace = make();
                }
                Err(error) if error.kind() == ErrorKind::Backpressure => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn read(&self, name: &str) {
        while !self.is_done() {
            let Some(namespace) = self.db.find(name) else {
                continue;
            };
            let set = match namespace.select(TimeRange::ALL, &[]) {
                Ok(set) => set,
                Err(Error::Removed { .. }) => continue,
                Err(error) => panic!("{error}"),
            };
            for series in set {
                for sample in series.unwrap().samples() {
                    assert_eq!(sample.value, right(sample.timestamp));
                }
            }
        }
    }

    fn maintain(&self) {
        while !self.is_done() {
            self.db.maintain().unwrap();
        }
    }

    /// Removes the namespace until it was there, and its appenders were told, often enough.
    fn remove(&self) {
        let mut removed = 0;
        let all_write = || self.writing.load(Ordering::Acquire) == 3;
        while (removed < 40 || self.told.load(Ordering::Relaxed) < 40) && all_write() {
            removed += u64::from(self.db.remove_namespace("second").unwrap());
        }
        self.done.store(true, Ordering::Release);
    }
}

/// The neighbour keeps all that was acked, and everybody is told what became of theirs.
#[test]
fn appenders_and_readers_are_told() {
    let vfs = FaultVfs::new(9);
    let mut options = small_options(ProtocolRules::default());
    options.log_cap_bytes = 64 << 10;
    let clock = Arc::new(ManualClock::new(START));
    let race = Race {
        db: Db::open_with(Arc::new(vfs.clone()), clock, options).unwrap(),
        universe: Universe::new(6),
        done: AtomicBool::new(false),
        told: AtomicU64::new(0),
        acked: Mutex::default(),
        writing: AtomicU64::new(3),
    };
    std::thread::scope(|scope| {
        let race = &race;
        for (thread, name) in (0..).zip(["default", "second", "second"]) {
            scope.spawn(move || race.append(name, thread));
        }
        for name in NAMES {
            scope.spawn(move || race.read(name));
        }
        scope.spawn(|| race.maintain());
        race.remove();
    });
    let Race {
        db,
        universe,
        acked,
        ..
    } = race;
    let expected = read_all(&db, &NAMES, &universe).unwrap();
    let times = expected.iter().filter(|one| one.0.0 == 0 && one.0.1 == 0);
    let times: Vec<i64> = times.map(|one| one.0.2).collect();
    let mut acked = acked.into_inner();
    acked.sort_unstable();
    assert_eq!(times, acked);
    let next = catalog(&vfs).next_namespace;
    assert!(next > NamespaceId(40), "{next}");
    drop(db);
    let db = open_at(&vfs, START, ProtocolRules::default()).unwrap();
    assert!(read_all(&db, &NAMES, &universe).unwrap() == expected);
    assert!(db.verify().unwrap().problems.is_empty());
}

/// New retention holds from the moment on that it is set, without opening anew.
#[test]
fn retention_changes_take_effect_at_once() {
    let host = Host::new();
    let db = host.open();
    let namespace = host.second(&db);
    host.write(&namespace, 0);
    db.flush().unwrap();
    host.clock.advance(5 * 3600 * 1000);
    let old = |namespace: &Namespace| {
        let mut batch = WriteBatch::new();
        batch.push(&host.universe.series[0], Sample::new(START + 1, 1.0));
        namespace.write(&batch).unwrap().rejected_samples
    };
    while db.maintain().unwrap().more {}
    assert_eq!(old(&namespace), 0);
    let count = || db.stats().namespaces[1].run_samples + db.stats().namespaces[1].block_samples;
    assert!(count() > 0);
    let shorter = NamespaceOptions {
        retention: Some(Duration::from_secs(4 * 3600)),
        ..NamespaceOptions::default()
    };
    db.namespace("second", shorter).unwrap();
    // Also for who had it open before.
    assert_eq!(namespace.options().retention, shorter.retention);
    assert_eq!(old(&namespace), 1);
    db.flush().unwrap();
    while db.maintain().unwrap().more {}
    assert_eq!(count(), 0);
    db.namespace("second", NamespaceOptions::default()).unwrap();
    assert_eq!(old(&namespace), 0);
}
