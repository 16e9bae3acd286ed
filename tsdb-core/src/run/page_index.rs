//! The page index of a section: which directory page holds which series.

use super::layout::{CRC_BYTES, PAGE_BYTES_MAX};
use super::meta::{RowKey, SectionMeta};
use crate::bits::{ByteReader, DecodeError, check_crc, crc32c, put_i64, put_u32, put_u64};
use crate::model::{SeriesId, ShardId};

/// Two row keys, two times, offset and length.
pub(super) const PAGE_SUMMARY_BYTES: usize = 2 * (4 + 8) + 2 * 8 + 8 + 4;

/// What the index says of one directory page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageSummary {
    pub(super) first: RowKey,
    pub(super) last: RowKey,
    pub(super) min_time: i64,
    pub(super) max_time: i64,
    /// Where the page begins in the file.
    pub(super) offset: u64,
    pub(super) len: u32,
}

impl PageSummary {
    /// Where the page ends in the file.
    pub(super) fn end(&self) -> u64 {
        self.offset.saturating_add(u64::from(self.len))
    }
}

pub(super) fn encode_page_index(pages: &[PageSummary]) -> Vec<u8> {
    let mut out = Vec::with_capacity(pages.len() * PAGE_SUMMARY_BYTES + CRC_BYTES);
    for page in pages {
        for key in [page.first, page.last] {
            put_u32(&mut out, key.shard.0);
            put_u64(&mut out, key.series.0);
        }
        put_i64(&mut out, page.min_time);
        put_i64(&mut out, page.max_time);
        put_u64(&mut out, page.offset);
        put_u32(&mut out, page.len);
    }
    let crc = crc32c(&out);
    put_u32(&mut out, crc);
    out
}

pub(super) fn decode_page_index(
    bytes: &[u8],
    section: &SectionMeta,
) -> Result<Box<[PageSummary]>, DecodeError> {
    let mut reader = ByteReader::new(bytes);
    let body = bytes.len().saturating_sub(CRC_BYTES);
    reader.take(body)?;
    check_crc(&mut reader, bytes, "wrong checksum of a page index")?;
    if body == 0 || !body.is_multiple_of(PAGE_SUMMARY_BYTES) {
        return Err(DecodeError {
            what: "impossible length of a page index",
            offset: 0,
        });
    }
    let mut reader = ByteReader::new(bytes);
    let mut pages: Vec<PageSummary> = Vec::with_capacity(body / PAGE_SUMMARY_BYTES);
    for _ in 0..body / PAGE_SUMMARY_BYTES {
        let begin = reader.position();
        let page = read_summary(&mut reader)?;
        check_page(&page, pages.last(), section).map_err(|what| DecodeError {
            what,
            offset: begin,
        })?;
        pages.push(page);
    }
    Ok(pages.into_boxed_slice())
}

fn read_summary(reader: &mut ByteReader<'_>) -> Result<PageSummary, DecodeError> {
    let key = |reader: &mut ByteReader<'_>| -> Result<RowKey, DecodeError> {
        Ok(RowKey::new(ShardId(reader.u32()?), SeriesId(reader.u64()?)))
    };
    Ok(PageSummary {
        first: key(reader)?,
        last: key(reader)?,
        min_time: reader.i64()?,
        max_time: reader.i64()?,
        offset: reader.u64()?,
        len: reader.u32()?,
    })
}

/// Pages are in order of their rows and of the file; a series may go on in the next page.
fn check_page(
    page: &PageSummary,
    previous: Option<&PageSummary>,
    section: &SectionMeta,
) -> Result<(), &'static str> {
    if page.first > page.last || page.first.shard != page.last.shard {
        return Err("rows of a directory page out of order");
    }
    if previous.is_some_and(|previous| previous.last > page.first || previous.end() > page.offset) {
        return Err("directory pages out of order");
    }
    if page.min_time > page.max_time
        || page.min_time < section.min_time
        || page.max_time > section.max_time
    {
        return Err("times of a directory page outside its section");
    }
    if page.len as usize > PAGE_BYTES_MAX {
        return Err("directory page longer than the format allows");
    }
    if page.offset < section.offset || page.end() > section.index_offset {
        return Err("a directory page outside its section");
    }
    Ok(())
}
