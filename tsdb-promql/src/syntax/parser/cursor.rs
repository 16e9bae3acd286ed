//! Where the parser stands, and its way in.

use tsdb_core::Matcher;

use crate::Features;
use crate::syntax::check::check;
use crate::syntax::lexer::Lexer;
use crate::syntax::token::{Kind, Token};
use crate::syntax::{Expr, ParseError, Span};

/// How deep an expression may nest, chains of operators included: `a + b + c` nests two deep.
pub const MAX_DEPTH: usize = 256;

/// Parses and checks a query.
///
/// # Errors
/// The first mistake in the text, as Prometheus words and places it; or that it nests deeper than
/// [`MAX_DEPTH`].
pub fn parse(text: &str, features: &Features) -> Result<Expr, ParseError> {
    let mut parser = Parser::new(text, features);
    if parser.peek()?.kind == Kind::End {
        let mut error = parser.error(Span::default(), "no expression found in input");
        if text.is_empty() {
            error.line_and_column = (0, 0);
        }
        return Err(error);
    }
    let mut expr = parser.expression(0)?.expr;
    parser.expect_end()?;
    check(text, &mut expr)?;
    Ok(expr)
}

/// Parses an instant vector selector without modifiers, as `match[]` carries it, into its matchers.
///
/// A selector without any matcher (`{}`) is well formed; what to make of it is the caller's.
///
/// # Errors
/// The first thing that is not of a selector, as Prometheus words and places it.
pub fn parse_metric_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    let features = Features::default();
    let mut parser = Parser::new(text, &features);
    let token = parser.next()?;
    let selector = match token.kind {
        Kind::LeftBrace => parser.unnamed_selector(token)?,
        _ if token.names_metric() => parser.named_selector(token)?,
        _ => return Err(parser.unexpected(token)),
    };
    parser.expect_end()?;
    Ok(selector.matchers)
}

/// How deep parentheses, signs and right sides may nest: reading them takes stack.
const MAX_NESTING: usize = 64;

/// What is being read, as an error about an unexpected token tells it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Context {
    /// ` in` what it stands; nowhere special where it is "".
    pub(super) place: &'static str,
    /// What is expected; "" where that is not told.
    pub(super) expected: &'static str,
}

impl Context {
    pub(super) const fn new(place: &'static str, expected: &'static str) -> Self {
        Self { place, expected }
    }
}

/// An expression, and how deep it nests.
#[derive(Debug)]
pub(super) struct Node<T = Expr> {
    pub(super) expr: T,
    pub(super) height: usize,
}

impl<T> Node<T> {
    /// One that has nothing below it.
    pub(super) fn leaf(expr: T) -> Self {
        Self { expr, height: 1 }
    }
}

/// Reads a query front to back, one token ahead.
#[derive(Debug)]
pub(super) struct Parser<'t> {
    pub(super) text: &'t str,
    pub(super) features: &'t Features,
    lexer: Lexer<'t>,
    peeked: Option<Token<'t>>,
    depth: usize,
    pub(super) context: Context,
}

pub(super) type Parsed<T> = Result<T, ParseError>;

impl<'t> Parser<'t> {
    fn new(text: &'t str, features: &'t Features) -> Self {
        Self {
            text,
            features,
            lexer: Lexer::new(text),
            peeked: None,
            depth: 0,
            context: Context::default(),
        }
    }

    /// The token that comes next.
    pub(super) fn peek(&mut self) -> Parsed<Token<'t>> {
        let token = match self.peeked {
            Some(token) => token,
            None => self.lexer.next()?,
        };
        self.peeked = Some(token);
        Ok(token)
    }

    /// Steps over the token that comes next.
    pub(super) fn next(&mut self) -> Parsed<Token<'t>> {
        let token = self.peek()?;
        self.peeked = None;
        Ok(token)
    }

    /// Steps over the next token if it is of a kind.
    pub(super) fn accept(&mut self, kind: Kind) -> Parsed<Option<Token<'t>>> {
        match self.peek()?.kind == kind {
            true => self.next().map(Some),
            false => Ok(None),
        }
    }

    /// Steps over the next token, which must be of a kind.
    pub(super) fn expect(&mut self, kind: Kind) -> Parsed<Token<'t>> {
        let token = self.next()?;
        match token.kind == kind {
            true => Ok(token),
            false => Err(self.unexpected(token)),
        }
    }

    fn expect_end(&mut self) -> Parsed<()> {
        self.context = Context::default();
        self.expect(Kind::End).map(drop)
    }

    pub(super) fn error(&self, span: Span, message: impl Into<String>) -> ParseError {
        ParseError::new(self.text, span, message)
    }

    /// That `token` cannot stand where it does.
    pub(super) fn unexpected(&self, token: Token<'_>) -> ParseError {
        self.unexpected_in(token, self.context)
    }

    pub(super) fn unexpected_in(&self, token: Token<'_>, context: Context) -> ParseError {
        let mut message = format!("unexpected {}", token.describe());
        if !context.place.is_empty() {
            message.push_str(" in ");
            message.push_str(context.place);
        }
        if !context.expected.is_empty() {
            message.push_str(", expected ");
            message.push_str(context.expected);
        }
        self.error(token.span(), message)
    }

    /// Reads something in a context.
    pub(super) fn within<T>(
        &mut self,
        context: Context,
        read: impl FnOnce(&mut Self) -> Parsed<T>,
    ) -> Parsed<T> {
        let outer = std::mem::replace(&mut self.context, context);
        let result = read(self);
        self.context = outer;
        result
    }

    /// Reads something one level deeper.
    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == MAX_NESTING {
            let span = self.peek()?.span();
            return Err(self.too_deep(span, MAX_NESTING));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// An expression with others below it, of which the highest is given.
    pub(super) fn above<T>(&self, below: usize, span: Span, expr: T) -> Parsed<Node<T>> {
        match below < MAX_DEPTH {
            true => Ok(Node {
                expr,
                height: below + 1,
            }),
            false => Err(self.too_deep(span, MAX_DEPTH)),
        }
    }

    fn too_deep(&self, span: Span, limit: usize) -> ParseError {
        let message = format!("expression nests deeper than {limit} levels");
        self.error(span, message)
    }
}
