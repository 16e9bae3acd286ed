//! Series from the source, at steps or as ranges.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tsdb_core::model::STALE_NAN_BITS;
use tsdb_core::{Grouping, Pushdown, ResetHint};

use super::column::{Column, Point};
use super::context::{Evaluation, Sink};
use super::series::{HistogramSample, RangeSeries, VectorSeries};
use super::steps::Steps;
use super::window::Windows;
use crate::error::QueryError;
use crate::histogram::FloatHistogram;
use crate::plan::Select;
use crate::queryable::{Selection, SeriesSamples, SeriesStream};

/// How many series are read between looks at whether the query was ended.
const SERIES_BETWEEN_CHECKS: u64 = 64;

/// What a sample takes in columns.
const SAMPLE_BYTES: u64 = 16;

/// What is read of the source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading<'r> {
    pub(crate) select: &'r Select,
    pub(crate) steps: Steps,
    /// How long before the first step, in milliseconds.
    pub(crate) back: i64,
    /// How long behind the last step.
    pub(crate) ahead: i64,
    /// Whether of one step only the newest sample is of interest.
    pub(crate) newest_only: bool,
    /// What of one step is asked of all that is read.
    pub(crate) pushdown: Pushdown,
    pub(crate) grouping: Option<&'r Grouping>,
}

impl<'r> Reading<'r> {
    /// All samples up to the last step.
    pub(crate) fn new(select: &'r Select, steps: Steps, back: i64) -> Self {
        Self {
            select,
            steps,
            back,
            ahead: 0,
            newest_only: false,
            pushdown: Pushdown::None,
            grouping: None,
        }
    }

    /// The samples that may be the newest of a step.
    fn newest(select: &'r Select, steps: Steps, back: i64) -> Self {
        Self {
            newest_only: true,
            ..Self::new(select, steps, back)
        }
    }
}

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

    /// Every series with samples in the time that `reading` asks for, stale markers among them.
    pub(crate) fn read(
        &self,
        reading: &Reading<'_>,
        each: &mut dyn FnMut(&mut RangeSeries) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        self.open(reading, |stream| {
            let count = AtomicU64::new(0);
            self.read_stream(stream, (reading, &count), &mut |series, _| each(series))
        })
    }

    /// Hands over what `reading` asks for, unless that is nothing.
    pub(super) fn open(
        &self,
        reading: &Reading<'_>,
        read: impl FnOnce(Box<dyn SeriesStream + '_>) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let Reading { select, steps, .. } = *reading;
        if steps.count == 0 {
            return Ok(());
        }
        let first = self.wanted_from(reading);
        let last = select.reference(steps.end());
        let selection = Selection {
            matchers: &select.matchers,
            start: first.saturating_sub(self.hints_before(reading)),
            wanted_from: first,
            end: last.saturating_add(reading.ahead),
            newest_only: reading.newest_only && steps.count == 1,
            pushdown: match steps.count == 1 && self.hints_before(reading) == 0 {
                true => reading.pushdown,
                false => Pushdown::None,
            },
            grouping: reading.grouping,
        };
        self.traced_selector(&selection, || {
            let stream = self.of_source(|| self.request.source.select(&selection));
            read(stream.map_err(QueryError::Source)?)
        })
    }

    /// Reads the next series of a stream; whether there was one.
    fn next(
        &self,
        stream: &mut dyn SeriesStream,
        samples: &mut SeriesSamples,
    ) -> Result<bool, QueryError> {
        let next = self.of_source(|| stream.next_into(samples));
        next.map_err(QueryError::Source)
    }

    /// The first millisecond that `reading` asks about.
    fn wanted_from(&self, reading: &Reading<'_>) -> i64 {
        let first = reading.select.reference(reading.steps.time(0));
        let first = first.saturating_sub(reading.back);
        first.saturating_add(self.before_start())
    }

    /// How long before that histograms are read as well: what is known of the first one of a window,
    /// the one before it tells.
    fn hints_before(&self, reading: &Reading<'_>) -> i64 {
        match reading.select.statistics_only && !reading.newest_only {
            true => self.lookback(),
            false => 0,
        }
    }

    /// Every series of a stream, with its place. `count` is how many were read, of all its parts.
    pub(super) fn read_stream(
        &self,
        mut stream: Box<dyn SeriesStream + '_>,
        (reading, count): (&Reading<'_>, &AtomicU64),
        each: &mut dyn FnMut(&mut RangeSeries, usize) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let (first, before) = (self.wanted_from(reading), self.hints_before(reading));
        let (mut samples, mut series) = (SeriesSamples::default(), RangeSeries::default());
        while self.next(&mut *stream, &mut samples)? {
            if before > 0 {
                samples.remove_before(first);
                if samples.is_empty() {
                    continue;
                }
            }
            self.check_series(count.fetch_add(1, Ordering::Relaxed) + 1)?;
            self.range(&mut samples, &mut series, reading.select);
            match stream.group() {
                None => series.labels = std::mem::take(&mut samples.labels),
                group if group == series.group => {}
                Some(group) => series.labels = stream.group_labels(group),
            }
            series.group = stream.group();
            let read = series.samples();
            self.count_read(read + series.left_out as u64);
            // Of what is read only what a step looks at counts as samples; memory counts all.
            self.budget.hold(0, read * SAMPLE_BYTES)?;
            let done = each(&mut series, stream.place());
            self.budget.release(0, read * SAMPLE_BYTES);
            done?;
        }
        stream
            .warnings()
            .into_iter()
            .for_each(|text| self.warn(text));
        Ok(())
    }

    /// Checks how many series a selector has found, and now and then whether to go on.
    fn check_series(&self, count: u64) -> Result<(), QueryError> {
        if count > self.options().max_series {
            let limit = self.options().max_series;
            return Err(QueryError::TooManySeries { limit });
        }
        match count % SERIES_BETWEEN_CHECKS == 1 {
            true => self.request.cancel.check(),
            false => Ok(()),
        }
    }

    /// Makes what was read the present series; what that held before is left to be used again.
    fn range(&self, from: &mut SeriesSamples, into: &mut RangeSeries, select: &Select) {
        into.drop_name = false;
        into.left_out = usize::try_from(from.left_out).unwrap_or(usize::MAX);
        std::mem::swap(&mut into.timestamps, &mut from.timestamps);
        std::mem::swap(&mut into.values, &mut from.values);
        into.histograms.clear();
        into.starts.clear();
        let use_starts = self.options().features.start_timestamps;
        if use_starts {
            std::mem::swap(&mut into.starts, &mut from.start_timestamps);
        }
        if from.histograms.is_empty() {
            return;
        }
        let samples = from
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
            });
        into.histograms.extend(samples);
        if select.statistics_only {
            keep_statistics(&mut into.histograms);
        }
    }

    /// The newest sample of each series at each step.
    pub(crate) fn stream_select(
        &self,
        select: &Select,
        (steps, grouping): (Steps, Option<&Grouping>),
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        if select.smoothed {
            return self.stream_smoothed(select, steps, sink);
        }
        if steps.count == 1 && !select.statistics_only {
            return self.stream_newest(select, (steps, grouping), sink);
        }
        let reading = Reading {
            grouping,
            ..Reading::new(select, steps, self.lookback())
        };
        let make = |of: &Evaluation<'_>, series: &mut RangeSeries, made: &mut VectorSeries| {
            made.column.reset(steps.count);
            of.newest(series, select, steps, |step, newest| match newest {
                Newest::Float { place } => {
                    let value = series.values.get(place).copied().unwrap_or_default();
                    made.column.set_float(step, value);
                }
                Newest::Histogram(sample) => {
                    let histogram = Arc::clone(&sample.histogram);
                    made.column.set_histogram(step, histogram);
                }
            });
            made.become_series(series);
            Ok(!made.column.is_empty())
        };
        self.stream_made(&reading, &make, sink)
    }

    /// The newest sample of each series at one step, without columns between.
    fn stream_newest(
        &self,
        select: &Select,
        (steps, grouping): (Steps, Option<&Grouping>),
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let reading = Reading {
            grouping,
            ..Reading::newest(select, steps, self.lookback())
        };
        self.open(&reading, |mut stream| {
            let within = (self.wanted_from(&reading), select.reference(steps.start));
            let mut count = 0;
            let (mut samples, mut out) = (SeriesSamples::default(), VectorSeries::default());
            while self.next(&mut *stream, &mut samples)? {
                count += 1;
                self.check_series(count)?;
                self.count_read(1);
                let Some(point) = newest_of(&samples, within) else {
                    continue;
                };
                out.column.reset(1);
                out.column.set(0, point);
                out.drop_name = false;
                match stream.group() {
                    None => out.labels = std::mem::take(&mut samples.labels),
                    group if group == out.group => {}
                    Some(group) => out.labels = stream.group_labels(group),
                }
                out.group = stream.group();
                sink(&mut out)?;
            }
            stream
                .warnings()
                .into_iter()
                .for_each(|text| self.warn(text));
            Ok(())
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
        self.read(
            &Reading::newest(select, steps, self.lookback()),
            &mut |series| {
                let mut out = VectorSeries::new(series.labels.clone(), Column::new(steps.count));
                self.newest(series, select, steps, |step, newest| {
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
            },
        )
    }

    /// When the newest float of each series was taken, in milliseconds, names and all.
    #[expect(clippy::cast_precision_loss, reason = "times are far below 2^53 ms")]
    pub(crate) fn stream_sample_times(
        &self,
        select: &Select,
        steps: Steps,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.read(
            &Reading::newest(select, steps, self.lookback()),
            &mut |series| {
                let mut out = VectorSeries::new(series.labels.clone(), Column::new(steps.count));
                let mut has_histograms = false;
                self.newest(series, select, steps, |step, newest| match newest {
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
            },
        )
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
        let Some((first, last)) = series.bounds() else {
            return;
        };
        let from = steps.partition_point(|time| select.reference(time) < first);
        let is_not_late = |time| select.reference(time).saturating_sub(lookback) <= last;
        for step in from..steps.partition_point(is_not_late) {
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
        let reading = Reading {
            ahead: lookback,
            ..Reading::new(select, steps, lookback)
        };
        self.read(&reading, &mut |series| {
            without_stale(series);
            scratch.column.reset(steps.count);
            let mut windows = Windows::new(series, false);
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
            scratch.labels = std::mem::take(&mut series.labels);
            sink(&mut scratch)
        })
    }
}

/// The newest sample within bounds, both included, unless it is a stale marker.
fn newest_of(samples: &SeriesSamples, (first, last): (i64, i64)) -> Option<Point> {
    let floats = samples.timestamps.partition_point(|&time| time <= last);
    let float = floats
        .checked_sub(1)
        .and_then(|place| Some((*samples.timestamps.get(place)?, *samples.values.get(place)?)));
    let histograms = samples
        .histograms
        .partition_point(|(time, _)| *time <= last);
    let histogram = histograms
        .checked_sub(1)
        .and_then(|place| samples.histograms.get(place));
    match (float, histogram) {
        (Some((time, value)), other) if other.is_none_or(|(later, _)| *later <= time) => {
            (time >= first && !is_stale(value)).then_some(Point::Float(value))
        }
        (_, Some((time, histogram))) if *time >= first && !histogram.is_stale() => Some(
            Point::Histogram(Arc::new(FloatHistogram::from_core(histogram))),
        ),
        _ => None,
    }
}

/// Takes stale markers out.
pub(crate) fn without_stale(series: &mut RangeSeries) {
    let stale = series
        .values
        .iter()
        .map(|value| usize::from(is_stale(*value)));
    // A sum is found faster than the first of them.
    if stale.sum::<usize>() > 0 {
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
