//! The directory of a group of rows: its timestamp pages, columns of them, and rows.

use crate::bits::{ByteReader, DecodeError, check_crc};
use crate::model::{RowKey, SeriesId, TimeRange};
use crate::page::PAGE_SAMPLES_MAX;

use super::group_index::GroupSummary;
use super::layout::{CHECKED_BYTES, CRC_BYTES};

/// The page before, once more.
pub(super) const CODE_AGAIN: u64 = 0;
/// The page before, as many times more as the number behind says.
pub(super) const CODE_AGAIN_TIMES: u64 = 1;
/// A page that stands earlier in the group: so many distinct pages back.
pub(super) const CODE_BACK: u64 = 2;
/// A new page of the length that is left when this is taken off.
pub(super) const CODE_NEW: u64 = 3;

/// A page of timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimestampPage {
    /// Where it begins within the group's pages.
    pub(super) offset: u32,
    pub(super) len: u32,
    pub(super) samples: u32,
    pub(super) min: i64,
    pub(super) max: i64,
}

/// A column of timestamps: runs of timestamp pages.
#[derive(Clone, Copy, Debug)]
struct Column {
    first_run: usize,
    runs: usize,
    pages: usize,
}

/// What is known of a row without reading its pages.
#[derive(Clone, Copy, Debug)]
struct RowPlace {
    series: SeriesId,
    column: usize,
    /// Where its page codes begin in the directory.
    codes: usize,
    /// How many distinct pages the rows before it have.
    distinct: usize,
}

/// A page of a row: which timestamps, and which values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PagePlace {
    /// Number of the timestamp page.
    pub(super) times: usize,
    /// Number among the distinct value pages.
    pub(super) values: usize,
}

/// A decoded directory.
#[derive(Debug)]
pub(super) struct Group {
    summary: GroupSummary,
    bytes: Vec<u8>,
    timestamps: Vec<TimestampPage>,
    columns: Vec<Column>,
    runs: Vec<(usize, usize)>,
    /// Offset within the group's pages and length of each distinct value page.
    values: Vec<(u32, u32)>,
    rows: Vec<RowPlace>,
}

impl Group {
    /// Reads a directory, checked against what the group index says of it.
    pub(super) fn decode(summary: GroupSummary, bytes: Vec<u8>) -> Result<Self, DecodeError> {
        let mut reader = ByteReader::new(&bytes);
        reader.take(bytes.len().saturating_sub(CRC_BYTES))?;
        check_crc(&mut reader, &bytes, "wrong checksum of a directory")?;
        let body = bytes
            .get(..bytes.len().saturating_sub(CRC_BYTES))
            .unwrap_or_default();
        let mut reader = ByteReader::new(body);
        reader.take(summary.pieces().saturating_mul(CRC_BYTES))?;
        let mut group = Self {
            summary,
            bytes: Vec::new(),
            timestamps: Vec::new(),
            columns: Vec::new(),
            runs: Vec::new(),
            values: Vec::new(),
            rows: Vec::new(),
        };
        group.read_timestamps(&mut reader)?;
        group.read_columns(&mut reader)?;
        group.read_rows(&mut reader)?;
        if !reader.is_empty() {
            return Err(reader.error("bytes behind the last row"));
        }
        group.bytes = bytes;
        Ok(group)
    }

    fn read_timestamps(&mut self, reader: &mut ByteReader<'_>) -> Result<(), DecodeError> {
        let (mut offset, mut min) = (0u32, self.summary.min_time);
        for _ in 0..read_count(reader, 4)? {
            let len = read_u32(reader)?;
            let samples = read_u32(reader)?;
            min = min.wrapping_add(reader.ivarint()?);
            let span = reader.uvarint()?;
            let max = min.checked_add_unsigned(span);
            let (Some(max), true) = (max, (1..=PAGE_SAMPLES_MAX as u32).contains(&samples)) else {
                return Err(reader.error("an impossible page of timestamps"));
            };
            if min < self.summary.min_time || max > self.summary.max_time {
                return Err(reader.error("a page of timestamps outside its group"));
            }
            self.timestamps.push(TimestampPage {
                offset,
                len,
                samples,
                min,
                max,
            });
            offset = offset
                .checked_add(len)
                .ok_or_else(|| reader.error("pages of timestamps that are too long"))?;
        }
        if offset != self.summary.timestamps_len {
            return Err(reader.error("pages of timestamps that do not fill their place"));
        }
        Ok(())
    }

    fn read_columns(&mut self, reader: &mut ByteReader<'_>) -> Result<(), DecodeError> {
        let there = self.timestamps.len();
        for _ in 0..read_count(reader, 3)? {
            let (first_run, mut pages, mut end) = (self.runs.len(), 0usize, 0i64);
            let runs = read_count(reader, 2)?;
            for _ in 0..runs {
                let start = end.wrapping_add(reader.ivarint()?);
                let len = i64::from(read_u32(reader)?) + 1;
                end = start.saturating_add(len);
                let (Ok(start), Ok(len)) = (usize::try_from(start), usize::try_from(len)) else {
                    return Err(reader.error("a column of pages that are not there"));
                };
                pages = pages.saturating_add(len);
                if start.saturating_add(len) > there || pages > there {
                    return Err(reader.error("a column of pages that are not there"));
                }
                self.runs.push((start, len));
            }
            if pages == 0 {
                return Err(reader.error("a column without pages"));
            }
            self.columns.push(Column {
                first_run,
                runs,
                pages,
            });
        }
        Ok(())
    }

    fn read_rows(&mut self, reader: &mut ByteReader<'_>) -> Result<(), DecodeError> {
        let mut series = self.summary.first.series.0;
        let (mut column, mut offset) = (0i64, self.summary.timestamps_len);
        for row in 0..self.summary.rows {
            let step = reader.uvarint()?;
            if (step == 0) != (row == 0) {
                return Err(reader.error("rows out of order"));
            }
            series = series
                .checked_add(step)
                .ok_or_else(|| reader.error("rows out of order"))?;
            column = column.wrapping_add(reader.ivarint()?);
            let at = usize::try_from(column).ok();
            let Some((at, pages)) = at.and_then(|at| Some((at, self.columns.get(at)?.pages)))
            else {
                return Err(reader.error("a row of a column that is not there"));
            };
            self.rows.push(RowPlace {
                series: SeriesId(series),
                column: at,
                codes: reader.position(),
                distinct: self.values.len(),
            });
            self.read_codes(reader, pages, &mut offset)?;
        }
        let last = RowKey::new(self.summary.last.shard, SeriesId(series));
        let end = self
            .summary
            .timestamps_len
            .checked_add(self.summary.values_len);
        if last != self.summary.last || Some(offset) != end {
            return Err(reader.error("rows that are not those of their group"));
        }
        Ok(())
    }

    /// Goes through the page codes of a row, noting new pages.
    fn read_codes(
        &mut self,
        reader: &mut ByteReader<'_>,
        pages: usize,
        offset: &mut u32,
    ) -> Result<(), DecodeError> {
        let mut done = 0usize;
        while done < pages {
            let code = reader.uvarint()?;
            let times = match code {
                CODE_AGAIN => 1,
                CODE_AGAIN_TIMES => read_u32(reader)? as usize,
                CODE_BACK => {
                    let back = usize::try_from(reader.uvarint()?).unwrap_or(usize::MAX);
                    if back >= self.values.len() {
                        return Err(reader.error("a page before the first one"));
                    }
                    1
                }
                _ => {
                    let error = reader.error("a page that is too long");
                    let len = u32::try_from(code - CODE_NEW).map_err(|_| error)?;
                    self.values.push((*offset, len));
                    *offset = offset.checked_add(len).ok_or(error)?;
                    1
                }
            };
            if done == 0 && code < CODE_BACK {
                return Err(reader.error("a first page that repeats none"));
            }
            if times == 0 || times > pages - done {
                return Err(reader.error("more pages than the row's column has"));
            }
            done += times;
        }
        Ok(())
    }

    pub(super) fn summary(&self) -> &GroupSummary {
        &self.summary
    }

    /// The checksum of a piece of the group's pages.
    pub(super) fn piece_crc(&self, piece: usize) -> Option<u32> {
        let at = piece.checked_mul(CRC_BYTES)?;
        let bytes = self.bytes.get(at..)?.first_chunk::<CRC_BYTES>()?;
        Some(u32::from_le_bytes(*bytes))
    }

    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn key(&self, row: usize) -> Option<RowKey> {
        let place = self.rows.get(row)?;
        Some(RowKey::new(self.summary.first.shard, place.series))
    }

    /// The row of a series.
    pub(super) fn find(&self, series: SeriesId) -> Option<usize> {
        self.rows
            .binary_search_by_key(&series, |row| row.series)
            .ok()
    }

    /// Appends the pages of a row that overlap `range`, in order of time.
    pub(super) fn pages(
        &self,
        row: usize,
        range: TimeRange,
        pages: &mut Vec<PagePlace>,
    ) -> Result<(), DecodeError> {
        let Some(place) = self.rows.get(row) else {
            return Err(error_at(0, "a row that is not there"));
        };
        let Some(column) = self.columns.get(place.column) else {
            return Err(error_at(place.codes, "a row of a column that is not there"));
        };
        let body = self.bytes.len().saturating_sub(CRC_BYTES);
        let mut reader = ByteReader::new(self.bytes.get(..body).unwrap_or_default());
        reader.take(place.codes)?;
        let runs = self.runs.iter().skip(column.first_run).take(column.runs);
        let mut times = runs.flat_map(|&(start, len)| start..start + len);
        let (mut distinct, mut current, mut last) = (place.distinct, None, None);
        let mut done = 0;
        while done < column.pages {
            let code = reader.uvarint()?;
            let count = match code {
                CODE_AGAIN => 1,
                CODE_AGAIN_TIMES => read_u32(&mut reader)? as usize,
                CODE_BACK => {
                    let back = usize::try_from(reader.uvarint()?).unwrap_or(usize::MAX);
                    current = distinct.checked_sub(1).and_then(|at| at.checked_sub(back));
                    1
                }
                _ => {
                    current = Some(distinct);
                    distinct += 1;
                    1
                }
            };
            for _ in 0..count {
                let (Some(times), Some(values)) = (times.next(), current) else {
                    return Err(reader.error("more pages than the row's column has"));
                };
                let Some(page) = self.timestamps.get(times) else {
                    return Err(reader.error("a column of pages that are not there"));
                };
                if last.is_some_and(|last| last >= page.min) {
                    return Err(reader.error("pages of a row out of order"));
                }
                last = Some(page.max);
                if range.overlaps(page.min, page.max) {
                    pages.push(PagePlace { times, values });
                }
            }
            done += count;
        }
        Ok(())
    }

    pub(super) fn timestamps(&self, number: usize) -> Option<&TimestampPage> {
        self.timestamps.get(number)
    }

    /// Offset within the group's pages, and length, of a distinct value page.
    pub(super) fn values(&self, number: usize) -> Option<(u32, u32)> {
        self.values.get(number).copied()
    }

    pub(super) fn values_len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
            + self.timestamps.capacity() * size_of::<TimestampPage>()
            + self.columns.capacity() * size_of::<Column>()
            + self.runs.capacity() * size_of::<(usize, usize)>()
            + self.values.capacity() * size_of::<(u32, u32)>()
            + self.rows.capacity() * size_of::<RowPlace>()
    }
}

/// Of how many pieces pages of this length consist.
pub(super) fn pieces(len: u64) -> usize {
    usize::try_from(len.div_ceil(CHECKED_BYTES as u64)).unwrap_or(usize::MAX)
}

fn error_at(offset: usize, what: &'static str) -> DecodeError {
    DecodeError { what, offset }
}

fn read_u32(reader: &mut ByteReader<'_>) -> Result<u32, DecodeError> {
    let error = reader.error("a number past 32 bits");
    u32::try_from(reader.uvarint()?).map_err(|_| error)
}

/// The number of entries that come next, each of at least `entry_bytes`: never more than the
/// bytes left can hold.
fn read_count(reader: &mut ByteReader<'_>, entry_bytes: usize) -> Result<usize, DecodeError> {
    let count = reader.uvarint()?;
    match usize::try_from(count) {
        Ok(count) if count <= reader.remaining() / entry_bytes => Ok(count),
        _ => Err(reader.error("more entries than the directory has bytes for")),
    }
}
