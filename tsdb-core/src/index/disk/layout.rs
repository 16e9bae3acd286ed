//! First and last bytes of an index.

use super::IndexError;
use super::part::PartRef;
use crate::bits::{ByteReader, DecodeError, crc32c, put_u32, put_u64};

/// What an index begins with.
pub(super) const MAGIC: [u8; 8] = *b"tsdb-idx";
/// What an index ends with.
pub(super) const FOOTER_MAGIC: [u8; 8] = *b"idx-tail";
/// Raised when an older build could not read the index.
pub(super) const FORMAT_VERSION: u32 = 1;
/// Bytes of a checksum.
pub(super) const CRC_BYTES: usize = 4;
/// Bytes before the first part: magic, version, checksum.
pub(super) const HEADER_BYTES: usize = MAGIC.len() + size_of::<u32>() + CRC_BYTES;
/// Bytes of a tree in the footer: items, offset and length of the root, height.
const TREE_BYTES: usize = 4 + 8 + 4 + 1;
/// Length of the footer: it is all that opening reads.
pub const INDEX_FOOTER_BYTES: usize = 3 * TREE_BYTES + 8 + 4 + CRC_BYTES + FOOTER_MAGIC.len();
/// Parts are closed when they reach this.
pub(super) const PAGE_BYTES: usize = 4096;
/// Inner nodes have at least so many children, but the last of a level.
pub(super) const CHILDREN_MIN: usize = 4;
/// Levels of inner nodes that no tree of 2^32 items exceeds.
pub(super) const HEIGHT_MAX: u8 = 16;
/// Terms between two that are written whole.
pub(super) const TERM_BLOCK: usize = 16;
/// Rows between two that are written whole.
pub(super) const ROW_BLOCK: usize = 64;
/// Lists up to this length stand beside their term.
pub(super) const INLINE_BYTES_MAX: usize = 64;

/// Where the root of a tree is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TreeRef {
    /// Number of items in all leaves.
    pub(super) items: u32,
    /// The root; of no bytes when there are no items.
    pub(super) root: PartRef,
    /// Levels of inner nodes: 0 when the root is a leaf.
    pub(super) height: u8,
}

/// What the footer tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Footer {
    pub(super) names: TreeRef,
    pub(super) terms: TreeRef,
    pub(super) rows: TreeRef,
}

pub(super) fn put_header(out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    put_u32(out, FORMAT_VERSION);
    let crc = crc32c(out.get(start..).unwrap_or_default());
    put_u32(out, crc);
}

pub(super) fn check_header(bytes: &[u8]) -> Result<(), DecodeError> {
    let mut reader = ByteReader::new(bytes);
    if reader.array::<8>()? != MAGIC {
        return Err(DecodeError {
            what: "no index begins here",
            offset: 0,
        });
    }
    // The footer says which version it is; both are written alike.
    reader.u32()?;
    let covered = bytes.get(..reader.position()).unwrap_or_default();
    if reader.u32()? != crc32c(covered) {
        return Err(reader.error("checksum of the header"));
    }
    Ok(())
}

/// Appends the footer of an index that will then be `len` bytes long.
pub(super) fn put_footer(out: &mut Vec<u8>, footer: &Footer, len: u64) {
    let start = out.len();
    for tree in [footer.names, footer.terms, footer.rows] {
        put_u32(out, tree.items);
        put_u64(out, tree.root.offset);
        put_u32(out, tree.root.len);
        out.push(tree.height);
    }
    put_u64(out, len);
    put_u32(out, FORMAT_VERSION);
    let crc = crc32c(out.get(start..).unwrap_or_default());
    put_u32(out, crc);
    out.extend_from_slice(&FOOTER_MAGIC);
}

/// Reads the footer of an index of `len` bytes.
pub(super) fn decode_footer(bytes: &[u8], len: u64) -> Result<Footer, IndexError> {
    let base = len.saturating_sub(INDEX_FOOTER_BYTES as u64);
    let failed = |error| IndexError::decode(base, error);
    let mut reader = ByteReader::new(bytes);
    let mut tree = || -> Result<TreeRef, DecodeError> {
        Ok(TreeRef {
            items: reader.u32()?,
            root: PartRef {
                offset: reader.u64()?,
                len: reader.u32()?,
            },
            height: reader.u8()?,
        })
    };
    let names = tree().map_err(failed)?;
    let terms = tree().map_err(failed)?;
    let rows = tree().map_err(failed)?;
    let footer = Footer { names, terms, rows };
    let written_len = reader.u64().map_err(failed)?;
    let version = reader.u32().map_err(failed)?;
    let covered = bytes.get(..reader.position()).unwrap_or_default();
    let crc = reader.u32().map_err(failed)?;
    if reader.array::<8>().map_err(failed)? != FOOTER_MAGIC {
        return Err(IndexError::corrupt(base, "no index ends here"));
    }
    if crc != crc32c(covered) {
        return Err(IndexError::corrupt(base, "checksum of the footer"));
    }
    if version != FORMAT_VERSION {
        return Err(IndexError::Version { version });
    }
    if written_len != len {
        return Err(IndexError::corrupt(base, "the index has another length"));
    }
    for tree in [names, terms, rows] {
        if (tree.items == 0) != (tree.root.len == 0) || tree.height > HEIGHT_MAX {
            return Err(IndexError::corrupt(base, "a tree that cannot be"));
        }
    }
    Ok(footer)
}
