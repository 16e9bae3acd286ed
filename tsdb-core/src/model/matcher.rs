//! Conditions on one label.

use std::fmt;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;

use super::quote::{is_legacy_label_name, write_quoted};
use super::regex_dialect::{Answer, translate};
use super::regex_shape::{Gap, Shape, shape_of};
use super::{Labels, ShardSet, ShardSetError};

/// How a matcher compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Regex,
    /// `!~`
    NotRegex,
    /// The placement shard of the series is one of a set; looks at all labels. Not of PromQL.
    Shards,
}

impl MatchOp {
    /// Whether it is `!=` or `!~`.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        matches!(self, Self::NotEqual | Self::NotRegex)
    }

    /// As it is written in PromQL, where it is of PromQL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
            Self::Shards => "shards",
        }
    }
}

impl fmt::Display for MatchOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a matcher could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatcherError {
    /// The pattern is no regular expression, or too large a one.
    #[error("error parsing regexp: {message}")]
    Regex {
        /// The pattern as it was given.
        pattern: String,
        /// Offset of the mistake in the pattern, where it is known.
        position: Option<usize>,
        /// What is wrong, and the part of the pattern that is.
        message: String,
    },
    /// A text is no set of shards.
    #[error(transparent)]
    Shards(#[from] ShardSetError),
}

/// Bytes that one compiled expression may take.
const PROGRAM_BYTES: usize = 10 << 20;
/// How deep the parts of a translated expression may nest.
const NESTING: u32 = 1100;
/// Sets of up to this many strings are searched from the front.
const SHORT_SET: usize = 8;

/// A condition on the value of one label, where a label that is not there has the value "". Or,
/// made by [`Matcher::shards`], one on the placement shard that follows from all labels.
///
/// Regular expressions are Go's (RE2), anchored at both ends, `.` matching every character.
/// Clones share the compiled expression.
#[derive(Clone)]
pub struct Matcher {
    name: String,
    op: MatchOp,
    value: String,
    test: Test,
}

/// What a value is held against.
#[derive(Clone, Debug)]
enum Test {
    /// The matcher's own value.
    Text,
    Program(Arc<Program>),
    /// Not the value of a label, but all labels.
    Shards(ShardSet),
}

/// The expression that `^(?s:pattern)$` is in Go, groups and lazy repetition included.
///
/// Groups whose names Go takes and the `regex` crate does not (that of a group before, or one that
/// begins with a digit) have only their number.
///
/// # Errors
/// When `pattern` is no regular expression, or too large a one.
pub fn capturing_regex(pattern: &str) -> Result<Regex, MatcherError> {
    compile(pattern, &anchored_body(pattern, Answer::Captures)?)
}

fn compile(pattern: &str, body: &str) -> Result<Regex, MatcherError> {
    RegexBuilder::new(&format!("^{body}$"))
        .nest_limit(NESTING)
        .size_limit(PROGRAM_BYTES)
        .build()
        .map_err(|_| too_large(pattern))
}

/// A pattern of Go in the dialect of the `regex` crate, ready to be anchored.
fn anchored_body(pattern: &str, answer: Answer) -> Result<String, MatcherError> {
    let translated = translate(pattern, answer).map_err(|error| MatcherError::Regex {
        pattern: pattern.to_owned(),
        position: Some(error.position),
        message: format!("{}: `{}`", error.message, error.fragment),
    })?;
    Ok(format!("(?s:{translated})"))
}

fn too_large(pattern: &str) -> MatcherError {
    MatcherError::Regex {
        pattern: pattern.to_owned(),
        position: None,
        message: format!("expression too large: `{pattern}`"),
    }
}

/// An anchored expression ready to run.
#[derive(Debug)]
struct Program {
    shape: Shape,
    /// `None` when the shape says it all.
    regex: Option<Regex>,
}

impl Program {
    fn new(pattern: &str) -> Result<Self, MatcherError> {
        let inner = anchored_body(pattern, Answer::Match)?;
        let hir = ParserBuilder::new()
            .nest_limit(NESTING)
            .build()
            .parse(&inner);
        let hir = hir.map_err(|_| too_large(pattern))?;
        let shape = shape_of(&hir, pattern.len());
        let regex = match shape {
            Shape::Set(_) | Shape::Around { .. } => None,
            Shape::Other { .. } => Some(compile(pattern, &inner)?),
        };
        Ok(Self { shape, regex })
    }

    #[inline]
    fn matches(&self, value: &str) -> bool {
        match &self.shape {
            Shape::Set(set) if set.len() <= SHORT_SET => set.iter().any(|text| text == value),
            Shape::Set(set) => set
                .binary_search_by(|text| text.as_str().cmp(value))
                .is_ok(),
            Shape::Around {
                before,
                literal,
                after,
            } => matches_around(value, *before, literal, *after),
            Shape::Other { prefix } => {
                // Comparing no bytes at no address is slow on some processors.
                (prefix.is_empty() || value.starts_with(prefix.as_str()))
                    && self
                        .regex
                        .as_ref()
                        .is_some_and(|regex| regex.is_match(value))
            }
        }
    }
}

fn matches_around(value: &str, before: Gap, literal: &str, after: Gap) -> bool {
    let mut chars = value.char_indices();
    let start = match before {
        Gap::Something => chars.next().map_or(usize::MAX, |(_, char)| char.len_utf8()),
        Gap::Nothing | Gap::Anything => 0,
    };
    let end = match after {
        Gap::Something => chars.next_back().map_or(0, |(at, _)| at),
        Gap::Nothing | Gap::Anything => value.len(),
    };
    let Some(middle) = value.get(start..end) else {
        return false;
    };
    match (before, after) {
        (Gap::Nothing, Gap::Nothing) => middle == literal,
        (Gap::Nothing, _) => middle.starts_with(literal),
        (_, Gap::Nothing) => middle.ends_with(literal),
        _ => middle.contains(literal),
    }
}

impl Matcher {
    /// A matcher of any kind.
    ///
    /// # Errors
    /// When `value` is no regular expression, or set of shards, and `op` wants one.
    pub fn new(
        op: MatchOp,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, MatcherError> {
        let value = value.into();
        let test = match op {
            MatchOp::Equal | MatchOp::NotEqual => Test::Text,
            MatchOp::Regex | MatchOp::NotRegex => Test::Program(Arc::new(Program::new(&value)?)),
            MatchOp::Shards => return Ok(Self::shards(value.parse()?)),
        };
        Ok(Self {
            name: name.into(),
            op,
            value,
            test,
        })
    }

    /// `name="value"`
    #[must_use]
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            op: MatchOp::Equal,
            value: value.into(),
            test: Test::Text,
        }
    }

    /// `name!="value"`
    #[must_use]
    pub fn not_equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            op: MatchOp::NotEqual,
            value: value.into(),
            test: Test::Text,
        }
    }

    /// `name=~"pattern"`
    ///
    /// # Errors
    /// When `pattern` is no regular expression.
    pub fn regex(
        name: impl Into<String>,
        pattern: impl Into<String>,
    ) -> Result<Self, MatcherError> {
        Self::new(MatchOp::Regex, name, pattern)
    }

    /// `name!~"pattern"`
    ///
    /// # Errors
    /// When `pattern` is no regular expression.
    pub fn not_regex(
        name: impl Into<String>,
        pattern: impl Into<String>,
    ) -> Result<Self, MatcherError> {
        Self::new(MatchOp::NotRegex, name, pattern)
    }

    /// The series whose placement shard is in the set.
    #[must_use]
    pub fn shards(set: ShardSet) -> Self {
        Self {
            // No label has this name.
            name: String::new(),
            op: MatchOp::Shards,
            value: set.to_string(),
            test: Test::Shards(set),
        }
    }

    /// The placement shards it selects, if it was made by [`Matcher::shards`].
    #[must_use]
    pub fn shard_set(&self) -> Option<&ShardSet> {
        match &self.test {
            Test::Shards(set) => Some(set),
            Test::Text | Test::Program(_) => None,
        }
    }

    /// The label it looks at; "" where it looks at all.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it compares.
    #[must_use]
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// What it compares with: a value, a pattern or shards.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a label of this value is selected. One of [`Matcher::shards`] selects every value:
    /// see [`Matcher::all_match`].
    #[inline]
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        self.positive_matches(value) != self.op.is_negative()
    }

    /// Whether all of them select a series with these labels.
    #[must_use]
    pub fn all_match(matchers: &[Self], labels: &Labels) -> bool {
        matchers.iter().all(|matcher| match &matcher.test {
            Test::Shards(set) => set.is_all() || set.holds(labels),
            Test::Text | Test::Program(_) => {
                matcher.matches(labels.get(&matcher.name).unwrap_or(""))
            }
        })
    }

    /// Whether series without the label are selected.
    #[must_use]
    pub fn matches_empty(&self) -> bool {
        self.matches("")
    }

    /// As [`Matcher::matches`], the negation of `!=` and `!~` left aside.
    #[inline]
    pub(crate) fn positive_matches(&self, value: &str) -> bool {
        match &self.test {
            Test::Text => self.value == value,
            Test::Program(program) => program.matches(value),
            Test::Shards(_) => true,
        }
    }

    /// Whether they are seen to select every series: there are none, or all shards are in all sets.
    pub(crate) fn are_all(matchers: &[Self]) -> bool {
        let is_all = |one: &Self| one.shard_set().is_some_and(ShardSet::is_all);
        matchers.iter().all(is_all)
    }

    fn shape(&self) -> Option<&Shape> {
        match &self.test {
            Test::Program(program) => Some(&program.shape),
            Test::Text | Test::Shards(_) => None,
        }
    }

    /// Whether the expression, its negation left aside, matches every value but perhaps "".
    pub(crate) fn is_any_value(&self) -> bool {
        let Some(Shape::Around {
            before,
            literal,
            after,
        }) = self.shape()
        else {
            return false;
        };
        literal.is_empty() && (*before == Gap::Nothing || *after == Gap::Nothing)
    }

    /// For `=~` and `!~`: all values the expression matches, sorted, if they are few. They may
    /// hold "".
    #[must_use]
    pub fn set_matches(&self) -> Option<&[String]> {
        match self.shape()? {
            Shape::Set(set) => Some(set),
            _ => None,
        }
    }

    /// For `=~` and `!~`: a text that all values which the expression matches begin with.
    #[must_use]
    pub fn prefix(&self) -> Option<&str> {
        let prefix = match self.shape()? {
            Shape::Around {
                before: Gap::Nothing,
                literal,
                ..
            } => literal,
            Shape::Other { prefix } => prefix,
            _ => return None,
        };
        (!prefix.is_empty()).then_some(prefix)
    }
}

/// By what was asked for; the compiled expression follows from it.
impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (self.op, &self.name, &self.value) == (other.op, &other.name, &other.value)
    }
}

impl Eq for Matcher {}

/// As PromQL writes it: `name=~"value"`; shards, which PromQL does not know, as `shards(0-3 of 64)`.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(set) = self.shard_set() {
            return write!(f, "shards({set})");
        }
        if is_legacy_label_name(&self.name) {
            f.write_str(&self.name)?;
        } else {
            write_quoted(f, &self.name)?;
        }
        f.write_str(self.op.as_str())?;
        write_quoted(f, &self.value)
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
