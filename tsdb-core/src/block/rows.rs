//! Reading rows: some of them with few reads, or all of them one after the other.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use super::BlockError;
use super::condense::CondenseSpace;
use super::group::{Group, PagePlace};
use super::histograms::HistogramPart;
use super::pages::GroupPages;
use super::reader::BlockReader;
use crate::model::{Histogram, RowKey, TimeRange};

/// Memory that reading rows needs. Used for one block after the other.
#[derive(Debug, Default)]
pub struct RowSpace {
    pub(super) pages: GroupPages,
    pub(super) values: Vec<f64>,
    pub(super) batch: Batch,
    pub(super) condense: CondenseSpace,
}

/// Rows and the places of their pages.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Each row, and where its places end.
    rows: Vec<(u32, usize)>,
    pub(super) places: Vec<PagePlace>,
}

impl Batch {
    /// Each row that has any pages, and which of the places are its.
    pub(super) fn rows(&self) -> impl Iterator<Item = (u32, Range<usize>)> {
        let mut from = 0;
        self.rows.iter().filter_map(move |&(row, end)| {
            let places = from..end;
            from = end;
            (!places.is_empty()).then_some((row, places))
        })
    }
}

impl RowSpace {
    /// Bytes of memory held.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.pages.heap_bytes()
            + self.values.capacity() * size_of::<f64>()
            + self.batch.rows.capacity() * size_of::<(u32, usize)>()
            + self.batch.places.capacity() * size_of::<PagePlace>()
            + self.condense.heap_bytes()
    }
}

/// The places of about so many pages are gathered before they are read.
const PLACES_MAX: usize = 1 << 14;

impl BlockReader {
    /// Hands over the samples of `rows` (rising, each once) in those of their pages that overlap
    /// `range`: they may reach beyond it by a page at each end. Rows without such pages are left
    /// out. Stops when `visit` breaks.
    ///
    /// # Errors
    /// When a row is not there, the disk fails or something read is damaged.
    pub fn read_rows(
        &self,
        rows: &[u32],
        range: TimeRange,
        visit: impl FnMut(u32, &[i64], &[f64]) -> ControlFlow<()>,
    ) -> Result<(), BlockError> {
        self.read_rows_in(&mut RowSpace::default(), rows, range, visit)
    }

    /// The same, in memory that is used again.
    ///
    /// # Errors
    /// As [`BlockReader::read_rows`].
    pub fn read_rows_in(
        &self,
        space: &mut RowSpace,
        rows: &[u32],
        range: TimeRange,
        mut visit: impl FnMut(u32, &[i64], &[f64]) -> ControlFlow<()>,
    ) -> Result<(), BlockError> {
        let RowSpace {
            pages,
            values,
            batch,
            ..
        } = space;
        self.by_batch(batch, rows, range, |group, batch| {
            pages.start(group);
            pages.want(group, &batch.places);
            pages.load(self, group)?;
            for (row, places) in batch.rows() {
                let places = batch.places.get(places).unwrap_or_default();
                let timestamps = pages.decode(self, group, places, values)?;
                if visit(row, timestamps, values).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    /// Gathers the places of the pages of `rows` (rising, each once) that overlap `range`, about
    /// [`PLACES_MAX`] at a time, of one group each time. Stops when `visit` breaks.
    pub(super) fn by_batch(
        &self,
        batch: &mut Batch,
        rows: &[u32],
        range: TimeRange,
        mut visit: impl FnMut(&Group, &Batch) -> Result<ControlFlow<()>, BlockError>,
    ) -> Result<(), BlockError> {
        if !range.overlaps(self.meta().min_time, self.meta().max_time) {
            return Ok(());
        }
        let mut flow = ControlFlow::Continue(());
        self.by_group(rows.iter().copied(), |summary, group, rows| {
            if !range.overlaps(summary.min_time, summary.max_time) {
                return Ok(());
            }
            let mut rest = rows;
            while flow.is_continue() && !rest.is_empty() {
                rest = self.places(group, rest, range, batch)?;
                flow = visit(group, batch)?;
            }
            Ok(())
        })
    }

    /// Makes `batch` that of the first of `rows`, which are in one group; the rows behind them.
    fn places<'r>(
        &self,
        group: &Group,
        rows: &'r [u32],
        range: TimeRange,
        batch: &mut Batch,
    ) -> Result<&'r [u32], BlockError> {
        let first = group.summary().first_row;
        batch.rows.clear();
        batch.places.clear();
        for (at, &row) in rows.iter().enumerate() {
            if batch.places.len() >= PLACES_MAX {
                return Ok(rows.get(at..).unwrap_or_default());
            }
            group
                .pages((row - first) as usize, range, &mut batch.places)
                .map_err(|error| self.directory_error(group.summary(), error))?;
            batch.rows.push((row, batch.places.len()));
        }
        Ok(&[])
    }
}

/// A pass over a block, standing on one row at a time, in order. Holds one group.
#[derive(Debug)]
pub struct BlockScan {
    reader: Arc<BlockReader>,
    next_group: usize,
    group: Option<Group>,
    row: usize,
    pages: GroupPages,
    places: Vec<PagePlace>,
    histograms: Option<HistogramPart>,
}

impl BlockScan {
    /// Stands on the first row that is not before `key`.
    ///
    /// # Errors
    /// When the disk fails or something read is damaged.
    pub fn new(reader: Arc<BlockReader>, key: RowKey) -> Result<Self, BlockError> {
        let next_group = reader.groups()?.partition_point(|group| group.last < key);
        let mut scan = Self {
            reader,
            next_group,
            group: None,
            row: 0,
            pages: GroupPages::default(),
            places: Vec::new(),
            histograms: None,
        };
        scan.load_group()?;
        while scan.key().is_some_and(|at| at < key) {
            scan.advance()?;
        }
        Ok(scan)
    }

    /// The key of the row it stands on; none behind the last one.
    #[must_use]
    pub fn key(&self) -> Option<RowKey> {
        self.group.as_ref()?.key(self.row)
    }

    /// The number of the row it stands on.
    #[must_use]
    pub fn row(&self) -> u32 {
        let first = self
            .group
            .as_ref()
            .map_or(0, |group| group.summary().first_row);
        first.saturating_add(u32::try_from(self.row).unwrap_or(u32::MAX))
    }

    /// The samples of the row it stands on: timestamps, and values in `values`.
    ///
    /// # Errors
    /// When it stands on none, or the row is damaged.
    pub fn read(&mut self, values: &mut Vec<f64>) -> Result<&[i64], BlockError> {
        let Some(group) = &self.group else {
            return Err(BlockError::refused(
                self.reader.path(),
                "a row behind the last row",
            ));
        };
        self.places.clear();
        group
            .pages(self.row, TimeRange::ALL, &mut self.places)
            .map_err(|error| self.reader.directory_error(group.summary(), error))?;
        self.pages.decode(&self.reader, group, &self.places, values)
    }

    /// The histograms of the row it stands on.
    ///
    /// # Errors
    /// When the disk fails or they are damaged.
    pub fn histograms(&self) -> Result<Vec<(i64, Histogram)>, BlockError> {
        let row = u32::try_from(self.row).unwrap_or(u32::MAX);
        match &self.histograms {
            Some(part) => part.read(&self.reader, row, TimeRange::ALL),
            None => Ok(Vec::new()),
        }
    }

    /// Steps to the next row.
    ///
    /// # Errors
    /// When the disk fails or something read is damaged.
    pub fn advance(&mut self) -> Result<(), BlockError> {
        self.row += 1;
        if self
            .group
            .as_ref()
            .is_some_and(|group| self.row < group.rows())
        {
            return Ok(());
        }
        self.load_group()
    }

    fn load_group(&mut self) -> Result<(), BlockError> {
        self.row = 0;
        self.group = None;
        let Some(&summary) = self.reader.groups()?.get(self.next_group) else {
            return Ok(());
        };
        let group = self.reader.read_group(summary)?;
        self.pages.start(&group);
        self.pages.want_all();
        self.pages.load(&self.reader, &group)?;
        self.histograms = Some(HistogramPart::open(&self.reader, &summary)?);
        self.group = Some(group);
        self.next_group += 1;
        Ok(())
    }
}
