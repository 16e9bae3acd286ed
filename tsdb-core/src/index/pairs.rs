//! Labels as numbers: each name and value that occur together are a pair.

use super::symbols::Symbols;
use super::table::{NumberTable, spread};
use super::value_order::sort_by_value;
use crate::bits::{growth_bytes, push_slowly};
use crate::model::HashMap;
use crate::postings::PostingList;

/// So many pairs of a name are sorted at a time: a pause of less than a millisecond, after which
/// a look-up by prefix tries few of them.
pub(super) const CHUNK: usize = 4096;

/// A list of slots takes about so much more for another slot that is no neighbour of the last.
const LIST_GROWTH_BYTES: usize = 16;

/// A name with one of its values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    /// Number of the name in [`Pairs`], not of its symbol.
    pub(super) name: u32,
    /// Symbol of the value.
    pub(super) value: u32,
}

/// A label name.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) symbol: u32,
    /// Its pairs: each whole [`CHUNK`] of them sorted by value, the rest as they arrived.
    pub(super) pairs: Vec<u32>,
    /// The slots that have the label, whatever its value.
    pub(super) slots: PostingList,
}

/// All pairs, each with the slots that carry it.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    pairs: Vec<Pair>,
    slots: Vec<PostingList>,
    table: NumberTable,
    names: Vec<Name>,
    name_of_symbol: HashMap<u32, u32>,
    /// Bytes that the lists of slots hold, of pairs and of names.
    list_bytes: usize,
}

/// The hash of a pair: of its value, told apart by the name.
#[inline]
fn pair_hash(name: u32, value_hash: u32) -> u32 {
    value_hash ^ (spread(name + 1) >> 32) as u32
}

impl Pairs {
    pub(super) fn len(&self) -> usize {
        self.pairs.len()
    }

    #[inline]
    pub(super) fn get(&self, pair: u32) -> Option<Pair> {
        self.pairs.get(pair as usize).copied()
    }

    #[inline]
    pub(super) fn slots(&self, pair: u32) -> Option<&PostingList> {
        self.slots.get(pair as usize)
    }

    pub(super) fn all(&self) -> &[Pair] {
        &self.pairs
    }

    pub(super) fn names(&self) -> &[Name] {
        &self.names
    }

    #[inline]
    pub(super) fn name(&self, name: u32) -> Option<&Name> {
        self.names.get(name as usize)
    }

    /// The name of a text.
    pub(super) fn find_name(&self, symbols: &Symbols, name: &[u8]) -> Option<u32> {
        let symbol = symbols.find(name, symbols.hash(name))?;
        self.name_of_symbol.get(&symbol).copied()
    }

    /// The name of a text, made if there is none.
    pub(super) fn intern_name(&mut self, symbols: &mut Symbols, name: &[u8]) -> u32 {
        let symbol = symbols.intern(name, symbols.hash(name));
        let next = self.names.len() as u32;
        let number = *self.name_of_symbol.entry(symbol).or_insert(next);
        if number == next {
            self.names.push(Name {
                symbol,
                pairs: Vec::new(),
                slots: PostingList::new(),
            });
        }
        number
    }

    #[inline]
    fn find_hashed(&self, symbols: &Symbols, name: u32, value: &[u8], hash: u32) -> Option<u32> {
        self.table.find(hash, |pair| {
            let pair = self.get(pair);
            pair.is_some_and(|pair| pair.name == name && symbols.bytes(pair.value) == value)
        })
    }

    /// The pair of a name and the text of a value.
    pub(super) fn find(&self, symbols: &Symbols, name: u32, value: &[u8]) -> Option<u32> {
        self.find_hashed(symbols, name, value, pair_hash(name, symbols.hash(value)))
    }

    /// The pair of a name and the text of a value, made if there is none.
    #[inline]
    pub(super) fn intern(&mut self, symbols: &mut Symbols, name: u32, value: &[u8]) -> u32 {
        let value_hash = symbols.hash(value);
        let hash = pair_hash(name, value_hash);
        if let Some(pair) = self.find_hashed(symbols, name, value, hash) {
            return pair;
        }
        let number = self.pairs.len() as u32;
        let value = symbols.intern(value, value_hash);
        push_slowly(&mut self.pairs, Pair { name, value });
        push_slowly(&mut self.slots, PostingList::new());
        self.table.insert(hash, number);
        if let Some(name) = self.names.get_mut(name as usize) {
            push_slowly(&mut name.pairs, number);
            if name.pairs.len().is_multiple_of(CHUNK) {
                let start = name.pairs.len() - CHUNK;
                let chunk = name.pairs.get_mut(start..).unwrap_or_default();
                sort_by_value(symbols, &self.pairs, chunk);
            }
        }
        number
    }

    /// Notes that `slot` carries `pair`.
    #[inline]
    pub(super) fn post(&mut self, pair: u32, slot: u32) {
        let Some(&Pair { name, .. }) = self.pairs.get(pair as usize) else {
            return;
        };
        if let Some(list) = self.slots.get_mut(pair as usize) {
            self.list_bytes = self.list_bytes.wrapping_add_signed(list.push(slot));
        }
        if let Some(name) = self.names.get_mut(name as usize) {
            self.list_bytes = self.list_bytes.wrapping_add_signed(name.slots.push(slot));
        }
    }

    /// Notes that the slots from `first` to `last` carry `pair`.
    pub(super) fn post_run(&mut self, pair: u32, first: u32, last: u32) {
        if let Some(list) = self.slots.get_mut(pair as usize) {
            let grew = list.push_run(first, last);
            self.list_bytes = self.list_bytes.wrapping_add_signed(grew);
        }
    }

    /// Notes that the slots from `first` to `last` have the label of `name`.
    pub(super) fn post_name_run(&mut self, name: u32, first: u32, last: u32) {
        if let Some(name) = self.names.get_mut(name as usize) {
            let grew = name.slots.push_run(first, last);
            self.list_bytes = self.list_bytes.wrapping_add_signed(grew);
        }
    }

    /// Whether what the lists hold was followed rightly.
    pub(super) fn counts_list_bytes(&self) -> bool {
        let of_names = self.names.iter().map(|name| name.slots.heap_bytes());
        let of_pairs = self.slots.iter().map(PostingList::heap_bytes);
        of_names.chain(of_pairs).sum::<usize>() == self.list_bytes
    }

    /// Bytes that have to be taken at once to make `more` pairs and post each once more.
    pub(super) fn growth_bytes(&self, more: usize) -> usize {
        let longest = self.names.iter().max_by_key(|name| name.pairs.capacity());
        growth_bytes(&self.pairs, more)
            + growth_bytes(&self.slots, more)
            + longest.map_or(0, |name| growth_bytes(&name.pairs, more))
            + self.table.growth_bytes(more)
            + more * LIST_GROWTH_BYTES
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let of_name = |name: &Name| name.pairs.capacity() * size_of::<u32>();
        self.pairs.capacity() * size_of::<Pair>()
            + self.slots.capacity() * size_of::<PostingList>()
            + self.table.heap_bytes()
            + self.names.capacity() * size_of::<Name>()
            + self.names.iter().map(of_name).sum::<usize>()
            + self.name_of_symbol.allocation_size()
            + self.list_bytes
    }
}
