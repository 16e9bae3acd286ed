//! Leaves of the tree of rows.

use super::layout::{PAGE_BYTES, ROW_BLOCK};
use super::row::put_row;
use super::term_page::put_page;

/// A leaf in the making.
#[derive(Debug, Default)]
pub(super) struct RowPageBuilder {
    entries: Vec<u8>,
    blocks: Vec<usize>,
    count: usize,
    last: Vec<u32>,
}

impl RowPageBuilder {
    /// Adds a row, whose terms rise strictly.
    pub(super) fn push(&mut self, row: &[u32]) {
        if self.count.is_multiple_of(ROW_BLOCK) {
            if self.count > 0 {
                self.blocks.push(self.entries.len());
            }
            self.last.clear();
        }
        put_row(&mut self.entries, &self.last, row);
        self.last.clear();
        self.last.extend_from_slice(row);
        self.count += 1;
    }

    /// Whether the next row belongs to another leaf. Blocks are kept whole.
    pub(super) fn is_full(&self) -> bool {
        self.entries.len() >= PAGE_BYTES && self.count.is_multiple_of(ROW_BLOCK)
    }

    /// Ends the leaf: its bytes and how many rows it holds; none if it is empty.
    pub(super) fn take(&mut self, out: &mut Vec<u8>) -> Option<u32> {
        out.clear();
        let count = u32::try_from(self.count).ok().filter(|count| *count > 0)?;
        put_page(out, count, &self.blocks, &self.entries);
        self.entries.clear();
        self.blocks.clear();
        self.count = 0;
        Some(count)
    }
}
