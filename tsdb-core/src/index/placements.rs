//! Which placement shards the slots belong to.

use std::sync::OnceLock;

use super::MemIndex;
use crate::bits::{growth_bytes, push_slowly};
use crate::model::{ShardSet, placement_hash};
use crate::postings::Postings;

/// The placement hash of each slot. Nothing until somebody asks for shards: only then is it worth
/// its memory, and from then on it is kept, as telling it from the labels each time takes as long
/// as answering with them.
#[derive(Debug, Default)]
pub(super) struct Placements(OnceLock<Vec<u32>>);

impl Placements {
    /// Adds the next slot, if there is anything to keep.
    pub(super) fn push(&mut self, hash: impl FnOnce() -> u32) {
        if let Some(hashes) = self.0.get_mut() {
            push_slowly(hashes, hash());
        }
    }

    /// Those of an index that takes over slots of one that has these.
    pub(super) fn to_follow(&self) -> Self {
        Self(
            self.0
                .get()
                .map_or_else(OnceLock::new, |_| Vec::new().into()),
        )
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.0.get().map_or(0, Vec::capacity) * size_of::<u32>()
    }

    /// Bytes that have to be taken at once to add so many slots.
    pub(super) fn growth_bytes(&self, slots: usize) -> usize {
        self.0.get().map_or(0, |hashes| growth_bytes(hashes, slots))
    }

    /// Whether each hash that is kept is what `hash` says.
    pub(super) fn agree(&self, slots: usize, hash: impl Fn(u32) -> u32) -> bool {
        self.0.get().is_none_or(|hashes| {
            hashes.len() == slots && (0..).zip(hashes).all(|(slot, kept)| hash(slot) == *kept)
        })
    }
}

impl MemIndex {
    /// Whether the placement shard of a slot is in the set.
    #[must_use]
    pub fn is_in_shards(&self, slot: u32, shards: &ShardSet) -> bool {
        let hash = self.placement_hashes().get(slot as usize);
        hash.is_some_and(|hash| shards.holds_hash(*hash))
    }

    /// Keeps the slots whose placement shard is in the set.
    pub(super) fn keep_in_shards(&self, set: &mut Postings, shards: &ShardSet) {
        let kept = set.iter().filter(|slot| self.is_in_shards(*slot, shards));
        *set = kept.collect();
    }

    /// The first call tells them of all labels, some tenths of a second for a million slots.
    fn placement_hashes(&self) -> &[u32] {
        self.placements.0.get_or_init(|| {
            let slots = 0..self.len() as u32;
            let mut scratch = Vec::new();
            slots.map(|slot| self.hash_of(slot, &mut scratch)).collect()
        })
    }

    /// What a slot's labels say.
    pub(super) fn hash_of(&self, slot: u32, scratch: &mut Vec<u8>) -> u32 {
        scratch.clear();
        self.put_labels(slot, scratch);
        placement_hash(scratch)
    }

    /// What is kept of a slot, or what its labels say.
    pub(super) fn kept_hash(&self, slot: u32) -> u32 {
        let kept = self.placements.0.get();
        let kept = kept.and_then(|hashes| hashes.get(slot as usize)).copied();
        kept.unwrap_or_else(|| self.hash_of(slot, &mut Vec::new()))
    }
}
