//! Pages of a file in memory, of which the latest stay.

use super::error::BlockError;
use super::window::{Source, VARINT_BYTES};

/// Bytes of a page.
const PAGE_BYTES: usize = 64 << 10;
/// How many pages stay: 32 MiB, which holds the symbols of nearly all blocks.
const PAGES: usize = 512;

/// Reads anywhere in a file. A page has one place, which the next one of that place takes.
#[derive(Debug)]
pub(super) struct Pages {
    pub(super) source: Source,
    places: Vec<Page>,
}

#[derive(Debug, Default)]
struct Page {
    number: u64,
    bytes: Vec<u8>,
}

impl Pages {
    pub(super) fn new(source: Source) -> Self {
        Self {
            source,
            places: Vec::new(),
        }
    }

    /// Appends `len` bytes at `offset` to `out`.
    pub(super) fn append(
        &mut self,
        offset: u64,
        len: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), BlockError> {
        let (mut at, mut left) = (offset, len);
        while left > 0 {
            let rest = self.from(at)?;
            let part = rest.get(..rest.len().min(left)).unwrap_or_default();
            if part.is_empty() {
                let end = self.source.len;
                let why = format!("{left} bytes are wanted, but the file ends at {end}");
                return Err(self.source.damaged(at, why));
            }
            out.extend_from_slice(part);
            left -= part.len();
            at = at.saturating_add(part.len() as u64);
        }
        Ok(())
    }

    /// A varint at `offset`, and where it ends.
    pub(super) fn uvarint(&mut self, offset: u64) -> Result<(u64, u64), BlockError> {
        let (mut value, mut at) = (0u64, offset);
        for count in 0..VARINT_BYTES {
            let Some(&byte) = self.from(at)?.first() else {
                break;
            };
            if count == VARINT_BYTES - 1 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * count);
            at += 1;
            if byte < 0x80 {
                return Ok((value, at));
            }
        }
        Err(self.source.damaged(offset, "a length that is no number"))
    }

    /// What the page of `offset` holds from there on; nothing behind the end of the file.
    fn from(&mut self, offset: u64) -> Result<&[u8], BlockError> {
        let page_bytes = PAGE_BYTES as u64;
        let number = offset / page_bytes;
        let place = usize::try_from(number % PAGES as u64).unwrap_or(0);
        if self.places.len() <= place {
            self.places.resize_with(place + 1, Page::default);
        }
        let Some(page) = self.places.get_mut(place) else {
            return Ok(&[]);
        };
        if page.bytes.is_empty() || page.number != number {
            let start = number.saturating_mul(page_bytes);
            let left = self.source.len.saturating_sub(start).min(page_bytes);
            page.number = number;
            page.bytes.clear();
            page.bytes.resize(usize::try_from(left).unwrap_or(0), 0);
            if let Err(error) = self.source.read(&mut page.bytes, start) {
                page.bytes.clear();
                return Err(error);
            }
        }
        let within = usize::try_from(offset % page_bytes).unwrap_or(0);
        Ok(page.bytes.get(within..).unwrap_or_default())
    }
}
