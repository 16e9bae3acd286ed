//! Durations that are computed.

use crate::error::QueryError;
use crate::syntax::{DurationExpr, DurationOp};

/// What durations may refer to, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueryTimes {
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) step: i64,
}

impl QueryTimes {
    /// An offset in milliseconds, of either sign.
    pub(super) fn offset(&self, of: Option<&DurationExpr>) -> Result<i64, QueryError> {
        of.map_or(Ok(0), |expr| self.millis(expr))
    }

    /// A length of time in milliseconds.
    pub(super) fn length(&self, of: &DurationExpr) -> Result<i64, QueryError> {
        let seconds = self.seconds(of)?;
        if seconds <= 0.0 {
            return Err(QueryError::BadData(
                "duration must be greater than 0".to_owned(),
            ));
        }
        to_millis(seconds)
    }

    fn millis(&self, of: &DurationExpr) -> Result<i64, QueryError> {
        to_millis(self.seconds(of)?)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "spans of queries are far below 2^53 ms"
    )]
    fn seconds(&self, of: &DurationExpr) -> Result<f64, QueryError> {
        Ok(match of {
            DurationExpr::Literal(number) => number.value,
            DurationExpr::Paren { of, .. } => self.seconds(of)?,
            DurationExpr::Unary { negative, of, .. } => match negative {
                true => -self.seconds(of)?,
                false => self.seconds(of)?,
            },
            DurationExpr::Step(_) => self.step as f64 / 1000.0,
            DurationExpr::Range(_) => self.end.saturating_sub(self.start) as f64 / 1000.0,
            DurationExpr::Binary {
                op, left, right, ..
            } => binary(*op, self.seconds(left)?, self.seconds(right)?)?,
        })
    }
}

fn binary(op: DurationOp, left: f64, right: f64) -> Result<f64, QueryError> {
    let by_zero = |what: &str| Err(QueryError::BadData(format!("{what} by zero")));
    Ok(match op {
        DurationOp::Add => left + right,
        DurationOp::Sub => left - right,
        DurationOp::Mul => left * right,
        DurationOp::Div if right == 0.0 => return by_zero("division"),
        DurationOp::Div => left / right,
        DurationOp::Mod if right == 0.0 => return by_zero("modulo"),
        DurationOp::Mod => left % right,
        DurationOp::Pow => left.powf(right),
        DurationOp::Min => left.min(right),
        DurationOp::Max => left.max(right),
    })
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "checked to be within the range of nanoseconds before"
)]
fn to_millis(seconds: f64) -> Result<i64, QueryError> {
    // What Go's nanoseconds hold.
    const SECONDS_MAX: f64 = 9_223_372_036.0;
    if seconds.is_nan() || seconds.abs() > SECONDS_MAX {
        return Err(QueryError::BadData("duration is out of range".to_owned()));
    }
    // Rounded where a fraction of a millisecond is an error of computing alone.
    let millis = seconds * 1000.0;
    let nearest = millis.round();
    let is_near = (millis - nearest).abs() < 1e-6;
    Ok(if is_near { nearest } else { millis.trunc() } as i64)
}
