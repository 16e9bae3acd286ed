//! The common functions of ranges where a series has nothing but floats: windows move along the
//! columns, and nothing is looked up, checked or allocated a sample.
#![expect(
    clippy::indexing_slicing,
    reason = "places come from windows that lie inside of both columns, which are equally long"
)]

use super::column::Column;
use super::context::Evaluation;
use super::over_time::{Mean, extreme, sum};
use super::rates::{Counted, Extrapolation};
use super::series::RangeSeries;
use super::steps::Steps;
use crate::plan::{RangeCall, RangeFunction, RangeNode};

/// Where a window begins and ends: places in the columns, and times.
#[derive(Clone, Copy, Debug)]
struct Place {
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
            steps,
            is_closed: self.options().features.prometheus_2,
        };
        match call.function {
            RangeFunction::Rate | RangeFunction::Increase | RangeFunction::Delta => {
                let extrapolation = self.extrapolation(call);
                let mut resets = Resets::of(values, extrapolation.is_counter);
                walk.each(out, |place| {
                    rate(times, values, place, &mut resets, &extrapolation)
                });
            }
            RangeFunction::Sum => walk.each(out, |at| Some(sum(&values[at.from..at.to]))),
            RangeFunction::Avg => walk.each(out, |at| {
                let mut mean = Mean::default();
                values[at.from..at.to]
                    .iter()
                    .for_each(|value| mean.add(*value));
                Some(mean.value())
            }),
            RangeFunction::Min => walk.each(out, |at| {
                Some(extreme(&values[at.from..at.to], |value, least| {
                    value < least
                }))
            }),
            RangeFunction::Max => walk.each(out, |at| {
                Some(extreme(&values[at.from..at.to], |value, most| value > most))
            }),
            RangeFunction::Count => walk.each(out, |at| Some(number(at.to - at.from))),
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
struct Walk<'w> {
    call: &'w RangeCall,
    times: &'w [i64],
    steps: Steps,
    /// Whether a sample at the very start is inside.
    is_closed: bool,
}

impl Walk<'_> {
    /// Asks for the value of each window that has any samples.
    #[inline]
    fn each(&self, out: &mut Column, mut value: impl FnMut(Place) -> Option<f64>) {
        let range = self.call.range.range();
        let (mut from, mut to) = (0, 0);
        for step in 0..self.steps.count {
            let end = self.call.range.reference(self.steps.time(step));
            let start = end.saturating_sub(range);
            let first = start.saturating_add(i64::from(!self.is_closed));
            while to < self.times.len() && self.times[to] <= end {
                to += 1;
            }
            while from < to && self.times[from] < first {
                from += 1;
            }
            let place = Place {
                from,
                to,
                start,
                end,
            };
            if from < to
                && let Some(value) = value(place)
            {
                out.set_float(step, value);
            }
        }
    }
}

/// Places of the samples that are smaller than the one before.
struct Resets {
    places: Vec<usize>,
    /// The first that may lie in a window.
    next: usize,
}

impl Resets {
    fn of(values: &[f64], is_counter: bool) -> Self {
        let mut places = Vec::new();
        if is_counter {
            let fell = values
                .windows(2)
                .enumerate()
                .filter(|(_, pair)| pair[1] < pair[0]);
            places.extend(fell.map(|(place, _)| place + 1));
        }
        Self { places, next: 0 }
    }

    /// Adds what was counted before each reset in a window.
    #[inline]
    fn add(&mut self, values: &[f64], place: Place, value: &mut f64) {
        while self.next < self.places.len() && self.places[self.next] <= place.from {
            self.next += 1;
        }
        let ahead = self.places[self.next..].iter();
        for reset in ahead.take_while(|reset| **reset < place.to) {
            *value += values[reset - 1];
        }
    }
}

#[inline]
fn rate(
    times: &[i64],
    values: &[f64],
    place: Place,
    resets: &mut Resets,
    extrapolation: &Extrapolation,
) -> Option<f64> {
    let (first, last) = (place.from, place.to - 1);
    if first == last {
        return None;
    }
    let mut value = values[last] - values[first];
    if !resets.places.is_empty() {
        resets.add(values, place, &mut value);
    }
    let counted = Counted {
        value: (),
        first_time: times[first],
        last_time: times[last],
        gaps: last - first,
        first_value: values[first],
        began: None,
    };
    Some(value * extrapolation.factor(&counted, value, (place.start, place.end)))
}
