//! Syntax tree to JSON, as Prometheus' `parse_query` gives it: fields by name, `<`, `>` and `&`
//! escaped.

use std::fmt::Write as _;

use tsdb_core::Matcher;

use super::print::{nanoseconds, write_exponent, write_number};
use super::{
    Aggregate, At, Binary, BinaryOp, Call, DurationExpr, Expr, Matching, NumberLiteral, Side,
    Subquery, ValueType, VectorSelector,
};

/// Appends the JSON of an expression.
pub fn to_json(expr: &Expr, out: &mut String) {
    match expr {
        Expr::Number(number) => {
            out.push_str("{\"type\":\"numberLiteral\",\"val\":");
            number_text(out, number);
        }
        Expr::String(literal) => {
            out.push_str("{\"type\":\"stringLiteral\",\"val\":");
            string(out, &literal.text());
        }
        Expr::Vector(selector) => {
            open_selector(out, selector);
            out.push_str(",\"smoothed\":");
            close_selector(out, selector, "vectorSelector");
        }
        Expr::Matrix(matrix) => {
            open_selector(out, &matrix.selector);
            duration(out, "range", Some(&matrix.range));
            out.push_str(",\"smoothed\":");
            close_selector(out, &matrix.selector, "matrixSelector");
        }
        Expr::Subquery(inner) => subquery(out, inner),
        Expr::Unary(unary) => {
            out.push_str("{\"expr\":");
            to_json(&unary.expr, out);
            let op = if unary.negative { '-' } else { '+' };
            let _ = write!(out, ",\"op\":\"{op}\",\"type\":\"unaryExpr\"");
        }
        Expr::Binary(inner) => binary(out, inner),
        Expr::Aggregate(inner) => aggregate(out, inner),
        Expr::Call(inner) => call(out, inner),
        Expr::Paren(paren) => {
            out.push_str("{\"expr\":");
            to_json(&paren.expr, out);
            out.push_str(",\"type\":\"parenExpr\"");
        }
    }
    out.push('}');
}

/// A string in double quotes.
fn string(out: &mut String, text: &str) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\0'..='\x1f' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            _ => out.push(char),
        }
    }
    out.push('"');
}

fn list<T>(out: &mut String, items: &[T], mut one: impl FnMut(&mut String, &T)) {
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        one(out, item);
    }
    out.push(']');
}

fn strings(out: &mut String, texts: &[String]) {
    list(out, texts, |out, text| string(out, text));
}

fn number_text(out: &mut String, number: &NumberLiteral) {
    out.push('"');
    let _ = write_number(out, number.value);
    out.push('"');
}

/// `null` also for what JSON cannot say.
fn number(out: &mut String, value: Option<f64>) {
    let size = value.unwrap_or_default().abs();
    let _ = match value.filter(|value| value.is_finite()) {
        None => out.write_str("null"),
        Some(value) if size != 0.0 && !(1e-6..1e21).contains(&size) => {
            let mut text = String::new();
            let written = write_exponent(&mut text, value);
            // Exponents have one digit where one is enough if they are negative.
            out.push_str(&text.replace("e-0", "e-"));
            written
        }
        Some(value) => write!(out, "{value}"),
    };
}

/// The fields before those that a range has, or subquery.
fn open_selector(out: &mut String, selector: &VectorSelector) {
    let _ = write!(out, "{{\"anchored\":{},\"matchers\":", selector.anchored);
    list(out, &selector.matchers, matcher);
    out.push_str(",\"name\":");
    string(out, selector.name.as_deref().unwrap_or_default());
    duration(out, "offset", selector.offset.as_ref());
}

/// The fields from the value of `smoothed` on.
fn close_selector(out: &mut String, selector: &VectorSelector, kind: &str) {
    let _ = write!(out, "{}", selector.smoothed);
    time(out, selector.at);
    let _ = write!(out, ",\"type\":\"{kind}\"");
}

fn matcher(out: &mut String, matcher: &Matcher) {
    out.push_str("{\"name\":");
    string(out, matcher.name());
    let _ = write!(out, ",\"type\":\"{}\",\"value\":", matcher.op());
    string(out, matcher.value());
    out.push('}');
}

fn time(out: &mut String, at: Option<At>) {
    let (place, timestamp) = match at {
        Some(At::Timestamp(time)) => ("null", time.to_string()),
        Some(At::Start) => ("\"start\"", "null".to_owned()),
        Some(At::End) => ("\"end\"", "null".to_owned()),
        None => ("null", "null".to_owned()),
    };
    let _ = write!(out, ",\"startOrEnd\":{place},\"timestamp\":{timestamp}");
}

/// `,"name":milliseconds,"nameExpr":expression`, of which one says it.
fn duration(out: &mut String, name: &str, duration: Option<&DurationExpr>) {
    let (milliseconds, computed) = match duration {
        None => (0, None),
        Some(DurationExpr::Literal(number)) => (nanoseconds(number.value) / 1_000_000, None),
        Some(computed) => (0, Some(computed)),
    };
    let _ = write!(out, ",\"{name}\":{milliseconds},\"{name}Expr\":");
    match computed {
        None => out.push_str("null"),
        Some(computed) => duration_expr(out, computed, false),
    }
}

fn duration_expr(out: &mut String, expr: &DurationExpr, wrapped: bool) {
    let (op, left, right) = match expr {
        DurationExpr::Literal(number) if !wrapped => {
            let _ = write!(out, "{{\"duration\":{}", number.is_duration);
            out.push_str(",\"type\":\"numberLiteral\",\"val\":");
            number_text(out, number);
            return out.push('}');
        }
        DurationExpr::Paren { of, .. } => return duration_expr(out, of, true),
        DurationExpr::Step(_) => ("step", None, None),
        DurationExpr::Range(_) => ("range", None, None),
        DurationExpr::Binary {
            op, left, right, ..
        } => (op.text(), Some(&**left), Some(&**right)),
        DurationExpr::Unary { negative, of, .. } => {
            (if *negative { "-" } else { "+" }, None, Some(&**of))
        }
        DurationExpr::Literal(_) => ("+", None, Some(expr)),
    };
    out.push_str("{\"lhs\":");
    side(out, left);
    let _ = write!(out, ",\"op\":\"{op}\",\"rhs\":");
    side(out, right);
    let _ = write!(out, ",\"type\":\"durationExpr\",\"wrapped\":{wrapped}}}");
}

fn side(out: &mut String, expr: Option<&DurationExpr>) {
    match expr {
        None => out.push_str("null"),
        Some(expr) => duration_expr(out, expr, false),
    }
}

fn subquery(out: &mut String, subquery: &Subquery) {
    out.push_str("{\"expr\":");
    to_json(&subquery.expr, out);
    duration(out, "offset", subquery.offset.as_ref());
    duration(out, "range", Some(&subquery.range));
    let mut end = String::new();
    time(&mut end, subquery.at);
    // `step` stands between the two that say the time.
    let (place, timestamp) = end.split_once(",\"timestamp\"").unwrap_or((&end, ""));
    out.push_str(place);
    duration(out, "step", subquery.step.as_ref());
    let _ = write!(out, ",\"timestamp\"{timestamp},\"type\":\"subquery\"");
}

fn binary(out: &mut String, binary: &Binary) {
    let _ = write!(out, "{{\"bool\":{},\"lhs\":", binary.returns_bool);
    to_json(&binary.left, out);
    out.push_str(",\"matching\":");
    match &binary.matching {
        None => out.push_str("null"),
        Some(inner) => matching(out, inner, binary.op),
    }
    out.push_str(",\"op\":");
    string(out, binary.op.text());
    out.push_str(",\"rhs\":");
    to_json(&binary.right, out);
    out.push_str(",\"type\":\"binaryExpr\"");
}

fn matching(out: &mut String, matching: &Matching, op: BinaryOp) {
    let card = match matching.group {
        Some(Side::Left) => "many-to-one",
        Some(Side::Right) => "one-to-many",
        None if op.is_set() => "many-to-many",
        None => "one-to-one",
    };
    let _ = write!(out, "{{\"card\":\"{card}\",\"fillValues\":{{\"lhs\":");
    number(out, matching.fill.left);
    out.push_str(",\"rhs\":");
    number(out, matching.fill.right);
    out.push_str("},\"include\":");
    strings(out, &matching.include);
    out.push_str(",\"labels\":");
    strings(out, &matching.labels);
    let _ = write!(out, ",\"on\":{}}}", matching.on);
}

fn aggregate(out: &mut String, aggregate: &Aggregate) {
    out.push_str("{\"expr\":");
    to_json(&aggregate.expr, out);
    out.push_str(",\"grouping\":");
    strings(out, &aggregate.grouping.labels);
    let _ = write!(out, ",\"op\":\"{}\",\"param\":", aggregate.op.text());
    match &aggregate.parameter {
        None => out.push_str("null"),
        Some(parameter) => to_json(parameter, out),
    }
    let without = aggregate.grouping.without;
    let _ = write!(out, ",\"type\":\"aggregation\",\"without\":{without}");
}

fn type_name(of: ValueType) -> &'static str {
    match of {
        ValueType::Scalar => "scalar",
        ValueType::String => "string",
        ValueType::Vector => "vector",
        ValueType::Matrix => "matrix",
    }
}

fn call(out: &mut String, call: &Call) {
    out.push_str("{\"args\":");
    list(out, &call.arguments, |out, argument| to_json(argument, out));
    out.push_str(",\"func\":{\"argTypes\":");
    list(out, call.function.arguments, |out, of| {
        string(out, type_name(*of));
    });
    let (name, variadic) = (call.function.name, call.function.variadic);
    let returns = type_name(call.function.returns);
    let _ = write!(
        out,
        ",\"name\":\"{name}\",\"returnType\":\"{returns}\",\"variadic\":{variadic}}}"
    );
    out.push_str(",\"type\":\"call\"");
}
