//! Pages of one group in memory, piece by piece as they are needed, each piece checked.

use super::BlockError;
use super::group::{Group, PagePlace};
use super::layout::CHECKED_BYTES;
use super::reader::BlockReader;
use crate::bits::DecodeError;
use crate::page::{PageDecoder, decode_timestamps};

/// Pieces closer than this are fetched by one read, those between them along with them.
const GAP_PIECES: usize = 16;

/// Pieces that were read are remembered by where they begin among the bytes, the others by this.
const NOT_THERE: usize = usize::MAX;

/// What is in memory of the pages of one group. Used for one group after the other, and for one
/// block after the other: its memory is used again.
#[derive(Debug, Default)]
pub(super) struct GroupPages {
    /// Pieces that were read, those that follow each other in the group side by side; what stands
    /// behind them is of groups before.
    bytes: Vec<u8>,
    /// Where each piece of the group begins.
    pieces: Vec<usize>,
    wanted: Vec<usize>,
    decoder: PageDecoder,
    /// The timestamps decoded last, and of which pages of the group they are.
    timestamps: Vec<i64>,
    decoded: Vec<usize>,
}

impl GroupPages {
    /// Forgets the pages of the group before.
    pub(super) fn start(&mut self, group: &Group) {
        self.pieces.clear();
        self.pieces.resize(group.summary().pieces(), NOT_THERE);
        self.wanted.clear();
        self.decoded.clear();
        self.timestamps.clear();
    }

    /// Bytes of memory held.
    pub(super) fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
            + (self.pieces.capacity() + self.wanted.capacity()) * size_of::<usize>()
            + self.timestamps.capacity() * size_of::<i64>()
            + self.decoded.capacity() * size_of::<usize>()
    }

    /// Notes that these pages will be needed.
    pub(super) fn want(&mut self, group: &Group, pages: &[PagePlace]) {
        let mut last = None;
        for page in pages {
            if let Some(times) = group.timestamps(page.times) {
                self.want_bytes(times.offset, times.len);
            }
            if last != Some(page.values) {
                self.want_values(group, page.values);
                last = Some(page.values);
            }
        }
    }

    /// Notes that a page of values will be needed.
    pub(super) fn want_values(&mut self, group: &Group, page: usize) {
        if let Some((offset, len)) = group.values(page) {
            self.want_bytes(offset, len);
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
        self.wanted = (0..self.pieces.len()).collect();
    }

    /// Reads what is needed, with few reads, and checks it. What is there is kept only if nothing
    /// else is needed, so that pages lie in one piece.
    pub(super) fn load(&mut self, reader: &BlockReader, group: &Group) -> Result<(), BlockError> {
        let mut wanted = std::mem::take(&mut self.wanted);
        let is_there = |piece: &usize| self.pieces.get(*piece).is_some_and(|at| *at != NOT_THERE);
        if !wanted.iter().all(is_there) {
            wanted.sort_unstable();
            wanted.dedup();
            self.pieces.fill(NOT_THERE);
            let mut filled = 0;
            for near in wanted.chunk_by(|a, b| b - a <= GAP_PIECES) {
                if let (Some(&first), Some(&last)) = (near.first(), near.last()) {
                    filled = self.load_pieces(reader, group, (first..last + 1, filled))?;
                }
            }
        }
        wanted.clear();
        self.wanted = wanted;
        Ok(())
    }

    /// Reads pieces to where `at` says; where they end.
    fn load_pieces(
        &mut self,
        reader: &BlockReader,
        group: &Group,
        (pieces, at): (std::ops::Range<usize>, usize),
    ) -> Result<usize, BlockError> {
        let len = usize::try_from(group.summary().pages_len()).unwrap_or(usize::MAX);
        let begin = pieces.start * CHECKED_BYTES;
        let offset = group.summary().offset + begin as u64;
        // The file was found long enough when the index of groups was read.
        let Some(taken) = (pieces.end * CHECKED_BYTES).min(len).checked_sub(begin) else {
            return Err(reader.corrupt(offset, "pages outside their group"));
        };
        let end = at + taken;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        let bytes = self.bytes.get_mut(at..end).unwrap_or_default();
        reader.read_exact(offset, bytes)?;
        for (number, piece) in pieces.zip(bytes.chunks(CHECKED_BYTES)) {
            if group.piece_crc(number) != Some(crate::bits::crc32c(piece)) {
                let offset = group.summary().offset + (number * CHECKED_BYTES) as u64;
                return Err(reader.corrupt(offset, "wrong checksum of pages"));
            }
            if let Some(place) = self.pieces.get_mut(number) {
                *place = at + number * CHECKED_BYTES - begin;
            }
        }
        Ok(end)
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
        let loaded = (&*self.bytes, &*self.pieces);
        let same = pages.iter().map(|page| page.times);
        if self.decoded.is_empty() || !same.clone().eq(self.decoded.iter().copied()) {
            self.decoded.clear();
            self.timestamps.clear();
            for times in same {
                let page = group.timestamps(times).ok_or_else(gone)?;
                let bytes = page_bytes(loaded, page.offset, page.len).ok_or_else(gone)?;
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
        values.clear();
        values.reserve(self.timestamps.len());
        for page in pages {
            self.decode_values(reader, group, *page, values)?;
        }
        Ok(&self.timestamps)
    }

    /// Appends the values of a page that was loaded.
    pub(super) fn decode_values(
        &mut self,
        reader: &BlockReader,
        group: &Group,
        page: PagePlace,
        values: &mut Vec<f64>,
    ) -> Result<(), BlockError> {
        let offset = group.summary().offset;
        let gone = || reader.corrupt(offset, "a page that is not there");
        let samples = group.timestamps(page.times).ok_or_else(gone)?.samples;
        let (at, len) = group.values(page.values).ok_or_else(gone)?;
        let bytes = page_bytes((&self.bytes, &self.pieces), at, len).ok_or_else(gone)?;
        let tables = reader.tables()?;
        let damaged =
            |error| BlockError::decode(reader.path(), offset.saturating_add(u64::from(at)), error);
        self.decoder
            .decode(bytes, samples as usize, tables, values)
            .map_err(damaged)
    }
}

/// The bytes of a page, if all of its pieces are there side by side.
fn page_bytes<'b>(
    (bytes, pieces): (&'b [u8], &[usize]),
    offset: u32,
    len: u32,
) -> Option<&'b [u8]> {
    let (offset, len) = (offset as usize, len as usize);
    let Some(last) = len.checked_sub(1) else {
        return Some(&[]);
    };
    let end = offset.checked_add(last)?;
    let at = |place: usize| {
        let piece = *pieces.get(place / CHECKED_BYTES)?;
        (piece != NOT_THERE).then(|| piece + place % CHECKED_BYTES)
    };
    let (from, to) = (at(offset)?, at(end)?);
    (to.checked_sub(from) == Some(last)).then(|| bytes.get(from..=to))?
}
