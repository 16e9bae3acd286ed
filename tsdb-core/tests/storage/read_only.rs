//! Reading a folder that a writer has open: all that is synced is there, nothing is written, and what
//! the writer replaces meanwhile leads to another try.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tsdb_core::clock::ManualClock;
use tsdb_core::model::ProtocolRules;
use tsdb_core::vfs::{FaultVfs, Verdict};
use tsdb_core::{Db, Labels, Sample, TimeRange, Vfs, WriteBatch};

use crate::support::{START, small_options};

const HOUR_MS: i64 = 3_600_000;

fn open(disk: &FaultVfs) -> Db {
    let clock = Arc::new(ManualClock::new(START));
    let mut options = small_options(ProtocolRules::default());
    options.log_cap_bytes = 1 << 30;
    Db::open_with(Arc::new(disk.clone()), clock, options).unwrap()
}

fn open_read_only(disk: &FaultVfs) -> Db {
    let clock = Arc::new(ManualClock::new(START));
    Db::open_read_only_with(Arc::new(disk.clone()), clock).unwrap()
}

fn write(db: &Db, number: i64) {
    let labels = Labels::from_pairs([("__name__", "up"), ("host", &format!("{}", number % 3))]);
    let labels = labels.unwrap();
    let mut batch = WriteBatch::new();
    batch.push(
        &labels,
        Sample::new(START - number * HOUR_MS / 4, number as f64),
    );
    db.default_namespace().write(&batch).unwrap();
}

/// All values, sorted.
fn values(db: &Db) -> Vec<i64> {
    let all = db.default_namespace().select(TimeRange::ALL, &[]).unwrap();
    let mut values: Vec<i64> = all
        .flat_map(|series| series.unwrap().values().to_vec())
        .map(|value| value as i64)
        .collect();
    values.sort_unstable();
    values
}

/// Whatever the writer does at whatever moment of opening, each sample is seen once, and the
/// reader goes on although files were removed.
#[test]
fn a_writer_may_flush_and_compact_while_a_reader_opens() {
    for at in 1.. {
        let disk = FaultVfs::new(7);
        let db = open(&disk);
        for number in 0..12 {
            write(&db, number);
            if number % 4 == 3 {
                db.flush().unwrap();
            }
        }
        write(&db, 12);
        let expected: Vec<i64> = (0..13).collect();
        let runs_before = disk.list(Path::new("default/runs")).unwrap();
        let (count, busy) = (AtomicU64::new(0), AtomicBool::new(false));
        let writer = db.clone();
        disk.on_operation(move |_, _| {
            // What the writer itself does is not counted.
            if !busy.load(Ordering::Relaxed) && count.fetch_add(1, Ordering::Relaxed) + 1 == at {
                busy.store(true, Ordering::Relaxed);
                writer.flush().unwrap();
                writer.compact().unwrap();
                busy.store(false, Ordering::Relaxed);
            }
            Verdict::Proceed
        });
        let reader = open_read_only(&disk);
        disk.clear_hook();
        assert_eq!(values(&reader), expected, "operation {at}");
        if disk.list(Path::new("default/runs")).unwrap() == runs_before {
            assert!(at > 20, "{at} operations");
            return;
        }
        db.compact().unwrap();
        assert_eq!(values(&reader), expected, "operation {at}, compacted");
    }
}

/// A log that ends in the middle of a frame is read up to the frame before, and stays as it is.
#[test]
fn a_torn_log_is_cut_in_memory_alone() {
    let disk = FaultVfs::new(8);
    let db = open(&disk);
    for number in 0..5 {
        write(&db, number);
    }
    let image = disk.image(tsdb_core::vfs::Outage::Kill);
    drop(db);
    let logs = image.list(Path::new("wal")).unwrap();
    let log = format!("wal/{}", logs.last().unwrap());
    let whole = image.content(&log).unwrap();
    let mut seen = 5;
    for cut in 1..whole.len().min(400) {
        image.overwrite(&log, &whole[..whole.len() - cut]).unwrap();
        let (before, counters) = (image.contents(), image.counters());
        let clock = Arc::new(ManualClock::new(START));
        let Ok(reader) = Db::open_read_only_with(Arc::new(image.clone()), clock) else {
            // The header of the log is cut: a writer would refuse it as well.
            assert!(
                seen <= 1,
                "{seen} samples were seen before {cut} bytes were cut"
            );
            break;
        };
        let found = values(&reader);
        let expected: Vec<i64> = (0..found.len() as i64).collect();
        assert_eq!(found, expected, "{cut} bytes cut");
        assert!(found.len() <= seen, "{cut} bytes cut");
        seen = found.len();
        assert_eq!(image.contents(), before);
        assert_eq!(image.counters().since(&counters).bytes_written(), 0);
    }
    assert!(seen < 3, "{seen} samples are left");
}

/// On a real disk, beside a writer that holds the lock: not a byte changes.
#[test]
fn a_real_folder_is_read_beside_its_writer_and_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(folder.path(), small_options(ProtocolRules::default())).unwrap();
    for number in 0..6 {
        write(&db, number);
    }
    let files = || {
        let mut files = Vec::new();
        let mut folders = vec![folder.path().to_path_buf()];
        while let Some(next) = folders.pop() {
            for entry in std::fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let bytes = std::fs::read_to_string(&path).map(String::into_bytes);
                    let len = std::fs::metadata(&path).unwrap().len();
                    files.push((path, len, bytes.ok()));
                }
            }
        }
        files.sort();
        files
    };
    let before = files();
    let reader = Db::open_read_only(folder.path()).unwrap();
    let again = Db::open_read_only(folder.path()).unwrap();
    assert_eq!(values(&reader), values(&db));
    assert_eq!(values(&again).len(), 6);
    assert_eq!(files(), before);
    drop((reader, again));
    assert_eq!(files(), before);
    write(&db, 6);
    assert_eq!(values(&db).len(), 7);
}
