//! The index of groups: one entry each, read whole at the first need.

use super::group::pieces;
use super::layout::{CRC_BYTES, GROUP_ROWS_MAX, HEADER_BYTES};
use super::meta::{BlockMeta, Footer};
use crate::bits::{ByteReader, DecodeError, check_crc, crc32c, put_i64, put_u32, put_u64};
use crate::model::{RowKey, SeriesId, ShardId};

const GROUP_BYTES: usize = 4 + 2 * 8 + 2 * 4 + 2 * 8 + 8 + 4 * 4;

/// What the index of groups says of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GroupSummary {
    pub(super) first: RowKey,
    pub(super) last: RowKey,
    /// Number of its first row in the block.
    pub(super) first_row: u32,
    pub(super) rows: u32,
    pub(super) min_time: i64,
    pub(super) max_time: i64,
    /// Where its timestamp pages begin in the file; value pages, statistics and directory follow.
    pub(super) offset: u64,
    pub(super) timestamps_len: u32,
    pub(super) values_len: u32,
    pub(super) statistics_len: u32,
    pub(super) directory_len: u32,
    /// Bytes of histograms behind the directory: what is left up to the next group.
    pub(super) histograms_len: u64,
}

impl GroupSummary {
    /// Bytes of timestamp and value pages.
    pub(super) fn pages_len(&self) -> u64 {
        u64::from(self.timestamps_len) + u64::from(self.values_len)
    }

    pub(super) fn pieces(&self) -> usize {
        pieces(self.pages_len())
    }

    pub(super) fn statistics_offset(&self) -> u64 {
        self.offset.saturating_add(self.pages_len())
    }

    pub(super) fn directory_offset(&self) -> u64 {
        self.statistics_offset()
            .saturating_add(u64::from(self.statistics_len))
    }

    pub(super) fn end(&self) -> u64 {
        self.directory_offset()
            .saturating_add(u64::from(self.directory_len))
    }

    pub(super) fn end_row(&self) -> u32 {
        self.first_row.saturating_add(self.rows)
    }
}

pub(super) fn encode_group_index(groups: &[GroupSummary]) -> Vec<u8> {
    let mut out = Vec::with_capacity(groups.len() * GROUP_BYTES + CRC_BYTES);
    for group in groups {
        put_u32(&mut out, group.first.shard.0);
        put_u64(&mut out, group.first.series.0);
        put_u64(&mut out, group.last.series.0);
        put_u32(&mut out, group.first_row);
        put_u32(&mut out, group.rows);
        put_i64(&mut out, group.min_time);
        put_i64(&mut out, group.max_time);
        put_u64(&mut out, group.offset);
        put_u32(&mut out, group.timestamps_len);
        put_u32(&mut out, group.values_len);
        put_u32(&mut out, group.statistics_len);
        put_u32(&mut out, group.directory_len);
    }
    let crc = crc32c(&out);
    put_u32(&mut out, crc);
    out
}

/// Reads the index of groups of the block that `footer` describes.
pub(super) fn decode_group_index(
    bytes: &[u8],
    footer: &Footer,
) -> Result<Box<[GroupSummary]>, DecodeError> {
    let meta = &footer.meta;
    let body = bytes.len().saturating_sub(CRC_BYTES);
    let mut reader = ByteReader::new(bytes);
    reader.take(body)?;
    check_crc(&mut reader, bytes, "wrong checksum of the index of groups")?;
    if body == 0 || !body.is_multiple_of(GROUP_BYTES) {
        return Err(reader.error("an index of groups of an impossible length"));
    }
    let mut reader = ByteReader::new(bytes.get(..body).unwrap_or_default());
    let mut groups: Vec<GroupSummary> = Vec::with_capacity(body / GROUP_BYTES);
    while !reader.is_empty() {
        let offset = reader.position();
        let group = read_group(&mut reader)?;
        check_group(&group, groups.last(), footer).map_err(|what| DecodeError { what, offset })?;
        end_group(groups.last_mut(), group.offset, meta)
            .map_err(|what| DecodeError { what, offset })?;
        groups.push(group);
    }
    let ended = end_group(groups.last_mut(), footer.tables.offset, meta);
    if ended.is_err() || groups.last().map(GroupSummary::end_row) != Some(meta.rows) {
        return Err(reader.error("groups that are not all of the block"));
    }
    Ok(groups.into_boxed_slice())
}

fn read_group(reader: &mut ByteReader<'_>) -> Result<GroupSummary, DecodeError> {
    let shard = ShardId(reader.u32()?);
    Ok(GroupSummary {
        first: RowKey::new(shard, SeriesId(reader.u64()?)),
        last: RowKey::new(shard, SeriesId(reader.u64()?)),
        first_row: reader.u32()?,
        rows: reader.u32()?,
        min_time: reader.i64()?,
        max_time: reader.i64()?,
        offset: reader.u64()?,
        timestamps_len: reader.u32()?,
        values_len: reader.u32()?,
        statistics_len: reader.u32()?,
        directory_len: reader.u32()?,
        histograms_len: 0,
    })
}

/// What lies between a group and the next one, or its end, are its histograms.
fn end_group(
    group: Option<&mut GroupSummary>,
    end: u64,
    meta: &BlockMeta,
) -> Result<(), &'static str> {
    let Some(group) = group else {
        return Ok(());
    };
    match end.checked_sub(group.end()) {
        Some(len) if len == 0 || meta.histograms => group.histograms_len = len,
        _ => return Err("a group that does not begin where the one before ends"),
    }
    Ok(())
}

/// Groups follow each other in order of rows and of the file.
fn check_group(
    group: &GroupSummary,
    previous: Option<&GroupSummary>,
    footer: &Footer,
) -> Result<(), &'static str> {
    let meta = &footer.meta;
    let begins = previous.is_some() || group.offset == HEADER_BYTES as u64;
    let row = previous.map_or(0, GroupSummary::end_row);
    if group.first > group.last || previous.is_some_and(|previous| previous.last >= group.first) {
        return Err("groups out of order");
    }
    if group.rows == 0 || group.first_row != row || !begins {
        return Err("a group that does not begin where the one before ends");
    }
    if group.rows as usize > GROUP_ROWS_MAX {
        return Err("more rows than a group may have");
    }
    if group.end() > footer.tables.offset {
        return Err("a group behind the pages");
    }
    if group.min_time > group.max_time
        || group.min_time < meta.min_time
        || group.max_time > meta.max_time
    {
        return Err("times of a group outside its block");
    }
    if group.timestamps_len.checked_add(group.values_len).is_none() {
        return Err("a group that is too long");
    }
    Ok(())
}
