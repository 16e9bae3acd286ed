//! What restart and select may ask of the disk: a bound is written in each test.

use std::sync::Arc;

use tsdb_core::clock::ManualClock;
use tsdb_core::model::ProtocolRules;
use tsdb_core::vfs::{Counters, FaultVfs, OperationKind};
use tsdb_core::{Db, DbOptions, Labels, Matcher, Sample, TimeRange, WriteBatch};

use crate::support::{START, small_options};

const SERIES: usize = 2_000;
const SAMPLES: i64 = 240;
const STEP_MS: i64 = 15_000;
const RUNS: i64 = 4;

struct Disk {
    vfs: FaultVfs,
    clock: Arc<ManualClock>,
    options: DbOptions,
}

/// Four runs of an hour each, of 2,000 series with a sample every 15 s; nothing in the log.
fn disk() -> Disk {
    let mut options = small_options(ProtocolRules::default());
    options.log_cap_bytes = 1 << 30;
    options.runs_max = 8;
    let disk = Disk {
        vfs: FaultVfs::new(1),
        clock: Arc::new(ManualClock::new(START)),
        options,
    };
    let db = disk.open();
    let series: Vec<Labels> = (0..SERIES).map(labels).collect();
    for run in 0..RUNS {
        for sample in run * SAMPLES..(run + 1) * SAMPLES {
            append(&db, &series, sample);
        }
        db.flush().unwrap();
    }
    db.close().unwrap();
    disk
}

fn labels(number: usize) -> Labels {
    let (host, job) = (format!("host{number:04}"), format!("job{}", number % 20));
    Labels::from_pairs([("__name__", "up"), ("host", &host), ("job", &job)]).unwrap()
}

fn append(db: &Db, series: &[Labels], sample: i64) {
    let mut batch = WriteBatch::new();
    for (number, labels) in series.iter().enumerate() {
        let value = (sample * (number as i64 % 7)) as f64;
        batch.push(labels, Sample::new(START + sample * STEP_MS, value));
    }
    db.default_namespace().write(&batch).unwrap();
}

impl Disk {
    fn open(&self) -> Db {
        let vfs = Arc::new(self.vfs.clone());
        Db::open_with(vfs, self.clock.clone(), self.options.clone()).unwrap()
    }

    /// The series file, once to be read and once to be made durable, and its snapshot.
    fn series_bytes(&self) -> u64 {
        let file = self.vfs.content("default/series/0000000001.series");
        let snapshot = self.vfs.content("default/series/snapshot");
        2 * file.unwrap().len() as u64 + snapshot.unwrap().len() as u64
    }

    /// What `act` asks of the disk.
    fn counted<T>(&self, act: impl FnOnce() -> T) -> (T, Counters) {
        let before = self.vfs.counters();
        let done = act();
        (done, self.vfs.counters().since(&before))
    }

    fn select(&self, db: &Db, range: TimeRange, matchers: &[Matcher]) -> (usize, Counters) {
        self.counted(|| {
            let found = db.default_namespace().select(range, matchers).unwrap();
            found.map(|series| series.unwrap().timestamps().len()).sum()
        })
    }
}

fn at_most(what: &str, found: u64, bound: u64) {
    println!("{what}: {found} of {bound}");
    assert!(found <= bound, "{what}: {found}, more than {bound}");
}

#[test]
fn restart_reads_names_and_nothing_of_runs() {
    let disk = disk();
    let (db, asked) = disk.counted(|| disk.open());
    let runs = RUNS.unsigned_abs();
    assert_eq!(db.recovery().runs, runs);
    let run_bytes = db.stats().namespaces[0].run_bytes;
    // FORMAT, CATALOG, MANIFEST, series file and log, each perhaps opened twice to be synced and
    // read; of a run nothing.
    at_most("opens", asked.of(OperationKind::Open), 14);
    at_most("reads", asked.of(OperationKind::Read), 16);
    // The series file and its snapshot whole.
    let series = disk.series_bytes();
    at_most("bytes", asked.bytes_read(), series + 8192);
    at_most("bytes, to all runs", asked.bytes_read(), run_bytes / 4);
}

#[test]
fn restart_reads_each_byte_of_the_log_at_most_twice() {
    let disk = disk();
    let (db, series) = (disk.open(), (0..SERIES).map(labels).collect::<Vec<_>>());
    let without_log = disk.counted(|| ()).1.bytes_read();
    for sample in 0..40 {
        append(&db, &series, RUNS * SAMPLES + sample);
    }
    let log_bytes = db.stats().log_open_bytes;
    assert!(log_bytes > 300_000, "{log_bytes}");
    drop(db);
    let (db, asked) = disk.counted(|| disk.open());
    assert_eq!(db.recovery().samples, 40 * SERIES as u64);
    let rest = without_log + disk.series_bytes() + 8192 + 4096 * RUNS.unsigned_abs();
    at_most("bytes", asked.bytes_read(), 2 * log_bytes + rest);
    // A mebibyte at a time.
    at_most(
        "reads",
        asked.of(OperationKind::Read),
        60 + 4 * (log_bytes >> 20),
    );
}

#[test]
fn one_series_of_one_run_is_a_page_of_the_directory_and_its_chunks() {
    let disk = disk();
    let db = disk.open();
    let hour = TimeRange::new(START, START + SAMPLES * STEP_MS).unwrap();
    let one = [Matcher::equal("host", "host0777")];
    let (samples, asked) = disk.select(&db, hour, &one);
    assert_eq!(samples, SAMPLES as usize);
    // An hour touches at most two windows: for each a page index, a page, and the chunks; before
    // them the footer of the one run that has them.
    at_most("reads", asked.of(OperationKind::Read), 1 + 2 * 3);
    at_most("bytes", asked.bytes_read(), (8 << 10) + 2 * (24 << 10));
    at_most("opens", asked.of(OperationKind::Open), 1);
    at_most("writes", asked.of(OperationKind::Write), 0);
}

#[test]
fn a_job_in_all_runs_is_few_reads_and_no_more_bytes_than_all_runs() {
    let disk = disk();
    let db = disk.open();
    let run_bytes = db.stats().namespaces[0].run_bytes;
    let (samples, asked) = disk.select(&db, TimeRange::ALL, &[Matcher::equal("job", "job3")]);
    assert_eq!(samples, SERIES / 20 * (RUNS * SAMPLES) as usize);
    let sections = 2 * RUNS.unsigned_abs();
    // A hundred series spread evenly: for each section a page index, its pages, and no more reads
    // of chunks than series.
    at_most(
        "reads",
        asked.of(OperationKind::Read),
        sections * (1 + 12 + 100),
    );
    at_most("bytes", asked.bytes_read(), run_bytes * 5 / 4);
    let (samples, asked) = disk.select(&db, TimeRange::ALL, &[]);
    assert_eq!(samples, SERIES * (RUNS * SAMPLES) as usize);
    at_most("bytes of all", asked.bytes_read(), run_bytes * 5 / 4);
}

#[test]
fn what_no_run_holds_is_not_read() {
    let disk = disk();
    let db = disk.open();
    let after = TimeRange::new(START + (1 << 40), START + (2 << 40)).unwrap();
    let (samples, asked) = disk.select(&db, after, &[]);
    assert_eq!((samples, asked.operations()), (0, 0));
    let (samples, asked) = disk.select(&db, TimeRange::ALL, &[Matcher::equal("host", "nobody")]);
    assert_eq!((samples, asked.operations()), (0, 0));
    let names = || {
        db.default_namespace()
            .label_names(TimeRange::ALL, &[], 10)
            .unwrap()
    };
    assert_eq!(disk.counted(names).1.operations(), 0);
}

#[test]
fn a_commit_is_one_write_and_one_sync_of_the_log() {
    let disk = disk();
    let (db, series) = (disk.open(), (0..SERIES).map(labels).collect::<Vec<_>>());
    append(&db, &series, RUNS * SAMPLES);
    let ((), asked) = disk.counted(|| append(&db, &series, RUNS * SAMPLES + 1));
    assert_eq!(asked.of(OperationKind::Write), 1);
    assert_eq!(asked.syncs(), 1);
    assert_eq!(asked.operations(), 2);
}
