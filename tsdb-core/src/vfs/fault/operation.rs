use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustix::io::Errno;

/// What a database asks of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OperationKind {
    /// `Vfs::create`.
    Create,
    /// `Vfs::open`.
    Open,
    /// `Vfs::rename`.
    Rename,
    /// `Vfs::remove`.
    Remove,
    /// `Vfs::link`.
    Link,
    /// `Vfs::create_dir`.
    CreateDir,
    /// `Vfs::remove_dir`.
    RemoveDir,
    /// `Vfs::list`.
    List,
    /// `Vfs::sync_dir`.
    SyncDir,
    /// `Vfs::lock`.
    Lock,
    /// `Vfs::free_bytes`.
    FreeBytes,
    /// `File::read_at`.
    Read,
    /// `File::write_at`.
    Write,
    /// `File::len`.
    Len,
    /// `File::set_len`.
    SetLen,
    /// `File::allocate`.
    Allocate,
    /// `File::sync`.
    Sync,
}

impl OperationKind {
    const COUNT: usize = OperationKind::Sync as usize + 1;

    /// Whether this makes something durable: `Sync` or `SyncDir`.
    pub fn is_sync(self) -> bool {
        matches!(self, OperationKind::Sync | OperationKind::SyncDir)
    }

    /// Whether this can change what is on the disk; if not, a crash before it is no news.
    pub fn is_change(self) -> bool {
        !matches!(
            self,
            OperationKind::Open
                | OperationKind::List
                | OperationKind::FreeBytes
                | OperationKind::Read
                | OperationKind::Len
        )
    }
}

/// One operation about to be done.
#[derive(Clone, Copy, Debug)]
pub struct Operation<'a> {
    /// Its number among all operations of this disk; the first is 1.
    pub number: u64,
    /// For a `Sync` or `SyncDir` its number among these, the first is 1; else 0.
    pub sync_number: u64,
    /// What is to be done.
    pub kind: OperationKind,
    /// On which path; for an open file the one it was opened by.
    pub path: &'a Path,
    /// The new name, of `Rename` and `Link`.
    pub target: Option<&'a Path>,
    /// Where, of `Read` and `Write`; else 0.
    pub offset: u64,
    /// How many bytes, of `Read` and `Write`; which length, of `SetLen` and `Allocate`; else 0.
    pub length: u64,
}

/// What shall become of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Proceed,
    /// It is not done. A failed `Sync` loses some of the file's unsynced writes, by the disk's
    /// seed: they stay readable, and no later sync makes them durable.
    Fail(Fault),
    /// A `Read` of at most so many bytes (0 looks like the end of the file).
    ShortRead(usize),
    /// A `Write` of at most so many bytes.
    ShortWrite(usize),
    /// It is not done, and this and every later operation of the disk fails with
    /// [`SimulatedCrash`], so that the code under test unwinds.
    Crash,
}

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// With this kind of error.
    Kind(io::ErrorKind),
    /// With this error number of the operating system.
    Os(i32),
}

impl Fault {
    /// ENOSPC: no space left on the disk.
    pub const NO_SPACE: Fault = Fault::Os(Errno::NOSPC.raw_os_error());
    /// EIO: the disk itself has failed.
    pub const DISK: Fault = Fault::Os(Errno::IO.raw_os_error());
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> io::Error {
        match fault {
            Fault::Kind(kind) => kind.into(),
            Fault::Os(number) => io::Error::from_raw_os_error(number),
        }
    }
}

/// What every operation says after a crash; it is the inner error of an `io::Error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("simulated crash: the disk is gone, go on with an image of it")]
pub struct SimulatedCrash;

impl SimulatedCrash {
    /// Whether a simulated crash is the root of this error, however wrapped.
    pub fn caused(error: &(dyn Error + 'static)) -> bool {
        let mut next = Some(error);
        while let Some(error) = next {
            let shared = || error.downcast_ref::<Arc<io::Error>>().map(Arc::as_ref);
            // An `io::Error` passes over its inner error when asked for its source.
            let inner = error
                .downcast_ref::<io::Error>()
                .or_else(shared)
                .and_then(io::Error::get_ref);
            if error.is::<SimulatedCrash>() || inner.is_some_and(|inner| inner.is::<Self>()) {
                return true;
            }
            next = match inner {
                Some(inner) => Some(inner),
                None => error.source(),
            };
        }
        false
    }
}

/// How much a disk has been asked for, refused operations included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    by_kind: [u64; OperationKind::COUNT],
    bytes_read: u64,
    bytes_written: u64,
}

impl Counters {
    /// Operations of one kind.
    pub fn of(&self, kind: OperationKind) -> u64 {
        self.by_kind.get(kind as usize).copied().unwrap_or(0)
    }

    /// All operations.
    pub fn operations(&self) -> u64 {
        self.by_kind.iter().sum()
    }

    /// `Sync` and `SyncDir` together.
    pub fn syncs(&self) -> u64 {
        self.of(OperationKind::Sync) + self.of(OperationKind::SyncDir)
    }

    /// Bytes that reads have returned.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// Bytes that writes have taken.
    pub fn bytes_written(&self) -> u64 {
        self.bytes_written
    }

    /// What came on top of `earlier`, a reading of the same disk.
    pub fn since(&self, earlier: &Counters) -> Counters {
        let mut by_kind = self.by_kind;
        for (count, earlier) in by_kind.iter_mut().zip(earlier.by_kind) {
            *count = count.saturating_sub(earlier);
        }
        Counters {
            by_kind,
            bytes_read: self.bytes_read.saturating_sub(earlier.bytes_read),
            bytes_written: self.bytes_written.saturating_sub(earlier.bytes_written),
        }
    }

    pub(super) fn count(&mut self, kind: OperationKind) {
        if let Some(count) = self.by_kind.get_mut(kind as usize) {
            *count += 1;
        }
    }

    pub(super) fn count_read(&mut self, bytes: usize) {
        self.bytes_read += bytes as u64;
    }

    pub(super) fn count_written(&mut self, bytes: usize) {
        self.bytes_written += bytes as u64;
    }
}
