//! `and`, `or` and `unless`.

use super::context::{Evaluation, Sink, Union};
use super::matching::LabelKeys;
use super::series::VectorSeries;
use super::steps::Steps;
use crate::error::QueryError;
use crate::plan::{VectorBinary, VectorNode};
use crate::syntax::BinaryOp;

/// At which steps each combination of labels is there.
#[derive(Debug)]
struct Presence<'m> {
    keys: LabelKeys<'m>,
    steps: Vec<Vec<bool>>,
    count: usize,
}

impl Presence<'_> {
    fn note(&mut self, series: &VectorSeries) {
        let number = self.keys.number(&series.labels);
        if number == self.steps.len() {
            self.steps.push(vec![false; self.count]);
        }
        let Some(steps) = self.steps.get_mut(number) else {
            return;
        };
        for (step, is_there) in steps.iter_mut().enumerate() {
            *is_there |= series.column.has(step);
        }
    }

    /// Leaves of a series the steps at which its combination is there, or is not.
    fn keep(&mut self, series: &mut VectorSeries, if_there: bool) {
        let number = self.keys.number(&series.labels);
        let there = self.steps.get(number);
        for step in 0..self.count {
            let is_there = there
                .and_then(|steps| steps.get(step))
                .copied()
                .unwrap_or(false);
            if is_there != if_there {
                series.column.clear(step);
            }
        }
    }
}

impl Evaluation<'_> {
    pub(super) fn set_operation(
        &self,
        of: &VectorBinary,
        steps: Steps,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let mut presence = Presence {
            keys: LabelKeys::of_matching(&of.matching),
            steps: Vec::new(),
            count: steps.count,
        };
        if of.op == BinaryOp::Or {
            let mut union = Union::new(&self.budget);
            self.stream(&of.left, steps, &mut |series| {
                presence.note(series);
                union.add(series)
            })?;
            self.stream_kept(&of.right, steps, (&mut presence, false), &mut |series| {
                union.add(series)
            })?;
            return union.into_held().series.iter_mut().try_for_each(sink);
        }
        self.stream(&of.right, steps, &mut |series| {
            presence.note(series);
            Ok(())
        })?;
        let if_there = of.op == BinaryOp::And;
        self.stream_kept(&of.left, steps, (&mut presence, if_there), sink)
    }

    fn stream_kept(
        &self,
        node: &VectorNode,
        steps: Steps,
        (presence, if_there): (&mut Presence<'_>, bool),
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.stream(node, steps, &mut |series| {
            // A combination that is new here is there at no step.
            presence.keep(series, if_there);
            match series.column.is_empty() {
                true => Ok(()),
                false => sink(series),
            }
        })
    }
}
