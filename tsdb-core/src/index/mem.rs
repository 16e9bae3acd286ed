//! The index: labels in, slots out.

use std::cmp::Ordering;

use super::arena::{Arena, take_number};
use super::pairs::{CHUNK, Pairs};
use super::placements::Placements;
use super::symbols::Symbols;
use crate::bits::{growth_bytes, push_slowly, put_uvarint};
use crate::model::{Labels, RawPairs, placement_hash, put_field};

/// An inverted index over series that are numbered as they arrive: their slots.
///
/// The labels of a slot are kept as numbers of pairs, and each text once.
#[derive(Debug, Default)]
pub struct MemIndex {
    pub(super) symbols: Symbols,
    pub(super) pairs: Pairs,
    /// For each slot where its pairs begin: their count, then each, as varints.
    slots: Vec<u32>,
    slot_pairs: Arena,
    pub(super) placements: Placements,
    /// The labels of the slot added last, as canonical bytes and as pairs.
    recent_labels: Vec<u8>,
    recent: Vec<u32>,
    /// The pairs of the slot being added.
    row: Vec<u32>,
    scratch: Vec<u8>,
}

impl MemIndex {
    /// An empty index.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a series; `slot` is [`MemIndex::len`], given to show that both sides count alike.
    ///
    /// # Panics
    /// When `slot` is another number, or the index [is full](MemIndex::is_full).
    pub fn add(&mut self, slot: u32, labels: &Labels) {
        assert_eq!(slot as usize, self.slots.len(), "slots are added in order");
        assert!(!self.is_full(), "the index is full");
        let mut row = std::mem::take(&mut self.row);
        row.clear();
        let before = std::mem::take(&mut self.recent_labels);
        let pairs_before = std::mem::take(&mut self.recent);
        // Targets arrive whole: the first labels are most often those of the series before.
        let bytes = labels.as_bytes();
        let shared = shared_len(&before, bytes);
        let mut old = RawPairs::new(&before);
        let mut new = RawPairs::new(bytes);
        while let Some(&pair) = pairs_before.get(row.len()) {
            let (old_at, new_at) = (old.clone(), new.clone());
            if old.next().is_none() || new.next().is_none() || new.position_in(bytes) > shared {
                (old, new) = (old_at, new_at);
                break;
            }
            self.pairs.post(pair, slot);
            row.push(pair);
        }
        let rest = pairs_before.get(row.len()..).unwrap_or_default();
        self.add_rest(slot, (old, rest), new, &mut row);
        self.keep_pairs(&row);
        self.placements.push(|| placement_hash(bytes));
        self.row = pairs_before;
        self.recent = row;
        self.recent_labels = before;
        self.recent_labels.clear();
        self.recent_labels.extend_from_slice(bytes);
    }

    /// Adds labels to `row`, which are to be compared with those of the series before.
    fn add_rest(
        &mut self,
        slot: u32,
        (mut old, mut old_pairs): (RawPairs<'_>, &[u32]),
        mut new: RawPairs<'_>,
        row: &mut Vec<u32>,
    ) {
        // Behind a value that differs the rest is most often the same again.
        while old.rest() != new.rest() {
            let Some((name, value)) = new.next() else {
                return;
            };
            let pair = loop {
                let mut ahead = old.clone();
                let Some(((other, other_value), (&pair, pairs_ahead))) =
                    ahead.next().zip(old_pairs.split_first())
                else {
                    break self.intern_pair(name, value);
                };
                let order = other.cmp(name);
                if order.is_gt() {
                    break self.intern_pair(name, value);
                }
                (old, old_pairs) = (ahead, pairs_ahead);
                if order.is_eq() && other_value == value {
                    break pair;
                }
                if order.is_eq() {
                    let name = self.pairs.get(pair).map_or(0, |pair| pair.name);
                    break self.pairs.intern(&mut self.symbols, name, value);
                }
            };
            self.pairs.post(pair, slot);
            row.push(pair);
        }
        for &pair in old_pairs {
            self.pairs.post(pair, slot);
            row.push(pair);
        }
    }

    /// The pair of a label, made if there is none.
    pub(super) fn intern_pair(&mut self, name: &[u8], value: &[u8]) -> u32 {
        let name = self.pairs.intern_name(&mut self.symbols, name);
        self.pairs.intern(&mut self.symbols, name, value)
    }

    /// Makes room for so many slots.
    pub(super) fn reserve(&mut self, slots: usize) {
        self.slots.reserve_exact(slots);
    }

    /// Keeps the pairs of the next slot.
    pub(super) fn keep_pairs(&mut self, row: &[u32]) {
        self.scratch.clear();
        put_uvarint(&mut self.scratch, row.len() as u64);
        for &pair in row {
            put_uvarint(&mut self.scratch, u64::from(pair));
        }
        let place = self.slot_pairs.push(&self.scratch, &[]);
        push_slowly(&mut self.slots, place);
    }

    /// How many slots there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are no slots.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether its 32-bit numbers are used up: at 16 GiB of label text, or as much of pairs.
    #[must_use]
    pub fn is_full(&self) -> bool {
        // One series may need a segment for each of its texts.
        self.symbols.is_full()
            || self.slot_pairs.is_full()
            || self.slots.len() >= u32::MAX as usize
            || self.pairs.len() >= (u32::MAX >> 1) as usize
    }

    /// The labels of a slot; `None` for a slot that was not added.
    #[must_use]
    pub fn labels(&self, slot: u32) -> Option<Labels> {
        let pairs = self.pair_numbers(slot)?;
        Some(Labels::from_raw_pairs(
            pairs.map(|pair| self.pair_bytes(pair)),
        ))
    }

    /// Appends the canonical bytes of a slot's labels.
    pub(super) fn put_labels(&self, slot: u32, out: &mut Vec<u8>) {
        for pair in self.pair_numbers(slot).into_iter().flatten() {
            let (name, value) = self.pair_bytes(pair);
            put_field(out, name);
            put_field(out, value);
        }
    }

    /// Compares the labels of two slots as [`Labels::cmp`] does, without making them. A slot
    /// that was not added comes first.
    #[must_use]
    pub fn compare(&self, a: u32, b: u32) -> Ordering {
        let (mut a, mut b) = match (self.pair_numbers(a), self.pair_numbers(b)) {
            (Some(a), Some(b)) => (a, b),
            (a, b) => return a.is_some().cmp(&b.is_some()),
        };
        loop {
            match (a.next(), b.next()) {
                (Some(left), Some(right)) if left == right => {}
                (Some(left), Some(right)) => {
                    let order = self.pair_bytes(left).cmp(&self.pair_bytes(right));
                    if order.is_ne() {
                        return order;
                    }
                }
                (left, right) => return left.is_some().cmp(&right.is_some()),
            }
        }
    }

    pub(super) fn pair_bytes(&self, pair: u32) -> (&[u8], &[u8]) {
        let Some(pair) = self.pairs.get(pair) else {
            return (&[], &[]);
        };
        let name = self
            .pairs
            .name(pair.name)
            .map(|name| self.symbols.bytes(name.symbol));
        (name.unwrap_or_default(), self.symbols.bytes(pair.value))
    }

    /// How many symbols there are: they are numbered from 0 as they arrive.
    #[must_use]
    pub fn symbols_len(&self) -> usize {
        self.symbols.len()
    }

    /// The symbol of a name or value that some series has.
    #[must_use]
    pub fn symbol_of(&self, text: &str) -> Option<u32> {
        self.symbols
            .find(text.as_bytes(), self.symbols.hash(text.as_bytes()))
    }

    /// The text of a symbol; empty, as no symbol's is, for a number that none has.
    #[must_use]
    pub fn symbol_text(&self, symbol: u32) -> &str {
        self.symbols.text(symbol)
    }

    /// The labels of a slot as symbols, (name, value), in order of names; none for a slot that
    /// was not added.
    #[must_use]
    pub fn pairs_of(&self, slot: u32) -> SlotPairs<'_> {
        let numbers = self.pair_numbers(slot).unwrap_or_default();
        SlotPairs {
            index: self,
            numbers,
        }
    }

    /// The numbers of a slot's pairs in order of names.
    #[inline]
    pub(super) fn pair_numbers(&self, slot: u32) -> Option<PairNumbers<'_>> {
        let mut rest = self.slot_pairs.from(*self.slots.get(slot as usize)?);
        let left = take_number(&mut rest);
        Some(PairNumbers { rest, left })
    }

    /// Bytes that have to be taken at once, at most, to add `series` with `labels` labels and
    /// `text` bytes of them in all, were every label new.
    #[must_use]
    pub fn growth_bytes(&self, series: usize, labels: usize, text: usize) -> usize {
        self.symbols.growth_bytes(labels, text)
            + self.pairs.growth_bytes(labels)
            + growth_bytes(&self.slots, series)
            + self.slot_pairs.growth_bytes(5 * labels + 9 * series)
            + self.placements.growth_bytes(series)
    }

    /// Bytes of memory the index holds, reserved ones included.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.symbols.heap_bytes()
            + self.pairs.heap_bytes()
            + self.slots.capacity() * size_of::<u32>()
            + self.slot_pairs.heap_bytes()
            + self.placements.heap_bytes()
            + self.recent_labels.capacity()
            + (self.recent.capacity() + self.row.capacity()) * size_of::<u32>()
            + self.scratch.capacity()
    }

    /// Checks that all parts agree; the error says which do not. For tests: it reads everything.
    ///
    /// # Errors
    /// What is inconsistent.
    pub fn validate(&self) -> Result<(), String> {
        let mut posted = vec![Vec::new(); self.pairs.len()];
        for slot in 0..self.slots.len() as u32 {
            let mut last_name: &[u8] = &[];
            for pair in self.pair_numbers(slot).into_iter().flatten() {
                let (name, value) = self.pair_bytes(pair);
                if name <= last_name || value.is_empty() {
                    return Err(format!("slot {slot} has its labels out of order"));
                }
                last_name = name;
                let number = self.pairs.find_name(&self.symbols, name);
                let found = number.and_then(|name| self.pairs.find(&self.symbols, name, value));
                if found != Some(pair) {
                    return Err(format!("pair {pair} of slot {slot} is found as {found:?}"));
                }
                posted
                    .get_mut(pair as usize)
                    .ok_or("a slot has an unknown pair")?
                    .push(slot);
            }
        }
        for (pair, expected) in (0..).zip(&posted) {
            let mut listed = Vec::new();
            self.pairs
                .slots(pair)
                .ok_or("a pair has no list")?
                .for_each(|slot| listed.push(slot));
            if listed != *expected {
                return Err(format!("pair {pair} lists {listed:?}, not {expected:?}"));
            }
        }
        self.validate_names(&posted)
    }

    fn validate_names(&self, posted: &[Vec<u32>]) -> Result<(), String> {
        let mut of_names = 0;
        for (number, name) in (0u32..).zip(self.pairs.names()) {
            let mut expected = Vec::new();
            for &pair in &name.pairs {
                if self.pairs.get(pair).is_none_or(|pair| pair.name != number) {
                    return Err(format!("pair {pair} is listed by name {number}"));
                }
                expected.extend_from_slice(posted.get(pair as usize).ok_or("an unknown pair")?);
            }
            let is_sorted =
                |chunk: &[u32]| chunk.is_sorted_by_key(|&pair| self.value_of_pair(pair));
            if !name.pairs.chunks_exact(CHUNK).all(is_sorted) {
                return Err(format!("name {number} has a chunk out of order"));
            }
            of_names += name.pairs.len();
            expected.sort_unstable();
            let mut listed = Vec::new();
            name.slots.for_each(|slot| listed.push(slot));
            if listed != expected {
                return Err(format!("name {number} lists {listed:?}, not {expected:?}"));
            }
        }
        for symbol in 0..self.symbols.len() as u32 {
            if self.symbol_of(self.symbols.text(symbol)) != Some(symbol) {
                return Err(format!("symbol {symbol} is not found by its text"));
            }
        }
        let slots = self.slots.len();
        if !self
            .placements
            .agree(slots, |slot| self.hash_of(slot, &mut Vec::new()))
        {
            return Err("a placement hash is not that of the labels".to_owned());
        }
        if !self.pairs.counts_list_bytes() {
            return Err("the bytes of lists are counted wrong".to_owned());
        }
        if of_names != self.pairs.len() {
            return Err(format!(
                "names list {of_names} of {} pairs",
                self.pairs.len()
            ));
        }
        Ok(())
    }
}

/// How many bytes both begin with alike.
fn shared_len(a: &[u8], b: &[u8]) -> usize {
    let words = a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0);
    let equal = words.take_while(|(a, b)| a == b).count() * 8;
    let (a, b) = (a.get(equal..), b.get(equal..));
    let rest = a.unwrap_or_default().iter().zip(b.unwrap_or_default());
    equal + rest.take_while(|(a, b)| a == b).count()
}

/// The numbers of one slot's pairs.
#[derive(Clone, Debug, Default)]
pub(super) struct PairNumbers<'a> {
    rest: &'a [u8],
    left: u32,
}

impl Iterator for PairNumbers<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        self.left = self.left.checked_sub(1)?;
        Some(take_number(&mut self.rest))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl ExactSizeIterator for PairNumbers<'_> {}

/// The labels of one slot as symbols: (name, value), in order of names.
#[derive(Clone, Debug)]
pub struct SlotPairs<'a> {
    index: &'a MemIndex,
    numbers: PairNumbers<'a>,
}

impl Iterator for SlotPairs<'_> {
    type Item = (u32, u32);

    fn next(&mut self) -> Option<(u32, u32)> {
        let pair = self.index.pairs.get(self.numbers.next()?)?;
        Some((self.index.pairs.name(pair.name)?.symbol, pair.value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.numbers.size_hint()
    }
}

impl ExactSizeIterator for SlotPairs<'_> {}
