//! Functions of ranges.

use std::sync::Arc;

use super::column::{Column, Point};
use super::context::{Evaluation, Sink, same_labels};
use super::select::{Reading, without_stale};
use super::series::{HistogramSample, RangeSeries, VectorSeries};
use super::steps::Steps;
use super::window::{Window, Windows};
use crate::annotations::Annotation;
use crate::error::QueryError;
use crate::plan::{RangeCall, RangeFunction, RangeNode, RangeSelect, SubqueryNode, VectorNode};
use tsdb_core::{Grouping, Labels, ResetHint};

/// A call at a step, for functions that look at more than the samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AtStep<'c> {
    pub(crate) call: &'c RangeCall,
    /// Of the series whose samples they are.
    pub(crate) metric: &'c str,
    /// Values of the other arguments.
    pub(crate) scalars: [f64; 2],
}

/// How far beyond its bounds the samples of a range are looked at, in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
struct Reach {
    back: i64,
    ahead: i64,
}

impl Evaluation<'_> {
    fn reach(&self, range: &RangeNode) -> Reach {
        match range {
            RangeNode::Select(select) => self.reach_of(select),
            RangeNode::Subquery(_) => Reach::default(),
        }
    }

    fn reach_of(&self, select: &RangeSelect) -> Reach {
        let lookback = self.lookback();
        Reach {
            back: match select.select.anchored || select.select.smoothed {
                true => lookback,
                false => 0,
            },
            ahead: match select.select.smoothed {
                true => lookback,
                false => 0,
            },
        }
    }

    /// The samples of all ranges of all steps.
    fn reading<'r>(
        &self,
        select: &'r RangeSelect,
        (steps, grouping): (Steps, Option<&'r Grouping>),
    ) -> Reading<'r> {
        let reach = self.reach_of(select);
        let back = select.range.saturating_add(reach.back);
        Reading {
            ahead: reach.ahead,
            grouping,
            ..Reading::new(&select.select, steps, back)
        }
    }

    /// Every series with the samples of all ranges of all steps.
    pub(crate) fn stream_range(
        &self,
        range: &RangeNode,
        steps: Steps,
        each: &mut dyn FnMut(&mut RangeSeries) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        match range {
            RangeNode::Select(select) => {
                self.read(&self.reading(select, (steps, None)), &mut |series| {
                    without_stale(series);
                    each(series)
                })
            }
            RangeNode::Subquery(subquery) => self.stream_subquery(subquery, steps, each),
        }
    }

    /// The steps at which the inside of a subquery is evaluated: multiples of its own step.
    pub(crate) fn inner_steps(&self, subquery: &SubqueryNode, steps: Steps) -> Steps {
        let reference = |time: i64| subquery.at.unwrap_or(time).saturating_sub(subquery.offset);
        let first = reference(steps.time(0)).saturating_sub(subquery.range);
        let mut start = subquery.step.saturating_mul(first / subquery.step);
        let is_early = match self.options().features.prometheus_2 {
            true => start < first,
            false => start <= first,
        };
        if is_early {
            start = start.saturating_add(subquery.step);
        }
        Steps::between(start, reference(steps.end()), subquery.step)
    }

    fn stream_subquery(
        &self,
        subquery: &SubqueryNode,
        steps: Steps,
        each: &mut dyn FnMut(&mut RangeSeries) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        if steps.count == 0 {
            return Ok(());
        }
        let inner = self.inner_steps(subquery, steps);
        self.stream(&subquery.node, inner, &mut |series| {
            let mut range = RangeSeries {
                labels: std::mem::take(&mut series.labels),
                drop_name: series.drop_name,
                ..RangeSeries::default()
            };
            for (step, value) in series.column.floats() {
                range.timestamps.push(inner.time(step));
                range.values.push(value);
            }
            for (step, histogram) in series.column.histograms() {
                range.histograms.push(HistogramSample {
                    time: inner.time(step),
                    start: 0,
                    histogram: without_hint(histogram),
                });
            }
            each(&mut range)
        })
    }

    /// A function of each series' ranges.
    pub(crate) fn stream_range_call(
        &self,
        call: &RangeCall,
        (steps, grouping): (Steps, Option<&Grouping>),
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        if call.function == RangeFunction::Absent {
            return self.absent_over_time(call, steps, sink);
        }
        let scalars = call.scalars.iter().map(|scalar| self.scalar(scalar, steps));
        let scalars = scalars.collect::<Result<Vec<_>, _>>()?;
        let mut seen = (!self.is_unique_without_name(call)).then(LabelSets::default);
        let make = |of: &Evaluation<'_>, series: &mut RangeSeries, made: &mut VectorSeries| {
            of.evaluate(call, series, &scalars, steps, &mut made.column)?;
            if made.column.is_empty() {
                return Ok(false);
            }
            of.check_counter(call, series, &made.column);
            made.become_series(series);
            if !call.function.keeps_name() {
                of.drop_name(made);
            }
            Ok(true)
        };
        let mut give = |made: &mut VectorSeries| {
            if let Some(seen) = &mut seen
                && !seen.insert(made.labels.clone())
            {
                return Err(same_labels());
            }
            sink(made)
        };
        match &call.range {
            RangeNode::Select(select) => {
                let mut reading = self.reading(select, (steps, grouping));
                // Beyond its bounds other samples matter.
                if !select.select.anchored && !select.select.smoothed {
                    reading.pushdown = call.function.pushdown();
                }
                let make = |of: &Evaluation<'_>, series: &mut RangeSeries, made: &mut _| {
                    without_stale(series);
                    make(of, series, made)
                };
                self.stream_made(&reading, &make, &mut give)
            }
            RangeNode::Subquery(subquery) => {
                let mut scratch = VectorSeries::default();
                self.stream_subquery(subquery, steps, &mut |series| match make(
                    self,
                    series,
                    &mut scratch,
                )? {
                    true => give(&mut scratch),
                    false => Ok(()),
                })
            }
        }
    }

    /// Whether no two of its series differ in their names alone, or the names are still there.
    fn is_unique_without_name(&self, call: &RangeCall) -> bool {
        self.options().features.delayed_name_removal
            || call.function.keeps_name()
            || match &call.range {
                RangeNode::Select(select) => select.select.has_one_name(),
                RangeNode::Subquery(subquery) => has_one_name(&subquery.node),
            }
    }

    fn evaluate(
        &self,
        call: &RangeCall,
        series: &RangeSeries,
        scalars: &[Vec<f64>],
        steps: Steps,
        out: &mut Column,
    ) -> Result<(), QueryError> {
        out.reset(steps.count);
        if self.evaluate_floats(call, series, steps, out) {
            // Held for a step alone: as many at most as there are.
            let held = series.samples().min(self.options().max_samples);
            self.budget.hold(held, 0)?;
            self.budget.release(held, 0);
            return Ok(());
        }
        let reach = self.reach(&call.range);
        let range = call.range.range();
        let mut windows = Windows::new(series, self.options().features.prometheus_2);
        let scalar = |number: usize, step: usize| {
            let values = scalars.get(number);
            values
                .and_then(|values| values.get(step))
                .copied()
                .unwrap_or_default()
        };
        for step in steps.indices() {
            let time = steps.time(step);
            let end = call.range.reference(time);
            let start = end.saturating_sub(range);
            let first = start.saturating_sub(reach.back);
            let last = end.saturating_add(reach.ahead);
            let mut window = windows.between(first, last);
            if window.is_empty() {
                continue;
            }
            // Held for the step alone.
            let held = window.samples();
            self.budget.hold(held, 0)?;
            self.budget.release(held, 0);
            (window.time, window.start, window.end) = (time, start, end);
            let at = AtStep {
                call,
                metric: metric_of(call, series),
                scalars: [scalar(0, step), scalar(1, step)],
            };
            if let Some(point) = self.range_value(&at, &window)? {
                out.set(step, point);
            }
        }
        Ok(())
    }

    fn range_value(
        &self,
        at: &AtStep<'_>,
        window: &Window<'_>,
    ) -> Result<Option<Point>, QueryError> {
        let function = at.call.function;
        Ok(match function {
            RangeFunction::Rate | RangeFunction::Increase | RangeFunction::Delta => {
                self.rate(at, window)?
            }
            RangeFunction::Irate | RangeFunction::Idelta => self.instant_rate(at, window),
            RangeFunction::Changes => self.changes(at, window),
            RangeFunction::Resets => self.resets(at, window),
            RangeFunction::Deriv | RangeFunction::PredictLinear => self.regression(at, window),
            RangeFunction::Smoothing => self.smoothing(at, window)?,
            _ => self.over_time(at, window),
        })
    }

    /// Says that a metric whose rate is asked for may be no counter.
    fn check_counter(&self, call: &RangeCall, series: &RangeSeries, column: &Column) {
        let is_rate = matches!(call.function, RangeFunction::Rate | RangeFunction::Increase);
        let metric = metric_of(call, series);
        if !is_rate || metric.is_empty() || column.floats().next().is_none() {
            return;
        }
        if self.options().features.prometheus_2 {
            return;
        }
        if self.options().features.type_and_unit_labels {
            let kind = series.labels.get("__type__").unwrap_or_default();
            if kind != "counter" && kind != "histogram" {
                let annotation = Annotation::PossibleNonCounterType { metric, kind };
                self.annotate(&annotation, call.first_argument);
            }
            return;
        }
        let is_named_so = ["_total", "_sum", "_count", "_bucket"]
            .iter()
            .any(|suffix| metric.ends_with(suffix));
        if !is_named_so {
            self.annotate(
                &Annotation::PossibleNonCounter { metric },
                call.first_argument,
            );
        }
    }

    fn absent_over_time(
        &self,
        call: &RangeCall,
        steps: Steps,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let mut absent = Column::of_floats(vec![1.0; steps.count]);
        self.stream_range(&call.range, steps, &mut |series| {
            let mut windows = Windows::new(series, self.options().features.prometheus_2);
            for step in steps.indices() {
                let end = call.range.reference(steps.time(step));
                let start = end.saturating_sub(call.range.range());
                if !windows.between(start, end).is_empty() {
                    absent.clear(step);
                }
            }
            Ok(())
        })?;
        self.give_absent(absent, &call.absent_labels, sink)
    }

    /// The one series of what is absent, if anything is.
    pub(crate) fn give_absent(
        &self,
        column: Column,
        labels: &[(String, String)],
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        if column.is_empty() {
            return Ok(());
        }
        let labels = Labels::from_pairs(labels.iter().map(|(name, value)| (name, value)));
        let labels = labels.map_err(|error| QueryError::Execution(error.to_string()))?;
        sink(&mut VectorSeries::new(labels, column))
    }
}

/// The metric that samples are of; where labels were not made, the selector names it.
fn metric_of<'s>(call: &'s RangeCall, series: &'s RangeSeries) -> &'s str {
    match (&call.range, series.group) {
        (RangeNode::Select(select), Some(_)) => select.select.name().unwrap_or_default(),
        _ => series.metric(),
    }
}

type LabelSets = tsdb_core::model::HashSet<Labels>;

/// What a subquery returns of a histogram says nothing of resets between its steps.
fn without_hint(
    histogram: &Arc<crate::histogram::FloatHistogram>,
) -> Arc<crate::histogram::FloatHistogram> {
    if matches!(histogram.reset_hint, ResetHint::Unknown | ResetHint::Gauge) {
        return Arc::clone(histogram);
    }
    let mut plain = (**histogram).clone();
    plain.reset_hint = ResetHint::Unknown;
    Arc::new(plain)
}

/// Whether no two series of a node differ in their names alone.
pub(crate) fn has_one_name(node: &VectorNode) -> bool {
    match node {
        VectorNode::Select(select) | VectorNode::TimeOf { select, .. } => select.has_one_name(),
        VectorNode::Scalar(_) | VectorNode::Absent { .. } | VectorNode::Histogram { .. } => true,
        VectorNode::Range(call) => {
            !call.function.keeps_name()
                || match &call.range {
                    RangeNode::Select(select) => select.select.has_one_name(),
                    RangeNode::Subquery(subquery) => has_one_name(&subquery.node),
                }
        }
        VectorNode::Map { .. } | VectorNode::Negate(_) => true,
        VectorNode::Sort { node, .. }
        | VectorNode::Shared { node, .. }
        | VectorNode::Traced { node, .. }
        | VectorNode::Invariant(node) => has_one_name(node),
        VectorNode::WithScalar(of) => of.op.is_arithmetic() || has_one_name(&of.vector),
        VectorNode::Aggregate(of) if of.op.keeps_series() => has_one_name(&of.node),
        VectorNode::Aggregate(of) => {
            of.grouping.without || !of.grouping.labels.iter().any(|name| name == "__name__")
        }
        VectorNode::Label { .. } | VectorNode::Info(_) | VectorNode::Binary(_) => false,
    }
}
