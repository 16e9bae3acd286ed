//! The newest samples of rows, as far as statistics of pages tell them.

use super::BlockError;
use super::group::{Group, PagePlace};
use super::histograms::HistogramPart;
use super::layout::{CHECKED_BYTES, CRC_BYTES};
use super::meta::Span;
use super::reader::BlockReader;
use super::rows::RowSpace;
use crate::bits::{ByteReader, DecodeError, check_crc};
use crate::model::{Sample, TimeRange};
use crate::page::PageStatistics;

/// Statistics of the pages of a group.
#[derive(Debug)]
pub(super) struct GroupStatistics {
    bytes: Vec<u8>,
    span: Span,
    /// Where those of each distinct page are; of a constant page there are none.
    places: Vec<(usize, usize)>,
}

impl GroupStatistics {
    /// Bytes of memory held.
    pub(super) fn heap_bytes(&self) -> usize {
        self.bytes.capacity() + self.places.capacity() * size_of::<(usize, usize)>()
    }

    pub(super) fn read(reader: &BlockReader, group: &Group) -> Result<Self, BlockError> {
        let summary = group.summary();
        let span = Span {
            offset: summary.statistics_offset(),
            len: u64::from(summary.statistics_len),
        };
        let bytes = reader.read_span(span)?;
        let places = places(&bytes, group.values_len())
            .map_err(|error| BlockError::decode(reader.path(), span.offset, error))?;
        Ok(Self {
            bytes,
            span,
            places,
        })
    }

    /// What is said of a distinct page, if it is not constant; `samples` is how many it has, `None`
    /// where no row has the page.
    pub(super) fn of(
        &self,
        reader: &BlockReader,
        page: usize,
        samples: Option<u32>,
    ) -> Result<Option<PageStatistics>, BlockError> {
        let place = self.places.get(page).copied().unwrap_or_default();
        let bytes = self.bytes.get(place.0..place.1).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(None);
        }
        let decoded = || {
            let mut bytes = ByteReader::new(bytes);
            let statistics = PageStatistics::decode(&mut bytes)?;
            match bytes.is_empty() && samples.is_some_and(|samples| statistics.count <= samples) {
                true => Ok(statistics),
                false => Err(bytes.error("statistics of another page")),
            }
        };
        let at = self.span.offset.saturating_add(place.0 as u64);
        let statistics = decoded().map_err(|error| BlockError::decode(reader.path(), at, error))?;
        Ok(Some(statistics))
    }
}

fn places(bytes: &[u8], pages: usize) -> Result<Vec<(usize, usize)>, DecodeError> {
    let mut reader = ByteReader::new(bytes);
    let body = reader.take(bytes.len().saturating_sub(CRC_BYTES))?;
    check_crc(&mut reader, bytes, "wrong checksum of statistics")?;
    let mut reader = ByteReader::new(body);
    let mut places = Vec::with_capacity(pages.min(body.len()));
    for _ in 0..pages {
        let len = usize::try_from(reader.uvarint()?).unwrap_or(usize::MAX);
        let from = reader.position();
        reader.take(len)?;
        places.push((from, reader.position()));
    }
    match reader.is_empty() {
        true => Ok(places),
        false => Err(reader.error("statistics behind those of the last page")),
    }
}

impl BlockReader {
    /// Hands over the newest sample that each of `rows` (rising, each once) has in `range`, stale
    /// markers among them, and `None` for those of which only [`BlockReader::read_rows`] and
    /// [`BlockReader::read_histograms`] tell. Rows without a page in the range are left out.
    ///
    /// # Errors
    /// When a row is not there, the disk fails or something read is damaged.
    pub fn newest(
        &self,
        space: &mut RowSpace,
        rows: &[u32],
        range: TimeRange,
        mut visit: impl FnMut(u32, Option<Sample>),
    ) -> Result<(), BlockError> {
        if !range.overlaps(self.meta().min_time, self.meta().max_time) {
            return Ok(());
        }
        self.by_group(rows.iter().copied(), |summary, group, rows| {
            if !range.overlaps(summary.min_time, summary.max_time) {
                return Ok(());
            }
            // Of few rows their pages are read sooner than the statistics of all.
            let is_worth_it = summary.statistics_len as usize <= rows.len() * CHECKED_BYTES;
            if !is_worth_it || !HistogramPart::open(self, summary)?.is_empty() {
                rows.iter().for_each(|row| visit(*row, None));
                return Ok(());
            }
            self.newest_of_group(space, group, (rows, range), &mut visit)
        })
    }

    fn newest_of_group(
        &self,
        space: &mut RowSpace,
        group: &Group,
        (rows, range): (&[u32], TimeRange),
        visit: &mut impl FnMut(u32, Option<Sample>),
    ) -> Result<(), BlockError> {
        let statistics = GroupStatistics::read(self, group)?;
        let (pages, values) = (&mut space.pages, &mut space.values);
        pages.start(group);
        // Newest samples that only a constant page tells.
        let mut constant: Vec<(u32, i64, PagePlace)> = Vec::new();
        let mut places = Vec::new();
        for &row in rows {
            places.clear();
            let at = row.saturating_sub(group.summary().first_row) as usize;
            group
                .pages(at, range, &mut places)
                .map_err(|error| self.directory_error(group.summary(), error))?;
            let Some(&last) = places.last() else {
                continue;
            };
            let Some(times) = group
                .timestamps(last.times)
                .filter(|page| page.max <= range.max())
            else {
                visit(row, None);
                continue;
            };
            match statistics.of(self, last.values, Some(times.samples))? {
                // Where there are stale markers, one of them may be the last.
                Some(found) if found.count < times.samples => visit(row, None),
                Some(found) => visit(row, Some(Sample::new(times.max, found.last))),
                None => {
                    pages.want_values(group, last.values);
                    constant.push((row, times.max, last));
                }
            }
        }
        pages.load(self, group)?;
        for (row, time, page) in constant {
            values.clear();
            pages.decode_values(self, group, page, values)?;
            visit(row, values.last().map(|value| Sample::new(time, *value)));
        }
        Ok(())
    }
}
