//! Aggregations that pick series, and that count values.

use tsdb_core::Labels;

use super::aggregate::group_labels;
use super::column::Point;
use super::context::{Evaluation, Held, Sink, Union};
use super::matching::LabelKeys;
use super::series::{VectorSeries, with};
use super::sort::by_value;
use super::steps::Steps;
use crate::annotations::Annotation;
use crate::error::QueryError;
use crate::number::{GeneralNumber, PlainNumber};
use crate::plan::AggregateNode;
use crate::syntax::{AggregateOp, Grouping};

/// From here on a float is no 64-bit number any more.
const INTEGER_LIMIT: f64 = 9_223_372_036_854_774_784.0;

impl Evaluation<'_> {
    /// `topk`, `bottomk`, `limitk` and `limit_ratio`.
    pub(super) fn top(
        &self,
        of: &AggregateNode,
        steps: Steps,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let parameters = match &of.parameter {
            Some((parameter, _)) => self.scalar(parameter, steps)?,
            None => Vec::new(),
        };
        let mut held = self.collect(&of.node, steps)?;
        if !self.check_parameters(of, &parameters)? || held.series.is_empty() {
            return Ok(());
        }
        let mut keys = LabelKeys::of_grouping(&of.grouping);
        let groups: Vec<usize> = held
            .series
            .iter()
            .map(|series| keys.number(&series.labels))
            .collect();
        if steps.count == 1 {
            return self.top_at_once(of, &parameters, (&mut held, &groups), sink);
        }
        let mut kept: Vec<Vec<bool>> = vec![vec![false; steps.count]; held.series.len()];
        for (step, parameter) in parameters.iter().enumerate() {
            for number in self.picked(of, *parameter, (&held.series, &groups), step) {
                if let Some(place) = kept.get_mut(number).and_then(|steps| steps.get_mut(step)) {
                    *place = true;
                }
            }
        }
        for (series, kept) in held.series.iter_mut().zip(kept) {
            for (step, is_kept) in kept.into_iter().enumerate() {
                if !is_kept {
                    series.column.clear(step);
                }
            }
            if !series.column.is_empty() {
                sink(series)?;
            }
        }
        Ok(())
    }

    /// Of an instant query the order is kept in which series are picked.
    fn top_at_once(
        &self,
        of: &AggregateNode,
        parameters: &[f64],
        (held, groups): (&mut Held<'_>, &[usize]),
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let parameter = parameters.first().copied().unwrap_or(f64::NAN);
        for number in self.picked(of, parameter, (&held.series, groups), 0) {
            if let Some(series) = held.series.get_mut(number) {
                sink(series)?;
            }
        }
        Ok(())
    }

    /// Whether the parameters pick anything.
    fn check_parameters(&self, of: &AggregateNode, parameters: &[f64]) -> Result<bool, QueryError> {
        let (most, least) = Self::bounds_of(parameters);
        let fail = |text: String| Err(QueryError::Execution(text));
        if of.op == AggregateOp::LimitRatio {
            if most == 0.0 && least == 0.0 {
                return Ok(false);
            }
            if most.is_nan() || least.is_nan() {
                return fail("Ratio value is NaN".to_owned());
            }
            let span = of
                .parameter
                .as_ref()
                .map(|(_, span)| *span)
                .unwrap_or_default();
            for (value, capped, is_beyond) in [(most, 1.0, most > 1.0), (least, -1.0, least < -1.0)]
            {
                if is_beyond {
                    self.annotate(&Annotation::InvalidRatio { value, capped }, span);
                }
            }
            return Ok(true);
        }
        if most < 1.0 {
            return Ok(false);
        }
        if most.is_nan() || least.is_nan() {
            return fail("Parameter value is NaN".to_owned());
        }
        if least <= i64::MIN as f64 {
            return fail(format!(
                "Scalar value {} underflows int64",
                GeneralNumber(least)
            ));
        }
        if most >= INTEGER_LIMIT {
            return fail(format!(
                "Scalar value {} overflows int64",
                GeneralNumber(most)
            ));
        }
        Ok(true)
    }

    /// Numbers of the series that are picked at a step, group by group.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be a positive number"
    )]
    fn picked(
        &self,
        of: &AggregateNode,
        parameter: f64,
        (series, groups): (&[VectorSeries], &[usize]),
        step: usize,
    ) -> Vec<usize> {
        let k = match of.op {
            AggregateOp::LimitRatio => usize::MAX,
            _ if parameter < 1.0 => return Vec::new(),
            _ => parameter as usize,
        };
        let group_count = groups.iter().max().map_or(0, |most| most + 1);
        let mut members: Vec<Vec<(usize, f64)>> = vec![Vec::new(); group_count];
        for (number, (one, group)) in series.iter().zip(groups).enumerate() {
            let Some(point) = one.column.point(step) else {
                continue;
            };
            let is_ranked = matches!(of.op, AggregateOp::Topk | AggregateOp::Bottomk);
            let value = match point {
                Point::Float(value) => value,
                Point::Histogram(_) if is_ranked => {
                    let aggregation = of.op.text();
                    self.annotate(&Annotation::HistogramIgnored { aggregation }, of.span);
                    continue;
                }
                Point::Histogram(_) => 0.0,
            };
            if of.op == AggregateOp::LimitRatio && !is_in_ratio(&one.labels, parameter) {
                continue;
            }
            if let Some(members) = members.get_mut(*group) {
                members.push((number, value));
            }
        }
        let ranked = members.into_iter().flat_map(|mut members| {
            if matches!(of.op, AggregateOp::Topk | AggregateOp::Bottomk) {
                let descending = of.op == AggregateOp::Topk;
                members.sort_by(|a, b| by_value(a.1, b.1, descending));
            }
            members.truncate(k);
            members
        });
        ranked.map(|(number, _)| number).collect()
    }

    /// `count_values`: how often each value occurs.
    pub(super) fn count_values(
        &self,
        of: &AggregateNode,
        steps: Steps,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let label = of.label.as_deref().unwrap_or_default();
        if label.is_empty() {
            return Err(QueryError::Execution(format!(
                "invalid label name {label:?}"
            )));
        }
        let mut grouping = of.grouping.clone();
        if !grouping.without {
            grouping.labels.push(label.to_owned());
        }
        let mut union = Union::new(&self.budget);
        self.stream(&of.node, steps, &mut |series| {
            for (step, point) in series.column.points() {
                let text = match &point {
                    Point::Float(value) => PlainNumber(*value).to_string(),
                    Point::Histogram(histogram) => histogram.to_string(),
                };
                let labels = counted_labels(&series.labels, (label, &text), &grouping)?;
                union.count(&labels, (steps.count, step))?;
            }
            Ok(())
        })?;
        union.into_held().series.iter_mut().try_for_each(sink)
    }
}

fn counted_labels(
    labels: &Labels,
    counted: (&str, &str),
    grouping: &Grouping,
) -> Result<Labels, QueryError> {
    Ok(group_labels(&with(labels, [counted])?, grouping))
}

/// Whether a series is in the part of all that a ratio stands for: from the bottom where it is
/// positive, and the complement of that where it is negative.
fn is_in_ratio(labels: &Labels, ratio: f64) -> bool {
    let offset = place_of(labels);
    match ratio >= 0.0 {
        true => offset < ratio,
        false => offset >= 1.0 + ratio,
    }
}

/// A number from 0 up to 1 that depends on the labels alone: Prometheus' hash of them.
#[expect(clippy::cast_precision_loss, reason = "as Prometheus divides them")]
fn place_of(labels: &Labels) -> f64 {
    let mut bytes = Vec::with_capacity(labels.as_bytes().len());
    for label in labels {
        for text in [label.name, label.value] {
            put_length(text.len(), &mut bytes);
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    xxhash_rust::xxh64::xxh64(&bytes, 0) as f64 / u64::MAX as f64
}

/// A length as Prometheus keeps it before a label's text: a byte, or 255 and three bytes.
fn put_length(length: usize, out: &mut Vec<u8>) {
    match u8::try_from(length) {
        Ok(short) if short < u8::MAX => out.push(short),
        _ => {
            out.push(u8::MAX);
            out.extend((0..3).map(|place| (length >> (8 * place) & 0xff) as u8));
        }
    }
}
