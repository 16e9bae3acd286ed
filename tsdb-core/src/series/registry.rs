//! Which series there are: from the fingerprint of labels, in any encoding, to a series.

use hashbrown::HashTable;

use crate::model::{Fingerprint, SeriesId};

/// How many encodings of one series are remembered; further ones are parsed each time.
const ALIASES_PER_SERIES: u8 = 4;

/// An entry of the look-up table: half of the fingerprint finds it, the other half verifies it.
/// Kept in 32-bit words so that it takes 20 bytes.
#[derive(Clone, Copy, Debug)]
struct Entry {
    lookup: [u32; 2],
    verify: [u32; 2],
    slot: u32,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    id: SeriesId,
    aliases: u8,
}

/// The series of a namespace by fingerprint and by id. A series' *slot* is its number in memory,
/// given in the order of ids.
#[derive(Debug, Default)]
pub struct Registry {
    table: HashTable<Entry>,
    known: Vec<Known>,
    next_id: u64,
}

impl Registry {
    /// No series; the first id is 1.
    #[must_use]
    pub fn new() -> Self {
        Self {
            table: HashTable::new(),
            known: Vec::new(),
            next_id: 1,
        }
    }

    /// How many series there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The id the next series gets.
    #[must_use]
    pub fn next_id(&self) -> SeriesId {
        SeriesId(self.next_id)
    }

    /// Takes care that no id below `id` is given any more.
    pub fn skip_ids_below(&mut self, id: SeriesId) {
        self.next_id = self.next_id.max(id.0);
    }

    /// The slot of the series with these labels, in whatever encoding was hashed.
    #[inline]
    #[must_use]
    pub fn find(&self, fingerprint: Fingerprint) -> Option<u32> {
        let (lookup, verify) = (halves(fingerprint.lookup()), halves(fingerprint.verify()));
        let found = self.table.find(fingerprint.lookup(), |entry| {
            entry.lookup == lookup && entry.verify == verify
        });
        found.map(|entry| entry.slot)
    }

    /// Adds a series under the fingerprint of its canonical labels; answers its slot, or `None`
    /// when slots are used up.
    pub fn insert(&mut self, canonical: Fingerprint, id: SeriesId) -> Option<u32> {
        let slot = u32::try_from(self.known.len()).ok()?;
        self.known.push(Known { id, aliases: 0 });
        self.next_id = self.next_id.max(id.0 + 1);
        self.enter(canonical, slot);
        Some(slot)
    }

    /// Remembers another encoding of the labels of a series, if it has room for one.
    pub fn alias(&mut self, fingerprint: Fingerprint, slot: u32) {
        let Some(known) = self.known.get_mut(slot as usize) else {
            return;
        };
        if known.aliases < ALIASES_PER_SERIES {
            known.aliases += 1;
            self.enter(fingerprint, slot);
        }
    }

    fn enter(&mut self, fingerprint: Fingerprint, slot: u32) {
        let entry = Entry {
            lookup: halves(fingerprint.lookup()),
            verify: halves(fingerprint.verify()),
            slot,
        };
        self.table
            .insert_unique(fingerprint.lookup(), entry, |entry| {
                u64::from(entry.lookup[0]) | u64::from(entry.lookup[1]) << 32
            });
    }

    /// The id of a slot.
    #[inline]
    #[must_use]
    pub fn id(&self, slot: u32) -> Option<SeriesId> {
        self.known.get(slot as usize).map(|known| known.id)
    }

    /// The slot of an id.
    #[must_use]
    pub fn slot(&self, id: SeriesId) -> Option<u32> {
        // Ids rise with slots, and mostly by one.
        let first = self.known.first()?.id.0;
        let guess = usize::try_from(id.0.checked_sub(first)?).ok()?;
        if self.known.get(guess).is_some_and(|known| known.id == id) {
            return u32::try_from(guess).ok();
        }
        let at = self
            .known
            .binary_search_by_key(&id, |known| known.id)
            .ok()?;
        u32::try_from(at).ok()
    }

    /// Bytes held in memory.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.table.allocation_size() + self.known.capacity() * size_of::<Known>()
    }
}

#[inline]
fn halves(value: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
    [
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
    ]
}
