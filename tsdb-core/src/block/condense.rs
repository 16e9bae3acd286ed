//! Rows of which statistics stand for whole pages, where that is enough.

use std::ops::ControlFlow;

use super::BlockError;
use super::group::{Group, PagePlace};
use super::newest::GroupStatistics;
use super::reader::BlockReader;
use super::rows::RowSpace;
use crate::model::{BlockId, Pushdown, TimeRange, is_stale};
use crate::page::PageStatistics;

/// Statistics of a group are read for at least one page in so many of their bytes: sooner than they
/// are, that page is decoded.
const STATISTICS_BYTES_A_PAGE: usize = 2048;

/// Statistics of the group that was read last, of each block that was read: a scan comes back to it
/// with its next series.
#[derive(Debug, Default)]
pub(super) struct KeptStatistics(Vec<(BlockId, u64, GroupStatistics)>);

impl KeptStatistics {
    pub(super) fn heap_bytes(&self) -> usize {
        let statistics = self.0.iter().map(|(_, _, one)| one.heap_bytes());
        self.0.capacity() * size_of::<(BlockId, u64, GroupStatistics)>() + statistics.sum::<usize>()
    }

    /// Those of a group, unless they would be read for fewer than so many pages.
    fn of(
        &mut self,
        reader: &BlockReader,
        group: &Group,
        pages: usize,
    ) -> Result<Option<&GroupStatistics>, BlockError> {
        let (block, offset) = (reader.meta().header.id, group.summary().offset);
        let known = self.0.iter().position(|(known, _, _)| *known == block);
        let place = match known {
            Some(place) if self.0.get(place).is_some_and(|kept| kept.1 == offset) => place,
            _ => {
                let len = group.summary().statistics_len as usize;
                if len > pages.saturating_mul(STATISTICS_BYTES_A_PAGE) {
                    return Ok(None);
                }
                let read = (block, offset, GroupStatistics::read(reader, group)?);
                match known.and_then(|place| self.0.get_mut(place)) {
                    Some(kept) => *kept = read,
                    None => self.0.push(read),
                }
                known.unwrap_or(self.0.len() - 1)
            }
        };
        Ok(self.0.get(place).map(|(_, _, statistics)| statistics))
    }
}

/// What stands for a page.
#[derive(Clone, Copy, Debug)]
enum Told {
    /// All of its samples.
    Samples,
    /// Its only value, which the page says: it is constant, and has no statistics.
    Constant,
    /// A sample at its end.
    One(f64),
    /// The first and the last one.
    Two(f64, f64),
}

impl Told {
    /// How many samples stand for those of a page.
    fn kept(self) -> u64 {
        match self {
            Self::Samples | Self::Constant => 0,
            Self::One(_) => 1,
            Self::Two(..) => 2,
        }
    }

    /// Appends the samples that stand for those of a page.
    fn stand_in(self, (min, max): (i64, i64), timestamps: &mut Vec<i64>, values: &mut Vec<f64>) {
        if let Self::Two(first, _) = self {
            timestamps.push(min);
            values.push(first);
        }
        if let Self::One(last) | Self::Two(_, last) = self {
            timestamps.push(max);
            values.push(last);
        }
    }
}

/// What statistics tell of a page of so many samples, as far as is asked.
fn told(statistics: &PageStatistics, samples: u32, pushdown: Pushdown) -> Told {
    let PageStatistics { first, last, .. } = *statistics;
    match pushdown {
        Pushdown::None => Told::Samples,
        // Which samples are stale markers only the page says.
        _ if statistics.count < samples => Told::Samples,
        Pushdown::Least => Told::One(statistics.min),
        Pushdown::Greatest => Told::One(statistics.max),
        // With NaN between them the last may be less than the first though none fell.
        Pushdown::Falls if statistics.resets > 0 || last < first => Told::Samples,
        Pushdown::Ends | Pushdown::Falls if samples == 1 => Told::One(last),
        Pushdown::Ends | Pushdown::Falls => Told::Two(first, last),
    }
}

/// What a constant page has no statistics to tell.
fn of_constant(value: f64, samples: u32) -> PageStatistics {
    PageStatistics {
        count: if is_stale(value) { 0 } else { samples },
        min: value,
        max: value,
        first: value,
        last: value,
        ..PageStatistics::of(&[])
    }
}

/// Memory for rows that are condensed.
#[derive(Debug, Default)]
pub(super) struct CondenseSpace {
    statistics: KeptStatistics,
    told: Vec<Told>,
    timestamps: Vec<i64>,
    values: Vec<f64>,
}

impl CondenseSpace {
    pub(super) fn heap_bytes(&self) -> usize {
        self.statistics.heap_bytes()
            + self.told.capacity() * size_of::<Told>()
            + self.timestamps.capacity() * size_of::<i64>()
            + self.values.capacity() * size_of::<f64>()
    }

    /// Looks what stands for each of `places`: of those inside the range what statistics say.
    fn tell(
        &mut self,
        reader: &BlockReader,
        group: &Group,
        places: &[PagePlace],
        (range, pushdown): (TimeRange, Pushdown),
    ) -> Result<(), BlockError> {
        let inside = |place: &PagePlace| {
            let times = group.timestamps(place.times);
            times.filter(|page| range.min() <= page.min && page.max <= range.max())
        };
        let pages = places.iter().filter_map(inside).count();
        let statistics = self.statistics.of(reader, group, pages)?;
        self.told.clear();
        for place in places {
            let (Some(statistics), Some(page)) = (statistics, inside(place)) else {
                self.told.push(Told::Samples);
                continue;
            };
            let found = statistics.of(reader, place.values, Some(page.samples))?;
            self.told.push(match found {
                Some(found) => told(&found, page.samples, pushdown),
                None => Told::Constant,
            });
        }
        Ok(())
    }
}

/// A row and the samples that stand for it.
#[derive(Clone, Copy, Debug)]
pub struct CondensedRow<'r> {
    /// Its number.
    pub row: u32,
    /// Times of samples, in milliseconds. They may reach beyond the range by a page at each end.
    pub timestamps: &'r [i64],
    /// Their values.
    pub values: &'r [f64],
    /// How many samples inside of the range were left out.
    pub left_out: u64,
}

impl BlockReader {
    /// Hands over of each of `rows` (rising, each once) samples that say as much of those in `range`
    /// as `pushdown` asks for. Rows without pages in the range are left out.
    ///
    /// # Errors
    /// As [`BlockReader::read_rows`].
    pub fn read_condensed(
        &self,
        space: &mut RowSpace,
        rows: &[u32],
        (range, pushdown): (TimeRange, Pushdown),
        mut visit: impl FnMut(CondensedRow<'_>),
    ) -> Result<(), BlockError> {
        let RowSpace {
            pages,
            values: page,
            batch,
            condense,
        } = space;
        self.by_batch(batch, rows, range, |group, batch| {
            condense.tell(self, group, &batch.places, (range, pushdown))?;
            pages.start(group);
            for (place, told) in batch.places.iter().zip(&condense.told) {
                if matches!(told, Told::Samples | Told::Constant) {
                    pages.want(group, std::slice::from_ref(place));
                }
            }
            pages.load(self, group)?;
            let (timestamps, values) = (&mut condense.timestamps, &mut condense.values);
            for (row, mut places) in batch.rows() {
                timestamps.clear();
                values.clear();
                let mut left_out = 0;
                let of_row = condense.told.get(places.clone()).unwrap_or_default();
                // Pages side by side are decoded at once: the next row may share their times.
                for run in of_row.chunk_by(|a, b| matches!((a, b), (Told::Samples, Told::Samples)))
                {
                    let of_run = places.start..places.start + run.len();
                    places.start = of_run.end;
                    let of_run = batch.places.get(of_run).unwrap_or_default();
                    let (Some(first), [of_first, ..]) = (of_run.first(), run) else {
                        continue;
                    };
                    let mut stands = *of_first;
                    let times = group.timestamps(first.times);
                    if let (Told::Constant, Some(times)) = (stands, times) {
                        page.clear();
                        pages.decode_values(self, group, *first, page)?;
                        let value = page.last().copied().unwrap_or_default();
                        stands = told(&of_constant(value, times.samples), times.samples, pushdown);
                    }
                    match times {
                        Some(times) if !matches!(stands, Told::Samples) => {
                            stands.stand_in((times.min, times.max), timestamps, values);
                            left_out += u64::from(times.samples) - stands.kept();
                        }
                        _ => {
                            timestamps.extend_from_slice(pages.decode(self, group, of_run, page)?);
                            values.extend_from_slice(page);
                        }
                    }
                }
                visit(CondensedRow {
                    row,
                    timestamps,
                    values,
                    left_out,
                });
            }
            Ok(ControlFlow::Continue(()))
        })
    }
}
