//! What is wrong with a body.

use std::fmt;

/// What is wrong with a body, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyError {
    /// The field, as `query.conjunction.queries[1].term`; empty for the body as a whole.
    at: String,
    reason: String,
}

impl BodyError {
    pub(super) fn new(at: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            at: at.into(),
            reason: reason.into(),
        }
    }

    pub(super) fn missing(at: impl Into<String>) -> Self {
        Self::new(at, "it is missing")
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid request body: ")?;
        if !self.at.is_empty() {
            write!(f, "{}: ", self.at)?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for BodyError {}
