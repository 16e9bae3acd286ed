//! The grammar of a selector, by recursive descent without recursion: it has no nesting.

use tsdb_core::model::{MatchOp, Matcher};

use super::error::SelectorError;
use super::lexer::{Kind, Lexer, Token};
use super::literal::unquote;

/// The label under which a series' metric name is kept.
const METRIC_NAME: &str = "__name__";

/// Parses one instant vector selector into its matchers.
///
/// A selector without any matcher (`{}`) is well formed; what to make of it is the caller's.
///
/// # Errors
/// The first thing that is not a selector, with its line and column.
pub fn parse_selector(input: &str) -> Result<Vec<Matcher>, SelectorError> {
    let mut parser = Parser {
        input,
        lexer: Lexer::new(input),
        matchers: Vec::new(),
    };
    parser.selector()?;
    Ok(parser.matchers)
}

struct Parser<'a> {
    input: &'a str,
    lexer: Lexer<'a>,
    matchers: Vec<Matcher>,
}

impl<'a> Parser<'a> {
    fn error(&self, offset: usize, reason: impl Into<String>) -> SelectorError {
        SelectorError::new(self.input, offset, reason.into())
    }

    fn unexpected(&self, token: &Token<'_>, context: &str) -> SelectorError {
        self.error(
            token.start,
            format!("unexpected {}{context}", token.describe()),
        )
    }

    fn selector(&mut self) -> Result<(), SelectorError> {
        let mut token = self.lexer.next()?;
        let mut metric = None;
        match token.kind {
            Kind::Identifier
            | Kind::MetricIdentifier
            | Kind::Keyword {
                may_name_metric: true,
            } => {
                metric = Some(token);
                token = self.lexer.next()?;
            }
            Kind::LeftBrace => {}
            _ => return Err(self.unexpected(&token, "")),
        }
        if token.kind == Kind::LeftBrace {
            self.matchers()?;
            token = self.lexer.next()?;
        }
        if token.kind != Kind::End {
            return Err(self.unexpected(&token, ""));
        }
        if let Some(metric) = metric {
            self.push(metric.start, MatchOp::Equal, METRIC_NAME, metric.text)?;
        }
        Ok(())
    }

    /// Everything between braces, the closing one included.
    fn matchers(&mut self) -> Result<(), SelectorError> {
        let mut token = self.lexer.next()?;
        loop {
            if token.kind == Kind::RightBrace {
                return Ok(());
            }
            let after = self.matcher(token)?;
            match after.kind {
                Kind::RightBrace => return Ok(()),
                Kind::Comma => token = self.lexer.next()?,
                _ => {
                    return Err(
                        self.unexpected(&after, " in label matching, expected \",\" or \"}\"")
                    );
                }
            }
        }
    }

    /// One matcher that begins with `first`; gives back the token behind it.
    fn matcher(&mut self, first: Token<'a>) -> Result<Token<'a>, SelectorError> {
        let name = match first.kind {
            Kind::Identifier => first.text.to_owned(),
            Kind::String => self.text(&first, "label name")?,
            _ => {
                return Err(
                    self.unexpected(&first, " in label matching, expected identifier or \"}\"")
                );
            }
        };
        let operator = self.lexer.next()?;
        let op = match operator.kind {
            Kind::Equal => MatchOp::Equal,
            Kind::NotEqual => MatchOp::NotEqual,
            Kind::EqualRegex => MatchOp::Regex,
            Kind::NotEqualRegex => MatchOp::NotRegex,
            Kind::Comma | Kind::RightBrace if first.kind == Kind::String => {
                self.push(first.start, MatchOp::Equal, METRIC_NAME, &name)?;
                return Ok(operator);
            }
            _ => {
                let context = " in label matching, expected label matching operator";
                return Err(self.unexpected(&operator, context));
            }
        };
        let value = self.lexer.next()?;
        if value.kind != Kind::String {
            return Err(self.unexpected(&value, " in label matching, expected string"));
        }
        let text = self.text(&value, "label value")?;
        self.push(first.start, op, &name, &text)?;
        self.lexer.next()
    }

    fn text(&self, literal: &Token<'_>, what: &str) -> Result<String, SelectorError> {
        String::from_utf8(unquote(literal.text)).map_err(|_| {
            self.error(
                literal.start,
                format!("{what} is not valid UTF-8: {}", literal.text),
            )
        })
    }

    fn push(
        &mut self,
        offset: usize,
        op: MatchOp,
        name: &str,
        value: &str,
    ) -> Result<(), SelectorError> {
        let matcher =
            Matcher::new(op, name, value).map_err(|error| self.error(offset, error.to_string()))?;
        self.matchers.push(matcher);
        Ok(())
    }
}
