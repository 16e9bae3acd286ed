//! Errors of a query's text.

use std::fmt;

use super::Span;

/// What is wrong with a query's text, worded and placed as Prometheus does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Where.
    pub span: Span,
    /// Line and column of it, both from 1.
    pub line_and_column: (usize, usize),
    /// What.
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_and_column;
        write!(f, "{line}:{column}: parse error: {}", self.message)
    }
}

impl std::error::Error for ParseError {}
