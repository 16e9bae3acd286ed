//! Operators between a vector and a number, and between two vectors.

use std::sync::Arc;

use tsdb_core::model::HashMap;
use tsdb_core::{Grouping, Labels, ResetHint};

use super::column::{Column, Point};
use super::context::{Evaluation, Sink, Union};
use super::matching::LabelKeys;
use super::scalar::{computed, is_met};
use super::series::{VectorSeries, only, with, without, without_description};
use super::steps::Steps;
use crate::annotations::Annotation;
use crate::error::QueryError;
use crate::histogram::{FloatHistogram, MixedSchemas};
use crate::plan::{VectorBinary, VectorScalar};
use crate::syntax::{BinaryOp, Side, Span};
use crate::text::go_labels;

/// What an operator gives for two values.
#[derive(Clone, Debug)]
struct Outcome {
    point: Point,
    /// Whether a comparison holds; true of all that is none.
    is_kept: bool,
}

impl Outcome {
    fn of(value: f64) -> Self {
        Self {
            point: Point::Float(value),
            is_kept: true,
        }
    }

    fn histogram(histogram: FloatHistogram) -> Self {
        Self {
            point: Point::Histogram(Arc::new(histogram)),
            is_kept: true,
        }
    }
}

impl Evaluation<'_> {
    /// Whether what an operator gives is of no metric any more.
    fn is_of_no_metric(&self, op: BinaryOp) -> bool {
        let is_forgotten = op == BinaryOp::Atan2 && self.options().features.prometheus_2;
        op.is_arithmetic() && !is_forgotten
    }

    /// What an operator gives, or `None` and an annotation where it gives nothing.
    fn operate(&self, op: BinaryOp, left: &Point, right: &Point, span: Span) -> Option<Outcome> {
        let types = |point: &Point| match point {
            Point::Float(_) => "float",
            Point::Histogram(_) => "histogram",
        };
        let unfit = || {
            let (left, right) = (types(left), types(right));
            let op = op.text();
            self.annotate(&Annotation::IncompatibleTypes { left, op, right }, span);
            None
        };
        match (left, right) {
            (Point::Float(left), Point::Float(right)) => match op {
                BinaryOp::TrimUpper | BinaryOp::TrimLower => unfit(),
                _ if op.is_comparison() => Some(Outcome {
                    point: Point::Float(*left),
                    is_kept: is_met(op, *left, *right),
                }),
                _ => Some(Outcome::of(computed(op, *left, *right))),
            },
            (Point::Float(factor), Point::Histogram(histogram)) if op == BinaryOp::Mul => {
                Some(scaled(histogram, |one| one.mul(*factor)))
            }
            (Point::Histogram(histogram), Point::Float(number)) => match op {
                BinaryOp::Mul => Some(scaled(histogram, |one| one.mul(*number))),
                BinaryOp::Div => Some(scaled(histogram, |one| one.div(*number))),
                BinaryOp::TrimUpper => Some(Outcome::histogram(histogram.trim_upper(*number))),
                BinaryOp::TrimLower => Some(Outcome::histogram(histogram.trim_lower(*number))),
                _ => unfit(),
            },
            (Point::Histogram(left), Point::Histogram(right)) => match op {
                BinaryOp::Add | BinaryOp::Sub => self.combine(op, left, right, span),
                BinaryOp::Equal | BinaryOp::NotEqual => Some(Outcome {
                    point: Point::Histogram(Arc::clone(left)),
                    is_kept: left.equals(right) == (op == BinaryOp::Equal),
                }),
                _ => unfit(),
            },
            _ => unfit(),
        }
    }

    fn combine(
        &self,
        op: BinaryOp,
        left: &FloatHistogram,
        right: &FloatHistogram,
        span: Span,
    ) -> Option<Outcome> {
        let mut result = left.clone();
        let (outcome, operation) = match op {
            BinaryOp::Sub => (result.sub(right), "subtraction"),
            _ => (result.add(right), "addition"),
        };
        let Ok(outcome) = outcome else {
            let MixedSchemas = MixedSchemas;
            self.annotate(&Annotation::IncompatibleBuckets { op: op.text() }, span);
            return None;
        };
        if op == BinaryOp::Sub {
            result.reset_hint = ResetHint::Gauge;
        }
        if outcome.custom_bounds {
            self.annotate(&Annotation::MismatchedCustomBuckets { operation }, span);
        }
        if outcome.reset_conflict {
            self.annotate(&Annotation::CounterResetCollision { operation }, span);
        }
        result.compact(0);
        Some(Outcome::histogram(result))
    }

    /// A vector and a number.
    pub(super) fn with_scalar(
        &self,
        of: &VectorScalar,
        (steps, grouping): (Steps, Option<&Grouping>),
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let numbers = self.scalar(&of.scalar, steps)?;
        let drops_name = self.is_of_no_metric(of.op) || of.returns_bool;
        let mut change = |series: &mut VectorSeries| {
            self.operate_all(of, &mut series.column, &numbers);
            if drops_name {
                self.drop_name(series);
            }
            Ok(())
        };
        self.stream_changed(&of.vector, (steps, grouping), &mut change, sink)
    }

    fn operate_all(&self, of: &VectorScalar, column: &mut Column, numbers: &[f64]) {
        let is_plain = !column.has_histograms() && of.op.is_arithmetic();
        if is_plain {
            let (op, is_left) = (of.op, of.scalar_is_left);
            for (value, number) in column.values.iter_mut().zip(numbers) {
                *value = match is_left {
                    true => computed(op, *number, *value),
                    false => computed(op, *value, *number),
                };
            }
            return;
        }
        for (step, number) in numbers.iter().enumerate() {
            let Some(point) = column.point(step) else {
                continue;
            };
            let number = Point::Float(*number);
            let outcome = match of.scalar_is_left {
                true => self.operate(of.op, &number, &point, of.span),
                false => self.operate(of.op, &point, &number, of.span),
            };
            column.clear(step);
            match outcome {
                Some(outcome) if of.returns_bool => {
                    column.set_float(step, f64::from(u8::from(outcome.is_kept)));
                }
                // A comparison keeps the value of the vector, on whichever side it is.
                Some(outcome) if outcome.is_kept && of.op.is_comparison() => {
                    column.set(step, point);
                }
                Some(outcome) if outcome.is_kept => column.set(step, outcome.point),
                _ => {}
            }
        }
    }

    /// Two vectors, each series with its partner.
    pub(super) fn binary(
        &self,
        of: &VectorBinary,
        steps: Steps,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let left = self.collect(&of.left, steps)?;
        let right = self.collect(&of.right, steps)?;
        let is_swapped = of.matching.group == Some(Side::Right);
        let (many, one) = match is_swapped {
            true => (&right.series, &left.series),
            false => (&left.series, &right.series),
        };
        let mut keys = LabelKeys::of_matching(&of.matching);
        let mut groups: Vec<MatchGroup<'_>> = Vec::new();
        for (series, is_many) in (many.iter().map(|series| (series, true)))
            .chain(one.iter().map(|series| (series, false)))
        {
            let number = keys.number(&series.labels);
            if number == groups.len() {
                groups.push(MatchGroup::default());
            }
            let Some(group) = groups.get_mut(number) else {
                continue;
            };
            match is_many {
                true => group.many.push(series),
                false => group.one.push(series),
            }
        }
        let join = Join {
            of,
            is_swapped,
            active: active_steps(of, (many, one), steps),
            steps,
        };
        let mut union = Union::new(&self.budget);
        for group in &groups {
            self.request.cancel.check()?;
            self.join_group(&join, group, &mut union)?;
        }
        drop((left, right));
        union.into_held().series.iter_mut().try_for_each(sink)
    }

    fn join_group(
        &self,
        join: &Join<'_>,
        group: &MatchGroup<'_>,
        union: &mut Union<'_>,
    ) -> Result<(), QueryError> {
        let of = join.of;
        group.check_one_side(join)?;
        let mut taken = Taken::new(of.matching.group.is_none());
        for many in &group.many {
            for one in &group.one {
                self.join_pair(join, (many, one), &mut taken, union)?;
            }
            if let Some(fill) = of.matching.fill.right {
                let alone = |step: usize| {
                    many.column.has(step) && !group.one.iter().any(|one| one.column.has(step))
                };
                let mut partner = join.partner(&many.labels);
                join.fill(&mut partner, fill, alone);
                self.join_pair(join, (many, &partner), &mut taken, union)?;
            }
        }
        if let Some(fill) = of.matching.fill.left {
            for one in &group.one {
                let alone = |step: usize| {
                    one.column.has(step) && !group.many.iter().any(|many| many.column.has(step))
                };
                let mut partner = join.partner(&one.labels);
                join.fill(&mut partner, fill, alone);
                self.join_pair(join, (&partner, one), &mut taken, union)?;
            }
        }
        Ok(())
    }

    /// The values of a series and its partner, at each step that has both.
    fn join_pair(
        &self,
        join: &Join<'_>,
        (many, one): (&VectorSeries, &VectorSeries),
        taken: &mut Taken,
        union: &mut Union<'_>,
    ) -> Result<(), QueryError> {
        let of = join.of;
        let mut out = VectorSeries::new(Labels::default(), Column::new(join.steps.count));
        let mut places: Option<usize> = None;
        for (step, is_active) in join.active.iter().enumerate() {
            if !is_active {
                continue;
            }
            let (Some(many_point), Some(one_point)) =
                (many.column.point(step), one.column.point(step))
            else {
                continue;
            };
            if places.is_none() {
                out.labels = self.joined_labels(join, many, one)?;
                places = Some(taken.place(&out.labels, join.steps.count));
            }
            let (left, right) = match join.is_swapped {
                true => (&one_point, &many_point),
                false => (&many_point, &one_point),
            };
            let Some(outcome) = self.operate(of.op, left, right, of.span) else {
                continue;
            };
            taken.take(places.unwrap_or_default(), step)?;
            if of.returns_bool {
                let value = f64::from(u8::from(outcome.is_kept));
                out.column.set_float(step, value);
            } else if outcome.is_kept {
                out.column.set(step, outcome.point);
            }
        }
        out.drop_name = of.returns_bool;
        match out.column.is_empty() {
            true => Ok(()),
            false => union.add(&mut out),
        }
    }

    fn joined_labels(
        &self,
        join: &Join<'_>,
        many: &VectorSeries,
        one: &VectorSeries,
    ) -> Result<Labels, QueryError> {
        let (of, matching) = (join.of, &join.of.matching);
        let mut labels = many.labels.clone();
        if self.is_of_no_metric(of.op) {
            labels = without_description(&labels);
        }
        if matching.group.is_none() {
            labels = match matching.on {
                true => only(&labels, &matching.labels),
                false => without(&labels, |name| {
                    matching.labels.iter().any(|other| other == name)
                }),
            };
        }
        if !matching.include.is_empty() {
            let included = matching.include.iter();
            let included =
                included.map(|name| (name.as_str(), one.labels.get(name).unwrap_or_default()));
            labels = with(&labels, included.collect::<Vec<_>>())?;
        }
        Ok(match of.returns_bool {
            true => self.nameless(&labels),
            false => labels,
        })
    }
}

/// The series of both sides that are each other's partners.
#[derive(Debug, Default)]
struct MatchGroup<'s> {
    many: Vec<&'s VectorSeries>,
    one: Vec<&'s VectorSeries>,
}

impl MatchGroup<'_> {
    /// Checks that there is one at most on the side of one, at each step.
    fn check_one_side(&self, join: &Join<'_>) -> Result<(), QueryError> {
        if self.one.len() < 2 {
            return Ok(());
        }
        for (step, is_active) in join.active.iter().enumerate() {
            let mut present = self
                .one
                .iter()
                .filter(|series| *is_active && series.column.has(step));
            let (Some(first), Some(second)) = (present.next(), present.next()) else {
                continue;
            };
            let matching = &join.of.matching;
            let group = matched_labels(&second.labels, matching.on, &matching.labels);
            let group = go_labels(&group);
            let side = if join.is_swapped { "left" } else { "right" };
            let mut texts = [go_labels(&first.labels), go_labels(&second.labels)];
            texts.sort_unstable();
            let [first, second] = texts;
            return Err(QueryError::Execution(format!(
                "found duplicate series for the match group {group} on the {side} hand-side of the operation: [{first}, {second}];many-to-many matching not allowed: matching labels must be unique on one side"
            )));
        }
        Ok(())
    }
}

/// What is the same for all pairs of an operation.
#[derive(Debug)]
struct Join<'j> {
    of: &'j VectorBinary,
    /// Whether the left side is that of one.
    is_swapped: bool,
    /// Steps at which there is anything to match.
    active: Vec<bool>,
    steps: Steps,
}

impl Join<'_> {
    /// What stands in for a missing partner, without values yet.
    fn partner(&self, labels: &Labels) -> VectorSeries {
        let matching = &self.of.matching;
        let labels = matched_labels(labels, matching.on, &matching.labels);
        VectorSeries::new(labels, Column::new(self.steps.count))
    }

    fn fill(&self, partner: &mut VectorSeries, value: f64, at: impl Fn(usize) -> bool) {
        for step in self.steps.indices().filter(|&step| at(step)) {
            partner.column.set_float(step, value);
        }
    }
}

/// The labels that two partners share.
fn matched_labels(labels: &Labels, on: bool, names: &[String]) -> Labels {
    match on {
        true => only(labels, names),
        false => without(labels, |name| {
            name == "__name__" || names.iter().any(|other| other == name)
        }),
    }
}

/// Steps at which both sides have something, or one has and the other is filled.
fn active_steps(
    of: &VectorBinary,
    (many, one): (&[VectorSeries], &[VectorSeries]),
    steps: Steps,
) -> Vec<bool> {
    let is_filled = of.matching.fill.left.is_some() || of.matching.fill.right.is_some();
    let any = |side: &[VectorSeries], step: usize| side.iter().any(|one| one.column.has(step));
    let is_active = |step: usize| match is_filled {
        true => any(many, step) || any(one, step),
        false => any(many, step) && any(one, step),
    };
    steps.indices().map(is_active).collect()
}

/// Steps at which the results of a group are taken: one result for one to one, else one for each
/// set of labels.
#[derive(Debug)]
struct Taken {
    is_one_to_one: bool,
    places: HashMap<Labels, usize>,
    steps: Vec<Vec<bool>>,
}

impl Taken {
    fn new(is_one_to_one: bool) -> Self {
        Self {
            is_one_to_one,
            places: HashMap::default(),
            steps: Vec::new(),
        }
    }

    fn place(&mut self, labels: &Labels, steps: usize) -> usize {
        let known = match self.is_one_to_one {
            true => self.steps.first().map(|_| 0),
            false => self.places.get(labels).copied(),
        };
        known.unwrap_or_else(|| {
            let place = self.steps.len();
            self.places.insert(labels.clone(), place);
            self.steps.push(vec![false; steps]);
            place
        })
    }

    fn take(&mut self, place: usize, step: usize) -> Result<(), QueryError> {
        let taken = self
            .steps
            .get_mut(place)
            .and_then(|steps| steps.get_mut(step));
        let was_taken = taken.is_some_and(|taken| std::mem::replace(taken, true));
        if !was_taken {
            return Ok(());
        }
        let reason = match self.is_one_to_one {
            true => "many-to-one matching must be explicit (group_left/group_right)",
            false => "grouping labels must ensure unique matches",
        };
        Err(QueryError::Execution(format!(
            "multiple matches for labels: {reason}"
        )))
    }
}

fn scaled(histogram: &FloatHistogram, scale: impl Fn(&mut FloatHistogram)) -> Outcome {
    let mut result = histogram.clone();
    scale(&mut result);
    result.compact(0);
    Outcome::histogram(result)
}
