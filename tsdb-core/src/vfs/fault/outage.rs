use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::disk::{
    Change, Disk, Durable, Entry, EntryChange, Folder, Inode, Names, ROOT, save_changes,
};
use super::pages::Pages;
use super::random::SplitMix64;

/// Unit in which a disk writes: a torn write leaves any of these, old or new.
const SECTOR_BYTES: u64 = 512;

/// How a process or a machine stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// The process alone ends (`kill -9`): everything written is still there, but what was not
    /// synced can still be lost by a later power cut.
    Kill,
    /// The machine ends. What was synced is there. Of the rest, by seed: per folder a prefix of
    /// its unsynced changes; per file any subset of its unsynced writes and length changes, single
    /// writes torn at a byte or into sectors, lengths grown without the bytes.
    PowerCut {
        /// Decides what survives; the same seed on the same state leaves the same.
        seed: u64,
    },
    /// The machine ends, and nothing survives but what was synced.
    BarePowerCut,
}

/// What becomes of one change that was not synced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Lost,
    /// The file is as long as if the bytes had been written; they are not.
    LengthOnly,
    Whole,
    /// So many bytes of the write.
    Prefix(u64),
    /// The write's sectors for which the sequence of this seed says so.
    Sectors(u64),
}

impl Change {
    pub(super) fn apply_as(&self, fate: &Fate, pages: &mut Pages) {
        let Change::Write { offset, bytes } = self else {
            if *fate != Fate::Lost {
                self.apply(pages);
            }
            return;
        };
        let end = offset + bytes.len() as u64;
        match *fate {
            Fate::Lost => {}
            Fate::LengthOnly => pages.extend(end),
            Fate::Whole => pages.write(bytes, *offset),
            Fate::Prefix(count) => write_part(pages, *offset, bytes, 0..count),
            Fate::Sectors(seed) => {
                let mut random = SplitMix64::new(seed);
                let mut from = *offset;
                while from < end {
                    let to = end.min((from / SECTOR_BYTES + 1) * SECTOR_BYTES);
                    if random.coin() {
                        write_part(pages, *offset, bytes, from - offset..to - offset);
                    }
                    from = to;
                }
                if random.coin() {
                    pages.extend(end);
                }
            }
        }
    }
}

fn write_part(pages: &mut Pages, offset: u64, bytes: &[u8], part: std::ops::Range<u64>) {
    let start = usize::try_from(part.start).unwrap_or(usize::MAX);
    let end = usize::try_from(part.end).unwrap_or(usize::MAX);
    if let Some(bytes) = bytes.get(start..end).filter(|bytes| !bytes.is_empty()) {
        pages.write(bytes, offset + part.start);
    }
}

/// A length is kept in the journal, so a failed sync of the bytes does not lose it.
pub(super) fn fate_in_failed_sync(change: &Change, random: &mut SplitMix64) -> Fate {
    match change {
        Change::SetLen(_) => Fate::Whole,
        Change::Write { bytes, .. } => match random.below(4) {
            0 => Fate::Whole,
            1 => torn(bytes.len() as u64, random),
            2 => Fate::LengthOnly,
            _ => Fate::Lost,
        },
    }
}

fn torn(len: u64, random: &mut SplitMix64) -> Fate {
    if random.coin() {
        Fate::Prefix(random.below(len))
    } else {
        Fate::Sectors(random.next_u64())
    }
}

impl Disk {
    /// The disk as the next process finds it.
    pub(super) fn after(&self, outage: Outage) -> Disk {
        match outage {
            Outage::Kill => self.after_kill(),
            Outage::PowerCut { seed } => self.after_power_cut(Some(&mut SplitMix64::new(seed))),
            Outage::BarePowerCut => self.after_power_cut(None),
        }
    }

    fn after_kill(&self) -> Disk {
        let mut disk = self.clone();
        let visible = reachable(|id| self.folders.get(&id).map(|folder| &*folder.current));
        let kept = self.entries_that_may_return();
        disk.files.retain(|id, file| {
            file.handles = 0;
            file.locked = false;
            file.links = visible.get(&Key::File(*id)).copied().unwrap_or(0);
            file.links > 0 || kept.contains(&Key::File(*id))
        });
        disk.count_space();
        disk
    }

    /// Entries named on the disk, or by a change on its way there.
    fn entries_that_may_return(&self) -> BTreeSet<Key> {
        let durable = self.durable.values().flat_map(|names| names.values());
        let pending = self.folders.values().flat_map(|folder| &folder.pending);
        durable
            .copied()
            .chain(pending.map(EntryChange::entry))
            .map(Entry::key)
            .collect()
    }

    fn after_power_cut(&self, mut random: Option<&mut SplitMix64>) -> Disk {
        let durable = self.names_after_power_cut(random.as_deref_mut());
        let mut disk = Disk::new(random.as_deref_mut().map_or(0, SplitMix64::next_u64));
        disk.next_inode = self.next_inode;
        disk.capacity = self.capacity;
        for (key, links) in reachable(|id| durable.get(&id).map(|names| &**names)) {
            match key {
                Key::File(id) => {
                    if let Some(file) = self.files.get(&id) {
                        let file = file.after_power_cut(links, random.as_deref_mut());
                        disk.files.insert(id, file);
                    }
                }
                Key::Folder(id) => {
                    let current = durable.get(&id).map(Arc::clone).unwrap_or_default();
                    disk.durable.insert(id, Arc::clone(&current));
                    disk.folders.insert(
                        id,
                        Folder {
                            current,
                            pending: Vec::new(),
                        },
                    );
                }
            }
        }
        disk.count_space();
        disk
    }

    /// What each folder holds when a prefix of its unsynced changes has survived.
    fn names_after_power_cut(&self, mut random: Option<&mut SplitMix64>) -> Durable {
        let (mut folders, mut durable) = (self.folders.clone(), self.durable.clone());
        for (id, folder) in &self.folders {
            let all = folder.pending.len();
            let surviving = match random.as_deref_mut() {
                None => 0,
                Some(random) => match random.below(4) {
                    0 => 0,
                    1 => all,
                    _ => random.index(all + 1),
                },
            };
            save_changes(&mut folders, &mut durable, *id, surviving);
        }
        durable
    }

    fn count_space(&mut self) {
        self.used = self
            .files
            .values()
            .filter(|file| file.links > 0)
            .map(Inode::space)
            .sum();
    }
}

impl Inode {
    fn after_power_cut(&self, links: u32, random: Option<&mut SplitMix64>) -> Inode {
        let mut content = self.durable.clone();
        let mut reserved = self.reserved_durable;
        if let Some(random) = random {
            for (change, fate) in self.pending.iter().zip(fates(&self.pending, random)) {
                change.apply_as(&fate, &mut content);
            }
            if random.coin() {
                reserved = self.reserved;
            }
        }
        Inode {
            durable: content.clone(),
            current: content,
            reserved,
            reserved_durable: reserved,
            links,
            ..Inode::default()
        }
    }
}

/// One of four characters per file, so that the extremes are common and not one in 2^n.
fn fates(pending: &[Change], random: &mut SplitMix64) -> Vec<Fate> {
    let character = random.below(4);
    let kept = random.index(pending.len() + 1);
    let mut fates = Vec::with_capacity(pending.len());
    for (index, change) in pending.iter().enumerate() {
        let len = match change {
            Change::Write { bytes, .. } => bytes.len() as u64,
            Change::SetLen(_) => 0,
        };
        fates.push(match character {
            0 => Fate::Lost,
            1 => Fate::Whole,
            2 if index < kept => Fate::Whole,
            2 if index == kept && len > 0 && random.coin() => torn(len, random),
            2 => Fate::Lost,
            _ => match random.below(8) {
                0..=2 => Fate::Whole,
                3..=4 if len > 0 => torn(len, random),
                5 if len > 0 => Fate::LengthOnly,
                _ => Fate::Lost,
            },
        });
    }
    fates
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Folder(u64),
    File(u64),
}

impl Entry {
    fn key(self) -> Key {
        match self {
            Entry::File(id) => Key::File(id),
            Entry::Folder(id) => Key::Folder(id),
        }
    }
}

/// Everything that can be reached from the root, and by how many names.
fn reachable<'a>(names_of: impl Fn(u64) -> Option<&'a Names>) -> BTreeMap<Key, u32> {
    let mut found = BTreeMap::from([(Key::Folder(ROOT), 1)]);
    let mut open = BTreeSet::from([ROOT]);
    while let Some(folder) = open.pop_first() {
        for entry in names_of(folder).into_iter().flat_map(Names::values) {
            let links = found.entry(entry.key()).or_insert(0);
            *links += 1;
            if let (Entry::Folder(id), 1) = (entry, *links) {
                open.insert(*id);
            }
        }
    }
    found
}
