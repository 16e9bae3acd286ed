//! Selectors of series: `up{job="a"}`, `{"my.metric", job=~"a.*"}`.

use tsdb_core::model::METRIC_NAME;
use tsdb_core::{MatchOp, Matcher};

use super::cursor::{Context, Parsed, Parser};
use crate::syntax::token::{Kind, Token};
use crate::syntax::{BinaryOp, Span, VectorSelector};

const PLACE: &str = "label matching";

impl<'t> Parser<'t> {
    /// From behind the metric's name.
    pub(super) fn named_selector(&mut self, name: Token<'t>) -> Parsed<VectorSelector> {
        let (mut matchers, mut end) = (Vec::new(), name.end());
        if self.accept(Kind::LeftBrace)?.is_some() {
            (matchers, end) = self.matchers()?;
        }
        matchers.push(Matcher::equal(METRIC_NAME, name.text));
        let name_text = Some(name.text.to_owned());
        Ok(vector(name_text, matchers, Span::new(name.start, end)))
    }

    /// From behind the opening brace.
    pub(super) fn unnamed_selector(&mut self, open: Token<'t>) -> Parsed<VectorSelector> {
        let (matchers, end) = self.matchers()?;
        Ok(vector(None, matchers, Span::new(open.start, end)))
    }

    /// Everything up to the closing brace, and where that ends.
    fn matchers(&mut self) -> Parsed<(Vec<Matcher>, usize)> {
        let mut matchers = Vec::new();
        loop {
            if let Some(close) = self.accept(Kind::RightBrace)? {
                return Ok((matchers, close.end()));
            }
            matchers.push(self.matcher()?);
            if self.accept(Kind::Comma)?.is_none() {
                let context = Context::new(PLACE, "\",\" or \"}\"");
                let close = self.within(context, |parser| parser.expect(Kind::RightBrace))?;
                return Ok((matchers, close.end()));
            }
        }
    }

    fn matcher(&mut self) -> Parsed<Matcher> {
        let first = self.next()?;
        let name = match first.kind {
            Kind::Identifier => first.text.to_owned(),
            Kind::String => self.string(first, "label name")?,
            _ => {
                let context = Context::new(PLACE, "identifier or \"}\"");
                return Err(self.unexpected_in(first, context));
            }
        };
        let token = self.peek()?;
        let op = match token.kind {
            Kind::Assign => MatchOp::Equal,
            Kind::Operator(BinaryOp::NotEqual) => MatchOp::NotEqual,
            Kind::EqualRegex => MatchOp::Regex,
            Kind::NotEqualRegex => MatchOp::NotRegex,
            // A quoted name of a metric.
            _ if first.kind == Kind::String => return Ok(Matcher::equal(METRIC_NAME, name)),
            _ => {
                let context = Context::new(PLACE, "label matching operator");
                return Err(self.unexpected_in(token, context));
            }
        };
        self.next()?;
        let context = Context::new(PLACE, "string");
        let token = self.within(context, |parser| parser.expect(Kind::String))?;
        let value = self.string(token, "label value")?;
        let span = Span::new(first.start, token.end());
        Matcher::new(op, name, value).map_err(|error| self.error(span, error.to_string()))
    }
}

fn vector(name: Option<String>, matchers: Vec<Matcher>, span: Span) -> VectorSelector {
    VectorSelector {
        name,
        matchers,
        offset: None,
        at: None,
        anchored: false,
        smoothed: false,
        span,
    }
}
