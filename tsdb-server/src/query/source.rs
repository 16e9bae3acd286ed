//! A namespace as expressions read it.

use std::sync::Arc;
use std::time::Duration;

use tsdb_core::SelectLimits;
use tsdb_core::model::{Matcher, TimeRange};
use tsdb_promql::{Queryable, Selection, SeriesSamples, SeriesStream, SourceError};

use super::progress::Progress;
use crate::data::{NamespaceData, SeriesSource};
use crate::store::StoreError;
use crate::units::duration_text;

/// What a request may read of a namespace.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    /// What holds of every series beside what selectors ask for.
    pub(crate) matchers: Vec<Matcher>,
    /// Most series and samples of a selector.
    pub(crate) limits: SelectLimits,
    /// Longest time from the start to the end of a selector.
    pub(crate) range: Option<Duration>,
}

impl Bounds {
    /// Checks how long a range is.
    ///
    /// # Errors
    /// When it is longer than it may be.
    pub(crate) fn check(limit: Option<Duration>, range: TimeRange) -> Result<(), String> {
        let Some(limit) = limit else {
            return Ok(());
        };
        let asked_ms = range.max().saturating_sub(range.min()).unsigned_abs();
        if u128::from(asked_ms) <= limit.as_millis() {
            return Ok(());
        }
        Err(format!(
            "query exceeded limit: its range is longer than {}, the limit M3-Limit-Max-Range",
            duration_text(limit)
        ))
    }
}

/// A namespace as expressions read it. Waits, so not for async tasks.
#[derive(Debug)]
pub(crate) struct Source {
    namespace: NamespaceData,
    bounds: Bounds,
    progress: Arc<Progress>,
}

impl Source {
    /// What `bounds` leave of a namespace.
    pub(crate) fn new(namespace: NamespaceData, bounds: Bounds, progress: Arc<Progress>) -> Self {
        Self {
            namespace,
            bounds,
            progress,
        }
    }

    fn open(&self, selection: &Selection<'_>) -> Result<Option<SeriesSource>, StoreError> {
        let Ok(range) = TimeRange::inclusive(selection.start, selection.end) else {
            return Ok(None);
        };
        Bounds::check(self.bounds.range, range).map_err(StoreError::Refused)?;
        let more = &self.bounds.matchers;
        let matchers: Vec<Matcher> = selection.matchers.iter().chain(more).cloned().collect();
        let limits = self.bounds.limits;
        self.namespace.select(range, &matchers, limits).map(Some)
    }
}

impl Queryable for Source {
    fn select<'q>(
        &'q self,
        selection: &Selection<'_>,
    ) -> Result<Box<dyn SeriesStream + 'q>, SourceError> {
        let series = self.open(selection)?;
        let source = self;
        Ok(Box::new(Selected { source, series }))
    }
}

/// Series on their way to an expression.
struct Selected<'s> {
    source: &'s Source,
    series: Option<SeriesSource>,
}

impl SeriesStream for Selected<'_> {
    fn next_series(&mut self) -> Result<Option<SeriesSamples>, SourceError> {
        let Some(series) = &mut self.series else {
            return Ok(None);
        };
        let Some(series) = series.next_series()? else {
            return Ok(None);
        };
        self.source.progress.add(series.samples_len() as u64);
        let (labels, samples) = series.into_columns();
        Ok(Some(SeriesSamples {
            labels,
            timestamps: samples.timestamps,
            values: samples.values,
            histograms: samples.histograms,
            start_timestamps: Vec::new(),
        }))
    }

    fn warnings(&self) -> Vec<String> {
        self.source.namespace.marks().so_far()
    }
}
