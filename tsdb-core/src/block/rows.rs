//! Reading rows: some of them with few reads, or all of them one after the other.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::BlockError;
use super::group::{Group, PagePlace};
use super::histograms::HistogramPart;
use super::pages::GroupPages;
use super::reader::BlockReader;
use crate::model::{Histogram, RowKey, TimeRange};

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
        mut visit: impl FnMut(u32, &[i64], &[f64]) -> ControlFlow<()>,
    ) -> Result<(), BlockError> {
        if !range.overlaps(self.meta().min_time, self.meta().max_time) {
            return Ok(());
        }
        let mut pages = GroupPages::default();
        let mut values = Vec::new();
        let mut flow = ControlFlow::Continue(());
        self.by_group(rows.iter().copied(), |summary, group, rows| {
            if flow.is_break() || !range.overlaps(summary.min_time, summary.max_time) {
                return Ok(());
            }
            pages.start(group);
            let mut rest = rows;
            while let Some((batch, later)) = self.places(group, rest, range)? {
                for (_, found) in &batch {
                    pages.want(group, found);
                }
                pages.load(self, group)?;
                for (row, found) in batch.iter().filter(|(_, found)| !found.is_empty()) {
                    let timestamps = pages.decode(self, group, found, &mut values)?;
                    flow = visit(*row, timestamps, &values);
                    if flow.is_break() {
                        return Ok(());
                    }
                }
                rest = later;
            }
            Ok(())
        })
    }

    /// The places of the pages of the first ones of `rows`, which are in one group, and the rows
    /// behind them; none if there are no rows.
    fn places<'r>(
        &self,
        group: &Group,
        rows: &'r [u32],
        range: TimeRange,
    ) -> Result<Option<Batch<'r>>, BlockError> {
        let first = group.summary().first_row;
        let (mut batch, mut places) = (Vec::new(), 0);
        for (at, &row) in rows.iter().enumerate() {
            if places >= PLACES_MAX {
                return Ok(rows.get(at..).map(|later| (batch, later)));
            }
            let mut found = Vec::new();
            group
                .pages((row - first) as usize, range, &mut found)
                .map_err(|error| self.directory_error(group.summary(), error))?;
            places += found.len();
            batch.push((row, found));
        }
        Ok((!batch.is_empty()).then_some((batch, &[])))
    }
}

/// Rows with the places of their pages, and the rows that come later.
type Batch<'r> = (Vec<(u32, Vec<PagePlace>)>, &'r [u32]);

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
