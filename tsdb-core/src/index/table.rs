//! A hash table of numbers that never stands still for long while it grows.

use crate::model::HashTable;

/// The table is cut in so many parts by the highest bits of the hashes. Each part grows by
/// itself, so that what one insertion has to move is small.
const PART_BITS: u32 = 6;

/// A number together with half of its hash: growing reads nothing else.
#[derive(Clone, Copy, Debug)]
struct Entry {
    number: u32,
    hash: u32,
}

/// Numbers, found by the hash of what they stand for.
#[derive(Debug)]
pub(super) struct NumberTable {
    parts: Vec<HashTable<Entry>>,
}

impl Default for NumberTable {
    fn default() -> Self {
        Self {
            parts: (0..1 << PART_BITS).map(|_| HashTable::new()).collect(),
        }
    }
}

/// Spreads half a hash over the bits that a part looks at: the highest and the lowest.
#[inline]
pub(super) fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl NumberTable {
    /// The number with this hash that `is_same` says is the one.
    #[inline]
    pub(super) fn find(&self, hash: u32, is_same: impl Fn(u32) -> bool) -> Option<u32> {
        let part = self.parts.get((hash >> (u32::BITS - PART_BITS)) as usize)?;
        let found = part.find(spread(hash), |entry| {
            entry.hash == hash && is_same(entry.number)
        });
        found.map(|entry| entry.number)
    }

    /// Adds a number that is not there.
    pub(super) fn insert(&mut self, hash: u32, number: u32) {
        if let Some(part) = self
            .parts
            .get_mut((hash >> (u32::BITS - PART_BITS)) as usize)
        {
            part.insert_unique(spread(hash), Entry { number, hash }, |entry| {
                spread(entry.hash)
            });
        }
    }

    /// Bytes that have to be taken at once to insert `more`: a few parts may grow together.
    pub(super) fn growth_bytes(&self, more: usize) -> usize {
        let full = |part: &&HashTable<Entry>| part.len() + more / 32 + 1 > part.capacity();
        let grown = |part: &HashTable<Entry>| 2 * part.allocation_size() + 64;
        self.parts
            .iter()
            .filter(full)
            .map(grown)
            .sum::<usize>()
            .min(
                // All parts do so one after the other, and none holds its old entries for long.
                self.heap_bytes() + more * 2 * size_of::<Entry>(),
            )
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.parts.capacity() * size_of::<HashTable<Entry>>()
            + self
                .parts
                .iter()
                .map(HashTable::allocation_size)
                .sum::<usize>()
    }
}
