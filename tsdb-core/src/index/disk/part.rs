//! Parts: bytes with their checksum behind them.

use std::sync::Arc;

use super::IndexError;
use super::layout::{CRC_BYTES, HEADER_BYTES, INDEX_FOOTER_BYTES};
use crate::bits::{crc32c, put_u32};
use crate::vfs::{File, read_exact_at};

/// Where a part is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PartRef {
    /// From the first byte of the index.
    pub(super) offset: u64,
    /// Without the checksum.
    pub(super) len: u32,
}

impl PartRef {
    /// Where the next part begins.
    pub(super) fn end(self) -> u64 {
        self.offset
            .saturating_add(u64::from(self.len))
            .saturating_add(CRC_BYTES as u64)
    }
}

/// Appends a part to an index that begins at `base` of `out`.
pub(super) fn put_part(out: &mut Vec<u8>, base: usize, body: &[u8]) -> PartRef {
    let offset = (out.len() - base) as u64;
    out.extend_from_slice(body);
    put_u32(out, crc32c(body));
    let len = u32::try_from(body.len()).unwrap_or(u32::MAX);
    PartRef { offset, len }
}

/// The bytes of an index in a file.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) file: Arc<dyn File>,
    pub(super) offset: u64,
    pub(super) len: u64,
}

impl Section {
    /// Reads `len` bytes that the caller knows to lie inside.
    pub(super) fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>, IndexError> {
        let mut bytes = vec![0; len];
        read_exact_at(&*self.file, &mut bytes, self.offset.saturating_add(offset))
            .map_err(|source| IndexError::read(offset, source))?;
        Ok(bytes)
    }

    /// Reads a part and checks it.
    pub(super) fn read_part(&self, part: PartRef) -> Result<Vec<u8>, IndexError> {
        let parts_end = self.len.saturating_sub(INDEX_FOOTER_BYTES as u64);
        if part.offset < HEADER_BYTES as u64 || part.end() > parts_end {
            return Err(IndexError::corrupt(
                part.offset,
                "a part outside of the index",
            ));
        }
        let mut bytes = self.read(part.offset, part.len as usize + CRC_BYTES)?;
        let body_len = part.len as usize;
        let crc = bytes.get(body_len..).and_then(|crc| crc.first_chunk());
        let crc = crc.map(|crc| u32::from_le_bytes(*crc));
        bytes.truncate(body_len);
        if crc != Some(crc32c(&bytes)) {
            return Err(IndexError::corrupt(part.offset, "checksum of a part"));
        }
        Ok(bytes)
    }
}
