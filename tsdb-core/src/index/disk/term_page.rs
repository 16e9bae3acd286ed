//! Leaves of a tree of terms: sorted keys in front-coded blocks, each with a payload.

use super::layout::{PAGE_BYTES, TERM_BLOCK};
use crate::bits::{ByteReader, DecodeError, put_uvarint};

/// How many bytes two keys begin with alike.
pub(super) fn shared_len(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// A leaf in the making.
#[derive(Debug, Default)]
pub(super) struct TermPageBuilder {
    entries: Vec<u8>,
    /// Where each block but the first begins.
    blocks: Vec<usize>,
    count: usize,
    last_key: Vec<u8>,
}

impl TermPageBuilder {
    /// Adds a key above the last, and gives the bytes to append its payload to.
    pub(super) fn push(&mut self, key: &[u8]) -> &mut Vec<u8> {
        let shared = if self.count.is_multiple_of(TERM_BLOCK) {
            if self.count > 0 {
                self.blocks.push(self.entries.len());
            }
            0
        } else {
            shared_len(&self.last_key, key)
        };
        let suffix = key.get(shared..).unwrap_or_default();
        put_uvarint(&mut self.entries, shared as u64);
        put_uvarint(&mut self.entries, suffix.len() as u64);
        self.entries.extend_from_slice(suffix);
        self.last_key.truncate(shared);
        self.last_key.extend_from_slice(suffix);
        self.count += 1;
        &mut self.entries
    }

    pub(super) fn is_full(&self) -> bool {
        self.entries.len() >= PAGE_BYTES
    }

    pub(super) fn last_key(&self) -> &[u8] {
        &self.last_key
    }

    /// Ends the leaf: its bytes and how many terms it holds; none if it is empty.
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

/// `count`, the lengths of all blocks but the last, the blocks.
pub(super) fn put_page(out: &mut Vec<u8>, count: u32, blocks: &[usize], entries: &[u8]) {
    put_uvarint(out, u64::from(count));
    let mut start = 0;
    for &end in blocks {
        put_uvarint(out, (end - start) as u64);
        start = end;
    }
    out.extend_from_slice(entries);
}

/// A page of blocks, of which one can be read without those before it.
#[derive(Clone, Debug)]
pub(super) struct BlockPage<'a> {
    pub(super) count: usize,
    block: usize,
    bytes: &'a [u8],
    /// Where each block begins in `bytes`.
    starts: Vec<usize>,
}

impl<'a> BlockPage<'a> {
    /// Looks at the head of a page whose blocks hold `block` items each.
    pub(super) fn open(bytes: &'a [u8], block: usize) -> Result<Self, DecodeError> {
        let mut reader = ByteReader::new(bytes);
        let count = usize::try_from(reader.uvarint()?).unwrap_or(usize::MAX);
        // Every item takes a byte at least.
        if count == 0 || count > bytes.len() {
            return Err(reader.error("a page with a wrong number of items"));
        }
        let blocks = count.div_ceil(block);
        let mut starts = Vec::with_capacity(blocks);
        let mut start = 0usize;
        for _ in 1..blocks {
            starts.push(start);
            let len = usize::try_from(reader.uvarint()?).unwrap_or(usize::MAX);
            start = start.saturating_add(len);
        }
        starts.push(start);
        let head = reader.position();
        for start in &mut starts {
            *start = start.saturating_add(head);
        }
        if starts.last().is_some_and(|start| *start >= bytes.len()) {
            return Err(reader.error("a block outside of its page"));
        }
        Ok(Self {
            count,
            block,
            bytes,
            starts,
        })
    }

    pub(super) fn blocks(&self) -> usize {
        self.starts.len()
    }

    /// How many items block `number` holds.
    pub(super) fn items(&self, number: usize) -> usize {
        self.count
            .saturating_sub(number * self.block)
            .min(self.block)
    }

    /// A reader over block `number`, and where in the page it begins.
    pub(super) fn reader(&self, number: usize) -> (ByteReader<'a>, usize) {
        let start = self.starts.get(number).copied().unwrap_or(self.bytes.len());
        let end = self.starts.get(number + 1).copied();
        let end = end.unwrap_or(self.bytes.len()).max(start);
        (
            ByteReader::new(self.bytes.get(start..end).unwrap_or_default()),
            start,
        )
    }
}

/// Reads a key over the one before it.
pub(super) fn take_key(reader: &mut ByteReader<'_>, key: &mut Vec<u8>) -> Result<(), DecodeError> {
    let shared = usize::try_from(reader.uvarint()?).unwrap_or(usize::MAX);
    let len = usize::try_from(reader.uvarint()?).unwrap_or(usize::MAX);
    let suffix = reader.take(len)?;
    if shared > key.len() {
        return Err(reader.error("a key that shares more than there is"));
    }
    key.truncate(shared);
    key.extend_from_slice(suffix);
    Ok(())
}
