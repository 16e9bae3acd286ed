//! Sorted terms: from a key to its number, from a number to its key, and everything in between.

use std::ops::Range;

use super::IndexError;
use super::layout::{TERM_BLOCK, TreeRef};
use super::term_page::{BlockPage, take_key};
use super::tree::{Leaf, Parts};
use crate::bits::{ByteReader, DecodeError};

/// A tree of terms whose payloads `skip` passes.
#[derive(Clone, Copy, Debug)]
pub(super) struct TermTree<'a> {
    pub(super) parts: &'a Parts,
    pub(super) tree: &'a TreeRef,
    pub(super) skip: fn(&mut ByteReader<'_>) -> Result<(), DecodeError>,
}

impl TermTree<'_> {
    /// Number of the first term at or above `key`, and whether it is `key`; then `payload` was
    /// called with what it carries.
    pub(super) fn find(
        &self,
        key: &[u8],
        mut payload: impl FnMut(u32, &mut ByteReader<'_>) -> Result<(), DecodeError>,
    ) -> Result<(u32, bool), IndexError> {
        if self.tree.items == 0 {
            return Ok((0, false));
        }
        let leaf = self.parts.leaf_for(self.tree, key)?;
        let failed = |error| IndexError::decode(leaf.part.offset, error);
        let page = open_page(&leaf)?;
        let mut block = block_for(&page, key).map_err(failed)?;
        let mut found = Vec::new();
        while block < page.blocks() {
            let (mut reader, start) = page.reader(block);
            let failed = |error| IndexError::decode(leaf.part.offset + start as u64, error);
            found.clear();
            for item in 0..page.items(block) {
                take_key(&mut reader, &mut found).map_err(failed)?;
                let number = leaf.first + (block * TERM_BLOCK + item) as u32;
                match found.as_slice().cmp(key) {
                    std::cmp::Ordering::Less => (self.skip)(&mut reader).map_err(failed)?,
                    std::cmp::Ordering::Equal => {
                        payload(number, &mut reader).map_err(failed)?;
                        return Ok((number, true));
                    }
                    std::cmp::Ordering::Greater => return Ok((number, false)),
                }
            }
            block += 1;
        }
        Ok((leaf.first + leaf.items, false))
    }

    /// Calls `each` with number, key and payload of the terms from number `from` up to `to`,
    /// until it says to stop. It must read the whole payload.
    pub(super) fn scan(
        &self,
        from: u32,
        to: u32,
        mut each: impl FnMut(u32, &[u8], &mut ByteReader<'_>) -> Result<bool, DecodeError>,
    ) -> Result<(), IndexError> {
        let (mut at, to) = (from, to.min(self.tree.items));
        let mut key = Vec::new();
        while at < to {
            for leaf in self.parts.leaves(self.tree, at, to)? {
                let leaf = self.parts.leaf(leaf)?;
                if !self.scan_leaf(&leaf, at..to, &mut key, &mut each)? {
                    return Ok(());
                }
                at = leaf.first + leaf.items;
            }
        }
        Ok(())
    }

    /// Scans the terms of `range` in a leaf; whether to go on behind it.
    fn scan_leaf(
        &self,
        leaf: &Leaf,
        range: Range<u32>,
        key: &mut Vec<u8>,
        mut each: impl FnMut(u32, &[u8], &mut ByteReader<'_>) -> Result<bool, DecodeError>,
    ) -> Result<bool, IndexError> {
        let page = open_page(leaf)?;
        let first_block = range.start.saturating_sub(leaf.first) as usize / TERM_BLOCK;
        for block in first_block..page.blocks() {
            let (mut reader, start) = page.reader(block);
            let failed = |error| IndexError::decode(leaf.part.offset + start as u64, error);
            key.clear();
            for item in 0..page.items(block) {
                take_key(&mut reader, key).map_err(failed)?;
                let number = leaf.first + (block * TERM_BLOCK + item) as u32;
                if number < range.start {
                    (self.skip)(&mut reader).map_err(failed)?;
                } else if number >= range.end || !each(number, key, &mut reader).map_err(failed)? {
                    return Ok(false);
                }
            }
            if !reader.is_empty() {
                return Err(failed(reader.error("bytes behind the last term")));
            }
        }
        Ok(true)
    }
}

fn open_page(leaf: &Leaf) -> Result<BlockPage<'_>, IndexError> {
    let page = BlockPage::open(&leaf.bytes, TERM_BLOCK)
        .map_err(|error| IndexError::decode(leaf.part.offset, error))?;
    if page.count != leaf.items as usize {
        let what = "a leaf of another length than its node says";
        return Err(IndexError::corrupt(leaf.part.offset, what));
    }
    Ok(page)
}

/// The last block whose first key is not above `key`; the first block if there is none.
fn block_for(page: &BlockPage<'_>, key: &[u8]) -> Result<usize, DecodeError> {
    let (mut low, mut high) = (0, page.blocks());
    let mut first = Vec::new();
    while high - low > 1 {
        let middle = usize::midpoint(low, high);
        let (mut reader, _) = page.reader(middle);
        first.clear();
        take_key(&mut reader, &mut first)?;
        if first.as_slice() <= key {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(low)
}
