//! Types, counts of arguments, and what else can be seen to be wrong before evaluation.

use tsdb_core::model::METRIC_NAME;

use super::ValueType::{Matrix, Scalar, String as Text, Vector};
use super::token::quoted;
use super::{
    Aggregate, AggregateOp, Binary, Call, Expr, ParseError, Span, Subquery, Unary, ValueType,
    VectorSelector,
};

/// Checks a whole expression, and takes the matching from operators that have other sides than
/// two vectors.
pub(super) fn check(text: &str, expr: &mut Expr) -> Result<(), ParseError> {
    Checker { text }.expr(expr).map(drop)
}

struct Checker<'t> {
    text: &'t str,
}

type Checked<T = ()> = Result<T, ParseError>;

impl Checker<'_> {
    fn fail<T>(&self, span: Span, message: impl Into<String>) -> Checked<T> {
        Err(ParseError::new(self.text, span, message))
    }

    /// Checks it and what is below it; gives its type.
    fn expr(&self, expr: &mut Expr) -> Checked<ValueType> {
        Ok(match expr {
            Expr::Number(_) => Scalar,
            Expr::String(_) => Text,
            Expr::Vector(selector) => {
                self.selector(selector)?;
                Vector
            }
            Expr::Matrix(matrix) => {
                self.selector(&matrix.selector)?;
                Matrix
            }
            Expr::Subquery(subquery) => self.subquery(subquery)?,
            Expr::Unary(unary) => self.unary(unary)?,
            Expr::Binary(binary) => self.binary(binary)?,
            Expr::Aggregate(aggregate) => self.aggregate(aggregate)?,
            Expr::Call(call) => self.call(call)?,
            Expr::Paren(paren) => self.expr(&mut paren.expr)?,
        })
    }

    fn expect(&self, expr: &mut Expr, wanted: ValueType, place: &str) -> Checked {
        let got = self.expr(expr)?;
        match got == wanted {
            true => Ok(()),
            false => self.fail(
                expr.span(),
                format!("expected type {wanted} in {place}, got {got}"),
            ),
        }
    }

    fn selector(&self, selector: &VectorSelector) -> Checked {
        let Some(name) = &selector.name else {
            let selects = |matcher: &tsdb_core::Matcher| !matcher.matches_empty();
            if selector.matchers.iter().any(selects) {
                return Ok(());
            }
            let message = "vector selector must contain at least one non-empty matcher";
            return self.fail(selector.span, message);
        };
        // The last one is that of the name.
        let twice = selector.matchers.iter().rev().skip(1).rev();
        match twice
            .into_iter()
            .find(|matcher| matcher.name() == METRIC_NAME)
        {
            None => Ok(()),
            Some(other) => {
                let (name, other) = (quoted(name), quoted(other.value()));
                let message = format!("metric name must not be set twice: {name} or {other}");
                self.fail(selector.span, message)
            }
        }
    }

    fn subquery(&self, subquery: &mut Subquery) -> Checked<ValueType> {
        let got = match self.expr(&mut subquery.expr)? {
            Vector => return Ok(Matrix),
            Matrix => "matrix",
            Scalar => "scalar",
            Text => "string",
        };
        let message = format!("subquery is only allowed on instant vector, got {got} instead");
        self.fail(subquery.span, message)
    }

    fn unary(&self, unary: &mut Unary) -> Checked<ValueType> {
        let got = self.expr(&mut unary.expr)?;
        if matches!(got, Scalar | Vector) {
            return Ok(got);
        }
        let message = format!(
            "unary expression only allowed on expressions of type scalar or instant vector, \
             got \"{got}\""
        );
        self.fail(unary.span, message)
    }

    fn aggregate(&self, aggregate: &mut Aggregate) -> Checked<ValueType> {
        self.expect(&mut aggregate.expr, Vector, "aggregation expression")?;
        if let Some(parameter) = &mut aggregate.parameter {
            let wanted = match aggregate.op {
                AggregateOp::CountValues => Text,
                _ => Scalar,
            };
            self.expect(parameter, wanted, "aggregation parameter")?;
        }
        Ok(Vector)
    }

    fn binary(&self, binary: &mut Binary) -> Checked<ValueType> {
        let left = self.expr(&mut binary.left)?;
        let right = self.expr(&mut binary.right)?;
        let compares = binary.op.is_comparison();
        if binary.returns_bool && !compares {
            let message = "bool modifier can only be used on comparison operators";
            return self.fail(binary.op_span, message);
        }
        if compares && !binary.returns_bool && (left, right) == (Scalar, Scalar) {
            let message = "comparisons between scalars must use BOOL modifier";
            return self.fail(binary.op_span, message);
        }
        if let Some(label) = label_in_both(binary) {
            let label = quoted(label);
            let message = format!("label {label} must not occur in ON and GROUP clause at once");
            return self.fail(binary.op_span, message);
        }
        for (side, got) in [(&binary.left, left), (&binary.right, right)] {
            if !matches!(got, Scalar | Vector) {
                let message = "binary expression must contain only scalar and instant vector types";
                return self.fail(side.span(), message);
            }
        }
        match (left, right) {
            (Vector, Vector) => {
                self.matching(binary)?;
                Ok(Vector)
            }
            (Scalar, Scalar) => {
                self.no_matching(binary)?;
                Ok(Scalar)
            }
            _ => {
                self.no_matching(binary)?;
                Ok(Vector)
            }
        }
    }

    /// Of an operator between two vectors.
    fn matching(&self, binary: &Binary) -> Checked {
        let Some(matching) = binary.matching.as_ref().filter(|_| binary.op.is_set()) else {
            return Ok(());
        };
        if matching.group.is_some() {
            let op = binary.op.text();
            let message = format!("no grouping allowed for \"{op}\" operation");
            return self.fail(binary.span, message);
        }
        if matching.fill.left.is_some() || matching.fill.right.is_some() {
            let message = "filling in missing series not allowed for set operators";
            return self.fail(binary.span, message);
        }
        Ok(())
    }

    /// Of an operator with another side than two vectors.
    fn no_matching(&self, binary: &mut Binary) -> Checked {
        let matching = binary.matching.take().unwrap_or_default();
        if !matching.labels.is_empty() {
            let message = "vector matching only allowed between instant vectors";
            return self.fail(binary.span, message);
        }
        if matching.fill.left.is_some() || matching.fill.right.is_some() {
            let message = "filling in missing series only allowed between instant vectors";
            return self.fail(binary.span, message);
        }
        if binary.op.is_set() {
            let op = binary.op.text();
            let message = format!("set operator \"{op}\" not allowed in binary scalar expression");
            return self.fail(binary.span, message);
        }
        Ok(())
    }

    fn call(&self, call: &mut Call) -> Checked<ValueType> {
        self.count(call)?;
        let name = call.function.name;
        let place = format!("call to function {}", quoted(name));
        let types = call.function.arguments;
        let mut labels = None;
        if let ("info", Some(selector)) = (name, call.arguments.get(1)) {
            self.info_selector(selector, call.span, &place)?;
            labels = Some(1);
        }
        for (at, argument) in call.arguments.iter_mut().enumerate() {
            if labels == Some(at) {
                continue;
            }
            if let Some(wanted) = types.get(at).or(types.last()) {
                self.expect(argument, *wanted, &place)?;
            }
        }
        Ok(call.function.returns)
    }

    fn count(&self, call: &Call) -> Checked {
        let (got, types) = (call.arguments.len(), call.function.arguments.len());
        let name = quoted(call.function.name);
        let least = types.saturating_sub(1);
        let wanted = match usize::try_from(call.function.variadic) {
            Ok(0) if got != types => types.to_string(),
            Ok(0) => return Ok(()),
            _ if got < least => format!("at least {least}"),
            Ok(more) if got > least + more => format!("at most {}", least + more),
            _ => return Ok(()),
        };
        let message = format!("expected {wanted} argument(s) in call to {name}, got {got}");
        self.fail(call.span, message)
    }

    /// The second argument of `info`, a selector that may match series without its labels.
    fn info_selector(&self, argument: &Expr, call: Span, place: &str) -> Checked {
        let got = argument.value_type();
        if got != Vector {
            let message = format!("expected type {Vector} in {place}, got {got}");
            return self.fail(call, message);
        }
        match argument {
            Expr::Vector(VectorSelector { name: None, .. }) => Ok(()),
            Expr::Vector(_) => {
                let message = "expected label selectors only, got vector selector instead";
                self.fail(argument.span(), message)
            }
            _ => self.fail(argument.span(), "expected label selectors only"),
        }
    }
}

/// A label that is both matched on and taken from the side of one.
fn label_in_both(binary: &Binary) -> Option<&str> {
    let matching = binary.matching.as_ref().filter(|matching| matching.on)?;
    let both = matching
        .labels
        .iter()
        .find(|label| matching.include.contains(label));
    both.map(String::as_str)
}
