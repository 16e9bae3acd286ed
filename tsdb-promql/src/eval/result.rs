//! From series with values a step to the result of a query.

use std::sync::Arc;

use super::column::Point;
use super::context::{Evaluation, Held, Request, Union, same_labels};
use super::extended::extended_samples;
use super::series::{RangeSeries, VectorSeries, without_description};
use super::steps::Steps;
use super::window::Windows;
use crate::answer::{Answer, MatrixSeries, PointValue, Value, VectorSample};
use crate::error::QueryError;
use crate::histogram::FloatHistogram;
use crate::plan::{Planned, RangeNode, VectorNode};

/// Evaluates a plan at all steps.
pub(crate) fn answer(
    planned: &Planned,
    steps: Steps,
    request: Request<'_>,
) -> Result<Answer, QueryError> {
    let evaluation = Evaluation::new(request);
    let begun = evaluation.now();
    let value = match planned {
        Planned::Text(text) => Value::String {
            timestamp: steps.start,
            value: text.clone(),
        },
        Planned::Scalar(scalar) => {
            let values = evaluation.scalar(scalar, steps)?;
            scalar_value(&values, steps, request.is_range)
        }
        Planned::Vector(node) => evaluation.vector_value(node, steps)?,
        Planned::Range(range) => evaluation.range_value_at(range, steps)?,
    };
    let took = evaluation.now().saturating_sub(begun);
    Ok(evaluation.finish(value, took))
}

fn scalar_value(values: &[f64], steps: Steps, is_range: bool) -> Value {
    if !is_range {
        return Value::Scalar {
            timestamp: steps.start,
            value: values.first().copied().unwrap_or(f64::NAN),
        };
    }
    Value::Matrix(vec![MatrixSeries {
        labels: tsdb_core::Labels::default(),
        floats: steps.times().zip(values.iter().copied()).collect(),
        histograms: Vec::new(),
    }])
}

impl Evaluation<'_> {
    fn vector_value(&self, node: &VectorNode, steps: Steps) -> Result<Value, QueryError> {
        let mut held = self.named(self.collect(node, steps)?)?;
        if !self.request.is_range {
            if !is_in_order(node) {
                // Sources give series in any order, and not always in the same.
                held.series.sort_by(|a, b| a.labels.cmp(&b.labels));
            }
            let series = held.series.iter_mut();
            return Ok(Value::Vector(
                series.filter_map(|one| sample(one, steps)).collect(),
            ));
        }
        held.series.sort_by(|a, b| a.labels.cmp(&b.labels));
        let series = held.series.iter_mut().map(|one| matrix_series(one, steps));
        Ok(Value::Matrix(series.collect()))
    }

    /// Drops the names that were to go at the end.
    fn named<'e>(&'e self, mut held: Held<'e>) -> Result<Held<'e>, QueryError> {
        if !self.options().features.delayed_name_removal {
            return Ok(held);
        }
        let mut union = Union::new(&self.budget);
        for mut series in std::mem::take(&mut held.series) {
            if series.drop_name {
                series.labels = without_description(&series.labels);
            }
            union.add(&mut series)?;
        }
        Ok(union.into_held())
    }

    /// The samples themselves, of an instant query.
    fn range_value_at(&self, range: &RangeNode, steps: Steps) -> Result<Value, QueryError> {
        let mut all: Vec<MatrixSeries> = Vec::new();
        let mut held = 0;
        self.stream_range(range, steps, &mut |series| {
            let samples = series.samples();
            self.budget.hold(samples, samples * 16)?;
            held += samples;
            let one = self.samples_of(range, std::mem::take(series), steps.start)?;
            if !one.floats.is_empty() || !one.histograms.is_empty() {
                all.push(one);
            }
            Ok(())
        })?;
        self.budget.release(held, held * 16);
        all.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(Value::Matrix(united(all)?))
    }

    fn samples_of(
        &self,
        range: &RangeNode,
        mut series: RangeSeries,
        time: i64,
    ) -> Result<MatrixSeries, QueryError> {
        let end = range.reference(time);
        let start = end.saturating_sub(range.range());
        if let RangeNode::Select(select) = range
            && (select.select.anchored || select.select.smoothed)
        {
            if !series.histograms.is_empty() {
                return Err(QueryError::Execution(
                    "anchored modifier is not supported with histograms".to_owned(),
                ));
            }
            let mut windows = Windows::new(&series, false);
            let mut window = windows.between(i64::MIN, i64::MAX);
            (window.start, window.end) = (start, end);
            let (timestamps, values) = extended_samples(&window, select.select.smoothed);
            (series.timestamps, series.values) = (timestamps, values);
            return Ok(to_matrix(series));
        }
        let mut windows = Windows::new(&series, self.options().features.prometheus_2);
        let window = windows.between(start, end);
        let floats = window
            .timestamps
            .iter()
            .copied()
            .zip(window.values.iter().copied());
        let histograms = window.histograms.iter();
        Ok(MatrixSeries {
            floats: floats.collect(),
            histograms: histograms
                .map(|one| (one.time, (*one.histogram).clone()))
                .collect(),
            labels: match series.drop_name {
                true => without_description(&series.labels),
                false => series.labels.clone(),
            },
        })
    }
}

/// Whether the order of a node's series is one that the query asked for.
fn is_in_order(node: &VectorNode) -> bool {
    match node {
        VectorNode::Sort { .. } => true,
        VectorNode::Aggregate(of) => of.op.keeps_series(),
        VectorNode::WithScalar(of) => is_in_order(&of.vector),
        VectorNode::Map { node, .. }
        | VectorNode::Label { node, .. }
        | VectorNode::Negate(node)
        | VectorNode::Shared { node, .. }
        | VectorNode::Traced { node, .. }
        | VectorNode::Invariant(node) => is_in_order(node),
        _ => false,
    }
}

/// One series of those that have the same labels since their names were dropped.
fn united(sorted: Vec<MatrixSeries>) -> Result<Vec<MatrixSeries>, QueryError> {
    let mut all: Vec<MatrixSeries> = Vec::with_capacity(sorted.len());
    for series in sorted {
        match all.last_mut().filter(|known| known.labels == series.labels) {
            None => all.push(series),
            Some(known) => {
                known.floats.extend(series.floats);
                known.histograms.extend(series.histograms);
                known.floats.sort_by_key(|(time, _)| *time);
                known.histograms.sort_by_key(|(time, _)| *time);
                let times = known.floats.iter().map(|(time, _)| *time);
                let histograms = known.histograms.iter().map(|(time, _)| *time);
                let mut times: Vec<i64> = times.chain(histograms).collect();
                times.sort_unstable();
                if times.windows(2).any(|pair| pair.first() == pair.last()) {
                    return Err(same_labels());
                }
            }
        }
    }
    Ok(all)
}

fn to_matrix(series: RangeSeries) -> MatrixSeries {
    MatrixSeries {
        labels: series.labels,
        floats: series.timestamps.into_iter().zip(series.values).collect(),
        histograms: Vec::new(),
    }
}

fn owned(histogram: Arc<FloatHistogram>) -> FloatHistogram {
    Arc::try_unwrap(histogram).unwrap_or_else(|shared| (*shared).clone())
}

fn sample(series: &mut VectorSeries, steps: Steps) -> Option<VectorSample> {
    let value = match series.column.point(0)? {
        Point::Float(value) => PointValue::Float(value),
        Point::Histogram(histogram) => PointValue::Histogram(Box::new(owned(histogram))),
    };
    Some(VectorSample {
        labels: std::mem::take(&mut series.labels),
        timestamp: steps.start,
        value,
    })
}

fn matrix_series(series: &mut VectorSeries, steps: Steps) -> MatrixSeries {
    let floats = series
        .column
        .floats()
        .map(|(step, value)| (steps.time(step), value));
    let histograms = series.column.histograms();
    let histograms = histograms.map(|(step, one)| (steps.time(step), (**one).clone()));
    MatrixSeries {
        floats: floats.collect(),
        histograms: histograms.collect(),
        labels: std::mem::take(&mut series.labels),
    }
}
