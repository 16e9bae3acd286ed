//! A directory page: what the chunks of one span of a section are, and where.

use super::layout::{CHUNK_BYTES_MAX, CRC_BYTES, PAGE_BYTES_HARD, PAGE_BYTES_MAX, check_crc};
use super::meta::{ChunkMeta, ChunkRef, RowKey, SectionMeta};
use super::page_index::PageSummary;
use crate::bits::{
    ByteReader, DecodeError, crc32c, put_ivarint, put_u16, put_u32, put_u64, put_uvarint,
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
pub(super) fn decode_page(
    bytes: &[u8],
    page: &PageSummary,
    section: &SectionMeta,
) -> Result<Vec<ChunkRef>, DecodeError> {
    let mut reader = ByteReader::new(bytes);
    reader.take(bytes.len().saturating_sub(CRC_BYTES))?;
    check_crc(&mut reader, bytes, "wrong checksum of a directory page")?;
    let body = bytes.get(..bytes.len() - CRC_BYTES).unwrap_or_default();
    let mut reader = ByteReader::new(body);
    let mut offset = reader.u64()?;
    let shard = reader.u32()?;
    let series = reader.u64()?;
    if (shard, series) != (page.first.shard.0, page.first.series.0) {
        return Err(reader.error("a directory page begins with another series than its index says"));
    }
    let count = usize::from(reader.u16()?);
    if count == 0 || count > reader.remaining() / ENTRY_BYTES_MIN {
        return Err(reader.error("impossible number of entries in a directory page"));
    }
    if offset < section.offset {
        return Err(reader.error("a directory page names chunks outside its section"));
    }
    let mut chunks: Vec<ChunkRef> = Vec::with_capacity(count);
    for _ in 0..count {
        let previous = chunks.last();
        let chunk = read_entry(&mut reader, page.first, previous, section, offset)?;
        offset = chunk.offset + u64::from(chunk.len) + CRC_BYTES as u64;
        if offset > section.index_offset {
            return Err(reader.error("a chunk outside its section"));
        }
        chunks.push(chunk);
    }
    if !reader.is_empty() {
        return Err(reader.error("bytes behind the last entry of a directory page"));
    }
    if chunks.last().map(|chunk| chunk.key) != Some(page.last) {
        return Err(reader.error("a directory page ends with another series than its index says"));
    }
    Ok(chunks)
}

fn read_entry(
    reader: &mut ByteReader<'_>,
    first: RowKey,
    previous: Option<&ChunkRef>,
    section: &SectionMeta,
    offset: u64,
) -> Result<ChunkRef, DecodeError> {
    let window = section.window;
    let last = previous.map_or(first, |chunk| chunk.key);
    let step = reader.uvarint()?;
    let series = last.series.0.checked_add(step);
    let series = series.ok_or_else(|| reader.error("series id past 2^64"))?;
    let encoding = reader.u8()?;
    let encoding = Encoding::from_byte(encoding, reader.position() - 1)?;
    let min_time = window.start.wrapping_add(reader.uvarint()?.cast_signed());
    let max_time = min_time.wrapping_add(reader.uvarint()?.cast_signed());
    if min_time > max_time || min_time < window.start || max_time > window.last {
        return Err(reader.error("times of a chunk outside its window"));
    }
    let follows = |previous: &ChunkRef| step > 0 || min_time > previous.meta.max_time;
    if !previous.is_none_or(follows) || (previous.is_none() && step > 0) {
        return Err(reader.error("chunks out of order"));
    }
    let count = u16::try_from(reader.uvarint()?).unwrap_or(0);
    if count == 0 {
        return Err(reader.error("impossible number of samples in a chunk"));
    }
    let len = reader.uvarint()?;
    if len > CHUNK_BYTES_MAX as u64 {
        return Err(reader.error("chunk longer than the format allows"));
    }
    let epoch_before = previous.map_or(0, |chunk| chunk.meta.epoch);
    let epoch = epoch_before.wrapping_add(reader.ivarint()?.cast_unsigned());
    Ok(ChunkRef {
        key: RowKey::new(first.shard, SeriesId(series)),
        meta: ChunkMeta {
            encoding,
            min_time,
            max_time,
            count,
            epoch,
        },
        offset,
        len: u32::try_from(len).unwrap_or(u32::MAX),
    })
}

const _: () = assert!(
    PAGE_HEADER_BYTES + PAGE_BYTES_HARD + ENTRY_BYTES_MAX + CRC_BYTES <= PAGE_BYTES_MAX
        && PAGE_BYTES_HARD / ENTRY_BYTES_MIN < u16::MAX as usize,
    "what the writer closes must fit what the reader takes"
);
