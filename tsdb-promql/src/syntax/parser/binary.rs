//! Operators between two expressions, and how their sides are matched.

use super::cursor::{Node, Parsed, Parser};
use super::expression::{POWER, binding};
use crate::syntax::token::{Keyword, Kind};
use crate::syntax::{Binary, BinaryOp, Expr, Matching, Side, Span};

impl Parser<'_> {
    /// From the operator on, `left` read already.
    pub(super) fn binary(&mut self, left: Node, op: BinaryOp) -> Parsed<Node> {
        let op_span = self.next()?.span();
        let bool = Kind::Keyword(Keyword::Bool);
        let returns_bool = self.accept(bool)?.is_some();
        let matching = self.matching()?;
        let least = match binding(op) {
            // The one that binds to the right.
            POWER => POWER,
            other => other + 1,
        };
        let right = self.expression(least)?;
        let span = Span::new(left.expr.span().start, right.expr.span().end);
        let fills = matching.fill.left.is_some() || matching.fill.right.is_some();
        if fills && !self.features.fill {
            let message = "binop fill modifiers are experimental and not enabled";
            return Err(self.error(span, message));
        }
        let height = left.height.max(right.height);
        let binary = Binary {
            op,
            left: Box::new(left.expr),
            right: Box::new(right.expr),
            returns_bool,
            // Those of sides that are no vectors are taken out when types are checked.
            matching: Some(matching),
            span,
            op_span,
        };
        self.above(height, span, Expr::Binary(binary))
    }

    /// `on(..) group_left(..) fill(..)`, each of which may be missing.
    fn matching(&mut self) -> Parsed<Matching> {
        let mut matching = Matching::default();
        if let Kind::Keyword(keyword @ (Keyword::On | Keyword::Ignoring)) = self.peek()?.kind {
            self.next()?;
            matching.on = keyword == Keyword::On;
            matching.labels = self.labels()?;
            matching.group = match self.peek()?.kind {
                Kind::Keyword(Keyword::GroupLeft) => Some(Side::Left),
                Kind::Keyword(Keyword::GroupRight) => Some(Side::Right),
                _ => None,
            };
            if matching.group.is_some() {
                self.next()?;
                let token = self.peek()?;
                if token.kind == Kind::LeftParen || !token.begins_expression() {
                    matching.include = self.labels()?;
                }
            }
        }
        self.fill(&mut matching)?;
        Ok(matching)
    }

    fn fill(&mut self, matching: &mut Matching) -> Parsed<()> {
        let fill = &mut matching.fill;
        match self.peek()?.kind {
            Kind::Keyword(Keyword::Fill) => {
                self.next()?;
                fill.left = Some(self.fill_value()?);
                fill.right = fill.left;
            }
            Kind::Keyword(Keyword::FillLeft) => {
                self.next()?;
                fill.left = Some(self.fill_value()?);
                if self.accept(Kind::Keyword(Keyword::FillRight))?.is_some() {
                    fill.right = Some(self.fill_value()?);
                }
            }
            Kind::Keyword(Keyword::FillRight) => {
                self.next()?;
                fill.right = Some(self.fill_value()?);
                if self.accept(Kind::Keyword(Keyword::FillLeft))?.is_some() {
                    fill.left = Some(self.fill_value()?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A number with or without a sign, in parentheses.
    fn fill_value(&mut self) -> Parsed<f64> {
        self.expect(Kind::LeftParen)?;
        let (value, _) = self.signed_number()?;
        self.expect(Kind::RightParen)?;
        Ok(value)
    }

    /// A number that may have one sign, and where it ends.
    pub(super) fn signed_number(&mut self) -> Parsed<(f64, usize)> {
        let mut token = self.next()?;
        let sign = match token.kind {
            Kind::Operator(BinaryOp::Add) => Some(1.0),
            Kind::Operator(BinaryOp::Sub) => Some(-1.0),
            _ => None,
        };
        if sign.is_some() {
            token = self.next()?;
        }
        match token.kind {
            Kind::Number | Kind::Duration => {
                let value = self.number(token)?.value * sign.unwrap_or(1.0);
                Ok((value, token.end()))
            }
            _ => Err(self.unexpected(token)),
        }
    }
}
