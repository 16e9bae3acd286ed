//! What stands behind a selector: ranges, `offset`, `@`, `anchored` and `smoothed`.

use super::cursor::{Context, Node, Parsed, Parser};
use crate::syntax::token::{Keyword, Kind, Token, Word};
use crate::syntax::{At, DurationExpr, Expr, MatrixSelector, Span, Subquery, VectorSelector};

/// What of a selector or subquery modifiers change.
struct Modified<'e> {
    offset: &'e mut Option<DurationExpr>,
    at: &'e mut Option<At>,
    spans: [&'e mut Span; 2],
}

/// The modifiers of an expression that can have them.
fn modified<'e>(expr: &'e mut Expr, spare: &'e mut Span) -> Option<Modified<'e>> {
    match expr {
        Expr::Vector(vector) => Some(Modified {
            offset: &mut vector.offset,
            at: &mut vector.at,
            spans: [&mut vector.span, spare],
        }),
        Expr::Matrix(matrix) => Some(Modified {
            offset: &mut matrix.selector.offset,
            at: &mut matrix.selector.at,
            spans: [&mut matrix.selector.span, &mut matrix.span],
        }),
        Expr::Subquery(subquery) => Some(Modified {
            offset: &mut subquery.offset,
            at: &mut subquery.at,
            spans: [&mut subquery.span, spare],
        }),
        _ => None,
    }
}

impl<'t> Parser<'t> {
    /// `[5m]` or `[5m:1m]`.
    pub(super) fn bracket(&mut self, of: Node) -> Parsed<Node> {
        let open = self.next()?;
        let expected = "number, duration, step(), or range()";
        let context = Context::new("subquery or range selector", expected);
        let range = self.within(context, Self::positive_duration)?;
        let token = self.next()?;
        match token.kind {
            Kind::RightBracket => self.matrix(of, range, Span::new(open.start, token.end())),
            Kind::Colon => self.subquery(of, range),
            _ => {
                let context = Context::new("subquery or range", "\":\" or \"]\"");
                Err(self.unexpected_in(token, context))
            }
        }
    }

    fn matrix(&self, of: Node, range: DurationExpr, bracket: Span) -> Parsed<Node> {
        let wrong = match of.expr {
            Expr::Vector(VectorSelector {
                // An offset that is computed may stand there; Prometheus lets it.
                offset: Some(DurationExpr::Literal(_)),
                ..
            }) => "no offset modifiers allowed before range",
            Expr::Vector(VectorSelector {
                at: Some(At::Timestamp(_)),
                ..
            }) => "no @ modifiers allowed before range",
            Expr::Vector(mut selector) => {
                let span = Span::new(selector.span.start, bracket.end);
                selector.span = span;
                return Ok(Node::leaf(Expr::Matrix(MatrixSelector {
                    selector,
                    range,
                    span,
                })));
            }
            _ => "ranges only allowed for vector selectors",
        };
        Err(self.error(bracket, wrong))
    }

    /// From behind the colon.
    fn subquery(&mut self, of: Node, range: DurationExpr) -> Parsed<Node> {
        let place = "subquery selector";
        let (mut step, mut close) = (None, self.accept(Kind::RightBracket)?);
        if close.is_none() {
            let expected = "number, duration, step(), range(), or \"]\"";
            let context = Context::new(place, expected);
            step = Some(self.within(context, Self::positive_duration)?);
            let context = Context::new(place, "\"]\"");
            close = Some(self.within(context, |parser| parser.expect(Kind::RightBracket))?);
        }
        let start = of.expr.span().start;
        let span = Span::new(start, close.as_ref().map_or(start, Token::end));
        let subquery = Subquery {
            expr: Box::new(of.expr),
            range,
            step,
            offset: None,
            at: None,
            span,
        };
        self.above(of.height, span, Expr::Subquery(subquery))
    }

    /// `offset` and how much.
    pub(super) fn offset(&mut self, mut of: Node) -> Parsed<Node> {
        self.next()?;
        let context = Context::new("offset", "number, duration, step(), or range()");
        let (offset, end) = self.within(context, Self::offset_duration)?;
        let span = of.expr.span();
        let mut spare = Span::default();
        let Some(modified) = modified(&mut of.expr, &mut spare) else {
            let message = "offset modifier must be preceded by an instant vector selector or range \
                           vector selector or a subquery";
            return Err(self.error(span, message));
        };
        if modified.offset.is_some() {
            return Err(self.error(span, "offset may not be set multiple times"));
        }
        // None and none at all are the same, also to a second one.
        let is_none = matches!(&offset, DurationExpr::Literal(number) if number.value == 0.0);
        *modified.offset = (!is_none).then_some(offset);
        modified.spans.into_iter().for_each(|span| span.end = end);
        Ok(of)
    }

    /// `@` and when.
    pub(super) fn at(&mut self, mut of: Node) -> Parsed<Node> {
        self.next()?;
        let span = of.expr.span();
        let (at, end) = self.within(Context::new("@", "timestamp"), |parser| parser.time(span))?;
        let mut spare = Span::default();
        let Some(modified) = modified(&mut of.expr, &mut spare) else {
            let message = "@ modifier must be preceded by an instant vector selector or range \
                           vector selector or a subquery";
            return Err(self.error(span, message));
        };
        if modified.at.is_some() {
            return Err(self.error(span, "@ <timestamp> may not be set multiple times"));
        }
        *modified.at = Some(at);
        modified.spans.into_iter().for_each(|span| span.end = end);
        Ok(of)
    }

    /// A number of seconds, `start()` or `end()`; and where it ends.
    fn time(&mut self, of: Span) -> Parsed<(At, usize)> {
        let at = match self.peek()?.kind {
            Kind::Word(Word::Start) => At::Start,
            Kind::Word(Word::End) => At::End,
            _ => {
                let (seconds, end) = self.signed_number()?;
                // Both bounds are exact as floats.
                let inside = seconds < i64::MAX as f64 && seconds > i64::MIN as f64;
                if !inside {
                    let shown = match (seconds.is_infinite(), seconds > 0.0) {
                        (true, true) => "+Inf".to_owned(),
                        (true, false) => "-Inf".to_owned(),
                        _ => format!("{seconds:.6}"),
                    };
                    let message = format!("timestamp out of bounds for @ modifier: {shown}");
                    return Err(self.error(of, message));
                }
                // Saturates.
                let milliseconds = (seconds * 1000.0).round() as i64;
                return Ok((At::Timestamp(milliseconds), end));
            }
        };
        self.next()?;
        self.expect(Kind::LeftParen)?;
        let close = self.expect(Kind::RightParen)?;
        Ok((at, close.end()))
    }

    /// `anchored` or `smoothed`.
    pub(super) fn extended(&mut self, mut of: Node) -> Parsed<Node> {
        let token = self.next()?;
        let smoothed = token.kind == Kind::Keyword(Keyword::Smoothed);
        let name = if smoothed { "smoothed" } else { "anchored" };
        let span = of.expr.span();
        if !self.features.extended_selectors {
            let message = format!("{name} modifier is experimental and not enabled");
            return Err(self.error(span, message));
        }
        let selector = match &mut of.expr {
            Expr::Vector(vector) => vector,
            Expr::Matrix(matrix) => {
                matrix.span.end = token.end();
                &mut matrix.selector
            }
            Expr::Subquery(_) => {
                let message = format!("{name} modifier is not supported for subqueries");
                return Err(self.error(span, message));
            }
            _ => return Err(self.error(span, format!("{name} modifier not implemented"))),
        };
        selector.span.end = token.end();
        match smoothed {
            true => selector.smoothed = true,
            false => selector.anchored = true,
        }
        if selector.anchored && selector.smoothed {
            let message = "anchored and smoothed modifiers cannot be used together";
            return Err(self.error(span, message));
        }
        Ok(of)
    }
}
