//! What is wrong with a selector, and where.

use std::fmt;

/// Why a selector was refused. Prints `line:column: parse error: reason`, columns in bytes from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectorError {
    line: usize,
    column: usize,
    reason: String,
}

impl SelectorError {
    /// An error at byte `offset` of `input`.
    pub(super) fn new(input: &str, offset: usize, reason: String) -> Self {
        let before = input.as_bytes().get(..offset).unwrap_or(input.as_bytes());
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = match before.iter().rposition(|byte| *byte == b'\n') {
            Some(newline) => before.len() - newline,
            None => before.len() + 1,
        };
        Self {
            line,
            column,
            reason,
        }
    }

    /// Line of the error, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// Byte column of the error in its line, from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }

    /// The error without its position.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for SelectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: parse error: {}",
            self.line, self.column, self.reason
        )
    }
}

impl std::error::Error for SelectorError {}
