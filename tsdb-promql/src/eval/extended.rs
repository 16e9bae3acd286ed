//! `anchored` and `smoothed`: values at the very bounds of a range, instead of a guess of them.

use std::sync::Arc;

use tsdb_core::ResetHint;

use super::column::Point;
use super::context::Evaluation;
use super::range::AtStep;
use super::rates::{histogram_start, seconds, starts_anew};
use super::series::HistogramSample;
use super::window::Window;
use crate::annotations::Annotation;
use crate::histogram::{FloatHistogram, MixedSchemas, Reconciled};
use crate::plan::RangeFunction;

/// The samples of a window that count: the first at its start or before it, where there is one, the
/// last at its end or behind it.
#[derive(Clone, Copy, Debug)]
struct Counted {
    first: usize,
    last: usize,
    /// Whether the value at the start lies between the first sample and the next.
    left_is_between: bool,
    /// Whether the value at the end lies between the last sample and the one before.
    right_is_between: bool,
}

impl Counted {
    /// None where no sample lies in the window.
    fn of(
        count: usize,
        time: impl Fn(usize) -> i64,
        window: &Window<'_>,
        smoothed: bool,
    ) -> Option<Self> {
        let newest = count.checked_sub(1)?;
        let first_where = |is_there: &dyn Fn(i64) -> bool| {
            let found = (0..newest).find(|place| is_there(time(*place)));
            found.unwrap_or(newest)
        };
        let first = first_where(&|t| t > window.start).saturating_sub(1);
        let last = match smoothed {
            true => first_where(&|t| t >= window.end),
            false => newest,
        };
        if time(last) <= window.start || (smoothed && time(first) > window.end) {
            return None;
        }
        Some(Self {
            first,
            last,
            left_is_between: smoothed && time(first) < window.start,
            right_is_between: smoothed && last > 0 && time(last) > window.end,
        })
    }

    /// Pairs of neighbours between which a reset counts: not where both bounds lie between them.
    fn pairs(self) -> impl Iterator<Item = (usize, usize)> {
        let from = self.first + usize::from(self.left_is_between);
        (from..self.last).map(|place| (place, place + 1))
    }
}

/// The value at a time on the line through two samples; a counter that fell began at zero.
#[expect(
    clippy::cast_precision_loss,
    reason = "spans of windows are far below 2^53 ms"
)]
fn between(
    (left_time, left): (i64, f64),
    (right_time, right): (i64, f64),
    time: i64,
    is_counter: bool,
) -> f64 {
    let left = if is_counter && right < left {
        0.0
    } else {
        left
    };
    left + (right - left) * (time - left_time) as f64 / (right_time - left_time) as f64
}

/// The histogram at a time between two samples; a counter that was reset began at zero.
#[expect(
    clippy::cast_precision_loss,
    reason = "spans of windows are far below 2^53 ms"
)]
fn histogram_between(
    left: &HistogramSample,
    right: &HistogramSample,
    time: i64,
    is_counter: bool,
) -> Result<(FloatHistogram, Reconciled), MixedSchemas> {
    let share = (time - left.time) as f64 / (right.time - left.time) as f64;
    let mut value = (*right.histogram).clone();
    if left.histogram.is_custom() != right.histogram.is_custom() {
        return Err(MixedSchemas);
    }
    if is_counter && right.histogram.detect_reset(&left.histogram) {
        value.mul(share);
        return Ok((value, Reconciled::default()));
    }
    let outcome = value.sub(&left.histogram)?;
    value.mul(share);
    value.add(&left.histogram)?;
    Ok((value, outcome))
}

impl Evaluation<'_> {
    /// `rate`, `increase` and `delta` between the values at the bounds.
    pub(super) fn extended_rate(
        &self,
        at: &AtStep<'_>,
        window: &Window<'_>,
        (smoothed, is_counter): (bool, bool),
    ) -> Option<Point> {
        if !window.histograms.is_empty() && !window.values.is_empty() {
            let annotation = Annotation::MixedFloatsHistograms { metric: at.metric };
            self.annotate(&annotation, at.call.first_argument);
            return None;
        }
        let divisor = match at.call.function {
            RangeFunction::Rate => seconds(at.call.range.range()),
            _ => 1.0,
        };
        if window.histograms.is_empty() {
            let value = float_difference(window, smoothed, is_counter)?;
            return Some(Point::Float(value / divisor));
        }
        let mut value = self.extended_histogram(at, window, (smoothed, is_counter))?;
        value.reset_hint = ResetHint::Gauge;
        value.compact(0);
        if at.call.function == RangeFunction::Rate {
            value.div(divisor);
        }
        Some(Point::Histogram(Arc::new(value)))
    }

    fn extended_histogram(
        &self,
        at: &AtStep<'_>,
        window: &Window<'_>,
        (smoothed, is_counter): (bool, bool),
    ) -> Option<FloatHistogram> {
        let samples = window.histograms;
        let time = |place: usize| samples.get(place).map_or(0, |sample| sample.time);
        let counted = Counted::of(samples.len(), time, window, smoothed)?;
        let used = samples.get(counted.first..=counted.last)?;
        self.check_kinds(at, used, is_counter)?;
        let sample = |place: usize| samples.get(place);
        let bound = |is_between: bool, (left, right): (usize, usize), place: usize, time: i64| {
            if !is_between {
                return Some((*sample(place)?.histogram).clone());
            }
            let value = histogram_between(sample(left)?, sample(right)?, time, is_counter);
            let outcome = value.map(|(value, outcome)| (Some(value), outcome));
            let (value, outcome) = match outcome {
                Ok((value, outcome)) => (value, Ok(outcome)),
                Err(mixed) => (None, Err(mixed)),
            };
            self.reconciled(at, outcome, "subtraction")?;
            value
        };
        let Counted { first, last, .. } = counted;
        let left = bound(
            counted.left_is_between,
            (first, first + 1),
            first,
            window.start,
        )?;
        let before_last = last.saturating_sub(1);
        let mut value = bound(
            counted.right_is_between,
            (before_last, last),
            last,
            window.end,
        )?;
        self.reconciled(at, value.sub(&left), "subtraction")?;
        if !is_counter {
            return Some(value);
        }
        for (before, now) in counted.pairs() {
            let (before, now) = (sample(before)?, sample(now)?);
            let is_anew = starts_anew(histogram_start(before), histogram_start(now));
            if is_anew || now.histogram.detect_reset(&before.histogram) {
                self.reconciled(at, value.add(&before.histogram), "addition")?;
            }
        }
        Some(value)
    }

    /// Whether histograms have buckets of one kind; says so where they have not, and where a counter
    /// or a gauge was expected.
    fn check_kinds(
        &self,
        at: &AtStep<'_>,
        samples: &[HistogramSample],
        is_counter: bool,
    ) -> Option<()> {
        let (first, last) = (samples.first()?, samples.last()?);
        let is_gauge = |sample: &HistogramSample| sample.histogram.reset_hint == ResetHint::Gauge;
        let span = at.call.first_argument;
        if is_counter && samples.iter().any(is_gauge) {
            self.annotate(&Annotation::NotCounter { metric: at.metric }, span);
        } else if !is_counter && (!is_gauge(first) || !is_gauge(last)) {
            self.annotate(&Annotation::NotGauge { metric: at.metric }, span);
        }
        let is_custom = first.histogram.is_custom();
        if samples
            .iter()
            .any(|sample| sample.histogram.is_custom() != is_custom)
        {
            self.annotate_mixed(at);
            return None;
        }
        Some(())
    }

    /// The point at a time, between the samples around it.
    pub(super) fn smoothed_point(
        &self,
        window: &Window<'_>,
        (metric, span): (&str, crate::syntax::Span),
    ) -> Option<Point> {
        if !window.histograms.is_empty() && !window.values.is_empty() {
            self.annotate(&Annotation::MixedFloatsHistograms { metric }, span);
            return None;
        }
        let time = window.time;
        if window.histograms.is_empty() {
            return smoothed_float(window, time).map(Point::Float);
        }
        let samples = window.histograms;
        let at = samples.partition_point(|sample| sample.time < time);
        let before = at.checked_sub(1).and_then(|place| samples.get(place));
        match (before, samples.get(at)) {
            (_, Some(sample)) if sample.time == time => {
                Some(Point::Histogram(Arc::clone(&sample.histogram)))
            }
            (Some(left), Some(right)) => {
                let is_gauge = left.histogram.reset_hint == ResetHint::Gauge
                    || right.histogram.reset_hint == ResetHint::Gauge;
                match histogram_between(left, right, time, !is_gauge) {
                    Ok((value, _)) => Some(Point::Histogram(Arc::new(value))),
                    Err(MixedSchemas) => {
                        self.annotate(&Annotation::MixedExponentialCustom { metric }, span);
                        None
                    }
                }
            }
            (Some(left), None) => Some(Point::Histogram(Arc::clone(&left.histogram))),
            (None, _) => None,
        }
    }
}

fn smoothed_float(window: &Window<'_>, time: i64) -> Option<f64> {
    let sample = |place: usize| Some((*window.timestamps.get(place)?, *window.values.get(place)?));
    let at = window.timestamps.partition_point(|&t| t < time);
    let before = at.checked_sub(1).and_then(sample);
    match (before, sample(at)) {
        (_, Some((t, value))) if t == time => Some(value),
        (Some(left), Some(right)) => Some(between(left, right, time, false)),
        (Some((_, value)), None) => Some(value),
        (None, _) => None,
    }
}

fn float_difference(window: &Window<'_>, smoothed: bool, is_counter: bool) -> Option<f64> {
    let time = |place: usize| window.timestamps.get(place).copied().unwrap_or_default();
    let counted = Counted::of(window.timestamps.len(), time, window, smoothed)?;
    let (left, right) = bounds_of(window, counted, is_counter)?;
    let mut value = right - left;
    if is_counter {
        for (before, now) in counted.pairs() {
            let (before, now) = (*window.values.get(before)?, *window.values.get(now)?);
            if now < before {
                value += before;
            }
        }
    }
    Some(value)
}

/// The values at the bounds of a window.
fn bounds_of(window: &Window<'_>, counted: Counted, is_counter: bool) -> Option<(f64, f64)> {
    let sample = |place: usize| Some((*window.timestamps.get(place)?, *window.values.get(place)?));
    let Counted { first, last, .. } = counted;
    let left = match counted.left_is_between {
        true => between(sample(first)?, sample(first + 1)?, window.start, is_counter),
        false => sample(first)?.1,
    };
    let right = match counted.right_is_between {
        true => between(sample(last - 1)?, sample(last)?, window.end, is_counter),
        false => sample(last)?.1,
    };
    Some((left, right))
}

/// The values at the bounds and inside of an extended window, with their times.
pub(super) fn extended_samples(window: &Window<'_>, smoothed: bool) -> (Vec<i64>, Vec<f64>) {
    let time = |place: usize| window.timestamps.get(place).copied().unwrap_or_default();
    let counted = Counted::of(window.timestamps.len(), time, window, smoothed);
    let bounds = counted.and_then(|counted| bounds_of(window, counted, false));
    let Some((left, right)) = bounds else {
        return (Vec::new(), Vec::new());
    };
    let (mut times, mut values) = (vec![window.start], vec![left]);
    for (&time, &value) in window.timestamps.iter().zip(window.values) {
        if time > window.start && time < window.end {
            times.push(time);
            values.push(value);
        }
    }
    times.push(window.end);
    values.push(right);
    (times, values)
}
