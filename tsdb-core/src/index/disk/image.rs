//! An index whose bytes are all in memory, read from front to back.

use super::IndexError;
use super::layout::{
    CRC_BYTES, Footer, HEADER_BYTES, INDEX_FOOTER_BYTES, ROW_BLOCK, TERM_BLOCK, TreeRef,
    check_header, decode_footer,
};
use super::list::skip_list;
use super::name::{skip_name, split_term_key};
use super::node::{Child, for_each_child};
use super::part::PartRef;
use super::row::take_row;
use super::term_page::{BlockPage, take_key};
use crate::bits::{ByteReader, DecodeError, crc32c};

/// All bytes of an index; its parts are checked as they are read.
#[derive(Debug)]
pub(in crate::index) struct IndexImage<'a> {
    bytes: &'a [u8],
    footer: Footer,
}

impl<'a> IndexImage<'a> {
    /// Checks header and footer.
    pub(in crate::index) fn open(bytes: &'a [u8]) -> Result<Self, IndexError> {
        let len = bytes.len() as u64;
        let at = bytes.len().checked_sub(INDEX_FOOTER_BYTES);
        let Some(footer) = at.and_then(|at| bytes.get(at..)) else {
            return Err(IndexError::corrupt(0, "too short for an index"));
        };
        let footer = decode_footer(footer, len)?;
        let header = bytes.get(..HEADER_BYTES).unwrap_or_default();
        check_header(header).map_err(|error| IndexError::decode(0, error))?;
        Ok(Self { bytes, footer })
    }

    /// How many rows there are: not more than bytes.
    pub(in crate::index) fn rows(&self) -> usize {
        (self.footer.rows.items as usize).min(self.bytes.len())
    }

    /// Calls `each` with the names in order.
    pub(in crate::index) fn for_each_name(
        &self,
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), IndexError> {
        let mut last = Vec::new();
        self.for_each_key(&self.footer.names, skip_name, |reader, key| {
            if key <= last.as_slice() || std::str::from_utf8(key).is_err() {
                return Err(reader.error("a name out of order"));
            }
            last.clear();
            last.extend_from_slice(key);
            each(key);
            Ok(())
        })
    }

    /// Calls `each` with the number of a name and a value for all terms in order, until it
    /// refuses one.
    pub(in crate::index) fn for_each_term(
        &self,
        mut each: impl FnMut(u32, &[u8]) -> bool,
    ) -> Result<(), IndexError> {
        let mut last = Vec::new();
        self.for_each_key(&self.footer.terms, skip_list, |reader, key| {
            let found = split_term_key(key);
            let found = found.filter(|(_, value)| {
                !value.is_empty() && key > last.as_slice() && std::str::from_utf8(value).is_ok()
            });
            last.clear();
            last.extend_from_slice(key);
            match found {
                Some((name, value)) if each(name, value) => Ok(()),
                _ => Err(reader.error("a term out of order")),
            }
        })
    }

    fn for_each_key(
        &self,
        tree: &TreeRef,
        skip: fn(&mut ByteReader<'_>) -> Result<(), DecodeError>,
        mut each: impl FnMut(&ByteReader<'_>, &[u8]) -> Result<(), DecodeError>,
    ) -> Result<(), IndexError> {
        let mut key = Vec::new();
        self.for_each_block(tree, TERM_BLOCK, |reader, items| {
            key.clear();
            for _ in 0..items {
                take_key(reader, &mut key)?;
                each(reader, &key)?;
                skip(reader)?;
            }
            Ok(())
        })
    }

    /// Calls `each` with the terms of all rows in order, until it refuses one.
    pub(in crate::index) fn for_each_row(
        &self,
        mut each: impl FnMut(&[u32]) -> bool,
    ) -> Result<(), IndexError> {
        let (mut row, mut scratch) = (Vec::new(), Vec::new());
        let terms = self.footer.terms.items;
        self.for_each_block(&self.footer.rows, ROW_BLOCK, |reader, items| {
            row.clear();
            for _ in 0..items {
                take_row(reader, &mut row, &mut scratch, terms)?;
                if !each(&row) {
                    return Err(reader.error("a row with two labels of one name"));
                }
            }
            Ok(())
        })
    }

    /// Calls `each` with the blocks of all leaves and how many items they hold.
    fn for_each_block(
        &self,
        tree: &TreeRef,
        block_items: usize,
        mut each: impl FnMut(&mut ByteReader<'_>, usize) -> Result<(), DecodeError>,
    ) -> Result<(), IndexError> {
        if tree.items == 0 {
            return Ok(());
        }
        let root = Child {
            key: Vec::new(),
            part: tree.root,
            items: tree.items,
        };
        self.for_each_leaf(&root, tree.height, &mut |leaf| {
            let body = self.part(leaf.part)?;
            let failed =
                |at: usize| move |error| IndexError::decode(leaf.part.offset + at as u64, error);
            let page = BlockPage::open(body, block_items).map_err(failed(0))?;
            if page.count != leaf.items as usize {
                let what = "a leaf of another length than its node says";
                return Err(IndexError::corrupt(leaf.part.offset, what));
            }
            for block in 0..page.blocks() {
                let (mut reader, start) = page.reader(block);
                each(&mut reader, page.items(block)).map_err(failed(start))?;
                if !reader.is_empty() {
                    return Err(failed(start)(reader.error("bytes behind the last item")));
                }
            }
            Ok(())
        })
    }

    fn for_each_leaf(
        &self,
        node: &Child,
        height: u8,
        each: &mut impl FnMut(&Child) -> Result<(), IndexError>,
    ) -> Result<(), IndexError> {
        let Some(height) = height.checked_sub(1) else {
            return each(node);
        };
        let body = self.part(node.part)?;
        let mut items = 0u64;
        let mut failed = None;
        for_each_child(body, |child| {
            items += u64::from(child.items);
            failed = self.for_each_leaf(child, height, each).err();
            failed.is_none()
        })
        .map_err(|error| IndexError::decode(node.part.offset, error))?;
        if let Some(error) = failed {
            return Err(error);
        }
        if items != u64::from(node.items) {
            let what = "a node that does not fit the one above";
            return Err(IndexError::corrupt(node.part.offset, what));
        }
        Ok(())
    }

    fn part(&self, part: PartRef) -> Result<&'a [u8], IndexError> {
        let start = usize::try_from(part.offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(part.len as usize);
        let body = self.bytes.get(start..end);
        let crc = self.bytes.get(end..end.saturating_add(CRC_BYTES));
        let crc = crc.and_then(|crc| crc.first_chunk());
        let (Some(body), Some(crc)) = (body, crc) else {
            return Err(IndexError::corrupt(
                part.offset,
                "a part outside of the index",
            ));
        };
        if u32::from_le_bytes(*crc) != crc32c(body) {
            return Err(IndexError::corrupt(part.offset, "checksum of a part"));
        }
        Ok(body)
    }
}
