//! What whoever reads an answer has to know of it.

use crate::topology::ReadLevel;

/// What whoever reads an answer has to know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning(pub String);

impl Warning {
    /// The level takes an answer of fewer than a majority, and this is one.
    pub(super) fn below_majority(level: ReadLevel, errors: &[String]) -> Self {
        Self(format!(
            "fewer than a majority of replicas answered, which consistency level {level} takes: acknowledged samples may be missing; errors: [{}]",
            errors.join(" ")
        ))
    }
}
