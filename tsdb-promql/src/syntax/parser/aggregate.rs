//! Aggregations, and lists of labels.

use super::cursor::{Context, Node, Parsed, Parser};
use crate::syntax::token::{Keyword, Kind, Token, quoted};
use crate::syntax::{Aggregate, AggregateOp, Expr, Grouping, Span};

impl<'t> Parser<'t> {
    /// Whether the name of an aggregation, just read, begins one rather than names a metric.
    pub(super) fn aggregates(&mut self) -> Parsed<bool> {
        Ok(matches!(
            self.peek()?.kind,
            Kind::LeftParen | Kind::Keyword(Keyword::By | Keyword::Without)
        ))
    }

    /// `sum by (job) (x)` or `sum(x) by (job)`, from behind its name.
    pub(super) fn aggregate(&mut self, name: Token<'t>, op: AggregateOp) -> Parsed<Node> {
        let context = Context::new("aggregation", "");
        self.within(context, |parser| {
            let before = parser.grouping()?;
            if parser.peek()?.kind != Kind::LeftParen {
                let token = parser.next()?;
                return Err(parser.unexpected(token));
            }
            let arguments = parser.arguments()?;
            let mut end = arguments.end;
            let grouping = match before {
                Some((grouping, _)) => grouping,
                None => match parser.grouping()? {
                    Some((grouping, last)) => {
                        end = last;
                        grouping
                    }
                    None => Grouping::default(),
                },
            };
            let span = Span::new(name.start, end);
            let (parameter, expr) = parser.operands(op, span, arguments.list)?;
            let aggregate = Aggregate {
                op,
                expr: Box::new(expr),
                parameter: parameter.map(Box::new),
                grouping,
                span,
            };
            parser.above(arguments.height, span, Expr::Aggregate(aggregate))
        })
    }

    /// The parameter, for those that take one, and what is aggregated.
    fn operands(
        &self,
        op: AggregateOp,
        span: Span,
        arguments: Vec<Expr>,
    ) -> Parsed<(Option<Expr>, Expr)> {
        let got = arguments.len();
        if got == 0 {
            let message = "no arguments for aggregate expression provided";
            return Err(self.error(span, message));
        }
        if op.is_experimental() && !self.features.experimental_functions {
            let name = op.text();
            let message = format!(
                "{name}() is experimental and must be enabled with \
                 --enable-feature=promql-experimental-functions"
            );
            return Err(self.error(span, message));
        }
        let mut arguments = arguments.into_iter();
        let parameter = match op.takes_parameter() {
            true => arguments.next(),
            false => None,
        };
        match (arguments.next(), arguments.next()) {
            (Some(expr), None) => Ok((parameter, expr)),
            _ => {
                let wanted = if op.takes_parameter() { 2 } else { 1 };
                let message = format!(
                    "wrong number of arguments for aggregate expression provided, \
                     expected {wanted}, got {got}"
                );
                Err(self.error(span, message))
            }
        }
    }

    /// `by (..)` or `without (..)` if it comes next, and where it ends.
    fn grouping(&mut self) -> Parsed<Option<(Grouping, usize)>> {
        let Kind::Keyword(keyword @ (Keyword::By | Keyword::Without)) = self.peek()?.kind else {
            return Ok(None);
        };
        self.next()?;
        let (labels, end) = self.labels_and_end()?;
        let without = keyword == Keyword::Without;
        Ok(Some((Grouping { without, labels }, end)))
    }

    /// Labels in parentheses.
    pub(super) fn labels(&mut self) -> Parsed<Vec<String>> {
        Ok(self.labels_and_end()?.0)
    }

    fn labels_and_end(&mut self) -> Parsed<(Vec<String>, usize)> {
        let place = "grouping opts";
        self.within(Context::new(place, "\"(\""), |parser| {
            parser.expect(Kind::LeftParen)
        })?;
        let mut labels = Vec::new();
        loop {
            if let Some(close) = self.accept(Kind::RightParen)? {
                return Ok((labels, close.end()));
            }
            labels.push(self.within(Context::new(place, "label"), Self::label)?);
            if self.accept(Kind::Comma)?.is_none() {
                let context = Context::new(place, "\",\" or \")\"");
                let close = self.within(context, |parser| parser.expect(Kind::RightParen))?;
                return Ok((labels, close.end()));
            }
        }
    }

    fn label(&mut self) -> Parsed<String> {
        let token = self.next()?;
        let label = match token.kind {
            Kind::String => self.string(token, "label name")?,
            _ if token.names_label() => token.text.to_owned(),
            _ => return Err(self.unexpected(token)),
        };
        if label.is_empty() {
            let message = format!("invalid label name for grouping: {}", quoted(&label));
            return Err(self.error(token.span(), message));
        }
        Ok(label)
    }
}
