//! Numbers that a query computes with, one a step.

use super::context::Evaluation;
use super::steps::Steps;
use crate::error::QueryError;
use crate::plan::ScalarNode;
use crate::syntax::BinaryOp;

impl Evaluation<'_> {
    /// The number at each step.
    #[expect(clippy::cast_precision_loss, reason = "times are far below 2^53 ms")]
    pub(crate) fn scalar(&self, node: &ScalarNode, steps: Steps) -> Result<Vec<f64>, QueryError> {
        Ok(match node {
            ScalarNode::Constant(value) => vec![*value; steps.count],
            ScalarNode::Time => steps.times().map(|time| time as f64 / 1000.0).collect(),
            ScalarNode::OnlyOf(vector) => {
                let mut values = vec![f64::NAN; steps.count];
                let mut found = vec![0_u8; steps.count];
                self.stream(vector, steps, &mut |series| {
                    for (step, value) in series.column.floats() {
                        let place = values.get_mut(step).zip(found.get_mut(step));
                        let Some((place, found)) = place else {
                            continue;
                        };
                        *found = found.saturating_add(1);
                        *place = if *found == 1 { value } else { f64::NAN };
                    }
                    Ok(())
                })?;
                values
            }
            ScalarNode::Negate(of) => {
                let mut values = self.scalar(of, steps)?;
                values.iter_mut().for_each(|value| *value = -*value);
                values
            }
            ScalarNode::Binary { op, left, right } => {
                self.both(left, right, steps, |left, right| computed(*op, left, right))?
            }
            // As Go compares: NaN wins.
            ScalarNode::Min(left, right) => self.both(left, right, steps, go_min)?,
            ScalarNode::Max(left, right) => self.both(left, right, steps, go_max)?,
        })
    }

    fn both(
        &self,
        left: &ScalarNode,
        right: &ScalarNode,
        steps: Steps,
        of: impl Fn(f64, f64) -> f64,
    ) -> Result<Vec<f64>, QueryError> {
        let (left, right) = (self.scalar(left, steps)?, self.scalar(right, steps)?);
        Ok(left
            .iter()
            .zip(&right)
            .map(|(left, right)| of(*left, *right))
            .collect())
    }
}

/// The smaller; NaN where either is, and the negative of two zeros.
pub(super) fn go_min(a: f64, b: f64) -> f64 {
    match (a, b) {
        _ if a == f64::NEG_INFINITY || b == f64::NEG_INFINITY => f64::NEG_INFINITY,
        _ if a.is_nan() || b.is_nan() => f64::NAN,
        _ if a == 0.0 && b == 0.0 => {
            if a.is_sign_negative() {
                a
            } else {
                b
            }
        }
        _ => a.min(b),
    }
}

/// The larger; NaN where either is, and the positive of two zeros.
pub(super) fn go_max(a: f64, b: f64) -> f64 {
    match (a, b) {
        _ if a == f64::INFINITY || b == f64::INFINITY => f64::INFINITY,
        _ if a.is_nan() || b.is_nan() => f64::NAN,
        _ if a == 0.0 && b == 0.0 => {
            if a.is_sign_negative() {
                b
            } else {
                a
            }
        }
        _ => a.max(b),
    }
}

/// What an operator gives for two numbers; comparisons give 0 or 1.
pub(super) fn computed(op: BinaryOp, left: f64, right: f64) -> f64 {
    match op {
        BinaryOp::Add => left + right,
        BinaryOp::Sub => left - right,
        BinaryOp::Mul => left * right,
        BinaryOp::Div => left / right,
        BinaryOp::Mod => left % right,
        BinaryOp::Pow => left.powf(right),
        BinaryOp::Atan2 => left.atan2(right),
        _ => f64::from(u8::from(is_met(op, left, right))),
    }
}

/// Whether a comparison holds.
pub(super) fn is_met(op: BinaryOp, left: f64, right: f64) -> bool {
    match op {
        BinaryOp::Equal => left == right,
        BinaryOp::NotEqual => left != right,
        BinaryOp::Greater => left > right,
        BinaryOp::Less => left < right,
        BinaryOp::GreaterEqual => left >= right,
        BinaryOp::LessEqual => left <= right,
        _ => false,
    }
}
