use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, ThreadId};

use parking_lot::Mutex;

use super::super::path;
use super::super::{File, FileLock, OpenMode, Vfs};
use super::disk::{Disk, Entry};
use super::operation::{Counters, Operation, OperationKind, SimulatedCrash, Verdict};
use super::outage::Outage;

type Hook = dyn Fn(&FaultVfs, &Operation<'_>) -> Verdict + Send + Sync;

/// A disk in memory that keeps apart what is shown and what is safe, and fails where told.
///
/// Clones are handles on the same disk. [`image`](FaultVfs::image) gives another disk, in the
/// state an outage would leave this one in; images share their bytes with the original, so a test
/// can take thousands. Everything follows from the seeds, as long as one thread uses the disk.
#[derive(Clone)]
pub struct FaultVfs {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    hook: Mutex<Option<Arc<Hook>>>,
    /// Threads inside the hook; what they do themselves is not shown to it.
    in_hook: Mutex<Vec<ThreadId>>,
}

struct State {
    disk: Disk,
    counters: Counters,
    crashed: bool,
    crash_at_operation: Option<u64>,
    crash_at_sync: Option<u64>,
}

impl FaultVfs {
    /// An empty disk without limit; `seed` decides what failed syncs lose.
    pub fn new(seed: u64) -> FaultVfs {
        FaultVfs::over(Disk::new(seed))
    }

    fn over(disk: Disk) -> FaultVfs {
        let state = State {
            disk,
            counters: Counters::default(),
            crashed: false,
            crash_at_operation: None,
            crash_at_sync: None,
        };
        FaultVfs {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                hook: Mutex::new(None),
                in_hook: Mutex::new(Vec::new()),
            }),
        }
    }

    /// Another disk, as the next process finds this one after an outage now: locks are free,
    /// counters zero, no hook set, the capacity the same. This disk is not changed.
    pub fn image(&self, outage: Outage) -> FaultVfs {
        FaultVfs::over(self.shared.state.lock().disk.after(outage))
    }

    /// Short for `image(Outage::PowerCut { seed })`.
    pub fn power_cut(&self, seed: u64) -> FaultVfs {
        self.image(Outage::PowerCut { seed })
    }

    /// Short for `image(Outage::Kill)`.
    pub fn kill(&self) -> FaultVfs {
        self.image(Outage::Kill)
    }

    // ---- faults

    /// Asks `hook` before every operation what shall become of it; replaces an earlier hook.
    ///
    /// No lock is held meanwhile, so the hook may take images and use the disk, also through the
    /// database; such operations are counted but not shown to it. Threads call it concurrently.
    pub fn on_operation(
        &self,
        hook: impl Fn(&FaultVfs, &Operation<'_>) -> Verdict + Send + Sync + 'static,
    ) {
        *self.shared.hook.lock() = Some(Arc::new(hook));
    }

    /// Takes the hook away.
    pub fn clear_hook(&self) {
        *self.shared.hook.lock() = None;
    }

    /// Operation `number` (the first is 1) and all behind it fail with [`SimulatedCrash`].
    pub fn crash_at_operation(&self, number: u64) {
        self.shared.state.lock().crash_at_operation = Some(number);
    }

    /// The `number`-th of `Sync` and `SyncDir` (the first is 1) and every operation behind it
    /// fail with [`SimulatedCrash`].
    pub fn crash_at_sync(&self, number: u64) {
        self.shared.state.lock().crash_at_sync = Some(number);
    }

    /// Every operation from now on fails with [`SimulatedCrash`].
    pub fn crash(&self) {
        self.shared.state.lock().crashed = true;
    }

    /// Whether a crash has happened.
    pub fn has_crashed(&self) -> bool {
        self.shared.state.lock().crashed
    }

    /// Bytes the disk can hold, in pages of 4096 and not counting names; `None` is no limit. May
    /// be set below what is used: then nothing more fits.
    pub fn set_capacity(&self, capacity: Option<u64>) {
        self.shared.state.lock().disk.capacity = capacity;
    }

    // ---- inspection: not counted, not shown to the hook, possible after a crash

    /// What has been asked of this disk so far.
    pub fn counters(&self) -> Counters {
        self.shared.state.lock().counters
    }

    /// Bytes taken by files that have a name or are open, reservations included.
    pub fn used_bytes(&self) -> u64 {
        self.shared.state.lock().disk.used
    }

    /// The content of a file, as a process would read it.
    pub fn content(&self, path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        let (folder, name) = path::split(path.as_ref())?;
        let state = self.shared.state.lock();
        let id = state.disk.find_file((&folder, name))?;
        Ok(state.disk.file(id)?.current.to_vec())
    }

    /// Every file by its path, with its content.
    pub fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.shared.state.lock();
        state
            .disk
            .walk()
            .into_iter()
            .filter_map(|(path, entry)| match entry {
                Entry::File(id) => Some((path, state.disk.files.get(&id)?.current.to_vec())),
                Entry::Folder(_) => None,
            })
            .collect()
    }

    /// Paths of files and folders (the root is empty) with changes since their last sync.
    pub fn unsynced(&self) -> Vec<String> {
        let state = self.shared.state.lock();
        let walk = state.disk.walk().into_iter();
        let unsynced = walk.filter(|(_, entry)| state.disk.has_pending(*entry));
        unsynced.map(|(path, _)| path).collect()
    }

    /// Replaces a file's content, or creates the file, durably: damage done by hand.
    pub fn overwrite(&self, path: impl AsRef<Path>, content: &[u8]) -> io::Result<()> {
        let (folder, name) = path::split(path.as_ref())?;
        self.shared
            .state
            .lock()
            .disk
            .overwrite((&folder, name), content)
    }

    // ---- the way of every operation

    /// Counts the operation and asks what shall become of it. Returns how many bytes it may move.
    fn begin(&self, operation: Operation<'_>) -> io::Result<usize> {
        let mut operation = operation;
        let mut verdict = Verdict::Proceed;
        {
            let mut state = self.shared.state.lock();
            if state.crashed {
                return Err(io::Error::other(SimulatedCrash));
            }
            state.counters.count(operation.kind);
            operation.number = state.counters.operations();
            if operation.kind.is_sync() {
                operation.sync_number = state.counters.syncs();
            }
            let reached = |at: Option<u64>, number| at.is_some_and(|at| number >= at);
            if reached(state.crash_at_operation, operation.number)
                || (operation.kind.is_sync() && reached(state.crash_at_sync, operation.sync_number))
            {
                verdict = Verdict::Crash;
            }
        }
        if verdict == Verdict::Proceed {
            verdict = self.ask(&operation);
        }
        let whole = usize::try_from(operation.length).unwrap_or(usize::MAX);
        match (verdict, operation.kind) {
            (Verdict::Proceed, _) => Ok(whole),
            (Verdict::ShortRead(most), OperationKind::Read) => Ok(most.min(whole)),
            (Verdict::ShortWrite(most), OperationKind::Write) => Ok(most.min(whole)),
            (Verdict::Fail(fault), _) => Err(fault.into()),
            (Verdict::Crash, _) => {
                self.crash();
                Err(io::Error::other(SimulatedCrash))
            }
            (Verdict::ShortRead(_) | Verdict::ShortWrite(_), kind) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("hook answered {verdict:?} to a {kind:?}: mend the test"),
            )),
        }
    }

    fn ask(&self, operation: &Operation<'_>) -> Verdict {
        let Some(hook) = self.shared.hook.lock().clone() else {
            return Verdict::Proceed;
        };
        let thread = thread::current().id();
        {
            let mut inside = self.shared.in_hook.lock();
            if inside.contains(&thread) {
                return Verdict::Proceed;
            }
            inside.push(thread);
        }
        let _leave = LeaveHook {
            shared: &self.shared,
            thread,
        };
        hook(self, operation)
    }

    fn on_path<T>(
        &self,
        kind: OperationKind,
        path: &Path,
        target: Option<&Path>,
        act: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        self.begin(Operation {
            target,
            ..plain(kind, path)
        })?;
        act(&mut *self.live()?)
    }

    /// The state, unless a crash has come in between.
    fn live(&self) -> io::Result<parking_lot::MutexGuard<'_, State>> {
        let state = self.shared.state.lock();
        if state.crashed {
            return Err(io::Error::other(SimulatedCrash));
        }
        Ok(state)
    }

    fn handle(&self, path: &Path, inode: u64, mode: OpenMode) -> Box<dyn File> {
        Box::new(FaultFile {
            vfs: self.clone(),
            path: path.to_owned(),
            inode,
            mode,
        })
    }
}

/// Leaves the hook also when it panics, as a failing assertion in it does.
struct LeaveHook<'a> {
    shared: &'a Shared,
    thread: ThreadId,
}

impl Drop for LeaveHook<'_> {
    fn drop(&mut self) {
        self.shared
            .in_hook
            .lock()
            .retain(|thread| *thread != self.thread);
    }
}

fn plain(kind: OperationKind, path: &Path) -> Operation<'_> {
    Operation {
        number: 0,
        sync_number: 0,
        kind,
        path,
        target: None,
        offset: 0,
        length: 0,
    }
}

impl fmt::Debug for FaultVfs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state.lock();
        f.debug_struct("FaultVfs")
            .field("operations", &state.counters.operations())
            .field("syncs", &state.counters.syncs())
            .field("files", &state.disk.files.len())
            .field("used_bytes", &state.disk.used)
            .field("crashed", &state.crashed)
            .finish()
    }
}

impl Vfs for FaultVfs {
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let (folder, name) = path::split(path)?;
        let inode = self.on_path(OperationKind::Create, path, None, |state| {
            let inode = state.disk.create((&folder, name))?;
            state.disk.opened(inode)?;
            Ok(inode)
        })?;
        Ok(self.handle(path, inode, OpenMode::ReadWrite))
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn File>> {
        let (folder, name) = path::split(path)?;
        let inode = self.on_path(OperationKind::Open, path, None, |state| {
            let inode = state.disk.find_file((&folder, name))?;
            state.disk.opened(inode)?;
            Ok(inode)
        })?;
        Ok(self.handle(path, inode, mode))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from_folder, from_name) = path::split(from)?;
        let (to_folder, to_name) = path::split(to)?;
        self.on_path(OperationKind::Rename, from, Some(to), |state| {
            state
                .disk
                .rename((&from_folder, from_name), (&to_folder, to_name))
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let (folder, name) = path::split(path)?;
        self.on_path(OperationKind::Remove, path, None, |state| {
            state.disk.remove((&folder, name))
        })
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from_folder, from_name) = path::split(from)?;
        let (to_folder, to_name) = path::split(to)?;
        self.on_path(OperationKind::Link, from, Some(to), |state| {
            state
                .disk
                .link((&from_folder, from_name), (&to_folder, to_name))
        })
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let names = path::names(path)?;
        self.on_path(OperationKind::CreateDir, path, None, |state| {
            match names.split_last() {
                Some((name, folder)) => state.disk.create_dir((folder, name)),
                None => Ok(()),
            }
        })
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let (folder, name) = path::split(path)?;
        self.on_path(OperationKind::RemoveDir, path, None, |state| {
            state.disk.remove_dir((&folder, name))
        })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let names = path::names(dir)?;
        self.on_path(OperationKind::List, dir, None, |state| {
            let folder = state.disk.find_folder(&names)?;
            Ok(state
                .disk
                .folder(folder)?
                .current
                .keys()
                .map(|name| name.to_string())
                .collect())
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let names = path::names(dir)?;
        self.on_path(OperationKind::SyncDir, dir, None, |state| {
            state.disk.sync_dir(&names)
        })
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FileLock>> {
        let (folder, name) = path::split(path)?;
        let inode = self.on_path(OperationKind::Lock, path, None, |state| {
            let inode = match state.disk.create((&folder, name)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    state.disk.find_file((&folder, name))?
                }
                created => created?,
            };
            if std::mem::replace(&mut state.disk.file_mut(inode)?.locked, true) {
                return Err(io::Error::new(
                    io::ErrorKind::WouldBlock,
                    format!(
                        "lock file {} is held: close its holder first",
                        path.display()
                    ),
                ));
            }
            state.disk.opened(inode)?;
            state.disk.set_len(inode, 0)?;
            Ok(inode)
        })?;
        let file = FaultFile {
            vfs: self.clone(),
            path: path.to_owned(),
            inode,
            mode: OpenMode::ReadWrite,
        };
        let lock = FaultLock { file };
        // Always the same number: the same seed shall leave the same bytes.
        self.live()?.disk.write(inode, b"1\n", 0)?;
        Ok(Box::new(lock))
    }

    fn free_bytes(&self) -> io::Result<(u64, u64)> {
        self.on_path(OperationKind::FreeBytes, Path::new(""), None, |state| {
            Ok((state.disk.free(), state.disk.capacity.unwrap_or(u64::MAX)))
        })
    }
}

struct FaultFile {
    vfs: FaultVfs,
    path: PathBuf,
    inode: u64,
    mode: OpenMode,
}

impl fmt::Debug for FaultFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultFile")
            .field("path", &self.path)
            .field("mode", &self.mode)
            .finish()
    }
}

impl FaultFile {
    fn operation(&self, kind: OperationKind) -> Operation<'_> {
        plain(kind, &self.path)
    }

    fn check_writable(&self) -> io::Result<()> {
        match self.mode {
            OpenMode::ReadWrite => Ok(()),
            OpenMode::Read => Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "file is open for reading only: open it with OpenMode::ReadWrite",
            )),
        }
    }
}

impl File for FaultFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let length = buf.len() as u64;
        let operation = Operation {
            offset,
            length,
            ..self.operation(OperationKind::Read)
        };
        let most = self.vfs.begin(operation)?;
        let mut state = self.vfs.live()?;
        let part = buf.get_mut(..most).unwrap_or_default();
        let count = state.disk.file(self.inode)?.current.read(part, offset);
        state.counters.count_read(count);
        Ok(count)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        self.check_writable()?;
        let length = buf.len() as u64;
        let operation = Operation {
            offset,
            length,
            ..self.operation(OperationKind::Write)
        };
        let most = self.vfs.begin(operation)?;
        let mut state = self.vfs.live()?;
        let part = buf.get(..most).unwrap_or_default();
        let count = state.disk.write(self.inode, part, offset)?;
        state.counters.count_written(count);
        Ok(count)
    }

    fn len(&self) -> io::Result<u64> {
        self.vfs.begin(self.operation(OperationKind::Len))?;
        Ok(self.vfs.live()?.disk.file(self.inode)?.current.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check_writable()?;
        let operation = self.operation(OperationKind::SetLen);
        self.vfs.begin(Operation {
            length: len,
            ..operation
        })?;
        self.vfs.live()?.disk.set_len(self.inode, len)
    }

    fn allocate(&self, up_to: u64) -> io::Result<()> {
        self.check_writable()?;
        let operation = self.operation(OperationKind::Allocate);
        self.vfs.begin(Operation {
            length: up_to,
            ..operation
        })?;
        self.vfs.live()?.disk.allocate(self.inode, up_to)
    }

    fn sync(&self) -> io::Result<()> {
        let verdict = self.vfs.begin(self.operation(OperationKind::Sync));
        let mut state = self.vfs.live()?;
        match verdict {
            Ok(_) => state.disk.sync(self.inode),
            Err(error) => {
                state.disk.fail_sync(self.inode)?;
                Err(error)
            }
        }
    }
}

impl Drop for FaultFile {
    fn drop(&mut self) {
        let closed = self.vfs.shared.state.lock().disk.closed(self.inode);
        debug_assert!(closed.is_ok(), "a handle outlived its file: {closed:?}");
    }
}

#[derive(Debug)]
struct FaultLock {
    file: FaultFile,
}

impl FileLock for FaultLock {}

impl Drop for FaultLock {
    fn drop(&mut self) {
        if let Ok(file) = self
            .file
            .vfs
            .shared
            .state
            .lock()
            .disk
            .file_mut(self.file.inode)
        {
            file.locked = false;
        }
    }
}
