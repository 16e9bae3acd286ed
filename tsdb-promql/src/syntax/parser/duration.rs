//! Durations that are computed: `[5m * 2]`, `offset -(1h / 2)`, `[max_of(step(), 1m)]`.

use super::cursor::{Node, Parsed, Parser};
use super::expression::{POWER, binding};
use crate::syntax::token::{Kind, Token, Word};
use crate::syntax::{BinaryOp, DurationExpr, DurationOp, NumberLiteral, Span};

/// More seconds than 64 bits hold nanoseconds.
const MAX_SECONDS: f64 = (1_u64 << 63) as f64 / 1e9;

fn duration_op(op: BinaryOp) -> Option<DurationOp> {
    Some(match op {
        BinaryOp::Add => DurationOp::Add,
        BinaryOp::Sub => DurationOp::Sub,
        BinaryOp::Mul => DurationOp::Mul,
        BinaryOp::Div => DurationOp::Div,
        BinaryOp::Mod => DurationOp::Mod,
        BinaryOp::Pow => DurationOp::Pow,
        _ => return None,
    })
}

type Duration = Node<DurationExpr>;

impl<'t> Parser<'t> {
    /// One that is greater than 0 as far as can be seen.
    pub(super) fn positive_duration(&mut self) -> Parsed<DurationExpr> {
        let duration = self.duration(0)?.expr;
        match &duration {
            DurationExpr::Literal(number) if number.value <= 0.0 => {
                Err(self.error(number.span, "duration must be greater than 0"))
            }
            _ => Ok(duration),
        }
    }

    /// One whose operators bind at least as strongly as `least`.
    fn duration(&mut self, least: u8) -> Parsed<Duration> {
        self.deeper(|parser| {
            let left = parser.duration_operand()?;
            parser.duration_from(left, least)
        })
    }

    /// Operators behind `left`, and what stands on their right.
    fn duration_from(&mut self, mut left: Duration, least: u8) -> Parsed<Duration> {
        loop {
            let token = self.peek()?;
            let Kind::Operator(op) = token.kind else {
                return Ok(left);
            };
            let Some(kind) = duration_op(op).filter(|_| binding(op) >= least) else {
                return Ok(left);
            };
            self.next()?;
            let right = self.duration(match binding(op) {
                POWER => POWER,
                other => other + 1,
            })?;
            self.require_duration_expressions(&left.expr)?;
            self.forbid_division_by_zero(kind, &right.expr, token)?;
            let span = Span::new(left.expr.span().start, right.expr.span().end);
            let height = left.height.max(right.height);
            let binary = DurationExpr::Binary {
                op: kind,
                left: Box::new(left.expr),
                right: Box::new(right.expr),
                span,
            };
            left = self.above(height, span, binary)?;
        }
    }

    fn require_duration_expressions(&self, expr: &DurationExpr) -> Parsed<()> {
        if self.features.duration_expressions {
            return Ok(());
        }
        let message = "experimental duration expression is not enabled";
        Err(self.error(unwrapped(expr).span(), message))
    }

    fn forbid_division_by_zero(
        &self,
        op: DurationOp,
        right: &DurationExpr,
        token: Token<'_>,
    ) -> Parsed<()> {
        let is_zero = matches!(right, DurationExpr::Literal(number) if number.value == 0.0);
        let message = match op {
            DurationOp::Div => "division by zero",
            DurationOp::Mod => "modulo by zero",
            _ => return Ok(()),
        };
        match is_zero {
            true => Err(self.error(token.span(), message)),
            false => Ok(()),
        }
    }

    fn duration_operand(&mut self) -> Parsed<Duration> {
        let token = self.next()?;
        match token.kind {
            Kind::Number | Kind::Duration => Ok(Node::leaf(self.duration_literal(token)?)),
            Kind::Word(word) => self.duration_word(token, word),
            Kind::LeftParen => self.duration_paren(token),
            Kind::Operator(BinaryOp::Add | BinaryOp::Sub) => {
                let of = self.duration(POWER)?;
                self.signed(token, of)
            }
            _ => Err(self.unexpected(token)),
        }
    }

    fn duration_literal(&self, token: Token<'_>) -> Parsed<DurationExpr> {
        let number = self.number(token)?;
        self.in_range(number, token.span())
    }

    fn in_range(&self, number: NumberLiteral, place: Span) -> Parsed<DurationExpr> {
        // Also where it is no number.
        match number.value.abs() <= MAX_SECONDS {
            true => Ok(DurationExpr::Literal(number)),
            false => Err(self.error(place, "duration out of range")),
        }
    }

    /// `step()`, `range()`, `min_of(a, b)` or `max_of(a, b)`.
    fn duration_word(&mut self, token: Token<'t>, word: Word) -> Parsed<Duration> {
        let op = match word {
            Word::MinOf => DurationOp::Min,
            Word::MaxOf => DurationOp::Max,
            Word::Step | Word::Range => {
                self.expect(Kind::LeftParen)?;
                let close = self.expect(Kind::RightParen)?;
                let span = Span::new(token.start, close.end());
                let expr = match word {
                    Word::Step => DurationExpr::Step(span),
                    _ => DurationExpr::Range(span),
                };
                self.require_duration_expressions(&expr)?;
                return Ok(Node::leaf(expr));
            }
            Word::Start | Word::End => return Err(self.unexpected(token)),
        };
        self.expect(Kind::LeftParen)?;
        let left = self.duration(0)?;
        self.expect(Kind::Comma)?;
        let right = self.duration(0)?;
        let close = self.expect(Kind::RightParen)?;
        let span = Span::new(token.start, close.end());
        let height = left.height.max(right.height);
        let expr = DurationExpr::Binary {
            op,
            left: Box::new(left.expr),
            right: Box::new(right.expr),
            span,
        };
        self.require_duration_expressions(&expr)?;
        self.above(height, span, expr)
    }

    /// From behind the opening parenthesis. A number needs none around it.
    fn duration_paren(&mut self, open: Token<'t>) -> Parsed<Duration> {
        let inner = self.duration(0)?;
        let close = self.expect(Kind::RightParen)?;
        self.require_duration_expressions(&inner.expr)?;
        match inner.expr {
            DurationExpr::Literal(_) => Ok(inner),
            _ => self.wrapped(inner, Span::new(open.start, close.end())),
        }
    }

    /// In parentheses, once.
    fn wrapped(&self, inner: Duration, span: Span) -> Parsed<Duration> {
        if let DurationExpr::Paren { .. } = inner.expr {
            return Ok(inner);
        }
        let of = Box::new(inner.expr);
        self.above(inner.height, span, DurationExpr::Paren { of, span })
    }

    /// With a sign before it; a plus leaves it as it is.
    fn signed(&self, sign: Token<'_>, of: Duration) -> Parsed<Duration> {
        let negative = sign.kind == Kind::Operator(BinaryOp::Sub);
        let span = Span::new(sign.start, of.expr.span().end);
        match of.expr {
            DurationExpr::Literal(number) => {
                let value = if negative {
                    -number.value
                } else {
                    number.value
                };
                let number = NumberLiteral {
                    value,
                    span,
                    ..number
                };
                self.in_range(number, sign.span()).map(Node::leaf)
            }
            _ if !negative => Ok(of),
            _ => {
                let expr = DurationExpr::Unary {
                    negative,
                    of: Box::new(of.expr),
                    span,
                };
                self.above(of.height, span, expr)
            }
        }
    }

    /// What follows `offset`, and where it ends. Operators behind it are the selector's, unless it
    /// begins with a parenthesis or two signs: Prometheus takes them for the duration's then.
    pub(super) fn offset_duration(&mut self) -> Parsed<(DurationExpr, usize)> {
        let token = self.next()?;
        let duration = match token.kind {
            Kind::Number | Kind::Duration => Node::leaf(self.duration_literal(token)?),
            Kind::Word(word) => self.duration_word(token, word)?,
            Kind::LeftParen => {
                let left = self.duration_paren(token)?;
                let whole = self.duration_from(left, 0)?;
                self.enclosed(whole)?
            }
            Kind::Operator(BinaryOp::Add | BinaryOp::Sub) => self.signed_offset(token)?,
            _ => return Err(self.unexpected(token)),
        };
        let end = duration.expr.span().end;
        Ok((duration.expr, end))
    }

    fn signed_offset(&mut self, sign: Token<'t>) -> Parsed<Duration> {
        let token = self.next()?;
        match token.kind {
            Kind::Number | Kind::Duration => {
                let number = self.number(token)?;
                self.signed(sign, Node::leaf(DurationExpr::Literal(number)))
            }
            Kind::Word(word) => {
                let of = self.duration_word(token, word)?;
                let span = Span::new(sign.start, of.expr.span().end);
                let expr = DurationExpr::Unary {
                    negative: sign.kind == Kind::Operator(BinaryOp::Sub),
                    of: Box::new(of.expr),
                    span,
                };
                self.above(of.height, span, expr)
            }
            Kind::LeftParen => {
                let inner = self.duration(0)?;
                let close = self.expect(Kind::RightParen)?;
                let span = Span::new(token.start, close.end());
                let inner = match inner.expr {
                    DurationExpr::Literal(_) => inner,
                    _ => self.wrapped(inner, span)?,
                };
                self.signed(sign, inner)
            }
            Kind::Operator(BinaryOp::Add | BinaryOp::Sub) => {
                let inner = self.duration(POWER)?;
                let inner = self.signed(token, inner)?;
                let left = self.signed(sign, inner)?;
                let whole = self.duration_from(left, 0)?;
                self.enclosed(whole)
            }
            _ => Err(self.unexpected(token)),
        }
    }

    /// What would not be taken for the duration's if it were printed and read again, in parentheses.
    fn enclosed(&self, whole: Duration) -> Parsed<Duration> {
        let DurationExpr::Binary { span, .. } = whole.expr else {
            return Ok(whole);
        };
        let mut first = &whole.expr;
        while let DurationExpr::Binary { left, .. } = first {
            first = left;
        }
        match first {
            DurationExpr::Paren { .. } => Ok(whole),
            _ => self.wrapped(whole, span),
        }
    }
}

/// What stands in the parentheses, if it has any.
fn unwrapped(expr: &DurationExpr) -> &DurationExpr {
    match expr {
        DurationExpr::Paren { of, .. } => of,
        other => other,
    }
}
