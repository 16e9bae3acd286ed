//! Errors of a query's text.

use std::fmt;

use super::Span;

/// What is wrong with a query's text, worded and placed as Prometheus does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Where.
    pub span: Span,
    /// Line and column of it, both from 1; both 0 where the text is empty.
    pub line_and_column: (usize, usize),
    /// What.
    pub message: String,
}

impl ParseError {
    /// An error at `span` of `text`.
    pub(super) fn new(text: &str, span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            line_and_column: span.line_and_column(text),
            message: message.into(),
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line_and_column {
            (0, 0) => write!(f, "unknown position: parse error: {}", self.message),
            (line, column) => write!(f, "{line}:{column}: parse error: {}", self.message),
        }
    }
}

impl std::error::Error for ParseError {}
