//! What a script expects of a query.

use regex::Regex;
use tsdb_core::Labels;

use super::series_line::SequencePoint;

/// How a text is compared.
#[derive(Clone, Debug)]
pub enum TextMatch {
    /// Any does.
    Any,
    /// This one.
    Exact(String),
    /// One in which the pattern is found.
    Pattern(Regex),
}

impl TextMatch {
    /// Whether `text` is such a one.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => exact == text,
            Self::Pattern(pattern) => pattern.is_match(text),
        }
    }
}

/// What is expected of warnings, or of infos.
#[derive(Clone, Debug, Default)]
pub enum Annotation {
    /// There may be any.
    #[default]
    Unchecked,
    /// There must be none.
    None,
    /// There must be one for each of these, and none that none of these matches.
    Some(Vec<TextMatch>),
}

/// A series of a result.
#[derive(Clone, Debug)]
pub struct ExpectedSeries {
    /// Its labels.
    pub labels: Labels,
    /// Its points, one a step.
    pub points: Vec<SequencePoint>,
}

/// What a script expects of a query.
#[derive(Clone, Debug, Default)]
pub struct Expectation {
    /// It has to fail, with such a message.
    pub failure: Option<TextMatch>,
    /// Its series have to be in the order in which they are written.
    pub ordered: bool,
    /// What is expected of its warnings.
    pub warnings: Annotation,
    /// What is expected of its infos.
    pub infos: Annotation,
    /// The result is this number.
    pub scalar: Option<f64>,
    /// The result is this text.
    pub string: Option<String>,
    /// Times of points of an instant query that gives a matrix: first, last, step, in milliseconds.
    pub matrix_times: Option<(i64, i64, i64)>,
    /// The result has these series.
    pub series: Vec<ExpectedSeries>,
}
