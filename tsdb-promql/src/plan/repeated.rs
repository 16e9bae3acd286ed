//! Parts of a query that are written more than once.

use std::collections::BTreeMap;

use crate::syntax::{Expr, ValueType};

/// The texts of calls and aggregations that a query has more than once.
#[derive(Debug, Default)]
pub(super) struct Repeated {
    counts: BTreeMap<String, usize>,
}

impl Repeated {
    pub(super) fn of(expr: &Expr) -> Self {
        let mut repeated = Self::default();
        repeated.visit(expr);
        repeated.counts.retain(|_, count| *count > 1);
        repeated
    }

    /// The text of a part that is there more than once.
    pub(super) fn text(&self, expr: &Expr) -> Option<String> {
        if self.counts.is_empty() {
            return None;
        }
        let text = expr.to_string();
        self.counts.contains_key(&text).then_some(text)
    }

    fn visit(&mut self, expr: &Expr) {
        let is_computed = matches!(expr, Expr::Call(_) | Expr::Aggregate(_));
        if is_computed && expr.value_type() == ValueType::Vector {
            let count = self.counts.entry(expr.to_string()).or_default();
            *count += 1;
            // What a part that was met before is made of is not met again.
            if *count > 1 {
                return;
            }
        }
        match expr {
            Expr::Number(_) | Expr::String(_) | Expr::Vector(_) | Expr::Matrix(_) => {}
            Expr::Subquery(subquery) => self.visit(&subquery.expr),
            Expr::Unary(unary) => self.visit(&unary.expr),
            Expr::Paren(paren) => self.visit(&paren.expr),
            Expr::Binary(binary) => {
                self.visit(&binary.left);
                self.visit(&binary.right);
            }
            Expr::Aggregate(aggregate) => {
                self.visit(&aggregate.expr);
                aggregate
                    .parameter
                    .iter()
                    .for_each(|parameter| self.visit(parameter));
            }
            Expr::Call(call) => call
                .arguments
                .iter()
                .for_each(|argument| self.visit(argument)),
        }
    }
}
