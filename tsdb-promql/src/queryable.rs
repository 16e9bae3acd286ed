//! Where series come from.

use std::error::Error;
use std::fmt;

use tsdb_core::{Histogram, Labels, Matcher};

/// What a source of series is asked for.
#[derive(Clone, Debug)]
pub struct Selection<'a> {
    /// What holds of every series.
    pub matchers: &'a [Matcher],
    /// The first millisecond of interest.
    pub start: i64,
    /// The last millisecond of interest, included.
    pub end: i64,
}

/// One series and its samples.
#[derive(Clone, Debug, Default)]
pub struct SeriesSamples {
    /// The labels, that of the metric name among them.
    pub labels: Labels,
    /// Timestamps of the floats, in milliseconds, rising. Some may lie outside of the range asked for.
    pub timestamps: Vec<i64>,
    /// The floats, one a timestamp, stale markers among them.
    pub values: Vec<f64>,
    /// Native histograms, rising; no float has the same timestamp.
    pub histograms: Vec<(i64, Histogram)>,
    /// When the counting of each float began, in milliseconds, 0 where unknown; empty where all are.
    pub start_timestamps: Vec<i64>,
}

/// Why a source gave no series.
pub type SourceError = Box<dyn Error + Send + Sync>;

/// Series, one by one.
pub trait SeriesStream: Send {
    /// The next series; `None` at the end.
    ///
    /// # Errors
    /// When it cannot be read. Nothing more is asked for then.
    fn next_series(&mut self) -> Result<Option<SeriesSamples>, SourceError>;

    /// What has to be said of what was read so far, beside the series.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A source of series: a database, a cluster, a table.
pub trait Queryable: Sync + fmt::Debug {
    /// The series that match and have samples in the range, in any order, each once.
    ///
    /// # Errors
    /// When they cannot be read.
    fn select<'q>(
        &'q self,
        selection: &Selection<'_>,
    ) -> Result<Box<dyn SeriesStream + 'q>, SourceError>;
}
