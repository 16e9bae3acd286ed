//! Which series there are: from the fingerprint of labels, in any encoding, to a series.

use crate::model::{Fingerprint, SeriesId};

/// How many encodings of one series are remembered; further ones are parsed each time.
const ALIASES_PER_SERIES: u8 = 4;

/// Of this many look-ups the cache misses overlap.
const BATCH: usize = 32;

const SMALLEST_TABLE: usize = 64;

/// An entry of the open-addressing table, four to a cache line. The place follows from one half of
/// the fingerprint, of which the upper 32 bits are kept, and the other half verifies: with the
/// place, 96 bits and more.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    verify: u64,
    upper: u32,
    /// Slot and one; 0 for none.
    slot: u32,
}

impl Entry {
    fn new(fingerprint: Fingerprint, slot: u32) -> Self {
        let upper = upper_half(fingerprint.lookup());
        Self {
            verify: fingerprint.verify(),
            upper,
            slot: slot + 1,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Known {
    id: SeriesId,
    aliases: u8,
}

/// The series of a namespace by fingerprint and by id. A series' *slot* is its number in memory,
/// given in the order of ids.
#[derive(Debug)]
pub struct Registry {
    /// A power of two long, at most two thirds full.
    table: Vec<Entry>,
    used: usize,
    known: Vec<Known>,
    next_id: u64,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// No series; the first id is 1.
    #[must_use]
    pub fn new() -> Self {
        let table = vec![Entry::default(); SMALLEST_TABLE];
        Self {
            table,
            used: 0,
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
        let wanted = Entry::new(fingerprint, 0);
        let mask = self.table.len() - 1;
        let mut place = self.place(wanted.upper);
        loop {
            #[expect(
                clippy::indexing_slicing,
                reason = "masked by the length, a power of two"
            )]
            let entry = &self.table[place];
            if entry.slot == 0 {
                return None;
            }
            if entry.verify == wanted.verify && entry.upper == wanted.upper {
                return Some(entry.slot - 1);
            }
            place = (place + 1) & mask;
        }
    }

    /// [`Registry::find`] for many. Answers through `found`, in order.
    pub fn find_all(&self, fingerprints: &[Fingerprint], mut found: impl FnMut(Option<u32>)) {
        for batch in fingerprints.chunks(BATCH) {
            // Loads that do not wait for each other: their misses overlap, and `find` meets hits.
            let touched = batch.iter().fold(0, |touched, fingerprint| {
                let place = self.place(upper_half(fingerprint.lookup()));
                touched ^ self.table.get(place).map_or(0, |entry| entry.slot)
            });
            std::hint::black_box(touched);
            batch
                .iter()
                .for_each(|fingerprint| found(self.find(*fingerprint)));
        }
    }

    /// Where the search for an entry starts: by its upper 32 bits, which move with it.
    #[inline]
    fn place(&self, upper: u32) -> usize {
        // The bits are mixed already; the multiplication spreads them over larger tables too.
        let spread = u64::from(upper).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let shift = 64 - self.table.len().trailing_zeros();
        usize::try_from(spread >> shift).unwrap_or(0) & (self.table.len() - 1)
    }

    /// Adds a series under the fingerprint of its canonical labels; answers its slot, or `None`
    /// when slots are used up.
    pub fn insert(&mut self, canonical: Fingerprint, id: SeriesId) -> Option<u32> {
        let slot = u32::try_from(self.known.len())
            .ok()
            .filter(|slot| *slot < u32::MAX - 1)?;
        self.known.push(Known { id, aliases: 0 });
        self.next_id = self.next_id.max(id.0 + 1);
        self.enter(Entry::new(canonical, slot));
        Some(slot)
    }

    /// Remembers another encoding of the labels of a series, if it has room for one.
    pub fn alias(&mut self, fingerprint: Fingerprint, slot: u32) {
        let Some(known) = self.known.get_mut(slot as usize) else {
            return;
        };
        if known.aliases < ALIASES_PER_SERIES {
            known.aliases += 1;
            self.enter(Entry::new(fingerprint, slot));
        }
    }

    fn enter(&mut self, entry: Entry) {
        self.used += 1;
        if self.used * 3 > self.table.len() * 2 {
            let larger = vec![Entry::default(); self.table.len() * 2];
            let smaller = std::mem::replace(&mut self.table, larger);
            smaller
                .into_iter()
                .filter(|old| old.slot != 0)
                .for_each(|old| self.place_entry(old));
        }
        self.place_entry(entry);
    }

    fn place_entry(&mut self, entry: Entry) {
        let mask = self.table.len() - 1;
        let mut place = self.place(entry.upper);
        loop {
            #[expect(
                clippy::indexing_slicing,
                reason = "masked by the length, a power of two"
            )]
            let free = &mut self.table[place];
            if free.slot == 0 {
                *free = entry;
                return;
            }
            place = (place + 1) & mask;
        }
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
        self.table.capacity() * size_of::<Entry>() + self.known.capacity() * size_of::<Known>()
    }
}

#[inline]
const fn upper_half(value: u64) -> u32 {
    (value >> 32) as u32
}
