//! Pages of one group in memory, piece by piece as they are needed, each piece checked.

use super::BlockError;
use super::group::{Group, PagePlace};
use super::layout::CHECKED_BYTES;
use super::reader::BlockReader;
use crate::bits::DecodeError;
use crate::page::{PageDecoder, decode_timestamps};

/// Pieces closer than this are fetched by one read, those between them along with them.
const GAP_PIECES: usize = 16;

/// What is in memory of the pages of one group. Used for one group after the other.
#[derive(Debug, Default)]
pub(super) struct GroupPages {
    bytes: Vec<u8>,
    loaded: Vec<bool>,
    wanted: Vec<usize>,
    decoder: PageDecoder,
    /// The timestamps decoded last, and of which pages of the group they are.
    timestamps: Vec<i64>,
    decoded: Vec<usize>,
}

impl GroupPages {
    /// Forgets the pages of the group before.
    pub(super) fn start(&mut self, group: &Group) {
        let pieces = group.summary().pieces();
        self.loaded.clear();
        self.loaded.resize(pieces, false);
        self.wanted.clear();
        self.decoded.clear();
        self.timestamps.clear();
        // The file was found long enough when the index of groups was read.
        let len = usize::try_from(group.summary().pages_len()).unwrap_or(usize::MAX);
        if self.bytes.len() < len {
            self.bytes.resize(len, 0);
        }
    }

    /// Notes that these pages will be needed.
    pub(super) fn want(&mut self, group: &Group, pages: &[PagePlace]) {
        let mut last = None;
        for page in pages {
            if let Some(times) = group.timestamps(page.times) {
                self.want_bytes(times.offset, times.len);
            }
            if last != Some(page.values) {
                if let Some((offset, len)) = group.values(page.values) {
                    self.want_bytes(offset, len);
                }
                last = Some(page.values);
            }
        }
    }

    fn want_bytes(&mut self, offset: u32, len: u32) {
        let first = offset as usize / CHECKED_BYTES;
        let end = (offset as usize + len as usize).div_ceil(CHECKED_BYTES);
        for piece in first..end {
            if self.wanted.last() != Some(&piece) {
                self.wanted.push(piece);
            }
        }
    }

    /// Notes that all pages of the group will be needed.
    pub(super) fn want_all(&mut self) {
        self.wanted = (0..self.loaded.len()).collect();
    }

    /// Reads what is needed and not there, with few reads, and checks it.
    pub(super) fn load(&mut self, reader: &BlockReader, group: &Group) -> Result<(), BlockError> {
        let mut wanted = std::mem::take(&mut self.wanted);
        wanted.sort_unstable();
        wanted.dedup();
        wanted.retain(|piece| self.loaded.get(*piece) == Some(&false));
        for near in wanted.chunk_by(|a, b| b - a <= GAP_PIECES) {
            if let (Some(&first), Some(&last)) = (near.first(), near.last()) {
                self.load_pieces(reader, group, first..last + 1)?;
            }
        }
        wanted.clear();
        self.wanted = wanted;
        Ok(())
    }

    fn load_pieces(
        &mut self,
        reader: &BlockReader,
        group: &Group,
        pieces: std::ops::Range<usize>,
    ) -> Result<(), BlockError> {
        let len = usize::try_from(group.summary().pages_len()).unwrap_or(usize::MAX);
        let begin = pieces.start * CHECKED_BYTES;
        let end = (pieces.end * CHECKED_BYTES).min(len);
        let offset = group.summary().offset + begin as u64;
        let Some(bytes) = self.bytes.get_mut(begin..end) else {
            return Err(reader.corrupt(offset, "pages outside their group"));
        };
        reader.read_exact(offset, bytes)?;
        for (number, piece) in pieces.zip(bytes.chunks(CHECKED_BYTES)) {
            if group.piece_crc(number) != Some(crate::bits::crc32c(piece)) {
                let offset = group.summary().offset + (number * CHECKED_BYTES) as u64;
                return Err(reader.corrupt(offset, "wrong checksum of pages"));
            }
            if let Some(loaded) = self.loaded.get_mut(number) {
                *loaded = true;
            }
        }
        Ok(())
    }

    /// Decodes pages that were loaded: the timestamps are lent, the values put into `values`.
    pub(super) fn decode(
        &mut self,
        reader: &BlockReader,
        group: &Group,
        pages: &[PagePlace],
        values: &mut Vec<f64>,
    ) -> Result<&[i64], BlockError> {
        let offset = group.summary().offset;
        let damaged = |error: DecodeError, at: u32| {
            BlockError::decode(reader.path(), offset.saturating_add(u64::from(at)), error)
        };
        let gone = || reader.corrupt(offset, "a page that is not there");
        let same = pages.iter().map(|page| page.times);
        if self.decoded.is_empty() || !same.clone().eq(self.decoded.iter().copied()) {
            self.decoded.clear();
            self.timestamps.clear();
            for times in same {
                let page = group.timestamps(times).ok_or_else(gone)?;
                let bytes = page_bytes(&self.bytes, page.offset, page.len).ok_or_else(gone)?;
                let from = self.timestamps.len();
                decode_timestamps(bytes, page.samples as usize, &mut self.timestamps)
                    .map_err(|error| damaged(error, page.offset))?;
                let found = (self.timestamps.get(from), self.timestamps.last());
                if found != (Some(&page.min), Some(&page.max)) {
                    let what = "a page of other timestamps than the directory says";
                    return Err(reader.corrupt(offset + u64::from(page.offset), what));
                }
            }
            self.decoded.extend(pages.iter().map(|page| page.times));
        }
        let tables = reader.tables()?;
        values.clear();
        values.reserve(self.timestamps.len());
        for page in pages {
            let samples = group.timestamps(page.times).ok_or_else(gone)?.samples;
            let (at, len) = group.values(page.values).ok_or_else(gone)?;
            let bytes = page_bytes(&self.bytes, at, len).ok_or_else(gone)?;
            self.decoder
                .decode(bytes, samples as usize, tables, values)
                .map_err(|error| damaged(error, at))?;
        }
        Ok(&self.timestamps)
    }
}

fn page_bytes(bytes: &[u8], offset: u32, len: u32) -> Option<&[u8]> {
    let from = offset as usize;
    bytes.get(from..from.checked_add(len as usize)?)
}
