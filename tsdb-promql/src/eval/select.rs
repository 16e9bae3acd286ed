//! Series from the source, at steps or as ranges.

use std::sync::Arc;

use tsdb_core::ResetHint;
use tsdb_core::model::STALE_NAN_BITS;

use super::column::Column;
use super::context::{Evaluation, Sink};
use super::series::{HistogramSample, RangeSeries, VectorSeries};
use super::steps::Steps;
use super::window::Windows;
use crate::error::QueryError;
use crate::histogram::FloatHistogram;
use crate::plan::Select;
use crate::queryable::{Selection, SeriesSamples};

/// How many series are read between looks at whether the query was ended.
const SERIES_BETWEEN_CHECKS: u64 = 64;

/// What a sample takes in columns.
const SAMPLE_BYTES: u64 = 16;

/// What an instant selector finds at a step.
#[derive(Clone, Copy, Debug)]
enum Newest<'s> {
    Float { place: usize },
    Histogram(&'s HistogramSample),
}

pub(crate) fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN_BITS
}

impl Evaluation<'_> {
    pub(crate) fn lookback(&self) -> i64 {
        i64::try_from(self.options().lookback.as_millis()).unwrap_or(i64::MAX)
    }

    /// How far a window reaches back from its start: at the start itself where windows are closed.
    fn before_start(&self) -> i64 {
        match self.options().features.prometheus_2 {
            true => 0,
            false => 1,
        }
    }

    /// Every series with samples in the time from `back` before the first step to `ahead` behind
    /// the last, stale markers among them.
    pub(crate) fn read(
        &self,
        select: &Select,
        steps: Steps,
        (back, ahead): (i64, i64),
        each: &mut dyn FnMut(RangeSeries) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        if steps.count == 0 {
            return Ok(());
        }
        let first = select.reference(steps.time(0)).saturating_sub(back);
        let last = select.reference(steps.end()).saturating_add(ahead);
        let selection = Selection {
            matchers: &select.matchers,
            start: first.saturating_add(self.before_start()),
            end: last,
        };
        let mut stream = self
            .request
            .source
            .select(&selection)
            .map_err(QueryError::Source)?;
        let mut count: u64 = 0;
        while let Some(series) = stream.next_series().map_err(QueryError::Source)? {
            if count.is_multiple_of(SERIES_BETWEEN_CHECKS) {
                self.request.cancel.check()?;
            }
            count += 1;
            if count > self.options().max_series {
                let limit = self.options().max_series;
                return Err(QueryError::TooManySeries { limit });
            }
            let series = self.ranged(series, select);
            let samples = series.samples();
            self.count_read(samples);
            // Of what is read only what a step looks at counts as samples; memory counts all.
            let bytes = samples * SAMPLE_BYTES;
            self.budget.hold(0, bytes)?;
            let done = each(series);
            self.budget.release(0, bytes);
            done?;
        }
        stream
            .warnings()
            .into_iter()
            .for_each(|text| self.warn(text));
        Ok(())
    }

    fn ranged(&self, series: SeriesSamples, select: &Select) -> RangeSeries {
        let use_starts = self.options().features.start_timestamps;
        let mut histograms: Vec<HistogramSample> = series
            .histograms
            .iter()
            .map(|(time, histogram)| HistogramSample {
                time: *time,
                start: if use_starts {
                    histogram.start_timestamp
                } else {
                    0
                },
                histogram: Arc::new(FloatHistogram::from_core(histogram)),
            })
            .collect();
        if select.statistics_only {
            keep_statistics(&mut histograms);
        }
        RangeSeries {
            labels: series.labels,
            drop_name: false,
            timestamps: series.timestamps,
            values: series.values,
            starts: if use_starts {
                series.start_timestamps
            } else {
                Vec::new()
            },
            histograms,
        }
    }

    /// The newest sample of each series at each step.
    pub(crate) fn stream_select(
        &self,
        select: &Select,
        steps: Steps,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        if select.smoothed {
            return self.stream_smoothed(select, steps, sink);
        }
        let mut scratch = VectorSeries::default();
        self.read(select, steps, (self.lookback(), 0), &mut |series| {
            scratch.column.reset(steps.count);
            scratch.drop_name = false;
            self.newest(&series, select, steps, |step, newest| match newest {
                Newest::Float { place } => {
                    let value = series.values.get(place).copied().unwrap_or_default();
                    scratch.column.set_float(step, value);
                }
                Newest::Histogram(sample) => {
                    scratch
                        .column
                        .set_histogram(step, Arc::clone(&sample.histogram));
                }
            });
            if scratch.column.is_empty() {
                return Ok(());
            }
            scratch.labels = series.labels;
            sink(&mut scratch)
        })
    }

    /// When the newest sample of each series was taken, or its counting began, in seconds.
    #[expect(clippy::cast_precision_loss, reason = "times are far below 2^53 ms")]
    pub(crate) fn stream_times(
        &self,
        (select, of_start): (&Select, bool),
        steps: Steps,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.read(select, steps, (self.lookback(), 0), &mut |series| {
            let mut out = VectorSeries::new(series.labels.clone(), Column::new(steps.count));
            self.newest(&series, select, steps, |step, newest| {
                let time = match (newest, of_start) {
                    (Newest::Float { place }, false) => series.timestamps.get(place).copied(),
                    (Newest::Float { place }, true) => series.starts.get(place).copied(),
                    (Newest::Histogram(sample), false) => Some(sample.time),
                    (Newest::Histogram(sample), true) => Some(sample.start),
                };
                let millis = time.unwrap_or_default();
                out.column.set_float(step, millis as f64 / 1000.0);
            });
            if out.column.is_empty() {
                return Ok(());
            }
            self.drop_name(&mut out);
            sink(&mut out)
        })
    }

    /// When the newest float of each series was taken, in milliseconds, names and all.
    #[expect(clippy::cast_precision_loss, reason = "times are far below 2^53 ms")]
    pub(crate) fn stream_sample_times(
        &self,
        select: &Select,
        steps: Steps,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.read(select, steps, (self.lookback(), 0), &mut |series| {
            let mut out = VectorSeries::new(series.labels.clone(), Column::new(steps.count));
            let mut has_histograms = false;
            self.newest(&series, select, steps, |step, newest| match newest {
                Newest::Float { place } => {
                    let time = series.timestamps.get(place).copied().unwrap_or_default();
                    out.column.set_float(step, time as f64);
                }
                Newest::Histogram(_) => has_histograms = true,
            });
            if has_histograms {
                return Err(QueryError::Execution(format!(
                    "this should be an info metric, with float samples: {}",
                    series.labels
                )));
            }
            match out.column.is_empty() {
                true => Ok(()),
                false => sink(&mut out),
            }
        })
    }

    /// Tells the newest sample at each step that has one within the lookback.
    fn newest<'s>(
        &self,
        series: &'s RangeSeries,
        select: &Select,
        steps: Steps,
        mut found: impl FnMut(usize, Newest<'s>),
    ) {
        let lookback = self.lookback();
        let closed = self.options().features.prometheus_2;
        let (mut floats, mut histograms) = (0, 0);
        for step in steps.indices() {
            let reference = select.reference(steps.time(step));
            while series
                .timestamps
                .get(floats)
                .is_some_and(|&t| t <= reference)
            {
                floats += 1;
            }
            while series
                .histograms
                .get(histograms)
                .is_some_and(|h| h.time <= reference)
            {
                histograms += 1;
            }
            let float = floats.checked_sub(1);
            let float_time = float.and_then(|place| series.timestamps.get(place).copied());
            let histogram = histograms.checked_sub(1);
            let histogram = histogram.and_then(|place| series.histograms.get(place));
            let time = float_time.max(histogram.map(|sample| sample.time));
            let Some(time) = time else { continue };
            let oldest = reference.saturating_sub(lookback);
            if time < oldest || (time == oldest && !closed) {
                continue;
            }
            if let Some(place) = float.filter(|_| float_time == Some(time)) {
                let value = series.values.get(place).copied().unwrap_or_default();
                if !is_stale(value) {
                    found(step, Newest::Float { place });
                }
            } else if let Some(sample) = histogram.filter(|one| !one.histogram.is_stale()) {
                found(step, Newest::Histogram(sample));
            }
        }
    }

    /// Values between the samples before and behind each step.
    fn stream_smoothed(
        &self,
        select: &Select,
        steps: Steps,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let lookback = self.lookback();
        let mut scratch = VectorSeries::default();
        self.read(select, steps, (lookback, lookback), &mut |mut series| {
            without_stale(&mut series);
            scratch.column.reset(steps.count);
            let mut windows = Windows::new(&series, false);
            for step in steps.indices() {
                let time = select.reference(steps.time(step));
                let first = time.saturating_sub(lookback);
                let mut window = windows.between(first, time.saturating_add(lookback));
                window.time = time;
                let place = (series.metric(), select.span);
                if let Some(point) = self.smoothed_point(&window, place) {
                    scratch.column.set(step, point);
                }
            }
            if scratch.column.is_empty() {
                return Ok(());
            }
            scratch.labels = series.labels;
            sink(&mut scratch)
        })
    }
}

/// Takes stale markers out.
pub(crate) fn without_stale(series: &mut RangeSeries) {
    if series.values.iter().any(|value| is_stale(*value)) {
        let kept: Vec<bool> = series
            .values
            .iter()
            .map(|value| !is_stale(*value))
            .collect();
        let keep = |place: &mut usize| {
            *place += 1;
            kept.get(*place - 1).copied().unwrap_or(false)
        };
        let mut place = 0;
        series.timestamps.retain(|_| keep(&mut place));
        place = 0;
        series.starts.retain(|_| keep(&mut place));
        series.values.retain(|value| !is_stale(*value));
    }
    series
        .histograms
        .retain(|sample| !sample.histogram.is_stale());
}

/// Leaves of histograms what counts and sums are made of, and whether they were reset.
fn keep_statistics(samples: &mut [HistogramSample]) {
    let mut before: Option<Arc<FloatHistogram>> = None;
    for sample in samples {
        let whole = Arc::clone(&sample.histogram);
        if whole.is_stale() {
            continue;
        }
        let reset_hint = match (whole.reset_hint, &before) {
            (ResetHint::Unknown, Some(before)) => match whole.detect_reset(before) {
                true => ResetHint::Reset,
                false => ResetHint::NoReset,
            },
            (hint, _) => hint,
        };
        sample.histogram = Arc::new(FloatHistogram {
            reset_hint,
            count: whole.count,
            sum: whole.sum,
            schema: whole.schema,
            custom_values: whole.custom_values.clone(),
            ..FloatHistogram::default()
        });
        before = Some(whole);
    }
}
