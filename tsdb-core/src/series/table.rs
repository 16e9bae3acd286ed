//! The two hash tables of the registry: open addressing, in the order of the hash, so that they
//! grow by a quarter in one pass from front to back.

use crate::bits::prefetch;
use crate::model::Fingerprint;

const SMALLEST_TABLE: usize = 64;

/// Places that hash to the same range of a table are searched one after the other; a table is at
/// most this full, in percent.
const FULL_PERCENT: usize = 80;

/// What stands in a table: a hash that tells its place, and a slot.
trait Entry: Copy + Default {
    /// Slot and one; 0 for none.
    fn occupied(&self) -> u32;
    /// 32 bits of hash.
    fn hash(&self) -> u32;
    /// The same entry for another slot.
    fn at(self, slot: u32) -> Self;
}

#[derive(Debug)]
struct Table<E> {
    entries: Vec<E>,
    used: usize,
}

impl<E: Entry> Table<E> {
    fn new() -> Self {
        Self {
            entries: Vec::new(),
            used: 0,
        }
    }

    /// Where the search for a hash starts: larger hashes start later.
    #[inline]
    fn place(&self, hash: u32) -> usize {
        usize::try_from((u64::from(hash) * self.entries.len() as u64) >> 32).unwrap_or(0)
    }

    /// The first entry from the place of `hash` on of which `found` makes something.
    #[inline]
    fn find<T>(&self, hash: u32, mut found: impl FnMut(&E) -> Option<T>) -> Option<T> {
        let mut place = self.place(hash);
        loop {
            let entry = self.entries.get(place)?;
            if entry.occupied() == 0 {
                return None;
            }
            if let Some(answer) = found(entry) {
                return Some(answer);
            }
            place += 1;
            if place == self.entries.len() {
                place = 0;
            }
        }
    }

    fn insert(&mut self, entry: E) {
        self.used += 1;
        if self.used * 100 > self.entries.len() * FULL_PERCENT {
            let len = self.next_len();
            let smaller = std::mem::replace(&mut self.entries, vec![E::default(); len]);
            let old = smaller.into_iter().filter(|old| old.occupied() != 0);
            old.for_each(|old| self.put(old));
        }
        self.put(entry);
    }

    /// The entries whose slots have moved somewhere.
    fn retain(&self, moved: impl Fn(u32) -> Option<u32>) -> Self {
        let stay = || {
            let used = self.entries.iter().filter(|entry| entry.occupied() != 0);
            used.filter_map(|entry| Some(entry.at(moved(entry.occupied() - 1)?)))
        };
        let used = stay().count();
        let mut table = Self::with_room(used + used / 16);
        table.used = used;
        stay().for_each(|entry| table.put(entry));
        table
    }

    /// Room for so many entries, and none yet.
    fn with_room(entries: usize) -> Self {
        let len = (entries * 100).div_ceil(FULL_PERCENT).max(SMALLEST_TABLE);
        Self {
            entries: vec![E::default(); len],
            used: 0,
        }
    }

    fn next_len(&self) -> usize {
        (self.entries.len() + self.entries.len() / 4).max(SMALLEST_TABLE)
    }

    /// Bytes that have to be taken at once to insert `more`, the old entries still held.
    fn growth_bytes(&self, more: usize) -> usize {
        let needed = (self.used + more) * 100;
        if needed <= self.entries.len() * FULL_PERCENT {
            return 0;
        }
        self.next_len().max(needed / FULL_PERCENT) * size_of::<E>()
    }

    fn put(&mut self, entry: E) {
        let mut place = self.place(entry.hash());
        while self
            .entries
            .get(place)
            .is_some_and(|there| there.occupied() != 0)
        {
            place += 1;
            if place == self.entries.len() {
                place = 0;
            }
        }
        if let Some(free) = self.entries.get_mut(place) {
            *free = entry;
        }
    }

    fn heap_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<E>()
    }
}

/// Four to a cache line. The place follows from 32 bits of one half of the fingerprint, which are
/// kept, and the other half verifies: 96 bits tell series apart.
#[derive(Clone, Copy, Debug, Default)]
struct Verified {
    verify: u64,
    hash: u32,
    slot: u32,
}

impl Entry for Verified {
    #[inline]
    fn occupied(&self) -> u32 {
        self.slot
    }

    #[inline]
    fn hash(&self) -> u32 {
        self.hash
    }

    fn at(self, slot: u32) -> Self {
        Self {
            slot: slot + 1,
            ..self
        }
    }
}

/// From fingerprints to slots; the fingerprint is the only proof.
#[derive(Debug)]
pub(super) struct FingerprintTable {
    table: Table<Verified>,
}

impl FingerprintTable {
    pub(super) fn new() -> Self {
        Self {
            table: Table::new(),
        }
    }

    #[inline]
    pub(super) fn find(&self, fingerprint: Fingerprint) -> Option<u32> {
        let (hash, verify) = (upper_half(fingerprint.lookup()), fingerprint.verify());
        self.table.find(hash, |entry| {
            (entry.verify == verify && entry.hash == hash).then(|| entry.slot - 1)
        })
    }

    #[inline]
    pub(super) fn prefetch(&self, fingerprint: Fingerprint) {
        let place = self.table.place(upper_half(fingerprint.lookup()));
        prefetch(&self.table.entries, place);
    }

    /// Lets what is there mean another slot; whether it is there.
    pub(super) fn replace(&mut self, fingerprint: Fingerprint, slot: u32) -> bool {
        let (hash, verify) = (upper_half(fingerprint.lookup()), fingerprint.verify());
        let mut place = self.table.place(hash);
        while let Some(entry) = self.table.entries.get_mut(place) {
            if entry.slot == 0 {
                return false;
            }
            if entry.verify == verify && entry.hash == hash {
                entry.slot = slot + 1;
                return true;
            }
            place += 1;
            if place == self.table.entries.len() {
                place = 0;
            }
        }
        false
    }

    /// Adds what is not there yet.
    pub(super) fn insert(&mut self, fingerprint: Fingerprint, slot: u32) {
        self.table.insert(Verified {
            verify: fingerprint.verify(),
            hash: upper_half(fingerprint.lookup()),
            slot: slot + 1,
        });
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.table.heap_bytes()
    }

    pub(super) fn growth_bytes(&self, more: usize) -> usize {
        self.table.growth_bytes(more)
    }

    /// The entries whose slots have moved somewhere.
    pub(super) fn retain(&self, moved: impl Fn(u32) -> Option<u32>) -> Self {
        Self {
            table: self.table.retain(moved),
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Hinted {
    hash: u32,
    slot: u32,
}

impl Entry for Hinted {
    #[inline]
    fn occupied(&self) -> u32 {
        self.slot
    }

    #[inline]
    fn hash(&self) -> u32 {
        self.hash
    }

    fn at(self, slot: u32) -> Self {
        Self {
            slot: slot + 1,
            ..self
        }
    }
}

/// From labels to slots: half as large an entry, because the labels themselves verify.
#[derive(Debug)]
pub(super) struct LabelsTable {
    table: Table<Hinted>,
}

impl LabelsTable {
    pub(super) fn new() -> Self {
        Self {
            table: Table::new(),
        }
    }

    /// The table of slots 0, 1 and so on with these hashes.
    pub(super) fn of(hashes: impl ExactSizeIterator<Item = u32>) -> Self {
        let mut table = Table::with_room(hashes.len());
        for (slot, hash) in (1..).zip(hashes) {
            table.insert(Hinted { hash, slot });
        }
        Self { table }
    }

    /// The hashes of so many slots.
    pub(super) fn hashes(&self, slots: usize) -> Vec<u32> {
        let mut hashes = vec![0; slots];
        let used = self.table.entries.iter().filter(|entry| entry.slot != 0);
        for entry in used {
            if let Some(hash) = hashes.get_mut(entry.slot as usize - 1) {
                *hash = entry.hash;
            }
        }
        hashes
    }

    pub(super) fn find(
        &self,
        fingerprint: Fingerprint,
        mut same: impl FnMut(u32) -> bool,
    ) -> Option<u32> {
        let hash = upper_half(fingerprint.lookup());
        self.table.find(hash, |entry| {
            (entry.hash == hash && same(entry.slot - 1)).then(|| entry.slot - 1)
        })
    }

    /// Adds what is not there yet.
    pub(super) fn insert(&mut self, fingerprint: Fingerprint, slot: u32) {
        self.table.insert(Hinted {
            hash: upper_half(fingerprint.lookup()),
            slot: slot + 1,
        });
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.table.heap_bytes()
    }

    pub(super) fn growth_bytes(&self, more: usize) -> usize {
        self.table.growth_bytes(more)
    }

    /// The entries whose slots have moved somewhere.
    pub(super) fn retain(&self, moved: impl Fn(u32) -> Option<u32>) -> Self {
        Self {
            table: self.table.retain(moved),
        }
    }
}

#[inline]
const fn upper_half(value: u64) -> u32 {
    (value >> 32) as u32
}
