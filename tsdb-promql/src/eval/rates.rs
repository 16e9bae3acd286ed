//! How fast counters rise and gauges move.

use std::sync::Arc;

use tsdb_core::ResetHint;

use super::column::Point;
use super::context::Evaluation;
use super::range::AtStep;
use super::series::HistogramSample;
use super::window::Window;
use crate::annotations::Annotation;
use crate::error::QueryError;
use crate::histogram::FloatHistogram;
use crate::plan::{RangeCall, RangeFunction, RangeNode};

/// How much longer than usual a gap to a bound may be to be bridged.
const GAP_FACTOR: f64 = 1.1;

/// What was counted over a window, before it is extrapolated to the bounds.
pub(super) struct Counted<T> {
    pub(super) value: T,
    pub(super) first_time: i64,
    pub(super) last_time: i64,
    /// How many steps there are between samples.
    pub(super) gaps: usize,
    /// The count that the window began with.
    pub(super) first_value: f64,
    /// When counting began, where that lies inside of the window.
    pub(super) began: Option<i64>,
}

/// How a count of the samples of a window becomes one of the whole window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extrapolation {
    pub(super) is_counter: bool,
    /// Prometheus 2 looked for the zero before the threshold.
    zero_first: bool,
    /// Seconds of the range where a rate is asked for, else one.
    divisor: f64,
}

impl Extrapolation {
    /// The same for histograms, whose zero Prometheus 2 did not look for.
    fn of_histograms(self) -> Self {
        Self {
            is_counter: self.is_counter && !self.zero_first,
            ..self
        }
    }

    /// By what the count of a window is multiplied.
    #[inline]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a window has far fewer than 2^53 samples"
    )]
    pub(super) fn factor<T>(
        &self,
        counted: &Counted<T>,
        result: f64,
        (start, end): (i64, i64),
    ) -> f64 {
        let mut to_start = seconds(counted.first_time - start);
        let mut to_end = seconds(end - counted.last_time);
        let sampled = seconds(counted.last_time - counted.first_time);
        let average = match counted.gaps {
            0 => 0.0,
            gaps => sampled / gaps as f64,
        };
        let mut interval = sampled;
        let threshold = average * GAP_FACTOR;
        if self.is_counter && self.zero_first {
            to_start = to_start.min(to_zero(counted, result, sampled));
        }
        if to_start >= threshold {
            to_start = average / 2.0;
        }
        if self.is_counter && !self.zero_first {
            to_start = to_start.min(to_zero(counted, result, sampled));
        }
        if let Some(began) = counted.began {
            interval = seconds(counted.last_time - began);
            to_start = 0.0;
        }
        if to_end >= threshold {
            to_end = average / 2.0;
        }
        (interval + to_start + to_end) / interval / self.divisor
    }

    /// The same where nothing is known of starts, from milliseconds and without a branch.
    #[inline]
    pub(super) fn plain_factor(
        &self,
        (to_start, to_end): (f64, f64),
        (sampled, gaps): (f64, f64),
        (first, result): (f64, f64),
    ) -> f64 {
        let (to_start, to_end, sampled) = (to_start / 1000.0, to_end / 1000.0, sampled / 1000.0);
        let average = sampled / gaps;
        let threshold = average * GAP_FACTOR;
        let zero = sampled * (first / result);
        let has_zero = self.is_counter & (result > 0.0) & (first >= 0.0);
        let at_most = |to_start: f64| match has_zero & (zero < to_start) {
            true => zero,
            false => to_start,
        };
        let to_start = if self.zero_first {
            at_most(to_start)
        } else {
            to_start
        };
        let to_start = if to_start >= threshold {
            average / 2.0
        } else {
            to_start
        };
        let to_start = if self.zero_first {
            to_start
        } else {
            at_most(to_start)
        };
        let to_end = if to_end >= threshold {
            average / 2.0
        } else {
            to_end
        };
        (sampled + to_start + to_end) / sampled / self.divisor
    }
}

/// Whether counting began anew between two samples, as their start times tell.
pub(super) fn starts_anew(before: (i64, i64), now: (i64, i64)) -> bool {
    let ((start_before, time_before), (start, time)) = (before, now);
    if start == 0 || start >= time || start < time_before {
        return false;
    }
    // A start at the sample before is a reset for deltas, and not where that start was unknown
    // or no start at all.
    start > time_before || (start_before != 0 && start_before < time_before)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "spans of windows are far below 2^53 ms"
)]
pub(super) fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

impl Window<'_> {
    fn float_start(&self, place: usize) -> (i64, i64) {
        let time = self.timestamps.get(place).copied().unwrap_or_default();
        (self.start_of(place), time)
    }
}

pub(super) fn histogram_start(sample: &HistogramSample) -> (i64, i64) {
    (sample.start, sample.time)
}

impl Evaluation<'_> {
    /// `rate`, `increase` and `delta`.
    pub(super) fn rate(
        &self,
        at: &AtStep<'_>,
        window: &Window<'_>,
    ) -> Result<Option<Point>, QueryError> {
        let is_counter = at.call.function != RangeFunction::Delta;
        if let RangeNode::Select(select) = &at.call.range
            && (select.select.anchored || select.select.smoothed)
        {
            return Ok(self.extended_rate(at, window, (select.select.smoothed, is_counter)));
        }
        if !window.histograms.is_empty() && !window.timestamps.is_empty() {
            let annotation = Annotation::MixedFloatsHistograms { metric: at.metric };
            self.annotate(&annotation, at.call.first_argument);
            return Ok(None);
        }
        if window.histograms.is_empty() {
            let counted = self.count_floats(at, window, is_counter);
            return Ok(counted.map(|counted| {
                let extrapolation = self.extrapolation(at.call);
                let bounds = (window.start, window.end);
                let factor = extrapolation.factor(&counted, counted.value, bounds);
                Point::Float(counted.value * factor)
            }));
        }
        let Some(mut counted) = self.count_histograms(at, window, is_counter) else {
            return Ok(None);
        };
        let count = counted.value.count;
        let bounds = (window.start, window.end);
        let extrapolation = self.extrapolation(at.call).of_histograms();
        let factor = extrapolation.factor(&counted, count, bounds);
        counted.value.mul(factor);
        Ok(Some(Point::Histogram(Arc::new(counted.value))))
    }

    fn count_floats(
        &self,
        at: &AtStep<'_>,
        window: &Window<'_>,
        is_counter: bool,
    ) -> Option<Counted<f64>> {
        let (first, last) = (*window.values.first()?, *window.values.last()?);
        let (first_time, last_time) = (*window.timestamps.first()?, *window.timestamps.last()?);
        let began = is_counter
            .then(|| began_inside(window, window.float_start(0)))
            .flatten();
        if window.values.len() < 2 && began.is_none() {
            return None;
        }
        let mut value = last - first;
        if is_counter && window.starts.is_empty() {
            let mut before = first;
            for &now in window.values {
                if now < before {
                    value += before;
                }
                before = now;
            }
        } else if is_counter {
            for (place, pair) in window.values.windows(2).enumerate() {
                let [before, now] = pair else { continue };
                let starts = (window.float_start(place), window.float_start(place + 1));
                self.check_overlap(at, starts);
                if now < before || starts_anew(starts.0, starts.1) {
                    value += before;
                }
            }
        }
        if began.is_some() {
            value += first;
        }
        Some(Counted {
            value,
            first_time,
            last_time,
            gaps: window.values.len() - 1 + window.left_out,
            first_value: first,
            began,
        })
    }

    fn check_overlap(&self, at: &AtStep<'_>, (before, now): ((i64, i64), (i64, i64))) {
        if now.0 != 0 && now.0 < before.1 && now.0 != before.0 {
            let annotation = Annotation::StartTimeOverlap { metric: at.metric };
            self.annotate(&annotation, at.call.first_argument);
        }
    }

    /// How counts of a call are extrapolated.
    pub(super) fn extrapolation(&self, call: &RangeCall) -> Extrapolation {
        Extrapolation {
            is_counter: call.function != RangeFunction::Delta,
            zero_first: self.options().features.prometheus_2,
            divisor: match call.function {
                RangeFunction::Rate => seconds(call.range.range()),
                _ => 1.0,
            },
        }
    }

    fn count_histograms(
        &self,
        at: &AtStep<'_>,
        window: &Window<'_>,
        is_counter: bool,
    ) -> Option<Counted<FloatHistogram>> {
        let samples = window.histograms;
        let (first, last) = (samples.first()?, samples.last()?);
        let began = is_counter
            .then(|| began_inside(window, histogram_start(first)))
            .flatten();
        if samples.len() < 2 && began.is_none() {
            return None;
        }
        let mut value = match samples.len() {
            1 => FloatHistogram {
                schema: first.histogram.schema,
                custom_values: first.histogram.custom_values.clone(),
                ..FloatHistogram::default()
            },
            _ => self.histogram_difference(at, samples, is_counter)?,
        };
        if began.is_some() && value.add(&first.histogram).is_err() {
            self.annotate_mixed(at);
            return None;
        }
        value.reset_hint = ResetHint::Gauge;
        value.compact(0);
        Some(Counted {
            value,
            first_time: first.time,
            last_time: last.time,
            gaps: samples.len() - 1,
            first_value: first.histogram.count,
            began,
        })
    }

    pub(super) fn annotate_mixed(&self, at: &AtStep<'_>) {
        let annotation = Annotation::MixedExponentialCustom { metric: at.metric };
        self.annotate(&annotation, at.call.first_argument);
    }

    /// The last histogram less the first, and what was counted before each reset.
    fn histogram_difference(
        &self,
        at: &AtStep<'_>,
        samples: &[HistogramSample],
        is_counter: bool,
    ) -> Option<FloatHistogram> {
        let span = at.call.first_argument;
        let (first, last) = (samples.first()?, samples.last()?);
        let is_gauge = |sample: &HistogramSample| sample.histogram.reset_hint == ResetHint::Gauge;
        let not_counter = Annotation::NotCounter { metric: at.metric };
        if is_counter && samples.iter().any(is_gauge) {
            self.annotate(&not_counter, span);
        }
        let mut base = Arc::clone(&first.histogram);
        if is_counter
            && let Some(second) = samples.get(1)
            && (starts_anew(histogram_start(first), histogram_start(second))
                || second.histogram.detect_reset(&base))
        {
            base = Arc::new(FloatHistogram {
                schema: second.histogram.schema,
                custom_values: second.histogram.custom_values.clone(),
                ..FloatHistogram::default()
            });
        }
        let between = samples.get(1..samples.len() - 1).unwrap_or_default();
        let is_custom = base.is_custom();
        let mut schema = last.histogram.schema.min(base.schema);
        let mut mixed = last.histogram.is_custom() != is_custom;
        if is_counter {
            for sample in between {
                schema = schema.min(sample.histogram.schema);
                mixed |= sample.histogram.is_custom() != is_custom;
            }
        }
        if mixed {
            self.annotate_mixed(at);
            return None;
        }
        let mut value = last.histogram.copy_to_schema(schema);
        self.reconciled(at, value.sub(&base), "subtraction")?;
        if is_counter {
            let mut before = (base, histogram_start(first));
            for sample in samples.get(1..).unwrap_or_default() {
                let start = histogram_start(sample);
                self.check_overlap(at, (before.1, start));
                if starts_anew(before.1, start) || sample.histogram.detect_reset(&before.0) {
                    self.reconciled(at, value.add(&before.0), "addition")?;
                }
                before = (Arc::clone(&sample.histogram), start);
            }
        } else if !is_gauge(first) || !is_gauge(last) {
            self.annotate(&Annotation::NotGauge { metric: at.metric }, span);
        }
        Some(value)
    }

    /// Says what an operation on histograms came upon; `None` when it could not be done.
    pub(super) fn reconciled(
        &self,
        at: &AtStep<'_>,
        outcome: Result<crate::histogram::Reconciled, crate::histogram::MixedSchemas>,
        operation: &'static str,
    ) -> Option<()> {
        let Ok(outcome) = outcome else {
            self.annotate_mixed(at);
            return None;
        };
        if outcome.custom_bounds {
            let annotation = Annotation::MismatchedCustomBuckets { operation };
            self.annotate(&annotation, at.call.first_argument);
        }
        Some(())
    }

    /// `irate` and `idelta`: of the last two samples.
    pub(super) fn instant_rate(&self, at: &AtStep<'_>, window: &Window<'_>) -> Option<Point> {
        let is_rate = at.call.function == RangeFunction::Irate;
        let (before, now) = last_two(window)?;
        let elapsed = now.start.1 - before.start.1;
        if elapsed == 0 {
            return None;
        }
        let is_anew = is_rate && starts_anew(before.start, now.start);
        let point = match (before.point, now.point) {
            (Point::Float(before), Point::Float(now)) => {
                let is_reset = is_rate && (now < before || is_anew);
                Point::Float(if is_reset { now } else { now - before })
            }
            (Point::Histogram(before), Point::Histogram(now)) => {
                let gauges = [&before, &now].map(|one| one.reset_hint == ResetHint::Gauge);
                if is_rate && gauges.contains(&true) {
                    let annotation = Annotation::NotCounter { metric: at.metric };
                    self.annotate(&annotation, at.call.arguments);
                } else if !is_rate && gauges.contains(&false) {
                    let annotation = Annotation::NotGauge { metric: at.metric };
                    self.annotate(&annotation, at.call.arguments);
                }
                let mut value = (*now).clone();
                if !(is_anew || is_rate && now.detect_reset(&before)) {
                    self.reconciled(at, value.sub(&before), "subtraction")?;
                }
                value.reset_hint = ResetHint::Gauge;
                value.compact(0);
                Point::Histogram(Arc::new(value))
            }
            _ => {
                let annotation = Annotation::MixedFloatsHistograms { metric: at.metric };
                self.annotate(&annotation, at.call.arguments);
                return None;
            }
        };
        Some(match point {
            Point::Float(value) if is_rate => Point::Float(value / seconds(elapsed)),
            Point::Histogram(value) if is_rate => {
                let mut value = (*value).clone();
                value.div(seconds(elapsed));
                Point::Histogram(Arc::new(value))
            }
            point => point,
        })
    }
}

/// When counting began, if that lies inside of the window and before the first sample.
fn began_inside(window: &Window<'_>, (start, time): (i64, i64)) -> Option<i64> {
    (start != 0 && start > window.start && start < time).then_some(start)
}

/// How long before the first sample the counter was at zero, if it rose as it did since.
fn to_zero<T>(counted: &Counted<T>, result: f64, sampled: f64) -> f64 {
    match result > 0.0 && counted.first_value >= 0.0 {
        true => sampled * (counted.first_value / result),
        false => f64::INFINITY,
    }
}

/// A sample with its start and time.
struct Timed {
    point: Point,
    start: (i64, i64),
}

/// The last two samples of a window, floats and histograms.
fn last_two(window: &Window<'_>) -> Option<(Timed, Timed)> {
    let floats = window.timestamps.len();
    let float = |place: usize| {
        Some(Timed {
            point: Point::Float(*window.values.get(place)?),
            start: window.float_start(place),
        })
    };
    let histogram = |sample: &HistogramSample| Timed {
        point: Point::Histogram(Arc::clone(&sample.histogram)),
        start: histogram_start(sample),
    };
    let mut newest: Vec<Timed> = (floats.saturating_sub(2)..floats)
        .filter_map(float)
        .collect();
    newest.extend(window.histograms.iter().rev().take(2).map(histogram));
    newest.sort_by_key(|sample| sample.start.1);
    let (now, before) = (newest.pop()?, newest.pop()?);
    Some((before, now))
}
