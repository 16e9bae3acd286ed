//! Which series there are: from the fingerprint of labels, in any encoding, to a series.

use super::table::{FingerprintTable, HintTable};
use crate::bits::{growth_bytes, prefetch, push_slowly};
use crate::model::{Fingerprint, SeriesId};

/// How many encodings of one series are remembered; further ones are parsed each time.
const ALIASES_PER_SERIES: u8 = 4;

/// So many slots are looked at for a series that should be the first of them.
const NEAR_SLOTS: usize = 4;

/// The series of a namespace by fingerprint and by id. A series' *slot* is its number in memory,
/// given in the order of ids.
#[derive(Debug)]
pub struct Registry {
    /// Each series by its usual encoding; the usual fingerprint of the slot verifies.
    encodings: HintTable,
    /// Encodings that were met and are not the usual ones, found by fingerprint alone.
    aliases: FingerprintTable,
    /// Each series once, by the fingerprint of its canonical labels; the labels verify.
    canonical: HintTable,
    ids: Vec<SeriesId>,
    /// The encoding of each slot that was met last for the first time; 0 for none yet.
    usual: Vec<Fingerprint>,
    alias_counts: Vec<u8>,
    /// A bit for each slot whose series is leaving; empty while none is.
    leaving: Vec<u64>,
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
        Self {
            encodings: HintTable::new(),
            aliases: FingerprintTable::new(),
            canonical: HintTable::new(),
            ids: Vec::new(),
            usual: Vec::new(),
            alias_counts: Vec::new(),
            leaving: Vec::new(),
            next_id: 1,
        }
    }

    /// The registry of series with these ids, which rise, and the hashes that
    /// [`Registry::hashes`] told of them.
    pub(super) fn of(ids: Vec<SeriesId>, hashes: impl ExactSizeIterator<Item = u32>) -> Self {
        Self {
            encodings: HintTable::new(),
            aliases: FingerprintTable::new(),
            canonical: HintTable::of(hashes),
            usual: vec![Fingerprint(0); ids.len()],
            alias_counts: vec![0; ids.len()],
            leaving: Vec::new(),
            next_id: ids.last().map_or(1, |last| last.0.saturating_add(1)),
            ids,
        }
    }

    /// Ids by slot.
    #[must_use]
    pub fn ids(&self) -> &[SeriesId] {
        &self.ids
    }

    /// What is kept of the fingerprints of the canonical labels, by slot.
    pub(super) fn hashes(&self) -> Vec<u32> {
        self.canonical.hashes(self.ids.len())
    }

    /// How many series there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
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

    /// The slot of the series an encoding of whose labels is remembered under `fingerprint`.
    #[inline]
    #[must_use]
    pub fn find(&self, fingerprint: Fingerprint) -> Option<u32> {
        let usual = |slot| self.is_usual(slot, fingerprint);
        let found = self.encodings.find(fingerprint, usual);
        found.or_else(|| self.aliases.find(fingerprint))
    }

    /// Whether `fingerprint` is that of the usual encoding of a slot. Senders keep to an order, and
    /// asking for the slots in theirs reads memory from front to back.
    #[inline]
    #[must_use]
    pub fn is_usual(&self, slot: u32, fingerprint: Fingerprint) -> bool {
        self.usual.get(slot as usize) == Some(&fingerprint)
    }

    /// The slot among some in a row from `slot` on of which `fingerprint` is the usual encoding:
    /// senders may leave out some.
    #[inline]
    #[must_use]
    pub fn find_near(&self, slot: u32, fingerprint: Fingerprint) -> Option<u32> {
        let usual = self.usual.get(slot as usize..)?;
        let mut near = (slot..).zip(usual).take(NEAR_SLOTS);
        near.find_map(|(slot, usual)| (*usual == fingerprint).then_some(slot))
    }

    /// Asks for the memory that [`Registry::find`] looks at first.
    #[inline]
    pub fn prefetch(&self, fingerprint: Fingerprint) {
        self.encodings.prefetch(fingerprint);
    }

    /// Asks for the memory that [`Registry::find_labels`] looks at first.
    #[inline]
    pub fn prefetch_labels(&self, canonical: Fingerprint) {
        self.canonical.prefetch(canonical);
    }

    /// Asks for the memory that [`Registry::find`] looks at next; the first is looked at.
    #[inline]
    pub fn prefetch_usual(&self, fingerprint: Fingerprint) {
        if let Some(slot) = self.encodings.hint(fingerprint) {
            prefetch(&self.usual, slot as usize);
        }
    }

    /// The slot of the series whose canonical labels have this fingerprint; `same` tells whether a
    /// slot has the labels that are looked for.
    #[must_use]
    pub fn find_labels(
        &self,
        canonical: Fingerprint,
        same: impl FnMut(u32) -> bool,
    ) -> Option<u32> {
        self.canonical.find(canonical, same)
    }

    /// Adds a series under the fingerprint of its canonical labels; answers its slot, or `None`
    /// when slots are used up.
    pub fn insert(&mut self, canonical: Fingerprint, id: SeriesId) -> Option<u32> {
        let slot = u32::try_from(self.ids.len())
            .ok()
            .filter(|slot| *slot < u32::MAX - 1)?;
        push_slowly(&mut self.ids, id);
        push_slowly(&mut self.usual, Fingerprint(0));
        push_slowly(&mut self.alias_counts, 0);
        self.next_id = self.next_id.max(id.0 + 1);
        self.canonical.insert(canonical, slot);
        Some(slot)
    }

    /// Remembers an encoding of the labels of a series, if it has room for one.
    pub fn alias(&mut self, fingerprint: Fingerprint, slot: u32) {
        if self.aliases.replace(fingerprint, slot) {
            return;
        }
        if let Some(other) = self.find(fingerprint)
            && let Some(usual) = self.usual.get_mut(other as usize)
        {
            // It means another series from now on.
            *usual = Fingerprint(0);
        }
        let place = self.alias_counts.get_mut(slot as usize);
        let (Some(count), Some(usual)) = (place, self.usual.get_mut(slot as usize)) else {
            return;
        };
        if *count == ALIASES_PER_SERIES {
            return;
        }
        *count += 1;
        let before = std::mem::replace(usual, fingerprint);
        self.encodings.insert(fingerprint, slot);
        if before != Fingerprint(0) {
            self.aliases.insert(before, slot);
        }
    }

    /// Notes that a series is leaving: it is there for those who have its slot, and for nobody
    /// else; one with the same labels is a new series.
    pub fn leave(&mut self, slot: u32) {
        self.leaving.resize(self.ids.len().div_ceil(64), 0);
        if let Some(word) = self.leaving.get_mut(slot as usize / 64) {
            *word |= 1 << (slot % 64);
        }
    }

    /// Whether any series is leaving.
    #[inline]
    #[must_use]
    pub fn any_leaving(&self) -> bool {
        !self.leaving.is_empty()
    }

    /// Whether the series of a slot is leaving.
    #[inline]
    #[must_use]
    pub fn is_leaving(&self, slot: u32) -> bool {
        let word = self.leaving.get(slot as usize / 64);
        word.is_some_and(|word| word >> (slot % 64) & 1 == 1)
    }

    /// The series for which `moved` tells a new slot, which rise with the old ones. No id is given
    /// twice for that.
    #[must_use]
    pub fn retain(&self, moved: impl Fn(u32) -> Option<u32>) -> Self {
        let stays = |slot: &usize| moved(u32::try_from(*slot).unwrap_or(u32::MAX)).is_some();
        let slots = || (0..self.ids.len()).filter(stays);
        let len = slots().count();
        let (mut ids, mut alias_counts) = (Vec::with_capacity(len), Vec::with_capacity(len));
        let mut usual = Vec::with_capacity(len);
        usual.extend(slots().filter_map(|slot| self.usual.get(slot)));
        ids.extend(slots().filter_map(|slot| self.ids.get(slot)));
        alias_counts.extend(slots().filter_map(|slot| self.alias_counts.get(slot)));
        Self {
            encodings: self.encodings.retain(&moved),
            aliases: self.aliases.retain(&moved),
            canonical: self.canonical.retain(&moved),
            ids,
            usual,
            alias_counts,
            leaving: Vec::new(),
            next_id: self.next_id,
        }
    }

    /// The broken rule, for tests: ids of series that left are given again.
    #[doc(hidden)]
    pub fn reuse_ids(&mut self) {
        self.next_id = self.ids.last().map_or(1, |id| id.0 + 1);
    }

    /// The id of a slot.
    #[inline]
    #[must_use]
    pub fn id(&self, slot: u32) -> Option<SeriesId> {
        self.ids.get(slot as usize).copied()
    }

    /// The slot of an id.
    #[inline]
    #[must_use]
    pub fn slot(&self, id: SeriesId) -> Option<u32> {
        slot_of(&self.ids, id)
    }

    /// Bytes that have to be taken at once to add `more` series, each with an alias.
    #[must_use]
    pub fn growth_bytes(&self, more: usize) -> usize {
        self.encodings.growth_bytes(more)
            + self.aliases.growth_bytes(more)
            + self.canonical.growth_bytes(more)
            + growth_bytes(&self.ids, more)
            + growth_bytes(&self.usual, more)
            + growth_bytes(&self.alias_counts, more)
    }

    /// Bytes held in memory.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.encodings.heap_bytes()
            + self.aliases.heap_bytes()
            + self.canonical.heap_bytes()
            + self.ids.capacity() * size_of::<SeriesId>()
            + self.usual.capacity() * size_of::<Fingerprint>()
            + self.alias_counts.capacity()
            + self.leaving.capacity() * size_of::<u64>()
    }
}

/// The slot of an id among all ids by slot.
#[inline]
#[must_use]
pub fn slot_of(ids: &[SeriesId], id: SeriesId) -> Option<u32> {
    // Ids rise with slots, and mostly by one.
    let first = ids.first()?.0;
    let guess = usize::try_from(id.0.checked_sub(first)?).ok()?;
    if ids.get(guess) == Some(&id) {
        return u32::try_from(guess).ok();
    }
    u32::try_from(ids.binary_search(&id).ok()?).ok()
}
