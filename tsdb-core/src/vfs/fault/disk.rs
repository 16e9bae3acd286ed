use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::outage::{Fate, fate_in_failed_sync};
use super::pages::{LONGEST_FILE, PAGE_BYTES, Pages, page_count};
use super::random::SplitMix64;

pub(super) const ROOT: u64 = 0;

/// What a name in a folder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    File(u64),
    Folder(u64),
}

pub(super) type Names = BTreeMap<Arc<str>, Entry>;
pub(super) type Durable = BTreeMap<u64, Arc<Names>>;

/// Content and names, each twice: as the system shows them, and as they are safe on the disk.
#[derive(Clone)]
pub(super) struct Disk {
    pub(super) files: BTreeMap<u64, Inode>,
    pub(super) folders: BTreeMap<u64, Folder>,
    /// What each folder holds for certain; a folder without any has no entry here.
    pub(super) durable: Durable,
    pub(super) next_inode: u64,
    pub(super) capacity: Option<u64>,
    /// Bytes taken by files that have a name or an open handle.
    pub(super) used: u64,
    /// Decides what a failed sync loses.
    pub(super) random: SplitMix64,
}

#[derive(Clone, Default)]
pub(super) struct Inode {
    pub(super) current: Pages,
    pub(super) durable: Pages,
    /// Since the last sync, in order.
    pub(super) pending: Vec<Change>,
    /// Whether a failed sync has made `durable` differ from `current` for good.
    pub(super) diverged: bool,
    /// Bytes reserved from the start of the file.
    pub(super) reserved: u64,
    pub(super) reserved_durable: u64,
    pub(super) links: u32,
    pub(super) handles: u32,
    pub(super) locked: bool,
}

#[derive(Clone)]
pub(super) enum Change {
    Write { offset: u64, bytes: Arc<[u8]> },
    SetLen(u64),
}

#[derive(Clone, Default)]
pub(super) struct Folder {
    pub(super) current: Arc<Names>,
    /// Since the last sync of the folder, in order.
    pub(super) pending: Vec<EntryChange>,
}

#[derive(Clone)]
pub(super) struct Move {
    /// Tells moves apart.
    serial: u64,
    from_folder: u64,
    from: Arc<str>,
    to_folder: u64,
    to: Arc<str>,
    entry: Entry,
}

#[derive(Clone)]
pub(super) enum EntryChange {
    Add {
        name: Arc<str>,
        entry: Entry,
    },
    Remove {
        name: Arc<str>,
        entry: Entry,
    },
    /// Atomic. Between two folders it is listed in both, and the sync of either saves it.
    Move(Move),
}

impl Disk {
    pub(super) fn new(seed: u64) -> Disk {
        Disk {
            files: BTreeMap::new(),
            folders: BTreeMap::from([(ROOT, Folder::default())]),
            durable: Durable::new(),
            next_inode: ROOT + 1,
            capacity: None,
            used: 0,
            random: SplitMix64::new(seed),
        }
    }

    pub(super) fn file(&self, id: u64) -> io::Result<&Inode> {
        self.files.get(&id).ok_or_else(gone)
    }

    pub(super) fn file_mut(&mut self, id: u64) -> io::Result<&mut Inode> {
        self.files.get_mut(&id).ok_or_else(gone)
    }

    pub(super) fn folder(&self, id: u64) -> io::Result<&Folder> {
        self.folders.get(&id).ok_or_else(gone)
    }

    fn folder_mut(&mut self, id: u64) -> io::Result<&mut Folder> {
        self.folders.get_mut(&id).ok_or_else(gone)
    }

    pub(super) fn find_folder(&self, names: &[&str]) -> io::Result<u64> {
        let mut id = ROOT;
        for name in names {
            match self.folder(id)?.current.get(*name) {
                Some(Entry::Folder(inner)) => id = *inner,
                Some(Entry::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
                None => return Err(io::ErrorKind::NotFound.into()),
            }
        }
        Ok(id)
    }

    fn find(&self, folder: u64, name: &str) -> io::Result<Option<Entry>> {
        Ok(self.folder(folder)?.current.get(name).copied())
    }

    pub(super) fn find_file(&self, (folder, name): (&[&str], &str)) -> io::Result<u64> {
        match self.find(self.find_folder(folder)?, name)? {
            Some(Entry::File(id)) => Ok(id),
            Some(Entry::Folder(_)) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    // ---- names

    fn add(&mut self, folder: u64, name: &str, entry: Entry) -> io::Result<()> {
        let name: Arc<str> = name.into();
        let folder = self.folder_mut(folder)?;
        Arc::make_mut(&mut folder.current).insert(Arc::clone(&name), entry);
        folder.pending.push(EntryChange::Add { name, entry });
        if let Entry::File(id) = entry {
            self.file_mut(id)?.links += 1;
        }
        Ok(())
    }

    fn new_inode(&mut self) -> u64 {
        let id = self.next_inode;
        self.next_inode += 1;
        id
    }

    pub(super) fn create(&mut self, (folder, name): (&[&str], &str)) -> io::Result<u64> {
        let folder = self.find_folder(folder)?;
        if self.find(folder, name)?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let id = self.new_inode();
        self.files.insert(id, Inode::default());
        self.add(folder, name, Entry::File(id))?;
        Ok(id)
    }

    pub(super) fn create_dir(&mut self, (folder, name): (&[&str], &str)) -> io::Result<()> {
        let folder = self.find_folder(folder)?;
        match self.find(folder, name)? {
            Some(Entry::Folder(_)) => Ok(()),
            Some(Entry::File(_)) => Err(io::ErrorKind::AlreadyExists.into()),
            None => {
                let id = self.new_inode();
                self.folders.insert(id, Folder::default());
                self.add(folder, name, Entry::Folder(id))
            }
        }
    }

    pub(super) fn remove_dir(&mut self, (folder, name): (&[&str], &str)) -> io::Result<()> {
        let folder = self.find_folder(folder)?;
        let id = match self.find(folder, name)? {
            Some(Entry::Folder(id)) => id,
            Some(Entry::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        if !self.folder_mut(id)?.current.is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        let folder = self.folder_mut(folder)?;
        let name: Arc<str> = name.into();
        Arc::make_mut(&mut folder.current).remove(&name);
        folder.pending.push(EntryChange::Remove {
            name,
            entry: Entry::Folder(id),
        });
        Ok(())
    }

    pub(super) fn link(
        &mut self,
        from: (&[&str], &str),
        (folder, name): (&[&str], &str),
    ) -> io::Result<()> {
        let id = self.find_file(from)?;
        let folder = self.find_folder(folder)?;
        if self.find(folder, name)?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.add(folder, name, Entry::File(id))
    }

    pub(super) fn remove(&mut self, path: (&[&str], &str)) -> io::Result<()> {
        let id = self.find_file(path)?;
        let folder = self.find_folder(path.0)?;
        let folder = self.folder_mut(folder)?;
        let name: Arc<str> = path.1.into();
        Arc::make_mut(&mut folder.current).remove(&name);
        folder.pending.push(EntryChange::Remove {
            name,
            entry: Entry::File(id),
        });
        self.unlinked(id)
    }

    pub(super) fn rename(
        &mut self,
        (from_folder, from): (&[&str], &str),
        (to_folder, to): (&[&str], &str),
    ) -> io::Result<()> {
        let from_id = self.find_folder(from_folder)?;
        let entry = self.find(from_id, from)?.ok_or(io::ErrorKind::NotFound)?;
        let to_id = self.find_folder(to_folder)?;
        let replaced = self.find(to_id, to)?;
        let inside = to_folder.starts_with(from_folder)
            && to_folder
                .get(from_folder.len())
                .is_some_and(|name| *name == from);
        match (entry, replaced) {
            (old, Some(new)) if old == new => return Ok(()),
            (Entry::File(_), Some(Entry::Folder(_))) => {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            (Entry::Folder(_), Some(_)) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Entry::Folder(_), None) if inside => return Err(io::ErrorKind::InvalidInput.into()),
            _ => {}
        }
        let (from, to): (Arc<str>, Arc<str>) = (from.into(), to.into());
        Arc::make_mut(&mut self.folder_mut(from_id)?.current).remove(&from);
        let serial = self.new_inode();
        let (from_folder, to_folder) = (from_id, to_id);
        let change = Move {
            serial,
            from_folder,
            from,
            to_folder,
            to: Arc::clone(&to),
            entry,
        };
        if from_folder != to_folder {
            self.folder_mut(from_folder)?
                .pending
                .push(EntryChange::Move(change.clone()));
        }
        let folder = self.folder_mut(to_folder)?;
        Arc::make_mut(&mut folder.current).insert(to, entry);
        folder.pending.push(EntryChange::Move(change));
        match replaced {
            Some(Entry::File(id)) => self.unlinked(id),
            _ => Ok(()),
        }
    }

    pub(super) fn sync_dir(&mut self, names: &[&str]) -> io::Result<()> {
        let id = self.find_folder(names)?;
        save_changes(&mut self.folders, &mut self.durable, id, usize::MAX);
        Ok(())
    }

    /// Every entry by its path, the root included.
    pub(super) fn walk(&self) -> BTreeMap<String, Entry> {
        let mut found = BTreeMap::from([(String::new(), Entry::Folder(ROOT))]);
        let mut open = vec![(String::new(), ROOT)];
        while let Some((path, folder)) = open.pop() {
            let names = self
                .folders
                .get(&folder)
                .map(|folder| Arc::clone(&folder.current));
            for (name, entry) in names.unwrap_or_default().iter() {
                let path = if path.is_empty() {
                    name.to_string()
                } else {
                    format!("{path}/{name}")
                };
                if let Entry::Folder(id) = entry {
                    open.push((path.clone(), *id));
                }
                found.insert(path, *entry);
            }
        }
        found
    }

    /// Whether anything of the entry itself awaits a sync.
    pub(super) fn has_pending(&self, entry: Entry) -> bool {
        match entry {
            Entry::File(id) => self
                .files
                .get(&id)
                .is_some_and(|file| !file.pending.is_empty()),
            Entry::Folder(id) => self
                .folders
                .get(&id)
                .is_some_and(|folder| !folder.pending.is_empty()),
        }
    }

    /// Replaces or creates a file durably and without regard to space.
    pub(super) fn overwrite(
        &mut self,
        (folder, name): (&[&str], &str),
        content: &[u8],
    ) -> io::Result<()> {
        let id = match self.find_file((folder, name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let id = self.create((folder, name))?;
                let folder = self.find_folder(folder)?;
                self.folder_mut(folder)?.pending.pop();
                insert(&mut self.durable, folder, &name.into(), Entry::File(id));
                id
            }
            found => found?,
        };
        let file = self.file_mut(id)?;
        let before = file.space();
        let mut pages = Pages::default();
        pages.write(content, 0);
        (file.current, file.durable) = (pages.clone(), pages);
        file.pending.clear();
        file.diverged = false;
        let after = file.space();
        self.used = self.used - before + after;
        Ok(())
    }

    // ---- open files

    pub(super) fn opened(&mut self, id: u64) -> io::Result<()> {
        self.file_mut(id)?.handles += 1;
        Ok(())
    }

    pub(super) fn closed(&mut self, id: u64) -> io::Result<()> {
        let file = self.file_mut(id)?;
        file.handles -= 1;
        if file.links == 0 && file.handles == 0 {
            self.used -= self.file(id)?.space();
        }
        Ok(())
    }

    fn unlinked(&mut self, id: u64) -> io::Result<()> {
        let file = self.file_mut(id)?;
        file.links -= 1;
        if file.links == 0 && file.handles == 0 {
            self.used -= self.file(id)?.space();
        }
        Ok(())
    }

    pub(super) fn free(&self) -> u64 {
        self.capacity
            .map_or(u64::MAX, |capacity| capacity.saturating_sub(self.used))
    }

    /// Writes as much as there is space for; fails with ENOSPC if there is none.
    pub(super) fn write(&mut self, id: u64, buf: &[u8], offset: u64) -> io::Result<usize> {
        let end = offset
            .checked_add(buf.len() as u64)
            .filter(|end| *end <= LONGEST_FILE);
        let end = end.ok_or(io::ErrorKind::FileTooLarge)?;
        if buf.is_empty() {
            return Ok(0);
        }
        let mut free = self.free();
        let file = self.file_mut(id)?;
        let mut fitting = end;
        let mut taken = 0;
        for page in page_count(offset + 1) - 1..page_count(end) {
            if page >= page_count(file.reserved) && !file.current.has_page(page) {
                if free < PAGE_BYTES as u64 {
                    fitting = (page as u64 * PAGE_BYTES as u64).max(offset);
                    break;
                }
                free -= PAGE_BYTES as u64;
                taken += PAGE_BYTES as u64;
            }
        }
        let count = usize::try_from(fitting - offset).unwrap_or(0);
        let bytes = buf.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            return Err(super::Fault::NO_SPACE.into());
        }
        file.current.write(bytes, offset);
        file.pending.push(Change::Write {
            offset,
            bytes: bytes.into(),
        });
        self.used += taken;
        Ok(count)
    }

    pub(super) fn set_len(&mut self, id: u64, len: u64) -> io::Result<()> {
        if len > LONGEST_FILE {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let file = self.file_mut(id)?;
        let before = file.space();
        if len <= file.current.len() {
            // As on Linux: cutting a file, even to the length it has, drops its reservation.
            file.reserved = 0;
        }
        file.current.set_len(len);
        file.pending.push(Change::SetLen(len));
        let after = file.space();
        self.used = self.used - before + after;
        Ok(())
    }

    pub(super) fn allocate(&mut self, id: u64, up_to: u64) -> io::Result<()> {
        if up_to > LONGEST_FILE {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let free = self.free();
        let file = self.file_mut(id)?;
        let before = file.space();
        let reserved = file.reserved;
        file.reserved = reserved.max(up_to);
        let after = file.space();
        if after - before > free {
            file.reserved = reserved;
            return Err(super::Fault::NO_SPACE.into());
        }
        self.used = self.used - before + after;
        Ok(())
    }

    pub(super) fn sync(&mut self, id: u64) -> io::Result<()> {
        let file = self.file_mut(id)?;
        file.reserved_durable = file.reserved;
        let pending = std::mem::take(&mut file.pending);
        if file.diverged {
            for change in &pending {
                change.apply(&mut file.durable);
            }
        } else {
            file.durable = file.current.clone();
        }
        Ok(())
    }

    /// The system marks the unsynced pages clean, whether or not they reached the disk.
    pub(super) fn fail_sync(&mut self, id: u64) -> io::Result<()> {
        let file = self.files.get_mut(&id).ok_or_else(gone)?;
        for change in std::mem::take(&mut file.pending) {
            let fate = fate_in_failed_sync(&change, &mut self.random);
            file.diverged |= fate != Fate::Whole;
            change.apply_as(&fate, &mut file.durable);
        }
        Ok(())
    }
}

impl Inode {
    /// Bytes taken on the disk: what is reserved, and pages written past it.
    pub(super) fn space(&self) -> u64 {
        let reserved = page_count(self.reserved);
        ((reserved + self.current.pages_from(reserved)) * PAGE_BYTES) as u64
    }
}

impl EntryChange {
    pub(super) fn entry(&self) -> Entry {
        match self {
            EntryChange::Add { entry, .. } | EntryChange::Remove { entry, .. } => *entry,
            EntryChange::Move(change) => change.entry,
        }
    }
}

/// Makes the first `count` unsynced changes of a folder durable.
pub(super) fn save_changes(
    folders: &mut BTreeMap<u64, Folder>,
    durable: &mut Durable,
    id: u64,
    count: usize,
) {
    let Some(folder) = folders.get_mut(&id) else {
        return;
    };
    let count = count.min(folder.pending.len());
    let saved: Vec<EntryChange> = folder.pending.drain(..count).collect();
    for change in saved {
        match change {
            EntryChange::Add { name, entry } => insert(durable, id, &name, entry),
            EntryChange::Remove { name, entry } => remove(durable, id, &name, entry),
            EntryChange::Move(change) => {
                remove(durable, change.from_folder, &change.from, change.entry);
                insert(durable, change.to_folder, &change.to, change.entry);
                let from_here = id == change.from_folder;
                let other = if from_here {
                    change.to_folder
                } else {
                    change.from_folder
                };
                let other = folders.get_mut(&other).map(|folder| &mut folder.pending);
                halve(other.into_iter().flatten(), &change, from_here);
            }
        }
    }
}

/// In the other folder's list only its own half of a saved move is left to replay, in its turn.
fn halve<'a>(
    pending: impl Iterator<Item = &'a mut EntryChange>,
    saved: &Move,
    arrival_is_left: bool,
) {
    let entry = saved.entry;
    for change in pending {
        if matches!(change, EntryChange::Move(twin) if twin.serial == saved.serial) {
            *change = if arrival_is_left {
                EntryChange::Add {
                    name: Arc::clone(&saved.to),
                    entry,
                }
            } else {
                EntryChange::Remove {
                    name: Arc::clone(&saved.from),
                    entry,
                }
            };
        }
    }
}

fn insert(durable: &mut Durable, folder: u64, name: &Arc<str>, entry: Entry) {
    Arc::make_mut(durable.entry(folder).or_default()).insert(Arc::clone(name), entry);
}

/// Removes the name if it is still that entry's: another folder's sync may have overtaken this.
fn remove(durable: &mut Durable, folder: u64, name: &Arc<str>, entry: Entry) {
    let names = Arc::make_mut(durable.entry(folder).or_default());
    if names.get(name) == Some(&entry) {
        names.remove(name);
    }
}

impl Change {
    pub(super) fn apply(&self, pages: &mut Pages) {
        match self {
            Change::Write { offset, bytes } => pages.write(bytes, *offset),
            Change::SetLen(len) => pages.set_len(*len),
        }
    }
}

fn gone() -> io::Error {
    io::Error::other("inode is not on this disk: a file of another image was used")
}
