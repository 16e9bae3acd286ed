//! A disk that counts what it is asked for.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tsdb_core::Vfs;
use tsdb_core::vfs::{File, FileLock, OpenMode, OsVfs};

/// What a disk was asked for.
#[derive(Debug, Default)]
pub struct Asked {
    operations: AtomicU64,
    opens: AtomicU64,
    bytes_read: AtomicU64,
}

impl Asked {
    /// Operations of any kind.
    pub fn operations(&self) -> u64 {
        self.operations.load(Ordering::Relaxed)
    }

    /// Files that were opened.
    pub fn opens(&self) -> u64 {
        self.opens.load(Ordering::Relaxed)
    }

    /// Bytes that were read.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    fn note(&self) {
        self.operations.fetch_add(1, Ordering::Relaxed);
    }
}

/// The disk of this machine, counting.
#[derive(Debug)]
pub struct CountingVfs {
    disk: OsVfs,
    asked: Arc<Asked>,
}

#[derive(Debug)]
struct CountingFile {
    file: Box<dyn File>,
    asked: Arc<Asked>,
}

impl CountingVfs {
    /// A folder of this machine's disk.
    pub fn new(folder: &Path) -> Self {
        Self {
            disk: OsVfs::new(folder),
            asked: Arc::default(),
        }
    }

    /// What it was asked for so far.
    pub fn asked(&self) -> Arc<Asked> {
        Arc::clone(&self.asked)
    }

    fn count(&self, file: Box<dyn File>) -> Box<dyn File> {
        let asked = Arc::clone(&self.asked);
        Box::new(CountingFile { file, asked })
    }

    fn disk(&self) -> &OsVfs {
        self.asked.note();
        &self.disk
    }
}

impl Vfs for CountingVfs {
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.disk().create(path).map(|file| self.count(file))
    }
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn File>> {
        self.asked.opens.fetch_add(1, Ordering::Relaxed);
        self.disk().open(path, mode).map(|file| self.count(file))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk().rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk().remove(path)
    }
    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk().link(from, to)
    }
    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.disk().remove_dir(path)
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.disk().create_dir(path)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk().list(dir)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk().sync_dir(dir)
    }
    fn lock(&self, path: &Path) -> io::Result<Box<dyn FileLock>> {
        self.disk().lock(path)
    }
    fn free_bytes(&self) -> io::Result<(u64, u64)> {
        self.disk().free_bytes()
    }
}

impl CountingFile {
    fn file(&self) -> &dyn File {
        self.asked.note();
        &*self.file
    }
}

impl File for CountingFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let read = self.file().read_at(buf, offset)?;
        let bytes = &self.asked.bytes_read;
        bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        self.file().write_at(buf, offset)
    }
    fn len(&self) -> io::Result<u64> {
        self.file().len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file().set_len(len)
    }
    fn allocate(&self, up_to: u64) -> io::Result<()> {
        self.file().allocate(up_to)
    }
    fn sync(&self) -> io::Result<()> {
        self.file().sync()
    }
}
