//! A namespace of an embedded database as a source of series.

use tsdb_core::{
    Error, Labels, MergedSamples, Namespace, NewestScan, NewestValue, ScanOptions, SelectLimits,
    SeriesScan, TimeRange,
};

use crate::queryable::{Queryable, Selection, SeriesSamples, SeriesStream, SourceError};

/// How series are read.
#[derive(Debug, Default)]
enum Reading {
    /// Not at all: the range holds no time.
    #[default]
    Nothing,
    Samples(Box<SeriesScan>),
    /// The newest sample alone.
    Newest(Box<NewestScan>),
}

/// Series of a namespace, in any order.
#[derive(Debug)]
pub struct NamespaceStream {
    reading: Reading,
    is_grouped: bool,
    columns: MergedSamples,
    group: u32,
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
    ) -> Result<Self, Error> {
        let options = ScanOptions {
            limits,
            sorted: false,
            grouping: selection.grouping.cloned(),
            pushdown: selection.pushdown,
        };
        let matchers = selection.matchers;
        let reading = match TimeRange::inclusive(selection.start, selection.end) {
            Err(_) => Reading::Nothing,
            Ok(range) if selection.newest_only => {
                Reading::Newest(Box::new(namespace.newest(range, matchers, &options)?))
            }
            Ok(range) => Reading::Samples(Box::new(namespace.scan(range, matchers, &options)?)),
        };
        Ok(Self {
            reading,
            is_grouped: selection.grouping.is_some(),
            columns: MergedSamples::default(),
            group: 0,
        })
    }

    /// As [`SeriesStream::split_off`].
    pub fn split(&mut self, parts: usize, stripe: usize) -> Vec<Self> {
        let all: Vec<Reading> = match std::mem::take(&mut self.reading) {
            Reading::Nothing => Vec::new(),
            Reading::Samples(scan) => {
                let parts = scan.split(parts, stripe).into_iter();
                parts.map(|scan| Reading::Samples(Box::new(scan))).collect()
            }
            Reading::Newest(scan) => {
                let parts = scan.split(parts, stripe).into_iter();
                parts.map(|scan| Reading::Newest(Box::new(scan))).collect()
            }
        };
        let mut all = all.into_iter();
        self.reading = all.next().unwrap_or_default();
        let other = |reading| Self {
            reading,
            is_grouped: self.is_grouped,
            columns: MergedSamples::default(),
            group: 0,
        };
        all.map(other).collect()
    }

    fn next_newest(&mut self, into: &mut SeriesSamples) -> Result<bool, SourceError> {
        let Reading::Newest(scan) = &mut self.reading else {
            return Ok(false);
        };
        into.timestamps.clear();
        into.values.clear();
        into.histograms.clear();
        let newest = scan.next_newest().map_err(Error::from)?;
        let Some(newest) = newest else {
            return Ok(false);
        };
        match newest.value {
            NewestValue::Float(value) => {
                into.timestamps.push(newest.timestamp);
                into.values.push(value);
            }
            NewestValue::Histogram(histogram) => {
                into.histograms.push((newest.timestamp, histogram));
                into.settle_reset_hints();
            }
        }
        self.group = newest.group;
        if !self.is_grouped {
            into.labels = scan.labels().map_err(Error::from)?;
        }
        Ok(true)
    }
}

/// Hands columns over, to be read or to be read into.
fn swap(columns: &mut MergedSamples, samples: &mut SeriesSamples) {
    std::mem::swap(&mut columns.timestamps, &mut samples.timestamps);
    std::mem::swap(&mut columns.values, &mut samples.values);
    std::mem::swap(&mut columns.histograms, &mut samples.histograms);
}

impl SeriesStream for NamespaceStream {
    fn next_series(&mut self) -> Result<Option<SeriesSamples>, SourceError> {
        let mut series = SeriesSamples::default();
        Ok(self.next_into(&mut series)?.then_some(series))
    }

    fn next_into(&mut self, into: &mut SeriesSamples) -> Result<bool, SourceError> {
        into.start_timestamps.clear();
        into.left_out = 0;
        let scan = match &mut self.reading {
            Reading::Nothing => return Ok(false),
            Reading::Newest(_) => return self.next_newest(into),
            Reading::Samples(scan) => scan,
        };
        // What the caller is done with is read into.
        swap(&mut self.columns, into);
        let is_some = scan.next_into(&mut self.columns).map_err(Error::from)?;
        swap(&mut self.columns, into);
        into.settle_reset_hints();
        self.group = scan.group();
        into.left_out = scan.left_out();
        if is_some && !self.is_grouped {
            into.labels = scan.labels().map_err(Error::from)?;
        }
        Ok(is_some)
    }

    fn len_at_most(&self) -> usize {
        match &self.reading {
            Reading::Nothing => 0,
            Reading::Samples(scan) => scan.len_at_most(),
            Reading::Newest(scan) => scan.len_at_most(),
        }
    }

    fn place(&self) -> usize {
        match &self.reading {
            Reading::Nothing => 0,
            Reading::Samples(scan) => scan.place(),
            Reading::Newest(scan) => scan.place(),
        }
    }

    fn split_off<'s>(&mut self, parts: usize, stripe: usize) -> Vec<Box<dyn SeriesStream + 's>>
    where
        Self: 's,
    {
        let others = self.split(parts, stripe);
        let boxed = others.into_iter().map(|other| Box::new(other) as _);
        boxed.collect()
    }

    fn group(&self) -> Option<u32> {
        self.is_grouped.then_some(self.group)
    }

    fn group_labels(&self, group: u32) -> Labels {
        let groups = match &self.reading {
            Reading::Nothing => &[],
            Reading::Samples(scan) => scan.groups(),
            Reading::Newest(scan) => scan.groups(),
        };
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
