//! A disk that looks at the memory held whenever it is asked for something.

use std::alloc::System;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tsdb_core::Vfs;
use tsdb_core::vfs::{File, FileLock, OpenMode, OsVfs};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes held of the allocator.
pub(crate) fn held() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// The disk; `most` is the most that was held so far.
#[derive(Debug)]
pub(crate) struct Watched {
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
    /// A disk in `folder`.
    pub(crate) fn new(folder: &Path) -> (Self, Arc<AtomicUsize>) {
        let most = Arc::new(AtomicUsize::new(0));
        let disk = OsVfs::new(folder);
        let seen = Arc::clone(&most);
        (Self { disk, most }, seen)
    }

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
    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.remove_dir(path)
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
