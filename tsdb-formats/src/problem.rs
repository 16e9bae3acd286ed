//! What is wrong with a line, and where.

use std::fmt;

/// Longest piece of a line that an error repeats, in bytes.
const EXCERPT_BYTES: usize = 60;

/// What is wrong with a line, and where in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {reason}")]
pub struct LineError {
    /// Byte column, from 1; 0 when the line as a whole is meant.
    pub column: usize,
    /// What is wrong.
    pub reason: String,
}

impl LineError {
    /// At an offset in bytes.
    pub(crate) fn at(offset: usize, reason: impl Into<String>) -> Self {
        Self {
            column: offset + 1,
            reason: reason.into(),
        }
    }

    /// Something else was expected than the text that begins here.
    pub(crate) fn expected(what: &str, line: &[u8], offset: usize) -> Self {
        let rest = line.get(offset..).unwrap_or_default();
        let reason = match rest {
            [] => format!("expected {what}, found the end of the line"),
            rest => format!("expected {what}, found {}", excerpt(rest)),
        };
        Self::at(offset, reason)
    }
}

/// The beginning of a text, in quotes, for an error.
pub(crate) fn excerpt(text: &[u8]) -> String {
    let shown = text.get(..EXCERPT_BYTES).unwrap_or(text);
    let shown = String::from_utf8_lossy(shown);
    match text.len() > EXCERPT_BYTES {
        true => format!("{:?}...", shown.trim_end_matches('\u{fffd}')),
        false => format!("{shown:?}"),
    }
}

/// What was refused of a text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Number of the line, from 1; `None` when it is not known.
    pub line: Option<u64>,
    /// Byte column in the line, from 1; `None` when the line as a whole is meant.
    pub column: Option<usize>,
    /// What is wrong.
    pub reason: String,
}

impl Problem {
    /// A problem of the line of this number.
    #[must_use]
    pub fn of_line(line: u64, error: LineError) -> Self {
        Self {
            line: Some(line),
            column: (error.column > 0).then_some(error.column),
            reason: error.reason,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}")?;
            if let Some(column) = self.column {
                write!(f, ", column {column}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.reason)
    }
}
