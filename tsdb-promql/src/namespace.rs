//! A namespace of an embedded database as a source of series.

use tsdb_core::{
    Labels, MergedSamples, Namespace, ScanOptions, SelectLimits, SeriesScan, TimeRange,
};

use crate::queryable::{Queryable, Selection, SeriesSamples, SeriesStream, SourceError};

/// Series of a namespace, in any order.
#[derive(Debug)]
pub struct NamespaceStream {
    scan: Option<SeriesScan>,
    is_grouped: bool,
    columns: MergedSamples,
}

impl NamespaceStream {
    /// The series that match, within limits.
    ///
    /// # Errors
    /// When more series match than the limits allow, or the database cannot be read.
    pub fn new(
        namespace: &Namespace,
        selection: &Selection<'_>,
        limits: SelectLimits,
    ) -> Result<Self, tsdb_core::Error> {
        let options = ScanOptions {
            limits,
            sorted: false,
            grouping: selection.grouping.cloned(),
        };
        let range = TimeRange::inclusive(selection.start, selection.end).ok();
        let scan = range.map(|range| namespace.scan(range, selection.matchers, &options));
        Ok(Self {
            scan: scan.transpose()?,
            is_grouped: selection.grouping.is_some(),
            columns: MergedSamples::default(),
        })
    }
}

impl SeriesStream for NamespaceStream {
    fn next_series(&mut self) -> Result<Option<SeriesSamples>, SourceError> {
        let mut series = SeriesSamples::default();
        Ok(self.next_into(&mut series)?.then_some(series))
    }

    fn next_into(&mut self, into: &mut SeriesSamples) -> Result<bool, SourceError> {
        let Some(scan) = &mut self.scan else {
            return Ok(false);
        };
        // What the caller is done with is read into.
        std::mem::swap(&mut self.columns.timestamps, &mut into.timestamps);
        std::mem::swap(&mut self.columns.values, &mut into.values);
        std::mem::swap(&mut self.columns.histograms, &mut into.histograms);
        let is_some = scan.next_into(&mut self.columns)?;
        std::mem::swap(&mut self.columns.timestamps, &mut into.timestamps);
        std::mem::swap(&mut self.columns.values, &mut into.values);
        std::mem::swap(&mut self.columns.histograms, &mut into.histograms);
        into.start_timestamps.clear();
        if is_some && !self.is_grouped {
            into.labels = scan.labels()?;
        }
        Ok(is_some)
    }

    fn group(&self) -> Option<u32> {
        let scan = self.scan.as_ref().filter(|_| self.is_grouped);
        scan.map(SeriesScan::group)
    }

    fn group_labels(&self, group: u32) -> Labels {
        let groups = self
            .scan
            .as_ref()
            .map(SeriesScan::groups)
            .unwrap_or_default();
        groups.get(group as usize).cloned().unwrap_or_default()
    }
}

impl Queryable for Namespace {
    fn select<'q>(
        &'q self,
        selection: &Selection<'_>,
    ) -> Result<Box<dyn SeriesStream + 'q>, SourceError> {
        let limits = SelectLimits::default();
        Ok(Box::new(NamespaceStream::new(self, selection, limits)?))
    }
}
