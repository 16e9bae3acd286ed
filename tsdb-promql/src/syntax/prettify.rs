//! Syntax tree to text on many lines, as Prometheus' `format_query` gives it.

use std::fmt::Write as _;

use super::print::{AggregateStart, Operator, SubqueryEnd};
use super::{Aggregate, Binary, Expr};

/// The longest text, in bytes, that stays on one line.
const LINE_BYTES: usize = 100;

/// The expression over as many lines as it takes to keep each of its parts short.
#[must_use]
pub fn prettify(expr: &Expr) -> String {
    let mut out = String::new();
    write_lines(&mut out, expr, 0);
    out
}

fn indent(out: &mut String, level: usize) {
    for _ in 0..level {
        out.push_str("  ");
    }
}

/// Writing to a string does not fail, so results are left aside here.
fn write_lines(out: &mut String, expr: &Expr, level: usize) {
    let line = expr.to_string();
    let long = line.len() > LINE_BYTES;
    match expr {
        Expr::Unary(unary) => {
            let mut inner = String::new();
            write_lines(&mut inner, &unary.expr, level);
            indent(out, level);
            out.push(if unary.negative { '-' } else { '+' });
            out.push_str(inner.trim());
        }
        // Prometheus does not indent them.
        Expr::Subquery(_) if !long => out.push_str(&line),
        Expr::Subquery(subquery) => {
            write_lines(out, &subquery.expr, level);
            let _ = write!(out, "{}", SubqueryEnd(subquery));
        }
        Expr::Aggregate(aggregate) if long => write_aggregate(out, aggregate, level),
        Expr::Binary(binary) if long => write_binary(out, binary, level),
        Expr::Call(call) if long => {
            indent(out, level);
            let _ = writeln!(out, "{}(", call.function.name);
            for (at, argument) in call.arguments.iter().enumerate() {
                if at > 0 {
                    out.push_str(",\n");
                }
                write_lines(out, argument, level + 1);
            }
            close(out, level);
        }
        Expr::Paren(paren) if long => {
            indent(out, level);
            out.push_str("(\n");
            write_lines(out, &paren.expr, level + 1);
            close(out, level);
        }
        _ => {
            indent(out, level);
            out.push_str(&line);
        }
    }
}

fn close(out: &mut String, level: usize) {
    out.push('\n');
    indent(out, level);
    out.push(')');
}

fn write_aggregate(out: &mut String, aggregate: &Aggregate, level: usize) {
    indent(out, level);
    let _ = writeln!(out, "{}(", AggregateStart(aggregate));
    if let Some(parameter) = &aggregate.parameter {
        write_lines(out, parameter, level + 1);
        out.push_str(",\n");
    }
    write_lines(out, &aggregate.expr, level + 1);
    close(out, level);
}

fn write_binary(out: &mut String, binary: &Binary, level: usize) {
    write_lines(out, &binary.left, level + 1);
    out.push('\n');
    indent(out, level);
    let _ = writeln!(out, "{}", Operator(binary));
    write_lines(out, &binary.right, level + 1);
}
