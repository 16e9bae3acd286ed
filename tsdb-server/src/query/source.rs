//! A namespace as expressions read it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tsdb_core::model::{Matcher, TimeRange};
use tsdb_core::{Labels, SelectLimits};
use tsdb_promql::{
    NamespaceStream, Queryable, Selection, SeriesSamples, SeriesStream, SourceError,
};

use super::progress::Progress;
use crate::data::{NamespaceData, SeriesSource};
use crate::store::StoreError;
use crate::units::duration_text;

/// How long a range may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RangeLimit {
    /// Longest time from start to end.
    pub(crate) longest: Duration,
    /// The header or the flag that says so.
    pub(crate) set_by: &'static str,
}

/// What a request may read of a namespace.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    /// What holds of every series beside what selectors ask for.
    pub(crate) matchers: Vec<Matcher>,
    /// Most series and samples of a selector.
    pub(crate) limits: SelectLimits,
    /// Longest time from the start to the end of a selector.
    pub(crate) range: Option<RangeLimit>,
    /// So many series of a selector are read, and the others left out; `None` to refuse too many.
    pub(crate) cut: Option<u64>,
}

impl Bounds {
    /// Checks how long a range is.
    ///
    /// # Errors
    /// When it is longer than it may be.
    pub(crate) fn check(limit: Option<RangeLimit>, range: TimeRange) -> Result<(), String> {
        let Some(limit) = limit else {
            return Ok(());
        };
        let asked_ms = range.max().saturating_sub(range.min()).unsigned_abs();
        let RangeLimit { longest, set_by } = limit;
        if u128::from(asked_ms) <= longest.as_millis() {
            return Ok(());
        }
        Err(format!(
            "query exceeded limit: its range is longer than {}, the limit {set_by}",
            duration_text(longest)
        ))
    }
}

/// A namespace as expressions read it. Waits, so not for async tasks.
#[derive(Debug)]
pub(crate) struct Source {
    namespace: NamespaceData,
    bounds: Bounds,
    progress: Arc<Progress>,
    /// Whether series were left out.
    is_cut: AtomicBool,
}

impl Source {
    /// What `bounds` leave of a namespace.
    pub(crate) fn new(namespace: NamespaceData, bounds: Bounds, progress: Arc<Progress>) -> Self {
        Self {
            namespace,
            bounds,
            progress,
            is_cut: AtomicBool::new(false),
        }
    }

    /// The bound past which series were left out; `None` when none were.
    pub(crate) fn cut(&self) -> Option<u64> {
        self.bounds
            .cut
            .filter(|_| self.is_cut.load(Ordering::Relaxed))
    }

    fn open(&self, selection: &Selection<'_>) -> Result<Series, StoreError> {
        let Ok(range) = TimeRange::inclusive(selection.start, selection.end) else {
            return Ok(Series::None);
        };
        let wanted = TimeRange::inclusive(selection.wanted_from, selection.end).unwrap_or(range);
        Bounds::check(self.bounds.range, wanted).map_err(StoreError::Refused)?;
        let more = &self.bounds.matchers;
        let matchers: Vec<Matcher> = selection.matchers.iter().chain(more).cloned().collect();
        let limits = self.bounds.limits;
        let NamespaceData::Own(own) = &self.namespace else {
            let selected = self.namespace.select(range, &matchers, limits)?;
            return Ok(Series::Cluster(selected));
        };
        let selection = Selection {
            matchers: &matchers,
            ..selection.clone()
        };
        let stream = NamespaceStream::new(own, &selection, limits)?;
        Ok(Series::Database(stream))
    }
}

impl Queryable for Source {
    fn select<'q>(
        &'q self,
        selection: &Selection<'_>,
    ) -> Result<Box<dyn SeriesStream + 'q>, SourceError> {
        Ok(Box::new(Selected {
            source: self,
            series: self.open(selection)?,
            count: 0,
        }))
    }
}

/// Where series come from.
enum Series {
    /// Nowhere: the range holds no time.
    None,
    Database(NamespaceStream),
    Cluster(SeriesSource),
}

impl Series {
    fn next_into(&mut self, into: &mut SeriesSamples) -> Result<bool, SourceError> {
        match self {
            Self::None => Ok(false),
            Self::Database(stream) => stream.next_into(into).map_err(of_database),
            Self::Cluster(source) => {
                let Some(series) = source.next_series()? else {
                    return Ok(false);
                };
                let (labels, samples) = series.into_columns();
                *into = SeriesSamples {
                    labels,
                    timestamps: samples.timestamps,
                    values: samples.values,
                    histograms: samples.histograms,
                    start_timestamps: Vec::new(),
                    left_out: 0,
                };
                into.settle_reset_hints();
                Ok(true)
            }
        }
    }
}

/// An error of the database as the server tells it.
fn of_database(error: SourceError) -> SourceError {
    match error.downcast::<tsdb_core::Error>() {
        Ok(error) => Box::new(StoreError::database(*error)),
        Err(other) => other,
    }
}

/// Series on their way to an expression.
struct Selected<'s> {
    source: &'s Source,
    series: Series,
    /// How many were read.
    count: u64,
}

impl SeriesStream for Selected<'_> {
    fn next_series(&mut self) -> Result<Option<SeriesSamples>, SourceError> {
        let mut series = SeriesSamples::default();
        Ok(self.next_into(&mut series)?.then_some(series))
    }

    fn next_into(&mut self, into: &mut SeriesSamples) -> Result<bool, SourceError> {
        if !self.series.next_into(into)? {
            return Ok(false);
        }
        self.count += 1;
        if self.source.bounds.cut.is_some_and(|most| self.count > most) {
            self.source.is_cut.store(true, Ordering::Relaxed);
            self.series = Series::None;
            return Ok(false);
        }
        let samples = (into.timestamps.len() + into.histograms.len()) as u64;
        self.source.progress.add(samples);
        Ok(true)
    }

    fn len_at_most(&self) -> usize {
        match &self.series {
            Series::Database(stream) => stream.len_at_most(),
            Series::None | Series::Cluster(_) => 0,
        }
    }

    fn place(&self) -> usize {
        match &self.series {
            Series::Database(stream) => stream.place(),
            Series::None | Series::Cluster(_) => 0,
        }
    }

    fn split_off<'o>(&mut self, parts: usize, stripe: usize) -> Vec<Box<dyn SeriesStream + 'o>>
    where
        Self: 'o,
    {
        let Series::Database(stream) = &mut self.series else {
            return Vec::new();
        };
        if self.source.bounds.cut.is_some() {
            // Which series are left out must not depend on threads.
            return Vec::new();
        }
        let other = |stream| {
            let other = Self {
                source: self.source,
                series: Series::Database(stream),
                count: 0,
            };
            Box::new(other) as _
        };
        stream.split(parts, stripe).into_iter().map(other).collect()
    }

    fn group(&self) -> Option<u32> {
        match &self.series {
            Series::Database(stream) => stream.group(),
            Series::None | Series::Cluster(_) => None,
        }
    }

    fn group_labels(&self, group: u32) -> Labels {
        match &self.series {
            Series::Database(stream) => stream.group_labels(group),
            Series::None | Series::Cluster(_) => Labels::default(),
        }
    }

    fn warnings(&self) -> Vec<String> {
        self.source.namespace.marks().so_far()
    }
}
