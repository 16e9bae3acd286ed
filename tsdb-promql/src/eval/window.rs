//! The samples of a range, as they move along a series from step to step.

use super::series::{HistogramSample, RangeSeries};

/// The samples of one range of one series.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window<'s> {
    pub(crate) timestamps: &'s [i64],
    pub(crate) values: &'s [f64],
    /// Empty where nothing is known of when counting began.
    pub(crate) starts: &'s [i64],
    pub(crate) histograms: &'s [HistogramSample],
    /// As [`RangeSeries::left_out`].
    pub(crate) left_out: usize,
    /// The time of the step, and the bounds of the range.
    pub(crate) time: i64,
    pub(crate) start: i64,
    pub(crate) end: i64,
}

impl Window<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.timestamps.is_empty() && self.histograms.is_empty()
    }

    /// How many samples it has, histograms counted by their size.
    pub(crate) fn samples(&self) -> u64 {
        let histograms = self.histograms.iter().map(|one| one.histogram.samples());
        self.timestamps.len() as u64 + histograms.sum::<u64>()
    }

    /// When the counting of a float began, 0 where unknown.
    pub(crate) fn start_of(&self, place: usize) -> i64 {
        self.starts.get(place).copied().unwrap_or_default()
    }
}

/// Places of a range in a series; both ends only rise.
#[derive(Clone, Copy, Debug, Default)]
struct Places {
    from: usize,
    to: usize,
}

impl Places {
    fn advance(&mut self, is_before: impl Fn(usize) -> bool, is_within: impl Fn(usize) -> bool) {
        while is_within(self.to) {
            self.to += 1;
        }
        while self.from < self.to && is_before(self.from) {
            self.from += 1;
        }
    }
}

/// Moves a window along a series.
#[derive(Debug)]
pub(crate) struct Windows<'s> {
    series: &'s RangeSeries,
    floats: Places,
    histograms: Places,
    /// Whether a sample at the very start is inside.
    is_closed: bool,
}

impl<'s> Windows<'s> {
    pub(crate) fn new(series: &'s RangeSeries, is_closed: bool) -> Self {
        Self {
            series,
            floats: Places::default(),
            histograms: Places::default(),
            is_closed,
        }
    }

    /// The samples from `first` to `last`, neither before those of the call before.
    pub(crate) fn between(&mut self, first: i64, last: i64) -> Window<'s> {
        let (series, is_closed) = (self.series, self.is_closed);
        let is_before = |time: i64| time < first || (time == first && !is_closed);
        self.floats.advance(
            |place| series.timestamps.get(place).is_some_and(|&t| is_before(t)),
            |place| series.timestamps.get(place).is_some_and(|&t| t <= last),
        );
        self.histograms.advance(
            |place| {
                series
                    .histograms
                    .get(place)
                    .is_some_and(|h| is_before(h.time))
            },
            |place| series.histograms.get(place).is_some_and(|h| h.time <= last),
        );
        let floats = self.floats.from..self.floats.to;
        let histograms = self.histograms.from..self.histograms.to;
        Window {
            timestamps: series.timestamps.get(floats.clone()).unwrap_or_default(),
            values: series.values.get(floats.clone()).unwrap_or_default(),
            starts: series.starts.get(floats).unwrap_or_default(),
            histograms: series.histograms.get(histograms).unwrap_or_default(),
            left_out: series.left_out,
            time: last,
            start: first,
            end: last,
        }
    }
}
