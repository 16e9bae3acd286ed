//! Syntax tree to plan.

use crate::engine::EngineOptions;
use crate::error::QueryError;
use crate::syntax::{
    Aggregate, AggregateOp, Binary, BinaryOp, Call, Expr, Span, Subquery, Unary, ValueType,
};

use super::durations::QueryTimes;
use super::histogram_use::HistogramUse;
use super::invariant::settle;
use super::nodes::{
    AggregateNode, RangeNode, ScalarNode, SubqueryNode, VectorBinary, VectorNode, VectorScalar,
};
use super::repeated::Repeated;

/// A whole query.
#[derive(Clone, Debug)]
pub(crate) enum Planned {
    Scalar(ScalarNode),
    Text(String),
    Vector(VectorNode),
    Range(RangeNode),
}

/// What a plan is made with.
pub(super) struct Planner<'o> {
    repeated: Repeated,
    pub(super) times: QueryTimes,
    pub(super) options: &'o EngineOptions,
}

/// Plans a query that is evaluated from `start` to `end`, every `step` (milliseconds).
pub(crate) fn plan(
    expr: &Expr,
    (start, end, step): (i64, i64, i64),
    options: &EngineOptions,
) -> Result<Planned, QueryError> {
    let planner = Planner {
        repeated: Repeated::of(expr),
        times: QueryTimes { start, end, step },
        options,
    };
    let used = HistogramUse::default();
    Ok(match expr.value_type() {
        ValueType::Scalar => Planned::Scalar(planner.scalar(expr, used)?),
        ValueType::String => match bare(expr) {
            Expr::String(string) => Planned::Text(string.text().into_owned()),
            other => return Err(unfit("string", other)),
        },
        ValueType::Vector => {
            let mut node = planner.vector(expr, used)?;
            settle(&mut node);
            Planned::Vector(node)
        }
        ValueType::Matrix => Planned::Range(planner.range(expr, used)?),
    })
}

/// What stands in parentheses, however many.
pub(super) fn bare(mut expr: &Expr) -> &Expr {
    while let Expr::Paren(paren) = expr {
        expr = &paren.expr;
    }
    expr
}

/// A tree whose types do not fit, which the parser lets through none of.
pub(super) fn unfit(what: &str, expr: &Expr) -> QueryError {
    QueryError::Execution(format!(
        "{what} expected, got {} at byte {}",
        expr.value_type(),
        expr.span().start
    ))
}

pub(super) fn text(expr: &Expr) -> Result<String, QueryError> {
    match bare(expr) {
        Expr::String(string) => String::from_utf8(string.bytes.clone())
            .map_err(|_| QueryError::Execution(format!("string is not valid UTF-8: {expr}"))),
        other => Err(unfit("string", other)),
    }
}

impl Planner<'_> {
    pub(super) fn scalar(&self, expr: &Expr, used: HistogramUse) -> Result<ScalarNode, QueryError> {
        Ok(match bare(expr) {
            Expr::Number(number) => ScalarNode::Constant(number.value),
            Expr::Unary(Unary { negative, expr, .. }) => {
                let of = self.scalar(expr, used)?;
                match negative {
                    true => ScalarNode::Negate(Box::new(of)),
                    false => of,
                }
            }
            Expr::Binary(Binary {
                op, left, right, ..
            }) => ScalarNode::Binary {
                op: *op,
                left: Box::new(self.scalar(left, used)?),
                right: Box::new(self.scalar(right, used)?),
            },
            Expr::Call(call) => self.scalar_call(call, used)?,
            other => return Err(unfit("scalar", other)),
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "times are far below 2^53 ms")]
    fn scalar_call(&self, call: &Call, used: HistogramUse) -> Result<ScalarNode, QueryError> {
        let seconds = |millis: i64| ScalarNode::Constant(millis as f64 / 1000.0);
        let both = || -> Result<_, QueryError> {
            let of = |index: usize| match call.arguments.get(index) {
                Some(argument) => self.scalar(argument, used).map(Box::new),
                None => Err(QueryError::Execution("an argument is missing".to_owned())),
            };
            Ok((of(0)?, of(1)?))
        };
        Ok(match call.function.name {
            "pi" => ScalarNode::Constant(std::f64::consts::PI),
            "time" => ScalarNode::Time,
            "start" => seconds(self.times.start),
            "end" => seconds(self.times.end),
            "step" => seconds(self.times.step),
            "range" => seconds(self.times.end.saturating_sub(self.times.start)),
            "min_of" => {
                let (left, right) = both()?;
                ScalarNode::Min(left, right)
            }
            "max_of" => {
                let (left, right) = both()?;
                ScalarNode::Max(left, right)
            }
            _ => {
                let vector = self.argument(call, 0)?;
                ScalarNode::OnlyOf(Box::new(self.settled(vector, used)?))
            }
        })
    }

    /// A vector that is not part of another: what does not change over steps is found in it.
    fn settled(&self, expr: &Expr, used: HistogramUse) -> Result<VectorNode, QueryError> {
        let mut node = self.vector(expr, used)?;
        settle(&mut node);
        Ok(node)
    }

    pub(super) fn argument<'c>(
        &self,
        call: &'c Call,
        index: usize,
    ) -> Result<&'c Expr, QueryError> {
        let argument = call.arguments.get(index).map(bare);
        argument.ok_or_else(|| {
            let name = call.function.name;
            QueryError::Execution(format!("argument {} of {name} is missing", index + 1))
        })
    }

    pub(super) fn vector(&self, expr: &Expr, used: HistogramUse) -> Result<VectorNode, QueryError> {
        let node = self.unshared(expr, used)?;
        let key = match bare(expr) {
            repeated @ (Expr::Aggregate(_) | Expr::Call(_)) => self.repeated.text(repeated),
            _ => None,
        };
        let node = match key {
            // What is read of histograms depends on what it is for.
            Some(key) => VectorNode::Shared {
                key: format!("{key} {}", used.is_statistics_only()),
                node: Box::new(node),
            },
            None => node,
        };
        Ok(self.traced(bare(expr), node))
    }

    /// A selector is traced where it is read.
    fn traced(&self, expr: &Expr, node: VectorNode) -> VectorNode {
        let name = match expr {
            Expr::Aggregate(aggregate) => aggregate.op.text(),
            Expr::Binary(binary) => binary.op.text(),
            Expr::Call(call) => call.function.name,
            _ => return node,
        };
        match self.options.stopwatch {
            Some(_) => VectorNode::Traced {
                name,
                span: expr.span(),
                node: Box::new(node),
            },
            None => node,
        }
    }

    fn unshared(&self, expr: &Expr, used: HistogramUse) -> Result<VectorNode, QueryError> {
        Ok(match bare(expr) {
            Expr::Vector(selector) => VectorNode::Select(self.select(selector, used)?),
            Expr::Unary(Unary { negative, expr, .. }) => {
                let node = self.vector(expr, used)?;
                match negative {
                    true => VectorNode::Negate(Box::new(node)),
                    false => node,
                }
            }
            Expr::Binary(binary) => self.binary(binary, used)?,
            Expr::Aggregate(aggregate) => self.aggregate(aggregate, used)?,
            Expr::Call(call) => self.call(call, used.below(call.function.name))?,
            other => return Err(unfit("instant vector", other)),
        })
    }

    fn binary(&self, binary: &Binary, used: HistogramUse) -> Result<VectorNode, QueryError> {
        let Binary {
            op, left, right, ..
        } = binary;
        let used = match op {
            BinaryOp::TrimUpper | BinaryOp::TrimLower => HistogramUse::whole(),
            _ => used,
        };
        let with_scalar = |vector: &Expr, scalar: &Expr, scalar_is_left: bool| {
            Ok(VectorNode::WithScalar(VectorScalar {
                op: *op,
                vector: Box::new(self.vector(vector, used)?),
                scalar: self.scalar(scalar, used)?,
                scalar_is_left,
                returns_bool: binary.returns_bool,
                span: binary.span,
            }))
        };
        match (left.value_type(), right.value_type()) {
            (ValueType::Scalar, _) => with_scalar(right, left, true),
            (_, ValueType::Scalar) => with_scalar(left, right, false),
            _ => Ok(VectorNode::Binary(Box::new(VectorBinary {
                op: *op,
                left: Box::new(self.vector(left, used)?),
                right: Box::new(self.vector(right, used)?),
                matching: binary.matching.clone().unwrap_or_default(),
                returns_bool: binary.returns_bool,
                span: binary.span,
            }))),
        }
    }

    fn aggregate(
        &self,
        aggregate: &Aggregate,
        used: HistogramUse,
    ) -> Result<VectorNode, QueryError> {
        let (mut parameter, mut label) = (None, None);
        match &aggregate.parameter {
            Some(expr) if aggregate.op == AggregateOp::CountValues => {
                let name = text(expr).ok().filter(|name| self.is_label_name(name));
                let invalid = || QueryError::Execution(format!("invalid label name {expr}"));
                label = Some(name.ok_or_else(invalid)?);
            }
            Some(expr) => parameter = Some((self.scalar(expr, used)?, bare(expr).span())),
            None => {}
        }
        Ok(VectorNode::Aggregate(Box::new(AggregateNode {
            op: aggregate.op,
            node: Box::new(self.vector(&aggregate.expr, used)?),
            parameter,
            label,
            grouping: aggregate.grouping.clone(),
            span: aggregate.span,
            argument: bare(&aggregate.expr).span(),
        })))
    }

    pub(super) fn range(&self, expr: &Expr, used: HistogramUse) -> Result<RangeNode, QueryError> {
        match bare(expr) {
            Expr::Matrix(matrix) => Ok(RangeNode::Select(self.range_select(matrix, used)?)),
            Expr::Subquery(subquery) => Ok(RangeNode::Subquery(self.subquery(subquery)?)),
            other => Err(unfit("range vector", other)),
        }
    }

    fn subquery(&self, subquery: &Subquery) -> Result<SubqueryNode, QueryError> {
        let default = i64::try_from(self.options.subquery_step.as_millis()).unwrap_or(i64::MAX);
        Ok(SubqueryNode {
            // Of what a subquery gives, resets are looked for in all buckets.
            node: Box::new(self.settled_in_subquery(&subquery.expr)?),
            range: self.times.length(&subquery.range)?,
            step: match &subquery.step {
                // Times are milliseconds: there is nothing between two of them.
                Some(step) => self.times.length(step)?.max(1),
                None => default.max(1),
            },
            offset: self.times.offset(subquery.offset.as_ref())?,
            at: self.at(subquery.at),
        })
    }

    fn settled_in_subquery(&self, expr: &Expr) -> Result<VectorNode, QueryError> {
        let used = HistogramUse::whole();
        match expr.value_type() {
            ValueType::Scalar => Ok(VectorNode::Scalar(self.scalar(expr, used)?)),
            _ => self.settled(expr, used),
        }
    }
}

/// From the first argument of a call to the last.
pub(super) fn arguments_span(call: &Call) -> Span {
    let start = call.arguments.first().map(|first| bare(first).span().start);
    let end = call.arguments.last().map(|last| bare(last).span().end);
    Span::new(start.unwrap_or_default(), end.unwrap_or_default())
}
