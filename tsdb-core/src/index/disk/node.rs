//! Inner nodes: for each child where it is, how many items lie below it, and a key that no item
//! before it reaches.

use super::layout::{CHILDREN_MIN, PAGE_BYTES};
use super::part::PartRef;
use super::term_page::{shared_len, take_key};
use crate::bits::{ByteReader, DecodeError, put_uvarint};

/// What an inner node says of a child.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Child {
    /// Above all keys before the child, and not above its first; empty for the first child.
    pub(super) key: Vec<u8>,
    pub(super) part: PartRef,
    /// Items in its leaves.
    pub(super) items: u32,
}

/// Appends a node. Its children follow each other in the index.
pub(super) fn put_node(out: &mut Vec<u8>, children: &[Child]) {
    put_uvarint(out, children.len() as u64);
    let first = children.first().map_or(0, |child| child.part.offset);
    put_uvarint(out, first);
    let mut before: &[u8] = &[];
    for child in children {
        let shared = shared_len(before, &child.key);
        let suffix = child.key.get(shared..).unwrap_or_default();
        put_uvarint(out, shared as u64);
        put_uvarint(out, suffix.len() as u64);
        out.extend_from_slice(suffix);
        put_uvarint(out, u64::from(child.part.len));
        put_uvarint(out, u64::from(child.items));
        before = &child.key;
    }
}

/// Whether children whose keys take `key_bytes` fill a node.
pub(super) fn is_full(children: usize, key_bytes: usize) -> bool {
    children >= CHILDREN_MIN && key_bytes + children * 6 >= PAGE_BYTES
}

/// Calls `each` with the children of a node until it says to stop.
pub(super) fn for_each_child(
    bytes: &[u8],
    mut each: impl FnMut(&Child) -> bool,
) -> Result<(), DecodeError> {
    let mut reader = ByteReader::new(bytes);
    let count = reader.uvarint()?;
    let mut child = Child::default();
    child.part.offset = reader.uvarint()?;
    for _ in 0..count {
        take_key(&mut reader, &mut child.key)?;
        let len = u32::try_from(reader.uvarint()?);
        let items = u32::try_from(reader.uvarint()?);
        let (Ok(len), Ok(items)) = (len, items) else {
            return Err(reader.error("a child that cannot be"));
        };
        (child.part.len, child.items) = (len, items);
        if !each(&child) {
            return Ok(());
        }
        child.part.offset = child.part.end();
    }
    if !reader.is_empty() {
        return Err(reader.error("bytes behind the last child"));
    }
    Ok(())
}
