use std::fmt::Debug;
use std::io;
use std::path::Path;

/// What an existing file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OpenMode {
    /// Reading only: every write through the handle fails.
    Read,
    /// Reading and writing in place.
    ReadWrite,
}

/// A folder tree on some disk.
///
/// Paths are UTF-8, relative to the root of the tree, and contain no `..`; others are refused with
/// `InvalidInput`. The empty path is the root itself. Errors carry no path: the caller knows it.
///
/// Nothing is durable before its sync: a file's bytes and length before [`File::sync`], an entry
/// of a folder (after `create`, `rename`, `remove`, `link`, `create_dir`, `remove_dir`) before
/// [`sync_dir`](Vfs::sync_dir) of that folder. A rename between folders needs both.
pub trait Vfs: Send + Sync + Debug {
    /// Creates a file, open for reading and writing. Fails with `AlreadyExists` if there is one.
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Opens an existing file. Fails with `NotFound` if there is none.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn File>>;

    /// Gives a file or folder another name, atomically replacing a file of that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes the name of a file; its open handles keep working. Folders are refused.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Gives the file `from` a second name. Fails with `AlreadyExists` if `to` is taken.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Creates a folder whose parent exists; succeeds if the folder is already there.
    ///
    /// For the root (the empty path) missing parents are created too, and made durable.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Removes a folder, which must be empty (`DirectoryNotEmpty` otherwise).
    fn remove_dir(&self, path: &Path) -> io::Result<()>;

    /// The names in a folder, of files and of folders, in byte order.
    ///
    /// Names that are not UTF-8 cannot be this database's and are left out.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Makes the entries of a folder durable (not the contents of its files).
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Takes the exclusive lock of a file, creating it if needed, and writes the process id in it.
    ///
    /// Fails with `WouldBlock` if it is taken, by this process or another. Dropping releases it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn FileLock>>;

    /// Bytes free for use and bytes in all, of the disk that holds the root.
    fn free_bytes(&self) -> io::Result<(u64, u64)>;
}

/// An open file. Reads and writes name their offset, so handles are shared freely.
pub trait File: Send + Sync + Debug {
    /// Reads at `offset`; fewer bytes than asked for is no error, none means the end.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes at `offset`, growing the file if needed (a gap reads as zeros); may write less.
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize>;

    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Whether the length is zero.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Cuts the file, or extends it with zeros, to `len` bytes.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Reserves disk space for the first `up_to` bytes; the length stays as it is.
    ///
    /// Later writes below `up_to` need no new space. Where the file system has no reservations
    /// this does nothing, and a full disk shows as a failed write instead.
    fn allocate(&self, up_to: u64) -> io::Result<()>;

    /// Makes the bytes and the length durable. After a failure no byte written since the last
    /// success may be taken as durable, not even after a later success, unless written again.
    fn sync(&self) -> io::Result<()>;
}

/// Holds a lock until dropped.
pub trait FileLock: Send + Sync + Debug {}
