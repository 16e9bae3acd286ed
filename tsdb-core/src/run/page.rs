//! A directory page: what the chunks of one span of a section are, and where.

use super::layout::{CHUNK_BYTES_MAX, CRC_BYTES, PAGE_BYTES_HARD, PAGE_BYTES_MAX};
use super::meta::{ChunkMeta, ChunkRef, RowKey, SectionMeta};
use super::page_index::PageSummary;
use crate::bits::{
    ByteReader, DecodeError, check_crc, crc32c, put_ivarint, put_u16, put_u32, put_u64, put_uvarint,
};
use crate::chunk::Encoding;
use crate::model::SeriesId;

/// Chunk offset, shard, first series, entry count.
const PAGE_HEADER_BYTES: usize = 8 + 4 + 8 + 2;
/// No entry is shorter: six one-byte varints and the encoding.
const ENTRY_BYTES_MIN: usize = 7;
/// No entry is longer: six varints of which the count takes 3 and the length 4 bytes.
const ENTRY_BYTES_MAX: usize = 10 + 1 + 10 + 10 + 3 + 4 + 10;

/// Gathers the entries of one page. All belong to one shard, and their chunks lie together.
#[derive(Debug)]
pub(super) struct PageBuilder {
    entries: Vec<u8>,
    count: u16,
    first: RowKey,
    last: RowKey,
    epoch: u64,
    min_time: i64,
    max_time: i64,
    data_offset: u64,
    data_len: usize,
}

impl PageBuilder {
    /// A page whose first chunk is of `key` and stands at `data_offset`.
    pub(super) fn new(key: RowKey, data_offset: u64) -> Self {
        Self {
            entries: Vec::new(),
            count: 0,
            first: key,
            last: key,
            epoch: 0,
            min_time: i64::MAX,
            max_time: i64::MIN,
            data_offset,
            data_len: 0,
        }
    }

    pub(super) fn last(&self) -> RowKey {
        self.last
    }

    /// Bytes of the entries so far.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes of the chunks so far, checksums included.
    pub(super) fn data_len(&self) -> usize {
        self.data_len
    }

    /// Adds the chunk that follows the last one in the file.
    pub(super) fn push(&mut self, key: RowKey, meta: &ChunkMeta, len: usize, window_start: i64) {
        let out = &mut self.entries;
        put_uvarint(out, key.series.0 - self.last.series.0);
        out.push(meta.encoding.byte());
        put_uvarint(
            out,
            meta.min_time.wrapping_sub(window_start).cast_unsigned(),
        );
        put_uvarint(
            out,
            meta.max_time.wrapping_sub(meta.min_time).cast_unsigned(),
        );
        put_uvarint(out, u64::from(meta.count));
        put_uvarint(out, len as u64);
        put_ivarint(out, meta.epoch.wrapping_sub(self.epoch).cast_signed());
        self.count += 1;
        self.last = key;
        self.epoch = meta.epoch;
        self.min_time = self.min_time.min(meta.min_time);
        self.max_time = self.max_time.max(meta.max_time);
        self.data_len += len + CRC_BYTES;
    }

    /// Appends the page to `out`; its summary says offset 0.
    pub(super) fn finish(self, out: &mut Vec<u8>) -> PageSummary {
        let begin = out.len();
        put_u64(out, self.data_offset);
        put_u32(out, self.first.shard.0);
        put_u64(out, self.first.series.0);
        put_u16(out, self.count);
        out.extend_from_slice(&self.entries);
        let crc = crc32c(out.get(begin..).unwrap_or_default());
        put_u32(out, crc);
        PageSummary {
            first: self.first,
            last: self.last,
            min_time: self.min_time,
            max_time: self.max_time,
            offset: 0,
            len: u32::try_from(out.len() - begin).unwrap_or(u32::MAX),
        }
    }
}

/// The chunks of a page in order, checked against what index and footer say of it.
#[derive(Debug)]
pub(super) struct PageEntries<'a> {
    reader: ByteReader<'a>,
    section: &'a SectionMeta,
    last: RowKey,
    left: u16,
    /// What the next entry is told apart from.
    key: RowKey,
    epoch: u64,
    max_time: Option<i64>,
    offset: u64,
}

impl<'a> PageEntries<'a> {
    /// Starts at the first entry of a page whose bytes are `bytes`.
    pub(super) fn new(
        bytes: &'a [u8],
        page: &PageSummary,
        section: &'a SectionMeta,
    ) -> Result<Self, DecodeError> {
        let mut reader = ByteReader::new(bytes);
        reader.take(bytes.len().saturating_sub(CRC_BYTES))?;
        check_crc(&mut reader, bytes, "wrong checksum of a directory page")?;
        let body = bytes.get(..bytes.len() - CRC_BYTES).unwrap_or_default();
        let mut reader = ByteReader::new(body);
        let offset = reader.u64()?;
        let (shard, series) = (reader.u32()?, reader.u64()?);
        if (shard, series) != (page.first.shard.0, page.first.series.0) {
            return Err(
                reader.error("a directory page begins with another series than its index says")
            );
        }
        let left = reader.u16()?;
        if left == 0 || usize::from(left) > reader.remaining() / ENTRY_BYTES_MIN {
            return Err(reader.error("impossible number of entries in a directory page"));
        }
        if offset < section.offset {
            return Err(reader.error("a directory page names chunks outside its section"));
        }
        let (key, last) = (page.first, page.last);
        Ok(Self {
            reader,
            section,
            last,
            left,
            key,
            epoch: 0,
            max_time: None,
            offset,
        })
    }

    /// The next chunk; none behind the last one.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<ChunkRef>, DecodeError> {
        if self.left == 0 {
            return self.check_end().map(|()| None);
        }
        self.left -= 1;
        let step = self.reader.uvarint()?;
        let encoding = self.reader.u8()?;
        let from_start = self.reader.uvarint()?;
        let duration = self.reader.uvarint()?;
        let count = self.reader.uvarint()?;
        let len = self.reader.uvarint()?;
        let epoch = self.reader.ivarint()?.cast_unsigned();

        let encoding = Encoding::from_byte(encoding, self.reader.position())?;
        let window = self.section.window;
        let min_time = window.start.wrapping_add(from_start.cast_signed());
        let max_time = min_time.wrapping_add(duration.cast_signed());
        if min_time > max_time || min_time < window.start || max_time > window.last {
            return Err(self.reader.error("times of a chunk outside its window"));
        }
        let in_order = match self.max_time {
            Some(before) => step > 0 || min_time > before,
            None => step == 0,
        };
        let series = self.key.series.0.checked_add(step).filter(|_| in_order);
        let Some(series) = series else {
            return Err(self.reader.error("chunks out of order"));
        };
        let count = u16::try_from(count).unwrap_or(0);
        if count == 0 {
            return Err(self.reader.error("impossible number of samples in a chunk"));
        }
        let Some(len) = u32::try_from(len)
            .ok()
            .filter(|len| *len as usize <= CHUNK_BYTES_MAX)
        else {
            return Err(self.reader.error("chunk longer than the format allows"));
        };
        let offset = self.offset;
        let end = offset.saturating_add(u64::from(len) + CRC_BYTES as u64);
        if end > self.section.index_offset {
            return Err(self.reader.error("a chunk outside its section"));
        }
        self.key = RowKey::new(self.key.shard, SeriesId(series));
        self.epoch = self.epoch.wrapping_add(epoch);
        self.max_time = Some(max_time);
        self.offset = end;
        let meta = ChunkMeta {
            encoding,
            min_time,
            max_time,
            count,
            epoch: self.epoch,
        };
        Ok(Some(ChunkRef {
            key: self.key,
            meta,
            offset,
            len,
        }))
    }

    fn check_end(&self) -> Result<(), DecodeError> {
        if !self.reader.is_empty() {
            return Err(self
                .reader
                .error("bytes behind the last entry of a directory page"));
        }
        if self.key != self.last {
            return Err(self
                .reader
                .error("a directory page ends with another series than its index says"));
        }
        Ok(())
    }
}

const _: () = assert!(
    PAGE_HEADER_BYTES + PAGE_BYTES_HARD + ENTRY_BYTES_MAX + CRC_BYTES <= PAGE_BYTES_MAX
        && PAGE_BYTES_HARD / ENTRY_BYTES_MIN < u16::MAX as usize,
    "what the writer closes must fit what the reader takes"
);
