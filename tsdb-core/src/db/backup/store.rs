//! Where backups are kept: named objects that are there whole or not at all.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::vfs::{File, FileLock, OpenMode, Vfs, create_anew, write_all_at};

/// Ends the name of a file that is being written.
const UNFINISHED: &str = ".tmp";
const LOCK_PATH: &str = "LOCK";

/// A place for objects that never change. What an object store can do is enough for it: names with
/// slashes, objects that appear whole, no renames and no links.
pub trait BackupStore: Send + Sync + Debug {
    /// Makes sure that nobody else changes the store while the answer is held.
    ///
    /// # Errors
    /// `WouldBlock` when somebody does.
    fn lock(&self) -> io::Result<Box<dyn FileLock>>;

    /// Names of all objects that begin with `prefix`, which ends with a slash, in byte order;
    /// none if there are none.
    ///
    /// # Errors
    /// When the store refuses.
    fn list(&self, prefix: &str) -> io::Result<Vec<String>>;

    /// Opens an object.
    ///
    /// # Errors
    /// `NotFound` if there is none.
    fn open(&self, name: &str) -> io::Result<Box<dyn StoredObject>>;

    /// Begins an object, whose name is told when it is finished: it will begin with `prefix`.
    ///
    /// # Errors
    /// When the store refuses.
    fn begin(&self, prefix: &str) -> io::Result<Box<dyn NewObject>>;

    /// Removes an object; it is no error if there is none.
    ///
    /// # Errors
    /// When the store refuses.
    fn remove(&self, name: &str) -> io::Result<()>;
}

/// An object of a store.
pub trait StoredObject: Send + Debug {
    /// Its length in bytes.
    ///
    /// # Errors
    /// When the store refuses.
    fn len(&self) -> io::Result<u64>;

    /// Whether it has no bytes.
    ///
    /// # Errors
    /// When the store refuses.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Reads at `offset`; fewer bytes than asked for is no error, none means the end.
    ///
    /// # Errors
    /// When the store refuses.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;
}

/// An object that is being written.
pub trait NewObject: Send + Debug {
    /// Appends bytes.
    ///
    /// # Errors
    /// When the store refuses, or is full.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Gives it its name. When this returns it is there whole and durably; before, it is not there.
    ///
    /// # Errors
    /// When the store refuses.
    fn finish(self: Box<Self>, name: &str) -> io::Result<()>;
}

/// A store in a folder of some disk.
#[derive(Clone, Debug)]
pub struct FolderStore {
    vfs: Arc<dyn Vfs>,
}

impl FolderStore {
    /// The store whose root is that of `vfs`.
    #[must_use]
    pub fn new(vfs: Arc<dyn Vfs>) -> Self {
        Self { vfs }
    }

    fn make_folders(&self, folder: &Path) -> io::Result<()> {
        self.vfs.create_dir(Path::new(""))?;
        let mut path = PathBuf::new();
        for part in folder.components() {
            let parent = path.clone();
            path.push(part);
            let name = part.as_os_str();
            if self
                .vfs
                .list(&parent)?
                .iter()
                .any(|one| one.as_str() == name)
            {
                continue;
            }
            self.vfs.create_dir(&path)?;
            self.vfs.sync_dir(&parent)?;
        }
        Ok(())
    }

    fn list_below(&self, folder: &Path, found: &mut Vec<String>) -> io::Result<()> {
        let names = match self.vfs.list(folder) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for name in names {
            let path = folder.join(&name);
            if self.vfs.list(&path).is_ok() {
                self.list_below(&path, found)?;
            } else if !name.ends_with(UNFINISHED) {
                found.extend(path.to_str().map(str::to_owned));
            }
        }
        Ok(())
    }
}

impl BackupStore for FolderStore {
    fn lock(&self) -> io::Result<Box<dyn FileLock>> {
        self.vfs.create_dir(Path::new(""))?;
        self.vfs.lock(Path::new(LOCK_PATH))
    }

    fn list(&self, prefix: &str) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        self.list_below(Path::new(prefix.trim_end_matches('/')), &mut found)?;
        found.sort_unstable();
        Ok(found)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn StoredObject>> {
        let file = self.vfs.open(Path::new(name), OpenMode::Read)?;
        Ok(Box::new(FolderObject { file }))
    }

    fn begin(&self, prefix: &str) -> io::Result<Box<dyn NewObject>> {
        let folder = PathBuf::from(prefix.trim_end_matches('/'));
        self.make_folders(&folder)?;
        let temporary = folder.join(format!("incoming{UNFINISHED}"));
        let file = create_anew(&*self.vfs, &temporary)?;
        Ok(Box::new(NewFile {
            vfs: Arc::clone(&self.vfs),
            temporary,
            file,
            written: 0,
        }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let path = Path::new(name);
        crate::vfs::remove_if_there(&*self.vfs, path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        match self.vfs.sync_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            synced => synced?,
        }
        // A folder that is empty now is of no use; one that is not stays.
        if !folder.as_os_str().is_empty() && self.vfs.list(folder)?.is_empty() {
            self.vfs.remove_dir(folder)?;
        }
        Ok(())
    }
}

#[derive(Debug)]
struct FolderObject {
    file: Box<dyn File>,
}

impl StoredObject for FolderObject {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(bytes, offset)
    }
}

#[derive(Debug)]
struct NewFile {
    vfs: Arc<dyn Vfs>,
    temporary: PathBuf,
    file: Box<dyn File>,
    written: u64,
}

impl NewObject for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        write_all_at(&*self.file, bytes, self.written)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn finish(self: Box<Self>, name: &str) -> io::Result<()> {
        self.file.sync()?;
        let path = Path::new(name);
        self.vfs.rename(&self.temporary, path)?;
        self.vfs.sync_dir(path.parent().unwrap_or(Path::new("")))
    }
}
