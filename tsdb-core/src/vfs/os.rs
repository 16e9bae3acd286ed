#![expect(
    clippy::disallowed_methods,
    reason = "this file is the door to the file system"
)]

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::path;
use super::{File, FileLock, OpenMode, Vfs, read_to_end, write_all_at};

/// The file system of the machine, below one folder.
#[derive(Debug, Clone)]
pub struct OsVfs {
    root: PathBuf,
}

impl OsVfs {
    /// The tree below `root`, which need not exist yet: `create_dir` of the empty path makes it.
    pub fn new(root: impl Into<PathBuf>) -> OsVfs {
        OsVfs { root: root.into() }
    }

    /// The folder all paths are relative to.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        let mut full = self.root.clone();
        full.extend(path::names(path)?);
        Ok(full)
    }

    /// Resolves the path of something in the tree, so not the root itself.
    fn resolve_entry(&self, path: &Path) -> io::Result<PathBuf> {
        let (folder, name) = path::split(path)?;
        let mut full = self.root.clone();
        full.extend(folder);
        full.push(name);
        Ok(full)
    }
}

impl Vfs for OsVfs {
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let path = self.resolve_entry(path)?;
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)?;
        Ok(Box::new(OsFile { file }))
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn File>> {
        let path = self.resolve_entry(path)?;
        let write = mode == OpenMode::ReadWrite;
        let file = fs::OpenOptions::new().read(true).write(write).open(path)?;
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(Box::new(OsFile { file }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(self.resolve_entry(from)?, self.resolve_entry(to)?)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(self.resolve_entry(path)?)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(self.resolve_entry(from)?, self.resolve_entry(to)?)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let full = self.resolve(path)?;
        if full == self.root {
            return create_durably(&full);
        }
        make_folder(&full)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(self.resolve_entry(path)?)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.resolve(dir)?)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        sync_folder(&self.resolve(dir)?)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FileLock>> {
        let full = self.resolve_entry(path)?;
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(full)?;
        let file = OsFile { file };
        match rustix::fs::flock(&file.file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(taken(path, &file)),
            Err(errno) => return Err(errno.into()),
        }
        file.set_len(0)?;
        write_all_at(&file, format!("{}\n", std::process::id()).as_bytes(), 0)?;
        Ok(Box::new(OsLock { _file: file }))
    }

    fn free_bytes(&self) -> io::Result<(u64, u64)> {
        let stat = rustix::fs::statvfs(&self.root)?;
        let unit = stat.f_frsize;
        Ok((
            stat.f_bavail.saturating_mul(unit),
            stat.f_blocks.saturating_mul(unit),
        ))
    }
}

/// Creates a folder and every missing parent of it, and makes each entry durable.
fn create_durably(folder: &Path) -> io::Result<()> {
    if folder.try_exists()? {
        return make_folder(folder);
    }
    let parent = match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_durably(parent)?;
    make_folder(folder)?;
    sync_folder(parent)
}

fn make_folder(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if fs::metadata(folder)?.is_dir() {
                Ok(())
            } else {
                Err(error)
            }
        }
        result => result,
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    let handle = fs::File::open(folder)?;
    if !handle.metadata()?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    handle.sync_all()
}

/// The error for a lock somebody else holds, naming the process if its id can be read.
fn taken(path: &Path, file: &OsFile) -> io::Error {
    let holder = read_to_end(file)
        .ok()
        .and_then(|content| String::from_utf8(content).ok())
        .map(|content| content.trim().to_owned())
        .filter(|id| !id.is_empty() && id.len() <= 20);
    let holder = holder.map_or_else(|| "another holder".to_owned(), |id| format!("process {id}"));
    io::Error::new(
        io::ErrorKind::WouldBlock,
        format!(
            "lock file {} is held by {holder}: stop it first",
            path.display()
        ),
    )
}

#[derive(Debug)]
struct OsFile {
    file: fs::File,
}

impl File for OsFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buf, offset)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        self.file.write_at(buf, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    #[cfg(target_os = "linux")]
    fn allocate(&self, up_to: u64) -> io::Result<()> {
        use rustix::fs::{FallocateFlags, fallocate};
        use rustix::io::Errno;
        if up_to == 0 {
            return Ok(()); // The system call refuses an empty range.
        }
        loop {
            return match fallocate(&self.file, FallocateFlags::KEEP_SIZE, 0, up_to) {
                // A file system without reservations: a full disk will show as a failed write.
                Ok(()) | Err(Errno::OPNOTSUPP) => Ok(()),
                Err(Errno::INTR) => continue,
                Err(errno) => Err(errno.into()),
            };
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn allocate(&self, _up_to: u64) -> io::Result<()> {
        Ok(()) // No reservation that keeps the length: a full disk will show as a failed write.
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// The lock belongs to the open file and ends with it.
#[derive(Debug)]
struct OsLock {
    _file: OsFile,
}

impl FileLock for OsLock {}
