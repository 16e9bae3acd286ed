//! `sum_over_time` and the like, `changes` and `resets`.

use std::sync::Arc;

use tsdb_core::ResetHint;

use super::column::Point;
use super::context::Evaluation;
use super::range::AtStep;
use super::rates::starts_anew;
use super::series::HistogramSample;
use super::window::Window;
use crate::annotations::Annotation;
use crate::histogram::{FloatHistogram, MixedSchemas};
use crate::kahan::KahanSum;
use crate::plan::{RangeFunction, RangeNode};

#[expect(
    clippy::cast_precision_loss,
    reason = "times and counts are far below 2^53"
)]
fn number(value: i64) -> f64 {
    value as f64
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a window has far fewer than 2^53 samples"
)]
fn count(value: usize) -> f64 {
    value as f64
}

impl Evaluation<'_> {
    /// Functions that need no more than the samples.
    pub(super) fn over_time(&self, at: &AtStep<'_>, window: &Window<'_>) -> Option<Point> {
        let all = window.timestamps.len() + window.histograms.len() + window.left_out;
        match at.call.function {
            RangeFunction::Count => return Some(Point::Float(count(all))),
            RangeFunction::Present => return Some(Point::Float(1.0)),
            RangeFunction::First => return first(window),
            RangeFunction::Last => return last(window),
            RangeFunction::TimeOfFirst | RangeFunction::TimeOfLast => {
                return time_of(at.call.function, window);
            }
            RangeFunction::Sum | RangeFunction::Avg if !window.histograms.is_empty() => {
                return self.combined(at, window);
            }
            _ => {}
        }
        if window.values.is_empty() {
            return None;
        }
        if !matches!(at.call.function, RangeFunction::Sum | RangeFunction::Avg) {
            self.ignore_histograms(at, window);
        }
        let values = window.values;
        Some(Point::Float(match at.call.function {
            RangeFunction::Sum => sum(values),
            RangeFunction::Avg => mean(values),
            RangeFunction::Min => extreme(values, |value, least| value < least),
            RangeFunction::Max => extreme(values, |value, most| value > most),
            RangeFunction::Stddev => variance(values).sqrt(),
            RangeFunction::Stdvar => variance(values),
            RangeFunction::Mad => median_deviation(values),
            RangeFunction::Quantile => {
                let [q, _] = at.scalars;
                if !(0.0..=1.0).contains(&q) {
                    self.annotate(&Annotation::InvalidQuantile(q), at.call.first_argument);
                }
                quantile(q, &mut values.to_vec())
            }
            RangeFunction::TimeOfMin => time_of_extreme(window, |value, least| value <= least),
            RangeFunction::TimeOfMax => time_of_extreme(window, |value, most| value >= most),
            _ => return None,
        }))
    }

    /// Sum or mean of histograms.
    fn combined(&self, at: &AtStep<'_>, window: &Window<'_>) -> Option<Point> {
        let span = at.call.first_argument;
        if !window.values.is_empty() {
            let annotation = Annotation::MixedFloatsHistograms { metric: at.metric };
            self.annotate(&annotation, span);
            return None;
        }
        let (mut reset, mut not_reset, mut custom_bounds) = (false, false, false);
        for sample in window.histograms {
            reset |= sample.histogram.reset_hint == ResetHint::Reset;
            not_reset |= sample.histogram.reset_hint == ResetHint::NoReset;
        }
        let combined = match at.call.function {
            RangeFunction::Sum => sum_histograms(window.histograms, &mut custom_bounds),
            _ => mean_histogram(window.histograms, &mut custom_bounds),
        };
        if reset && not_reset {
            let annotation = Annotation::CounterResetCollision {
                operation: "aggregation",
            };
            self.annotate(&annotation, span);
        }
        if custom_bounds {
            let annotation = Annotation::MismatchedCustomBuckets {
                operation: "aggregation",
            };
            self.annotate(&annotation, span);
        }
        let Ok(combined) = combined else {
            let annotation = Annotation::MixedExponentialCustom { metric: at.metric };
            self.annotate(&annotation, span);
            return None;
        };
        combined.map(|histogram| Point::Histogram(Arc::new(histogram)))
    }

    /// How often the value is another than before.
    pub(super) fn changes(&self, at: &AtStep<'_>, window: &Window<'_>) -> Option<Point> {
        let changes = pairs(at, window, |before, now| match (before, now) {
            (Sampled::Float(before, _), Sampled::Float(now, _)) => {
                now != before && !(now.is_nan() && before.is_nan())
            }
            (Sampled::Histogram(before), Sampled::Histogram(now)) => {
                !now.histogram.equals(&before.histogram)
            }
            _ => true,
        });
        changes.map(|changes| Point::Float(count(changes)))
    }

    /// How often counting began anew.
    pub(super) fn resets(&self, at: &AtStep<'_>, window: &Window<'_>) -> Option<Point> {
        let resets = pairs(at, window, |before, now| match (before, now) {
            (Sampled::Float(before, start_before), Sampled::Float(now, start)) => {
                now < before || starts_anew(start_before, start)
            }
            (Sampled::Histogram(before), Sampled::Histogram(now)) => {
                starts_anew((before.start, before.time), (now.start, now.time))
                    || now.histogram.detect_reset(&before.histogram)
            }
            _ => true,
        });
        resets.map(|resets| Point::Float(count(resets)))
    }
}

/// A sample of either kind.
#[derive(Clone, Copy)]
enum Sampled<'s> {
    /// With the start and the time of the sample.
    Float(f64, (i64, i64)),
    Histogram(&'s HistogramSample),
}

impl Sampled<'_> {
    fn time(&self) -> i64 {
        match self {
            Self::Float(_, (_, time)) => *time,
            Self::Histogram(sample) => sample.time,
        }
    }
}

/// How many samples of a window differ from the one before, in order of time.
fn pairs(
    at: &AtStep<'_>,
    window: &Window<'_>,
    differ: impl Fn(Sampled<'_>, Sampled<'_>) -> bool,
) -> Option<usize> {
    let is_anchored = match &at.call.range {
        RangeNode::Select(select) => select.select.anchored,
        RangeNode::Subquery(_) => false,
    };
    let floats = (0..window.timestamps.len()).filter_map(|place| {
        let time = window.timestamps.get(place).copied()?;
        let value = window.values.get(place).copied()?;
        Some(Sampled::Float(value, (window.start_of(place), time)))
    });
    let differing = |samples: &mut dyn Iterator<Item = Sampled<'_>>| {
        let (mut before, mut found) = (None, 0);
        for now in samples {
            found += usize::from(before.is_some_and(|before| differ(before, now)));
            before = Some(now);
        }
        found
    };
    if window.histograms.is_empty() && !is_anchored {
        let mut floats = floats;
        return Some(differing(&mut floats));
    }
    let mut all: Vec<Sampled<'_>> = floats.collect();
    all.extend(window.histograms.iter().map(Sampled::Histogram));
    all.sort_by_key(Sampled::time);
    if is_anchored {
        // From the sample at the start, or before it, on.
        if all
            .last()
            .is_none_or(|newest| newest.time() <= window.start)
        {
            return None;
        }
        let behind = all.partition_point(|sample| sample.time() <= window.start);
        all.drain(..behind.saturating_sub(1));
    }
    Some(differing(&mut all.into_iter()))
}

fn first(window: &Window<'_>) -> Option<Point> {
    let float = window.timestamps.first().zip(window.values.first());
    match (float, window.histograms.first()) {
        (Some((time, value)), Some(sample)) if *time < sample.time => Some(Point::Float(*value)),
        (_, Some(sample)) => Some(Point::Histogram(Arc::clone(&sample.histogram))),
        (float, None) => float.map(|(_, value)| Point::Float(*value)),
    }
}

fn last(window: &Window<'_>) -> Option<Point> {
    let float = window.timestamps.last().zip(window.values.last());
    match (float, window.histograms.last()) {
        (Some((time, value)), Some(sample)) if sample.time < *time => Some(Point::Float(*value)),
        (_, Some(sample)) => Some(Point::Histogram(Arc::clone(&sample.histogram))),
        (float, None) => float.map(|(_, value)| Point::Float(*value)),
    }
}

fn time_of(function: RangeFunction, window: &Window<'_>) -> Option<Point> {
    let (floats, histograms) = (window.timestamps, window.histograms);
    let millis = match function {
        RangeFunction::TimeOfFirst => {
            let all = floats.first().copied().into_iter();
            all.chain(histograms.first().map(|sample| sample.time))
                .min()
        }
        _ => {
            let all = floats.last().copied().into_iter();
            all.chain(histograms.last().map(|sample| sample.time)).max()
        }
    };
    millis.map(|millis| Point::Float(number(millis) / 1000.0))
}

fn time_of_extreme(window: &Window<'_>, is_better: impl Fn(f64, f64) -> bool) -> f64 {
    let mut samples = window.timestamps.iter().zip(window.values);
    let Some((&first_time, &first)) = samples.next() else {
        return f64::NAN;
    };
    let best = samples.fold((first_time, first), |best, (&time, &value)| {
        match is_better(value, best.1) || best.1.is_nan() {
            true => (time, value),
            false => best,
        }
    });
    number(best.0) / 1000.0
}

pub(super) fn sum(values: &[f64]) -> f64 {
    let mut sum = KahanSum::default();
    values.iter().for_each(|value| sum.add(*value));
    match sum.sum.is_infinite() {
        true => sum.sum,
        false => sum.value(),
    }
}

/// The mean: of the sum, until that would overflow, and then step by step.
pub(super) fn mean(values: &[f64]) -> f64 {
    let mut all = KahanSum::new(-0.0);
    values.iter().for_each(|value| all.add(*value));
    if all.sum.is_finite() {
        return mean_of(all, values.len());
    }
    let mut mean = Mean::default();
    values.iter().for_each(|value| mean.add(*value));
    mean.value()
}

/// The mean of so many values with a sum.
pub(super) fn mean_of(sum: KahanSum, values: usize) -> f64 {
    let count = count(values);
    sum.sum / count + sum.compensation / count
}

/// A mean in the making.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mean {
    /// The sum, or once that would overflow the mean itself.
    sum: KahanSum,
    count: f64,
    is_incremental: bool,
}

impl Mean {
    pub(super) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if !self.is_incremental {
            let mut sum = self.sum;
            if self.count == 1.0 {
                sum = KahanSum::new(value);
            } else {
                sum.add(value);
            }
            if !sum.sum.is_infinite() || self.count == 1.0 {
                self.sum = sum;
                return;
            }
            self.is_incremental = true;
            self.sum.sum /= self.count - 1.0;
            self.sum.compensation /= self.count - 1.0;
        }
        let share = (self.count - 1.0) / self.count;
        let mut mean = KahanSum {
            sum: share * self.sum.sum,
            compensation: share * self.sum.compensation,
        };
        mean.add(value / self.count);
        self.sum = mean;
    }

    pub(super) fn value(&self) -> f64 {
        match self.is_incremental {
            true => self.sum.value(),
            false => self.sum.sum / self.count + self.sum.compensation / self.count,
        }
    }
}

pub(super) fn extreme(values: &[f64], is_better: impl Fn(f64, f64) -> bool) -> f64 {
    let best = values.iter().copied().reduce(|best, value| {
        match is_better(value, best) || best.is_nan() {
            true => value,
            false => best,
        }
    });
    best.unwrap_or(f64::NAN)
}

fn variance(values: &[f64]) -> f64 {
    let (mut mean, mut squares, mut seen) = (KahanSum::default(), KahanSum::default(), 0.0);
    for value in values {
        seen += 1.0;
        let delta = value - mean.value();
        mean.add(delta / seen);
        squares.add(delta * (value - mean.value()));
    }
    squares.value() / seen
}

fn median_deviation(values: &[f64]) -> f64 {
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let median = quantile(0.5, &mut values.to_vec());
    let mut deviations: Vec<f64> = values.iter().map(|value| (value - median).abs()).collect();
    quantile(0.5, &mut deviations)
}

/// The quantile of values, interpolated; NaN is smaller than all.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank between zero and the number of values"
)]
pub(super) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    values.sort_unstable_by(|a, b| (!a.is_nan()).cmp(&!b.is_nan()).then_with(|| a.total_cmp(b)));
    let rank = q * (count(values.len()) - 1.0);
    let lower = rank.floor().max(0.0);
    let upper = (lower + 1.0).min(count(values.len()) - 1.0);
    let weight = rank - rank.floor();
    let at = |rank: f64| values.get(rank as usize).copied().unwrap_or(f64::NAN);
    at(lower) * (1.0 - weight) + at(upper) * weight
}

fn sum_histograms(
    samples: &[HistogramSample],
    custom_bounds: &mut bool,
) -> Result<Option<FloatHistogram>, MixedSchemas> {
    let Some((first, rest)) = samples.split_first() else {
        return Ok(None);
    };
    let mut sum = (*first.histogram).clone();
    let mut compensation = sum.no_compensation();
    for sample in rest {
        let outcome = sum.kahan_add(&sample.histogram, &mut compensation)?;
        *custom_bounds |= outcome.custom_bounds;
    }
    sum.add_compensation(&compensation);
    Ok(Some(sum))
}

fn mean_histogram(
    samples: &[HistogramSample],
    custom_bounds: &mut bool,
) -> Result<Option<FloatHistogram>, MixedSchemas> {
    let Some((first, rest)) = samples.split_first() else {
        return Ok(None);
    };
    let mut mean = HistogramMean::new(&first.histogram);
    for sample in rest {
        *custom_bounds |= mean.add(&sample.histogram)?;
    }
    Ok(Some(mean.finish()))
}

/// A mean of histograms in the making.
#[derive(Clone, Debug)]
pub(super) struct HistogramMean {
    /// The sum, or once that would overflow the mean itself.
    sum: FloatHistogram,
    compensation: FloatHistogram,
    count: f64,
    is_incremental: bool,
}

impl HistogramMean {
    pub(super) fn new(first: &FloatHistogram) -> Self {
        Self {
            sum: first.clone(),
            compensation: first.no_compensation(),
            count: 1.0,
            is_incremental: false,
        }
    }

    /// Adds one, and tells whether custom bounds had to be made the same.
    pub(super) fn add(&mut self, histogram: &FloatHistogram) -> Result<bool, MixedSchemas> {
        self.count += 1.0;
        if !self.is_incremental {
            let (mut sum, mut compensation) = (self.sum.clone(), self.compensation.clone());
            let outcome = sum.kahan_add(histogram, &mut compensation)?;
            if !sum.has_overflow() {
                (self.sum, self.compensation) = (sum, compensation);
                return Ok(outcome.custom_bounds);
            }
            self.is_incremental = true;
            self.sum.div(self.count - 1.0);
            self.compensation.div(self.count - 1.0);
        }
        let share = (self.count - 1.0) / self.count;
        self.compensation.mul(share);
        self.sum.mul(share);
        let mut part = histogram.clone();
        part.div(self.count);
        let outcome = self.sum.kahan_add(&part, &mut self.compensation)?;
        Ok(outcome.custom_bounds)
    }

    /// The sum instead, however large.
    pub(super) fn finish_sum(mut self) -> FloatHistogram {
        if self.is_incremental {
            self.sum.mul(self.count);
            self.compensation.mul(self.count);
        }
        self.sum.add_compensation(&self.compensation);
        self.sum
    }

    pub(super) fn finish(mut self) -> FloatHistogram {
        if !self.is_incremental {
            self.sum.div(self.count);
            self.compensation.div(self.count);
        }
        self.sum.add_compensation(&self.compensation);
        self.sum
    }
}
