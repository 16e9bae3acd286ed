//! Aggregations that fold series into groups while they stream by.

use std::sync::Arc;

use tsdb_core::{Grouping as SourceGrouping, Labels, ResetHint};

use super::column::{Column, Point};
use super::context::{Evaluation, Sink};
use super::matching::LabelKeys;
use super::over_time::{HistogramMean, Mean, quantile};
use super::range::has_one_name;
use super::scalar::{go_max, go_min};
use super::series::{DESCRIBING, VectorSeries, only, without};
use super::steps::Steps;
use crate::annotations::Annotation;
use crate::error::QueryError;
use crate::histogram::{FloatHistogram, MixedSchemas};
use crate::plan::{AggregateNode, RangeFunction, RangeNode, VectorNode};
use crate::syntax::{AggregateOp, Grouping};

/// What a group has at one step of native histograms.
#[derive(Clone, Debug)]
struct Combined {
    mean: HistogramMean,
    reset: bool,
    not_reset: bool,
    is_mixed: bool,
}

impl Combined {
    fn new(first: &FloatHistogram) -> Self {
        Self {
            mean: HistogramMean::new(first),
            reset: first.reset_hint == ResetHint::Reset,
            not_reset: first.reset_hint == ResetHint::NoReset,
            is_mixed: false,
        }
    }

    fn add(&mut self, histogram: &FloatHistogram) -> Result<bool, MixedSchemas> {
        self.reset |= histogram.reset_hint == ResetHint::Reset;
        self.not_reset |= histogram.reset_hint == ResetHint::NoReset;
        self.mean.add(histogram)
    }
}

/// What a group has at one step of floats.
#[derive(Clone, Copy, Debug)]
enum Folded {
    Nothing,
    Mean(Mean),
    Value(f64),
    Deviation { count: f64, mean: f64, squares: f64 },
}

impl Folded {
    fn fold(&mut self, op: AggregateOp, value: f64) {
        match self {
            Self::Nothing => {
                *self = match op {
                    AggregateOp::Avg => {
                        let mut mean = Mean::default();
                        mean.add(value);
                        Self::Mean(mean)
                    }
                    AggregateOp::Count | AggregateOp::Group => Self::Value(1.0),
                    AggregateOp::Stddev | AggregateOp::Stdvar => Self::Deviation {
                        count: 1.0,
                        mean: value,
                        squares: if value.is_finite() { 0.0 } else { f64::NAN },
                    },
                    _ => Self::Value(value),
                };
            }
            Self::Mean(mean) => mean.add(value),
            Self::Value(present) => match op {
                AggregateOp::Count => *present += 1.0,
                AggregateOp::Min if *present > value || present.is_nan() => *present = value,
                AggregateOp::Max if *present < value || present.is_nan() => *present = value,
                _ => {}
            },
            Self::Deviation {
                count,
                mean,
                squares,
            } => {
                *count += 1.0;
                let delta = value - *mean;
                *mean += delta / *count;
                *squares += delta * (value - *mean);
            }
        }
    }

    fn finish(self, op: AggregateOp) -> Option<f64> {
        Some(match self {
            Self::Nothing => return None,
            Self::Mean(mean) => mean.value(),
            Self::Value(value) => value,
            Self::Deviation { count, squares, .. } => match op {
                AggregateOp::Stddev => (squares / count).sqrt(),
                _ => squares / count,
            },
        })
    }
}

/// The sums of a group, which are asked for most: columns, so that several steps are added at a time.
#[derive(Debug, Default)]
struct Sums {
    /// The sum of nothing is -0: what adding to changes nothing.
    sums: Column,
    compensations: Vec<f64>,
}

impl Sums {
    fn add(&mut self, column: &Column) {
        if self.sums.steps() == 0 {
            self.sums = column.floats_over(-0.0);
            self.compensations = vec![0.0; column.steps()];
            return;
        }
        if let Some((from, values)) = column.stretch() {
            let places = from..from + values.len();
            let sums = self.sums.values.get_mut(places.clone());
            let compensations = self.compensations.get_mut(places.clone());
            let sums = sums.unwrap_or_default().iter_mut();
            let sums = sums.zip(compensations.unwrap_or_default());
            for ((sum, compensation), value) in sums.zip(values) {
                add_to(sum, compensation, *value);
            }
            self.sums.mark_all(places);
            return;
        }
        for (step, value) in column.floats() {
            let sum = self.sums.values.get_mut(step);
            if let Some((sum, compensation)) = sum.zip(self.compensations.get_mut(step)) {
                add_to(sum, compensation, value);
                self.sums.mark(step);
            }
        }
    }

    fn finish(mut self) -> Column {
        let sums = self.sums.values.iter_mut().zip(self.compensations);
        for (sum, compensation) in sums {
            *sum += compensation;
        }
        self.sums
    }
}

/// [`KahanSum::add`](crate::KahanSum::add) without a branch.
#[inline]
fn add_to(sum: &mut f64, compensation: &mut f64, value: f64) {
    let total = *sum + value;
    let (large, small) = match sum.abs() >= value.abs() {
        true => (*sum, value),
        false => (value, *sum),
    };
    let lost = *compensation + ((large - total) + small);
    *compensation = if total.is_infinite() { 0.0 } else { lost };
    *sum = total;
}

/// A group in the making.
#[derive(Debug)]
struct Group {
    labels: Labels,
    drop_name: bool,
    sums: Sums,
    floats: Vec<Folded>,
    /// One a step, or none at all where there were no histograms.
    histograms: Vec<Option<Combined>>,
    /// All values of a step, for quantiles.
    values: Vec<Vec<f64>>,
}

impl Group {
    fn new(labels: Labels, op: AggregateOp, steps: usize) -> Self {
        let is_quantile = op == AggregateOp::Quantile;
        let is_sum = op == AggregateOp::Sum;
        Self {
            labels,
            drop_name: false,
            sums: Sums::default(),
            floats: vec![Folded::Nothing; if is_quantile || is_sum { 0 } else { steps }],
            histograms: Vec::new(),
            values: vec![Vec::new(); if is_quantile { steps } else { 0 }],
        }
    }
}

/// Whether a node passes series on with no more than their values changed, and whether it drops
/// their names; `None` where it does more.
fn is_grouped_by_source(node: &VectorNode) -> Option<bool> {
    match node {
        VectorNode::Select(select) => (!select.smoothed).then_some(false),
        VectorNode::Range(call) => match &call.range {
            RangeNode::Select(select) if call.function != RangeFunction::Absent => {
                let is_named = select.select.has_one_name();
                is_named.then_some(!call.function.keeps_name())
            }
            _ => None,
        },
        VectorNode::Map { node, .. } | VectorNode::Negate(node) => {
            (has_one_name(node) && is_grouped_by_source(node).is_some()).then_some(true)
        }
        VectorNode::WithScalar(of) if has_one_name(&of.vector) => {
            let drops = of.op.is_arithmetic() || of.returns_bool;
            is_grouped_by_source(&of.vector).map(|dropped| dropped || drops)
        }
        VectorNode::Traced { node, .. } => is_grouped_by_source(node),
        _ => None,
    }
}

/// Labels that tell a group apart.
pub(super) fn group_labels(labels: &Labels, grouping: &Grouping) -> Labels {
    match grouping.without {
        true => without(labels, |name| {
            name == "__name__" || grouping.labels.iter().any(|dropped| dropped == name)
        }),
        false => only(labels, &grouping.labels),
    }
}

impl Evaluation<'_> {
    pub(super) fn aggregate(
        &self,
        of: &AggregateNode,
        steps: Steps,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        match of.op {
            AggregateOp::CountValues => return self.count_values(of, steps, sink),
            op if op.keeps_series() => return self.top(of, steps, sink),
            _ => {}
        }
        let quantiles = self.quantiles(of, steps)?;
        let mut keys = LabelKeys::of_grouping(&of.grouping);
        let mut groups: Vec<Group> = Vec::new();
        let by_source = self.grouping_of(of);
        let mut held = 0;
        let bytes_of_group = (steps.count * size_of::<Folded>()) as u64;
        let asked = (steps, by_source.as_ref());
        let streamed = self.stream_grouped(&of.node, asked, &mut |series| {
            let number = match series.group {
                Some(group) => keys.number_of_group(group),
                None => keys.number(&series.labels),
            };
            if number == groups.len() {
                held += 1;
                self.budget.hold(steps.count as u64, bytes_of_group)?;
                let labels = match series.group {
                    Some(_) => series.labels.clone(),
                    None => group_labels(&series.labels, &of.grouping),
                };
                groups.push(Group::new(labels, of.op, steps.count));
            }
            if let Some(group) = groups.get_mut(number) {
                self.fold(of, group, series)?;
            }
            Ok(())
        });
        let given = streamed.and_then(|()| {
            groups.into_iter().try_for_each(|group| {
                let mut series = self.finished(of, group, &quantiles, steps);
                match series.column.is_empty() {
                    true => Ok(()),
                    false => sink(&mut series),
                }
            })
        });
        self.budget
            .release(held * steps.count as u64, held * bytes_of_group);
        given
    }

    /// What the source may group by, where nothing but the groups of the series matters.
    fn grouping_of(&self, of: &AggregateNode) -> Option<SourceGrouping> {
        let names = &of.grouping.labels;
        let is_of_groups = is_grouped_by_source(&of.node);
        // Labels that are dropped on the way are no part of any group.
        let drops = is_of_groups? && !self.options().features.delayed_name_removal;
        let dropped = DESCRIBING
            .iter()
            .filter(|name| drops || **name == "__name__");
        let dropped: Vec<&str> = dropped.copied().collect();
        match of.grouping.without {
            true => Some(SourceGrouping::without(
                names.iter().map(String::as_str).chain(dropped),
            )),
            false if names.iter().any(|name| dropped.contains(&name.as_str())) => None,
            false => Some(SourceGrouping::by(names.iter().map(String::as_str))),
        }
    }

    /// The quantile at each step.
    fn quantiles(&self, of: &AggregateNode, steps: Steps) -> Result<Vec<f64>, QueryError> {
        let Some((parameter, span)) = &of.parameter else {
            return Ok(Vec::new());
        };
        let quantiles = self.scalar(parameter, steps)?;
        let most = quantiles.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let least = quantiles.iter().copied().fold(f64::INFINITY, f64::min);
        let mut invalid = Vec::new();
        if quantiles.iter().any(|q| q.is_nan()) {
            invalid.push(f64::NAN);
        }
        invalid.extend((most > 1.0).then_some(most));
        invalid.extend((least < 0.0).then_some(least));
        for value in invalid {
            self.annotate(&Annotation::InvalidQuantile(value), *span);
        }
        Ok(quantiles)
    }

    fn fold(
        &self,
        of: &AggregateNode,
        group: &mut Group,
        series: &VectorSeries,
    ) -> Result<(), QueryError> {
        group.drop_name |= series.drop_name;
        if of.op == AggregateOp::Quantile {
            let mut added = 0;
            for (step, value) in series.column.floats() {
                if let Some(values) = group.values.get_mut(step) {
                    values.push(value);
                    added += 1;
                }
            }
            // Held until the query ends: there is no telling when the last group is done.
            self.budget.hold(0, added * 8)?;
        } else if of.op == AggregateOp::Sum {
            group.sums.add(&series.column);
        } else {
            for (step, value) in series.column.floats() {
                if let Some(folded) = group.floats.get_mut(step) {
                    folded.fold(of.op, value);
                }
            }
        }
        if !series.column.has_histograms() {
            return Ok(());
        }
        for (step, histogram) in series.column.histograms() {
            self.fold_histogram(of, group, step, (series, histogram));
        }
        Ok(())
    }

    fn fold_histogram(
        &self,
        of: &AggregateNode,
        group: &mut Group,
        step: usize,
        (series, histogram): (&VectorSeries, &Arc<FloatHistogram>),
    ) {
        match of.op {
            AggregateOp::Count | AggregateOp::Group => {
                if let Some(folded) = group.floats.get_mut(step) {
                    folded.fold(of.op, 1.0);
                }
                return;
            }
            AggregateOp::Sum | AggregateOp::Avg => {}
            _ => {
                let aggregation = of.op.text();
                self.annotate(&Annotation::HistogramIgnored { aggregation }, of.argument);
                return;
            }
        }
        if group.histograms.is_empty() {
            group.histograms.resize(series.column.steps(), None);
        }
        let Some(place) = group.histograms.get_mut(step) else {
            return;
        };
        let Some(combined) = place else {
            *place = Some(Combined::new(histogram));
            return;
        };
        if combined.is_mixed {
            return;
        }
        match combined.add(histogram) {
            Ok(false) => {}
            Ok(true) => {
                let annotation = Annotation::MismatchedCustomBuckets {
                    operation: "aggregation",
                };
                self.annotate(&annotation, of.argument);
            }
            Err(MixedSchemas) => {
                combined.is_mixed = true;
                let metric = series.labels.metric_name().unwrap_or_default();
                self.annotate(&Annotation::MixedExponentialCustom { metric }, of.argument);
            }
        }
    }

    fn finished(
        &self,
        of: &AggregateNode,
        group: Group,
        quantiles: &[f64],
        steps: Steps,
    ) -> VectorSeries {
        let column = match of.op {
            AggregateOp::Sum => group.sums.finish(),
            _ => Column::new(steps.count),
        };
        let mut series = VectorSeries::new(group.labels, column);
        series.drop_name = group.drop_name;
        for (step, (mut values, q)) in group.values.into_iter().zip(quantiles).enumerate() {
            if !values.is_empty() {
                series.column.set_float(step, quantile(*q, &mut values));
            }
        }
        for (step, folded) in group.floats.iter().enumerate() {
            if let Some(value) = folded.finish(of.op) {
                series.column.set_float(step, value);
            }
        }
        for (step, combined) in group.histograms.into_iter().enumerate() {
            let Some(combined) = combined else { continue };
            if series.column.has_float(step) {
                series.column.clear(step);
                self.annotate(&Annotation::MixedFloatsHistogramsInAggregation, of.argument);
                continue;
            }
            if combined.is_mixed {
                continue;
            }
            if combined.reset && combined.not_reset {
                let annotation = Annotation::CounterResetCollision {
                    operation: "aggregation",
                };
                self.annotate(&annotation, of.argument);
            }
            let mut value = match of.op {
                AggregateOp::Avg => combined.mean.finish(),
                _ => combined.mean.finish_sum(),
            };
            value.compact(0);
            series.column.set(step, Point::Histogram(Arc::new(value)));
        }
        series
    }

    /// The largest and the smallest of a parameter; NaN where it is NaN anywhere.
    pub(super) fn bounds_of(parameters: &[f64]) -> (f64, f64) {
        let all = || parameters.iter().copied();
        (
            all().reduce(go_max).unwrap_or(f64::NAN),
            all().reduce(go_min).unwrap_or(f64::NAN),
        )
    }
}
