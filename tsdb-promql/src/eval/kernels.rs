//! The common functions of ranges where a series has nothing but floats: windows move along the
//! columns, and nothing is looked up, checked or allocated a sample.
#![expect(
    clippy::indexing_slicing,
    reason = "places come from windows that lie inside of both columns, which are equally long"
)]

use std::ops::Range;

use super::column::Column;
use super::context::Evaluation;
use super::over_time::{extreme, mean, mean_of, sum};
use super::rates::Extrapolation;
use super::series::RangeSeries;
use super::sliding::Sliding;
use super::steps::Steps;
use crate::kahan::KahanSum;
use crate::plan::{RangeCall, RangeFunction, RangeNode};

/// One sum of two.
fn joined(left: KahanSum, right: KahanSum) -> KahanSum {
    let mut sum = left;
    sum.add(right.sum);
    sum.compensation += right.compensation;
    sum
}

/// The next where it is better or there was no number before.
fn pick(best: f64, next: f64, is_better: bool) -> f64 {
    if is_better || best.is_nan() {
        next
    } else {
        best
    }
}

/// Where a window begins and ends: places in the columns, and times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    from: usize,
    to: usize,
    start: i64,
    end: i64,
}

impl Evaluation<'_> {
    /// Evaluates a call at all steps, if its function is one of those here and the series has
    /// floats alone. Whether it did.
    pub(super) fn evaluate_floats(
        &self,
        call: &RangeCall,
        series: &RangeSeries,
        steps: Steps,
        out: &mut Column,
    ) -> bool {
        let is_extended = match &call.range {
            RangeNode::Select(select) => select.select.anchored || select.select.smoothed,
            RangeNode::Subquery(_) => false,
        };
        let (times, values) = (series.timestamps.as_slice(), series.values.as_slice());
        let is_plain = series.histograms.is_empty() && series.starts.is_empty();
        if !is_plain || is_extended || times.len() != values.len() {
            return false;
        }
        let walk = Walk {
            call,
            times,
            left_out: series.left_out,
            steps,
            is_closed: self.options().features.prometheus_2,
        };
        match call.function {
            RangeFunction::Rate | RangeFunction::Increase | RangeFunction::Delta => {
                let extrapolation = self.extrapolation(call);
                self.rates
                    .borrow_mut()
                    .evaluate(&walk, values, &extrapolation, out);
            }
            RangeFunction::Sum | RangeFunction::Avg if walk.is_overlapping() => {
                let mut sums = Sliding::new(values, KahanSum::new, joined);
                let is_sum = call.function == RangeFunction::Sum;
                walk.each(out, |at| {
                    let window = &values[at.from..at.to];
                    let all = sums.window(at.from, at.to)?;
                    Some(match (all.sum.is_finite(), is_sum) {
                        (true, true) => all.value(),
                        (true, false) => mean_of(all, window.len()),
                        (false, true) => sum(window),
                        (false, false) => mean(window),
                    })
                });
            }
            RangeFunction::Min | RangeFunction::Max if walk.is_overlapping() => {
                let better = match call.function {
                    RangeFunction::Min => |best: f64, next: f64| pick(best, next, next < best),
                    _ => |best: f64, next: f64| pick(best, next, next > best),
                };
                let mut best = Sliding::new(values, |value| value, better);
                walk.each(out, |at| best.window(at.from, at.to));
            }
            RangeFunction::Sum => walk.each(out, |at| Some(sum(&values[at.from..at.to]))),
            RangeFunction::Avg => walk.each(out, |at| Some(mean(&values[at.from..at.to]))),
            RangeFunction::Min => walk.each(out, |at| {
                Some(extreme(&values[at.from..at.to], |next, least| next < least))
            }),
            RangeFunction::Max => walk.each(out, |at| {
                Some(extreme(&values[at.from..at.to], |next, most| next > most))
            }),
            RangeFunction::Count => {
                walk.each(out, |at| Some(number(at.to - at.from + walk.left_out)))
            }
            RangeFunction::Last => walk.each(out, |at| Some(values[at.to - 1])),
            RangeFunction::First => walk.each(out, |at| Some(values[at.from])),
            RangeFunction::Present => walk.each(out, |_| Some(1.0)),
            _ => return false,
        }
        true
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a window has far fewer than 2^53 samples"
)]
fn number(count: usize) -> f64 {
    count as f64
}

/// The windows of all steps, one after the other.
pub(super) struct Walk<'w> {
    call: &'w RangeCall,
    times: &'w [i64],
    /// How many samples of the only window are not there.
    left_out: usize,
    steps: Steps,
    /// Whether a sample at the very start is inside.
    is_closed: bool,
}

/// A place in times that only moves ahead, mostly as far as the last time.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    place: usize,
    stride: usize,
}

impl Mark {
    /// Moves behind all times before `bound`.
    #[inline]
    fn advance(&mut self, times: &[i64], bound: i64) {
        let guess = self.place + self.stride;
        let is_before = |place: usize| times.get(place).is_some_and(|time| *time < bound);
        let is_right = guess > self.place && is_before(guess - 1) && !is_before(guess);
        if is_right {
            self.place = guess;
            return;
        }
        let from = self.place;
        while is_before(self.place) {
            self.place += 1;
        }
        self.stride = self.place - from;
    }
}

/// Samples of a window from which on it pays to use again what is known of those that stay. Shorter
/// windows are folded from their first sample on, bit for bit as Prometheus folds them.
const OVERLAPPING_SAMPLES: i64 = 64;

impl Walk<'_> {
    /// Whether windows are long, and share most of their samples.
    fn is_overlapping(&self) -> bool {
        let (Some(first), Some(last)) = (self.times.first(), self.times.last()) else {
            return false;
        };
        let count = i64::try_from(self.times.len()).unwrap_or(i64::MAX);
        let range = self.call.range.range();
        let samples = range.saturating_mul(count) / last.saturating_sub(*first).max(1);
        samples >= OVERLAPPING_SAMPLES && range / self.steps.step.max(1) >= 4
    }

    /// The steps whose windows reach from before the last sample to behind the first one.
    fn reached(&self) -> Range<usize> {
        let (Some(first), Some(last)) = (self.times.first(), self.times.last()) else {
            return 0..0;
        };
        let range = self.call.range.range();
        let end = |time: i64| self.call.range.reference(time);
        let is_early = |time: i64| end(time) < *first;
        let is_not_late = |time: i64| end(time).saturating_sub(range) <= *last;
        self.steps.partition_point(is_early)..self.steps.partition_point(is_not_late)
    }

    /// Tells each window that has any samples, with its step; answers the steps it looked at.
    #[inline]
    fn windows(&self, mut found: impl FnMut(usize, Place)) -> Range<usize> {
        let range = self.call.range.range();
        let (mut from, mut to) = (Mark::default(), Mark::default());
        let reached = self.reached();
        for step in reached.clone() {
            let end = self.call.range.reference(self.steps.time(step));
            let start = end.saturating_sub(range);
            to.advance(self.times, end.saturating_add(1));
            from.advance(self.times, start.saturating_add(i64::from(!self.is_closed)));
            let (from, to) = (from.place, to.place);
            if from < to {
                found(
                    step,
                    Place {
                        from,
                        to,
                        start,
                        end,
                    },
                );
            }
        }
        reached
    }

    /// Asks for the value of each window that has any samples.
    #[inline]
    fn each(&self, out: &mut Column, mut value: impl FnMut(Place) -> Option<f64>) {
        self.windows(|step, place| {
            if let Some(value) = value(place) {
                out.set_float(step, value);
            }
        });
    }
}

/// Rates of one series at all steps: first what windows hold, a column each, then the arithmetic in
/// one loop that needs no branch, so that it is done for several steps at a time.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    resets: Vec<usize>,
    to_start: Vec<f64>,
    to_end: Vec<f64>,
    sampled: Vec<f64>,
    gaps: Vec<f64>,
    first: Vec<f64>,
}

impl Rates {
    /// Room for so many steps; what is of a series before counts for no step.
    fn reset(&mut self, steps: usize) {
        for column in [
            &mut self.to_start,
            &mut self.to_end,
            &mut self.sampled,
            &mut self.gaps,
            &mut self.first,
        ] {
            column.resize(steps, 0.0);
        }
    }

    /// Notes places of the samples that are smaller than the one before.
    fn find_resets(&mut self, values: &[f64], is_counter: bool) {
        self.resets.clear();
        let pairs = || values.iter().zip(values.get(1..).unwrap_or_default());
        if !is_counter || pairs().map(|(a, b)| usize::from(b < a)).sum::<usize>() == 0 {
            return;
        }
        let fell = pairs()
            .enumerate()
            .filter(|(_, (before, now))| now < before);
        self.resets.extend(fell.map(|(place, _)| place + 1));
    }

    fn evaluate(
        &mut self,
        walk: &Walk<'_>,
        values: &[f64],
        extrapolation: &Extrapolation,
        out: &mut Column,
    ) {
        self.reset(walk.steps.count);
        self.find_resets(values, extrapolation.is_counter);
        let mut next_reset = 0;
        let reached = walk.windows(|step, place| {
            let (first, last) = (place.from, place.to - 1);
            if first == last {
                return;
            }
            let mut value = values[last] - values[first];
            if !self.resets.is_empty() {
                while self
                    .resets
                    .get(next_reset)
                    .is_some_and(|reset| *reset <= first)
                {
                    next_reset += 1;
                }
                let inside = self.resets[next_reset..].iter();
                for reset in inside.take_while(|reset| **reset <= last) {
                    value += values[reset - 1];
                }
            }
            out.set_float(step, value);
            let times = walk.times;
            self.to_start[step] = span(place.start, times[first]);
            self.to_end[step] = span(times[last], place.end);
            self.sampled[step] = span(times[first], times[last]);
            self.gaps[step] = number(last - first + walk.left_out);
            self.first[step] = values[first];
        });
        self.extrapolate(extrapolation, &mut out.values, reached);
    }

    fn extrapolate(&self, extrapolation: &Extrapolation, results: &mut [f64], steps: Range<usize>) {
        let starts = (self.to_start[steps.clone()].iter()).zip(&self.to_end[steps.clone()]);
        let windows = (self.sampled[steps.clone()].iter())
            .zip(&self.gaps[steps.clone()])
            .zip(&self.first[steps.clone()]);
        let results = results[steps].iter_mut();
        for ((result, (to_start, to_end)), ((sampled, gaps), first)) in
            results.zip(starts).zip(windows)
        {
            let factor = extrapolation.plain_factor(
                (*to_start, *to_end),
                (*sampled, *gaps),
                (*first, *result),
            );
            *result *= factor;
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "spans of windows are far below 2^53 ms"
)]
fn span(from: i64, to: i64) -> f64 {
    (to - from) as f64
}
