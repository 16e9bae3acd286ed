//! Every text once, behind a number.

use std::hash::{BuildHasher, Hasher};

use hashbrown::DefaultHashBuilder;

use super::arena::{Arena, take_number};
use super::table::NumberTable;
use crate::bits::{growth_bytes, push_slowly, put_uvarint};

/// Interned texts, numbered as they arrive.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    text: Arena,
    /// Where each text begins: its length as a varint, then its bytes.
    handles: Vec<u32>,
    table: NumberTable,
    hasher: DefaultHashBuilder,
    /// Varint of the length of the text being added.
    scratch: Vec<u8>,
}

impl Symbols {
    pub(super) fn len(&self) -> usize {
        self.handles.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.text.is_full()
    }

    #[inline]
    pub(super) fn hash(&self, text: &[u8]) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(text);
        (hasher.finish() >> 32) as u32
    }

    /// The bytes of a symbol; none for a number that no symbol has.
    #[inline]
    pub(super) fn bytes(&self, symbol: u32) -> &[u8] {
        let Some(&handle) = self.handles.get(symbol as usize) else {
            return &[];
        };
        let mut rest = self.text.from(handle);
        let len = take_number(&mut rest) as usize;
        rest.get(..len).unwrap_or_default()
    }

    /// The text of a symbol.
    #[inline]
    pub(super) fn text(&self, symbol: u32) -> &str {
        let text = std::str::from_utf8(self.bytes(symbol));
        debug_assert!(
            text.is_ok(),
            "symbols are interned from label sets, which hold UTF-8"
        );
        text.unwrap_or_default()
    }

    #[inline]
    pub(super) fn find(&self, text: &[u8], hash: u32) -> Option<u32> {
        self.table.find(hash, |symbol| self.bytes(symbol) == text)
    }

    /// The symbol of `text`, made if there is none.
    pub(super) fn intern(&mut self, text: &[u8], hash: u32) -> u32 {
        if let Some(symbol) = self.find(text, hash) {
            return symbol;
        }
        let number = self.handles.len() as u32;
        self.scratch.clear();
        put_uvarint(&mut self.scratch, text.len() as u64);
        let handle = self.text.push(&self.scratch, text);
        push_slowly(&mut self.handles, handle);
        self.table.insert(hash, number);
        number
    }

    /// Bytes that have to be taken at once to intern `more` texts of `bytes` in all.
    pub(super) fn growth_bytes(&self, more: usize, bytes: usize) -> usize {
        growth_bytes(&self.handles, more)
            + self.table.growth_bytes(more)
            + self.text.growth_bytes(bytes + 8 * more)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.text.heap_bytes()
            + self.handles.capacity() * size_of::<u32>()
            + self.table.heap_bytes()
            + self.scratch.capacity()
    }
}
