//! What a compaction may hold in memory, however much it compacts.
#![cfg(test)]

use std::alloc::System;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tsdb_core::clock::ManualClock;
use tsdb_core::vfs::{File, FileLock, OpenMode, OsVfs};
use tsdb_core::{Db, DbOptions, Labels, Sample, Vfs, WriteBatch};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const START: i64 = 1_700_006_400_000;
const SERIES: usize = 4_000;
const MOST_HELD: usize = 4 << 20;

fn held() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// A disk that looks at the memory held whenever it is asked for something.
#[derive(Debug)]
struct Watched {
    disk: OsVfs,
    most: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct WatchedFile {
    file: Box<dyn File>,
    most: Arc<AtomicUsize>,
}

fn look(most: &AtomicUsize) {
    most.fetch_max(held(), Ordering::Relaxed);
}

impl Watched {
    fn watch(&self, file: Box<dyn File>) -> Box<dyn File> {
        let most = Arc::clone(&self.most);
        Box::new(WatchedFile { file, most })
    }
}

impl Vfs for Watched {
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.disk.create(path).map(|file| self.watch(file))
    }
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn File>> {
        self.disk.open(path, mode).map(|file| self.watch(file))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.link(from, to)
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir(path)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }
    fn lock(&self, path: &Path) -> io::Result<Box<dyn FileLock>> {
        self.disk.lock(path)
    }
    fn free_bytes(&self) -> io::Result<(u64, u64)> {
        self.disk.free_bytes()
    }
}

impl File for WatchedFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        look(&self.most);
        self.file.read_at(buf, offset)
    }
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        look(&self.most);
        self.file.write_at(buf, offset)
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
    fn allocate(&self, up_to: u64) -> io::Result<()> {
        self.file.allocate(up_to)
    }
    fn sync(&self) -> io::Result<()> {
        look(&self.most);
        self.file.sync()
    }
}

/// The most that compacting eight runs of `samples` samples a series holds beyond what was held
/// before, and the bytes of the samples decoded.
fn most_held(samples: i64) -> (usize, usize) {
    let folder = tempfile::tempdir().unwrap();
    let most = Arc::new(AtomicUsize::new(0));
    let vfs = Watched {
        disk: OsVfs::new(folder.path()),
        most: Arc::clone(&most),
    };
    let clock = Arc::new(ManualClock::new(START + 7_200_000));
    let options = DbOptions {
        log_cap_bytes: 1 << 30,
        ..DbOptions::default()
    };
    let db = Db::open_with(Arc::new(vfs), clock, options).unwrap();
    let series: Vec<Labels> = (0..SERIES)
        .map(|number| {
            let (host, path) = (
                format!("host-{}", number / 40),
                format!("/p/{}", number % 40),
            );
            Labels::from_pairs([
                ("__name__", "requests_total"),
                ("host", &host),
                ("path", &path),
            ])
        })
        .collect::<Result<_, _>>()
        .unwrap();
    for at in 0..samples {
        let mut batch = WriteBatch::new();
        for (number, labels) in (0i64..).zip(&series) {
            let value = (at * (number % 11) + at * at % 7) as f64;
            batch.push(labels, Sample::new(START + at * 7_200_000 / samples, value));
        }
        db.default_namespace().write(&batch).unwrap();
        if (at + 1) % (samples / 8) == 0 {
            db.flush().unwrap();
        }
    }
    assert_eq!(db.stats().namespaces[0].runs, 8);
    let before = held();
    most.store(0, Ordering::Relaxed);
    db.compact().unwrap();
    let stats = db.stats().namespaces[0].clone();
    let total = SERIES as i64 * samples;
    assert_eq!((stats.runs, stats.block_samples), (0, total.unsigned_abs()));
    let more = most.load(Ordering::Relaxed).saturating_sub(before);
    (more, stats.block_samples as usize * 16)
}

/// Eight runs become a block, first a fresh one and then a dense one.
#[test]
fn a_compaction_holds_some_mebibytes_whatever_it_reads() {
    for samples in [80, 480] {
        let (more, decoded) = most_held(samples);
        println!("{samples} samples a series: {more} bytes held, {decoded} decoded");
        // For each run a page of its directory and its chunks, a quarter of a mebibyte; a group
        // of the block and its directory; the index of 4,000 rows; the samples tables are trained
        // on.
        assert!(more < MOST_HELD, "{more} bytes");
    }
}
