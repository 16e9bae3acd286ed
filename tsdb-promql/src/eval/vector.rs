//! Nodes that give series with a value a step.

use std::rc::Rc;
use std::sync::Arc;

use tsdb_core::{Grouping, Labels};

use super::column::Column;
use super::context::{Evaluation, Sink, Union};
use super::range::has_one_name;
use super::series::VectorSeries;
use super::steps::Steps;
use crate::error::QueryError;
use crate::plan::VectorNode;

impl Evaluation<'_> {
    /// Gives every series of a node to `sink`, none of them without any value.
    pub(crate) fn stream(
        &self,
        node: &VectorNode,
        steps: Steps,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.stream_grouped(node, (steps, None), sink)
    }

    /// The same for an aggregation by `grouping`: labels may be left out of series that come with
    /// the number of their group.
    pub(crate) fn stream_grouped(
        &self,
        node: &VectorNode,
        (steps, grouping): (Steps, Option<&Grouping>),
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.request.cancel.check()?;
        if steps.count == 0 {
            return Ok(());
        }
        match node {
            VectorNode::Select(select) => self.stream_select(select, (steps, grouping), sink),
            VectorNode::TimeOf { select, of_start } => {
                self.stream_times((select, *of_start), steps, sink)
            }
            VectorNode::Scalar(scalar) => {
                let column = Column::of_floats(self.scalar(scalar, steps)?);
                sink(&mut VectorSeries::new(Labels::default(), column))
            }
            VectorNode::Range(call) => self.stream_range_call(call, (steps, grouping), sink),
            VectorNode::Map { function, node } => self.map(function, node, (steps, grouping), sink),
            VectorNode::Label { change, node } => self.change_labels(change, node, steps, sink),
            VectorNode::Sort { by, node, span } => self.sort((by, *span), node, steps, sink),
            VectorNode::Absent { node, labels } => {
                let mut absent = Column::of_floats(vec![1.0; steps.count]);
                self.stream(node, steps, &mut |series| {
                    for step in steps.indices().filter(|&step| series.column.has(step)) {
                        absent.clear(step);
                    }
                    Ok(())
                })?;
                self.give_absent(absent, labels, sink)
            }
            VectorNode::Histogram {
                input,
                node,
                argument,
            } => self.histogram(input, node, (*argument, steps), sink),
            VectorNode::Info(info) => self.info(info, steps, sink),
            VectorNode::Negate(node) => self.negate(node, (steps, grouping), sink),
            VectorNode::WithScalar(of) => self.with_scalar(of, (steps, grouping), sink),
            VectorNode::Binary(of) if of.op.is_set() => self.set_operation(of, steps, sink),
            VectorNode::Binary(of) => self.binary(of, steps, sink),
            VectorNode::Aggregate(of) => self.aggregate(of, steps, sink),
            VectorNode::Traced { name, span, node } => {
                let run = |sink: &mut Sink<'_>| self.stream_grouped(node, (steps, grouping), sink);
                self.traced((name, *span), run, sink)
            }
            VectorNode::Shared { key, node } => self.stream_shared(key, node, steps, sink),
            VectorNode::Invariant(node) => self.stream(node, steps.first(), &mut |series| {
                series.column.repeat_first(steps.count);
                sink(series)
            }),
        }
    }

    /// Gives the series of what is written more than once, which are kept until the query ends.
    fn stream_shared(
        &self,
        key: &str,
        node: &VectorNode,
        steps: Steps,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let place = (key.to_owned(), steps);
        let known = self.shared.borrow().get(&place).cloned();
        if let Some(known) = known {
            return known
                .iter()
                .try_for_each(|series| sink(&mut series.clone()));
        }
        let noted = self.annotations_len();
        let mut held = self.collect(node, steps)?;
        if self.annotations_len() != noted {
            // Each place it is written at is to be told of: it is evaluated there again.
            return held.series.iter_mut().try_for_each(sink);
        }
        let kept = Rc::new(held.keep());
        self.shared.borrow_mut().insert(place, Rc::clone(&kept));
        kept.iter().try_for_each(|series| sink(&mut series.clone()))
    }

    /// Gives every series of `node` to `sink`, changed; those without any value are left out, and
    /// those that have become the same are made one, which only names that were dropped can do.
    pub(crate) fn stream_changed(
        &self,
        node: &VectorNode,
        (steps, grouping): (Steps, Option<&Grouping>),
        change: &mut dyn FnMut(&mut VectorSeries) -> Result<(), QueryError>,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        if self.options().features.delayed_name_removal || has_one_name(node) {
            return self.stream_grouped(node, (steps, grouping), &mut |series| {
                change(series)?;
                match series.column.is_empty() {
                    true => Ok(()),
                    false => sink(series),
                }
            });
        }
        let mut union = Union::new(&self.budget);
        self.stream(node, steps, &mut |series| {
            change(series)?;
            match series.column.is_empty() {
                true => Ok(()),
                false => union.add(series),
            }
        })?;
        union.into_held().series.iter_mut().try_for_each(sink)
    }

    fn negate(
        &self,
        node: &VectorNode,
        steps: (Steps, Option<&Grouping>),
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let mut change = |series: &mut VectorSeries| {
            series.column.map_floats(|value| -value);
            series.column.map_histograms(|histogram| {
                let mut negated = (**histogram).clone();
                negated.mul(-1.0);
                Some(Arc::new(negated))
            });
            self.drop_name(series);
            Ok(())
        };
        self.stream_changed(node, steps, &mut change, sink)
    }
}
