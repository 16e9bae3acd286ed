//! Syntax tree to text, on one line, as Prometheus prints it.
//!
//! Where what Prometheus prints would not be read as the same again, it is written so that it
//! would: a positive infinity or a negative duration raised to a power, the labels `inf`, `nan`
//! and `without`, U+FFFD in texts, and durations of less than a millisecond.

use std::fmt::{self, Display, Write as _};

use tsdb_core::MatchOp;
use tsdb_core::Matcher;
use tsdb_core::model::{METRIC_NAME, is_legacy_label_name, write_quoted};

use super::{
    Aggregate, At, Binary, Call, DurationExpr, DurationOp, Expr, Matching, MatrixSelector,
    NumberLiteral, Side, Subquery, VectorSelector,
};

type Out<'f, 'a> = &'f mut fmt::Formatter<'a>;

impl fmt::Display for Expr {
    fn fmt(&self, f: Out<'_, '_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::String(string) => quote_bytes(f, &string.bytes),
            Self::Vector(selector) => selector.fmt(f),
            Self::Matrix(matrix) => matrix.fmt(f),
            Self::Subquery(subquery) => subquery.fmt(f),
            Self::Unary(unary) => {
                f.write_char(if unary.negative { '-' } else { '+' })?;
                unary.expr.fmt(f)
            }
            Self::Binary(binary) => binary.fmt(f),
            Self::Aggregate(aggregate) => aggregate.fmt(f),
            Self::Call(call) => call.fmt(f),
            Self::Paren(paren) => write!(f, "({})", paren.expr),
        }
    }
}

impl fmt::Display for NumberLiteral {
    fn fmt(&self, f: Out<'_, '_>) -> fmt::Result {
        if self.is_duration {
            return write_duration(f, self.value);
        }
        write_number(f, self.value)
    }
}

/// A number as Go's `FormatFloat(value, 'f', -1, 64)` gives it.
pub(super) fn write_number(out: &mut impl fmt::Write, value: f64) -> fmt::Result {
    match value.is_infinite() {
        true => out.write_str(if value > 0.0 { "+Inf" } else { "-Inf" }),
        false => write!(out, "{value}"),
    }
}

/// As Go's `%v` prints it.
fn write_general(out: &mut impl fmt::Write, value: f64) -> fmt::Result {
    let size = value.abs();
    if value.is_finite() && size != 0.0 && !(1e-4..1e21).contains(&size) {
        return write_exponent(out, value);
    }
    write_number(out, value)
}

/// With an exponent of two digits at least.
pub(super) fn write_exponent(out: &mut impl fmt::Write, value: f64) -> fmt::Result {
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    write!(out, "{digits}e{sign}{exponent:0>2}")
}

/// Milliseconds of each unit, and whether only a whole number of it is written.
const UNITS: [(&str, u64, bool); 7] = [
    ("y", 365 * 86_400_000, true),
    ("w", 7 * 86_400_000, true),
    ("d", 86_400_000, false),
    ("h", 3_600_000, false),
    ("m", 60_000, false),
    ("s", 1000, false),
    ("ms", 1, false),
];

/// Seconds as a duration, `1h30m`; less than a millisecond is cut off.
fn write_duration(out: &mut impl fmt::Write, seconds: f64) -> fmt::Result {
    if seconds < 0.0 {
        out.write_char('-')?;
    }
    let mut rest = (nanoseconds(seconds) / 1_000_000).unsigned_abs();
    if rest == 0 && seconds != 0.0 {
        return write_number(out, seconds.abs());
    }
    if rest == 0 {
        return out.write_str("0s");
    }
    for (unit, size, whole) in UNITS {
        if rest < size || (whole && !rest.is_multiple_of(size)) {
            continue;
        }
        write!(out, "{}{unit}", rest / size)?;
        rest %= size;
    }
    Ok(())
}

/// Seconds in nanoseconds, rounded.
pub(super) fn nanoseconds(seconds: f64) -> i64 {
    // Saturates.
    (seconds * 1e9).round() as i64
}

/// In double quotes, as Go prints it, so that it can be read again.
pub(super) fn quote(out: &mut impl fmt::Write, text: &str) -> fmt::Result {
    if !text.contains(char::REPLACEMENT_CHARACTER) {
        return write_quoted(out, text);
    }
    let mut quoted = String::new();
    write_quoted(&mut quoted, text)?;
    out.write_str(&quoted.replace(char::REPLACEMENT_CHARACTER, "\\ufffd"))
}

/// [`quote`] of bytes, those that are no UTF-8 by their numbers.
fn quote_bytes(out: &mut impl fmt::Write, bytes: &[u8]) -> fmt::Result {
    out.write_char('"')?;
    for chunk in bytes.utf8_chunks() {
        let mut quoted = String::new();
        quote(&mut quoted, chunk.valid())?;
        let inner = quoted
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'));
        out.write_str(inner.unwrap_or_default())?;
        for byte in chunk.invalid() {
            write!(out, "\\x{byte:02x}")?;
        }
    }
    out.write_char('"')
}

fn write_labels(f: Out<'_, '_>, labels: &[String]) -> fmt::Result {
    for (at, label) in labels.iter().enumerate() {
        if at > 0 {
            f.write_str(", ")?;
        }
        let reserved = ["inf", "nan", "without"];
        let is_reserved = reserved.iter().any(|word| word.eq_ignore_ascii_case(label));
        match is_legacy_label_name(label) && !is_reserved {
            true => f.write_str(label)?,
            false => quote(f, label)?,
        }
    }
    Ok(())
}

fn matcher_text(matcher: &Matcher) -> Result<String, fmt::Error> {
    let mut text = String::new();
    match is_legacy_label_name(matcher.name()) {
        true => text.push_str(matcher.name()),
        false => quote(&mut text, matcher.name())?,
    }
    text.push_str(matcher.op().as_str());
    quote(&mut text, matcher.value())?;
    Ok(text)
}

/// The name and matchers, without modifiers.
fn write_selector(f: Out<'_, '_>, selector: &VectorSelector) -> fmt::Result {
    let name = selector.name.as_deref().unwrap_or_default();
    f.write_str(name)?;
    let is_name = |matcher: &&Matcher| {
        !name.is_empty()
            && matcher.name() == METRIC_NAME
            && matcher.op() == MatchOp::Equal
            && matcher.value() == name
    };
    let others = selector.matchers.iter().filter(|matcher| !is_name(matcher));
    let mut texts = others.map(matcher_text).collect::<Result<Vec<_>, _>>()?;
    texts.sort_unstable();
    match (texts.is_empty(), name.is_empty()) {
        (true, false) => Ok(()),
        // Prometheus prints nothing at all.
        (true, true) => f.write_str("{}"),
        (false, _) => write!(f, "{{{}}}", texts.join(",")),
    }
}

fn write_extended(f: Out<'_, '_>, selector: &VectorSelector) -> fmt::Result {
    match (selector.anchored, selector.smoothed) {
        (true, _) => f.write_str(" anchored"),
        (false, true) => f.write_str(" smoothed"),
        (false, false) => Ok(()),
    }
}

fn write_at(f: Out<'_, '_>, at: Option<At>) -> fmt::Result {
    match at {
        Some(At::Timestamp(time)) => write!(f, " @ {:.3}", time as f64 / 1000.0),
        Some(At::Start) => f.write_str(" @ start()"),
        Some(At::End) => f.write_str(" @ end()"),
        None => Ok(()),
    }
}

fn write_offset(f: Out<'_, '_>, offset: Option<&DurationExpr>) -> fmt::Result {
    match offset {
        Some(offset) => {
            f.write_str(" offset ")?;
            write_whole(f, offset)
        }
        None => Ok(()),
    }
}

/// A duration that stands alone: numbers are written as durations as well.
fn write_whole(f: Out<'_, '_>, duration: &DurationExpr) -> fmt::Result {
    match duration {
        DurationExpr::Literal(number) => write_duration(f, number.value),
        computed => computed.fmt(f),
    }
}

impl fmt::Display for VectorSelector {
    fn fmt(&self, f: Out<'_, '_>) -> fmt::Result {
        write_selector(f, self)?;
        write_at(f, self.at)?;
        write_extended(f, self)?;
        write_offset(f, self.offset.as_ref())
    }
}

impl fmt::Display for MatrixSelector {
    fn fmt(&self, f: Out<'_, '_>) -> fmt::Result {
        write_selector(f, &self.selector)?;
        f.write_char('[')?;
        write_whole(f, &self.range)?;
        f.write_char(']')?;
        write_extended(f, &self.selector)?;
        write_at(f, self.selector.at)?;
        write_offset(f, self.selector.offset.as_ref())
    }
}

/// What stands behind the expression of a subquery.
pub(super) struct SubqueryEnd<'s>(pub(super) &'s Subquery);

impl fmt::Display for SubqueryEnd<'_> {
    fn fmt(&self, f: Out<'_, '_>) -> fmt::Result {
        f.write_char('[')?;
        write_whole(f, &self.0.range)?;
        f.write_char(':')?;
        if let Some(step) = &self.0.step {
            write_whole(f, step)?;
        }
        f.write_char(']')?;
        write_at(f, self.0.at)?;
        write_offset(f, self.0.offset.as_ref())
    }
}

impl fmt::Display for Subquery {
    fn fmt(&self, f: Out<'_, '_>) -> fmt::Result {
        write!(f, "{}{}", self.expr, SubqueryEnd(self))
    }
}

impl fmt::Display for DurationExpr {
    fn fmt(&self, f: Out<'_, '_>) -> fmt::Result {
        match self {
            Self::Literal(number) => number.fmt(f),
            Self::Binary {
                op: op @ (DurationOp::Min | DurationOp::Max),
                left,
                right,
                ..
            } => write!(f, "{}({left}, {right})", op.text()),
            Self::Binary {
                op: DurationOp::Pow,
                left,
                right,
                ..
            } if matches!(&**left, Self::Literal(number) if number.value < 0.0) => {
                write!(f, "({left}) ^ {right}")
            }
            Self::Binary {
                op, left, right, ..
            } => write!(f, "{left} {} {right}", op.text()),
            Self::Unary { negative, of, .. } => {
                let sign = if *negative { "-" } else { "" };
                match &**of {
                    // Without parentheses an operator behind a sign is none of the duration's.
                    Self::Binary { op, .. } if !matches!(op, DurationOp::Min | DurationOp::Max) => {
                        write!(f, "{sign}({of})")
                    }
                    of => write!(f, "{sign}{of}"),
                }
            }
            Self::Paren { of, .. } => write!(f, "({of})"),
            Self::Step(_) => f.write_str("step()"),
            Self::Range(_) => f.write_str("range()"),
        }
    }
}

/// An operator with its modifiers.
pub(super) struct Operator<'b>(pub(super) &'b Binary);

impl fmt::Display for Operator<'_> {
    fn fmt(&self, f: Out<'_, '_>) -> fmt::Result {
        f.write_str(self.0.op.text())?;
        if self.0.returns_bool {
            f.write_str(" bool")?;
        }
        match &self.0.matching {
            Some(matching) => matching.fmt(f),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Binary {
    fn fmt(&self, f: Out<'_, '_>) -> fmt::Result {
        match (&*self.left, self.op) {
            (Expr::Number(number), super::BinaryOp::Pow) if number.value == f64::INFINITY => {
                f.write_str("Inf")?;
            }
            (left, _) => left.fmt(f)?,
        }
        write!(f, " {} {}", Operator(self), self.right)
    }
}

impl fmt::Display for Matching {
    /// With a blank before each part.
    fn fmt(&self, f: Out<'_, '_>) -> fmt::Result {
        if !self.labels.is_empty() || self.on || self.group.is_some() {
            write!(f, " {} (", if self.on { "on" } else { "ignoring" })?;
            write_labels(f, &self.labels)?;
            f.write_char(')')?;
        }
        if let Some(side) = self.group {
            let side = match side {
                Side::Left => "left",
                Side::Right => "right",
            };
            write!(f, " group_{side} (")?;
            write_labels(f, &self.include)?;
            f.write_char(')')?;
        }
        let (left, right) = (self.fill.left, self.fill.right);
        let parts = match (left, right) {
            (Some(left), Some(right)) if left == right => [("fill", Some(left)), ("", None)],
            _ => [("fill_left", left), ("fill_right", right)],
        };
        for (name, value) in parts {
            if let Some(value) = value {
                write!(f, " {name} (")?;
                write_general(f, value)?;
                f.write_char(')')?;
            }
        }
        Ok(())
    }
}

/// The name and grouping of an aggregation.
pub(super) struct AggregateStart<'a>(pub(super) &'a Aggregate);

impl fmt::Display for AggregateStart<'_> {
    fn fmt(&self, f: Out<'_, '_>) -> fmt::Result {
        f.write_str(self.0.op.text())?;
        let grouping = &self.0.grouping;
        if grouping.without || !grouping.labels.is_empty() {
            let how = if grouping.without { "without" } else { "by" };
            write!(f, " {how} (")?;
            write_labels(f, &grouping.labels)?;
            f.write_str(") ")?;
        }
        Ok(())
    }
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: Out<'_, '_>) -> fmt::Result {
        write!(f, "{}(", AggregateStart(self))?;
        if let Some(parameter) = &self.parameter {
            write!(f, "{parameter}, ")?;
        }
        write!(f, "{})", self.expr)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: Out<'_, '_>) -> fmt::Result {
        write!(f, "{}(", self.function.name)?;
        for (at, argument) in self.arguments.iter().enumerate() {
            let separator = if at > 0 { ", " } else { "" };
            write!(f, "{separator}{argument}")?;
        }
        f.write_char(')')
    }
}
