//! Operands and operators.

use super::cursor::{Node, Parsed, Parser};
use crate::syntax::literal;
use crate::syntax::token::{Keyword, Kind, Token};
use crate::syntax::{BinaryOp, Expr, NumberLiteral, Paren, Span, StringLiteral, Unary};

/// How strongly `^` binds; signs bind just less.
pub(super) const POWER: u8 = 6;

/// How strongly an operator binds.
pub(super) const fn binding(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Or => 1,
        BinaryOp::And | BinaryOp::Unless => 2,
        BinaryOp::Add | BinaryOp::Sub => 4,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod | BinaryOp::Atan2 => 5,
        BinaryOp::Pow => POWER,
        _ => 3,
    }
}

impl<'t> Parser<'t> {
    /// An expression whose operators bind at least as strongly as `least`.
    pub(super) fn expression(&mut self, least: u8) -> Parsed<Node> {
        self.deeper(|parser| {
            let mut left = parser.operand()?;
            while let Kind::Operator(op) = parser.peek()?.kind {
                if binding(op) < least {
                    break;
                }
                left = parser.binary(left, op)?;
            }
            Ok(left)
        })
    }

    /// What stands between operators, its sign and modifiers included.
    fn operand(&mut self) -> Parsed<Node> {
        let token = self.next()?;
        if let Kind::Operator(BinaryOp::Add | BinaryOp::Sub) = token.kind {
            return self.unary(token);
        }
        let mut node = self.primary(token)?;
        loop {
            node = match self.peek()?.kind {
                Kind::LeftBracket => self.bracket(node)?,
                Kind::At => self.at(node)?,
                Kind::Keyword(Keyword::Offset) => self.offset(node)?,
                Kind::Keyword(Keyword::Anchored | Keyword::Smoothed) => self.extended(node)?,
                _ => return Ok(node),
            }
        }
    }

    fn unary(&mut self, sign: Token<'t>) -> Parsed<Node> {
        let negative = sign.kind == Kind::Operator(BinaryOp::Sub);
        let Node { expr, height } = self.expression(POWER)?;
        let span = Span::new(sign.start, expr.span().end);
        if let Expr::Number(number) = expr {
            let value = if negative {
                -number.value
            } else {
                number.value
            };
            return Ok(Node::leaf(Expr::Number(NumberLiteral {
                value,
                span,
                ..number
            })));
        }
        let unary = Unary {
            negative,
            expr: Box::new(expr),
            span,
        };
        self.above(height, span, Expr::Unary(unary))
    }

    fn primary(&mut self, token: Token<'t>) -> Parsed<Node> {
        match token.kind {
            Kind::Number | Kind::Duration => Ok(Node::leaf(Expr::Number(self.number(token)?))),
            Kind::String => {
                let value = literal::string(token.text);
                Ok(Node::leaf(Expr::String(StringLiteral {
                    bytes: value.map_or_else(|bytes| bytes, String::into_bytes),
                    span: token.span(),
                })))
            }
            Kind::LeftParen => self.paren(token),
            Kind::LeftBrace => Ok(Node::leaf(Expr::Vector(self.unnamed_selector(token)?))),
            Kind::Identifier | Kind::Word(_) if self.peek()?.kind == Kind::LeftParen => {
                self.call(token)
            }
            Kind::Aggregate(op) if self.aggregates()? => self.aggregate(token, op),
            _ if token.names_metric() => Ok(Node::leaf(Expr::Vector(self.named_selector(token)?))),
            _ => Err(self.unexpected(token)),
        }
    }

    fn paren(&mut self, open: Token<'t>) -> Parsed<Node> {
        let Node { expr, height } = self.expression(0)?;
        let close = self.expect(Kind::RightParen)?;
        let span = Span::new(open.start, close.end());
        let expr = Box::new(expr);
        self.above(height, span, Expr::Paren(Paren { expr, span }))
    }

    /// What a number or duration stands for.
    pub(super) fn number(&self, token: Token<'_>) -> Parsed<NumberLiteral> {
        let is_duration = token.kind == Kind::Duration;
        let value = match is_duration {
            true => literal::duration(token.text),
            false => literal::number(token.text),
        };
        Ok(NumberLiteral {
            value: value.map_err(|message| self.error(token.span(), message))?,
            is_duration,
            span: token.span(),
        })
    }

    /// What a string stands for; `what` it is, for an error.
    pub(super) fn string(&self, token: Token<'_>, what: &str) -> Parsed<String> {
        literal::string(token.text).map_err(|_| {
            let message = format!("{what} is not valid UTF-8: {}", token.text);
            self.error(token.span(), message)
        })
    }
}
