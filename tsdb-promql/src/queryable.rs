//! Where series come from.

use std::error::Error;
use std::fmt;

use tsdb_core::{Grouping, Histogram, Labels, Matcher, Pushdown};

use crate::histogram::read_hints;

/// What a source of series is asked for.
#[derive(Clone, Debug)]
pub struct Selection<'a> {
    /// What holds of every series.
    pub matchers: &'a [Matcher],
    /// The first millisecond of interest.
    pub start: i64,
    /// The first millisecond that is asked about; histograms before it only tell whether the first
    /// one behind it goes on from them.
    pub wanted_from: i64,
    /// The last millisecond of interest, included.
    pub end: i64,
    /// Whether only the newest sample of each series is of interest; others may be given as well.
    pub newest_only: bool,
    /// What is asked of the samples from `start` to `end` taken together: a source may leave out those
    /// that make no difference to it, and tells how many in [`SeriesSamples::left_out`].
    pub pushdown: Pushdown,
    /// By which labels the series are aggregated, where nothing else of them is of interest: a source
    /// that numbers its groups by itself need not make labels.
    pub grouping: Option<&'a Grouping>,
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
    /// Native histograms, rising; no float has the same timestamp. Their hints are those of
    /// [`SeriesSamples::settle_reset_hints`].
    pub histograms: Vec<(i64, Histogram)>,
    /// When the counting of each float began, in milliseconds, 0 where unknown; empty where all are.
    pub start_timestamps: Vec<i64>,
    /// How many floats were left out, since [`Selection::pushdown`] makes nothing of them: none where
    /// there are histograms or start timestamps.
    pub left_out: u64,
}

impl SeriesSamples {
    /// Replaces the reset hints that histograms were stored with by those that Prometheus' store
    /// gives back: a gauge stays one; of a counter it is known that counting went on where the
    /// histogram before it is given as well, has the same layout and no count that is higher;
    /// otherwise nothing is known.
    pub fn settle_reset_hints(&mut self) {
        read_hints::settle(&mut self.histograms, &self.timestamps);
    }

    /// Takes out what is older than a time.
    pub(crate) fn remove_before(&mut self, first: i64) {
        let floats = self.timestamps.partition_point(|time| *time < first);
        self.timestamps.drain(..floats);
        self.values.drain(..floats);
        if !self.start_timestamps.is_empty() {
            self.start_timestamps.drain(..floats);
        }
        let histograms = self.histograms.partition_point(|(time, _)| *time < first);
        self.histograms.drain(..histograms);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.timestamps.is_empty() && self.histograms.is_empty()
    }
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

    /// Replaces `into` by the next series, whose memory may be used again; false at the end. Where
    /// the stream has groups, it may leave the labels empty.
    ///
    /// # Errors
    /// As [`SeriesStream::next_series`].
    fn next_into(&mut self, into: &mut SeriesSamples) -> Result<bool, SourceError> {
        let next = self.next_series()?;
        let is_some = next.is_some();
        *into = next.unwrap_or_default();
        Ok(is_some)
    }

    /// The group of the series that came last, of those [`Selection::grouping`] asked for; `None`
    /// where the source does not number them.
    fn group(&self) -> Option<u32> {
        None
    }

    /// The labels of a group.
    fn group_labels(&self, group: u32) -> Labels {
        let _ = group;
        Labels::default()
    }

    /// How many series may be still to come, where that is known.
    fn len_at_most(&self) -> usize {
        0
    }

    /// Where the series that came last stands among those of all parts of the stream; it rises.
    fn place(&self) -> usize {
        0
    }

    /// Parts a stream of which nothing was read yet: stripes of `stripe` series are dealt in turn to
    /// it and to at most `parts - 1` others, which are given back. A stream that cannot be parted
    /// gives back none.
    fn split_off<'s>(&mut self, parts: usize, stripe: usize) -> Vec<Box<dyn SeriesStream + 's>>
    where
        Self: 's,
    {
        let _ = (parts, stripe);
        Vec::new()
    }

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
