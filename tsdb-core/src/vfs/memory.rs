use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, RwLock};

use super::path;
use super::{File, FileLock, OpenMode, Vfs, write_all_at};

/// A file system in memory: for databases that need not outlive their process, and for tests.
///
/// Clones share one tree. Syncs do nothing, since there is nothing to survive.
#[derive(Debug, Clone, Default)]
pub struct MemVfs {
    /// By path without leading slash; the root itself is not listed.
    nodes: Arc<Mutex<BTreeMap<String, Node>>>,
}

#[derive(Debug, Clone)]
enum Node {
    Folder,
    File(Arc<Inode>),
}

#[derive(Debug, Default)]
struct Inode {
    content: RwLock<Vec<u8>>,
    locked: AtomicBool,
}

type Nodes = BTreeMap<String, Node>;

impl MemVfs {
    /// An empty tree.
    pub fn new() -> MemVfs {
        MemVfs::default()
    }
}

impl Vfs for MemVfs {
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut nodes = self.nodes.lock();
        let key = key_in_folder(&nodes, path)?;
        if nodes.contains_key(&key) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = Arc::new(Inode::default());
        nodes.insert(key, Node::File(Arc::clone(&inode)));
        Ok(Box::new(MemFile {
            inode,
            mode: OpenMode::ReadWrite,
        }))
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn File>> {
        let inode = file_at(&self.nodes.lock(), path)?;
        Ok(Box::new(MemFile { inode, mode }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut nodes = self.nodes.lock();
        let from = key_in_folder(&nodes, from)?;
        let node = nodes.get(&from).ok_or(io::ErrorKind::NotFound)?.clone();
        let to = key_in_folder(&nodes, to)?;
        match (&node, nodes.get(&to)) {
            (Node::File(old), Some(Node::File(new))) if Arc::ptr_eq(old, new) => return Ok(()),
            (Node::File(_), Some(Node::Folder)) => return Err(io::ErrorKind::IsADirectory.into()),
            (Node::Folder, Some(_)) if from != to => {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            (Node::Folder, _) if to.starts_with(&format!("{from}/")) => {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            _ => {}
        }
        nodes.remove(&from);
        let inside = format!("{from}/");
        for key in keys_below(&nodes, &inside) {
            let moved = key.strip_prefix(&inside).map(|rest| format!("{to}/{rest}"));
            if let (Some(moved), Some(node)) = (moved, nodes.remove(&key)) {
                nodes.insert(moved, node);
            }
        }
        nodes.insert(to, node);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut nodes = self.nodes.lock();
        file_at(&nodes, path)?;
        nodes.remove(&entry_key(path)?);
        Ok(())
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut nodes = self.nodes.lock();
        let inode = file_at(&nodes, from)?;
        let to = key_in_folder(&nodes, to)?;
        if nodes.contains_key(&to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        nodes.insert(to, Node::File(inode));
        Ok(())
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        if path::names(path)?.is_empty() {
            return Ok(());
        }
        let mut nodes = self.nodes.lock();
        let key = key_in_folder(&nodes, path)?;
        match nodes.get(&key) {
            Some(Node::Folder) => Ok(()),
            Some(Node::File(_)) => Err(io::ErrorKind::AlreadyExists.into()),
            None => {
                nodes.insert(key, Node::Folder);
                Ok(())
            }
        }
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut nodes = self.nodes.lock();
        let key = key_in_folder(&nodes, path)?;
        match nodes.get(&key) {
            Some(Node::Folder) => {}
            Some(Node::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
            None => return Err(io::ErrorKind::NotFound.into()),
        }
        if !keys_below(&nodes, &format!("{key}/")).is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        nodes.remove(&key);
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let nodes = self.nodes.lock();
        let mut inside = folder_key(&nodes, &path::names(dir)?)?;
        if !inside.is_empty() {
            inside.push('/');
        }
        let mut names: Vec<String> = keys_below(&nodes, &inside)
            .iter()
            .filter_map(|key| key.strip_prefix(&inside))
            .filter(|name| !name.contains('/'))
            .map(str::to_owned)
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        folder_key(&self.nodes.lock(), &path::names(dir)?).map(drop)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FileLock>> {
        let inode = match self.create(path) {
            Ok(_) => file_at(&self.nodes.lock(), path)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                file_at(&self.nodes.lock(), path)?
            }
            Err(error) => return Err(error),
        };
        if inode.locked.swap(true, Ordering::AcqRel) {
            return Err(io::Error::new(
                io::ErrorKind::WouldBlock,
                format!(
                    "lock file {} is held: close its holder first",
                    path.display()
                ),
            ));
        }
        let lock = MemLock {
            file: MemFile {
                inode,
                mode: OpenMode::ReadWrite,
            },
        };
        lock.file.set_len(0)?;
        write_all_at(
            &lock.file,
            format!("{}\n", std::process::id()).as_bytes(),
            0,
        )?;
        Ok(Box::new(lock))
    }

    /// Memory is bounded elsewhere: reports a disk that is all free and larger than any use.
    fn free_bytes(&self) -> io::Result<(u64, u64)> {
        Ok((u64::MAX, u64::MAX))
    }
}

fn entry_key(path: &Path) -> io::Result<String> {
    let (mut names, name) = path::split(path)?;
    names.push(name);
    Ok(names.join("/"))
}

/// The key of an entry whose folder exists, be the entry there or not.
fn key_in_folder(nodes: &Nodes, path: &Path) -> io::Result<String> {
    folder_key(nodes, &path::split(path)?.0)?;
    entry_key(path)
}

fn folder_key(nodes: &Nodes, names: &[&str]) -> io::Result<String> {
    let mut key = String::new();
    for name in names {
        if !key.is_empty() {
            key.push('/');
        }
        key.push_str(name);
        match nodes.get(&key) {
            Some(Node::Folder) => {}
            Some(Node::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
            None => return Err(io::ErrorKind::NotFound.into()),
        }
    }
    Ok(key)
}

fn file_at(nodes: &Nodes, path: &Path) -> io::Result<Arc<Inode>> {
    match nodes.get(&key_in_folder(nodes, path)?) {
        Some(Node::File(inode)) => Ok(Arc::clone(inode)),
        Some(Node::Folder) => Err(io::ErrorKind::IsADirectory.into()),
        None => Err(io::ErrorKind::NotFound.into()),
    }
}

fn keys_below(nodes: &Nodes, prefix: &str) -> Vec<String> {
    nodes
        .range(prefix.to_owned()..)
        .map(|(key, _)| key)
        .take_while(|key| key.starts_with(prefix))
        .cloned()
        .collect()
}

#[derive(Debug)]
struct MemFile {
    inode: Arc<Inode>,
    mode: OpenMode,
}

impl MemFile {
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

impl File for MemFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let content = self.inode.content.read();
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let available = content.get(start..).unwrap_or_default();
        let count = available.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..count), available.get(..count)) {
            to.copy_from_slice(from);
        }
        Ok(count)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        self.check_writable()?;
        if buf.is_empty() {
            return Ok(0);
        }
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let end = start
            .checked_add(buf.len())
            .ok_or(io::ErrorKind::FileTooLarge)?;
        let mut content = self.inode.content.write();
        if end > content.len() {
            resize(&mut content, end)?;
        }
        if let Some(target) = content.get_mut(start..end) {
            target.copy_from_slice(buf);
        }
        Ok(buf.len())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.inode.content.read().len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check_writable()?;
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        resize(&mut self.inode.content.write(), len)
    }

    fn allocate(&self, up_to: u64) -> io::Result<()> {
        self.check_writable()?;
        let up_to = usize::try_from(up_to).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut content = self.inode.content.write();
        let missing = up_to.saturating_sub(content.len());
        content
            .try_reserve_exact(missing)
            .map_err(|_| io::ErrorKind::StorageFull.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

fn resize(content: &mut Vec<u8>, len: usize) -> io::Result<()> {
    let missing = len.saturating_sub(content.len());
    content
        .try_reserve(missing)
        .map_err(|_| io::Error::from(io::ErrorKind::StorageFull))?;
    content.resize(len, 0);
    Ok(())
}

#[derive(Debug)]
struct MemLock {
    file: MemFile,
}

impl FileLock for MemLock {}

impl Drop for MemLock {
    fn drop(&mut self) {
        self.file.inode.locked.store(false, Ordering::Release);
    }
}
