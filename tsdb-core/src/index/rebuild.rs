//! A new index of the series that stay, made beside the old one in bounded steps.

use super::MemIndex;

/// What a slot became that is not in the new index.
const GONE: u32 = u32::MAX;

/// Where the slots of an index went when it was made anew.
#[derive(Clone, Debug, Default)]
pub struct SlotMoves {
    /// The new slot of each old one, or [`GONE`].
    slots: Vec<u32>,
}

impl SlotMoves {
    /// The new slot of an old one; none if its series did not stay.
    #[inline]
    #[must_use]
    pub fn slot(&self, old: u32) -> Option<u32> {
        let slot = self.slots.get(old as usize).copied();
        slot.filter(|slot| *slot != GONE)
    }

    /// How many old slots there were.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there were none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Bytes of memory it holds.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u32>()
    }
}

/// Makes a new index with dense slots, in the old order, of the series that stay.
///
/// Slots of the old index never change, so it may be read and added to between steps: run steps
/// under its read lock until one says that all slots were seen, then the last one, over what was
/// added meanwhile, under the write lock, and put the new index in its place. Each series is
/// decided on once; one that must not go after all is added to the new index as a new one.
#[derive(Debug, Default)]
pub struct IndexRebuild {
    next: MemIndex,
    moves: SlotMoves,
    /// The new pair of each old one, or [`GONE`].
    pairs: Vec<u32>,
    row: Vec<u32>,
}

impl IndexRebuild {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes over those of the next `at_most` slots of `from` for which `stays` holds, and tells
    /// whether all slots have been seen. `from` is the same index each time.
    pub fn step(
        &mut self,
        from: &MemIndex,
        at_most: usize,
        mut stays: impl FnMut(u32) -> bool,
    ) -> bool {
        let start = self.moves.slots.len();
        if start == 0 {
            self.next.placements = from.placements.to_follow();
        }
        let end = from.len().min(start.saturating_add(at_most));
        self.pairs.resize(from.pairs.len(), GONE);
        for slot in start as u32..end as u32 {
            let moved = if stays(slot) {
                self.take_over(from, slot)
            } else {
                GONE
            };
            self.moves.slots.push(moved);
        }
        end == from.len()
    }

    fn take_over(&mut self, from: &MemIndex, slot: u32) -> u32 {
        let next_slot = self.next.len() as u32;
        self.row.clear();
        for pair in from.pair_numbers(slot).into_iter().flatten() {
            let Some(moved) = self.pairs.get_mut(pair as usize) else {
                continue;
            };
            if *moved == GONE {
                let (name, value) = from.pair_bytes(pair);
                *moved = self.next.intern_pair(name, value);
            }
            self.next.pairs.post(*moved, next_slot);
            self.row.push(*moved);
        }
        self.next.keep_pairs(&self.row);
        self.next.placements.push(|| from.kept_hash(slot));
        next_slot
    }

    /// Bytes of memory held for what is made.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let pairs = (self.pairs.capacity() + self.row.capacity()) * size_of::<u32>();
        self.next.heap_bytes() + self.moves.heap_bytes() + pairs
    }

    /// The new index, and where the slots went.
    #[must_use]
    pub fn finish(self) -> (MemIndex, SlotMoves) {
        (self.next, self.moves)
    }
}

impl MemIndex {
    /// A new index of the series for which `stays` holds, made at once.
    #[must_use]
    pub fn retain(&self, stays: impl FnMut(u32) -> bool) -> (MemIndex, SlotMoves) {
        let mut rebuild = IndexRebuild::new();
        rebuild.step(self, usize::MAX, stays);
        rebuild.finish()
    }
}
