//! Queries over tags, as M3's index has them.

use tsdb_core::model::{Labels, Matcher};

use super::BodyError;
use super::fields::{Fields, Value};

/// How deep queries may lie in each other.
const MAX_DEPTH: usize = 32;
/// Most parts of a query.
const MAX_PARTS: usize = 1000;
/// Most sets of matchers that a query may come to: each costs a select of its own.
const MAX_SETS: usize = 1000;
/// Most matchers in all of these.
const MAX_MATCHERS: usize = 20_000;

const KINDS: &[&str] = &[
    "term",
    "regexp",
    "negation",
    "conjunction",
    "disjunction",
    "all",
    "field",
];

/// Which series are meant. A series without a tag meets no term and no regexp of it.
#[derive(Clone, Debug)]
pub enum Query {
    /// The tag has this value.
    Term {
        /// Name of the tag.
        field: String,
        /// Its value.
        term: String,
    },
    /// The tag is there and its whole value matches: a matcher of the kind `=~`.
    Regexp(Matcher),
    /// The tag is there.
    Field(String),
    /// Every series.
    All,
    /// Those that the other does not mean.
    Negation(Box<Self>),
    /// Those that all of these mean.
    Conjunction(Vec<Self>),
    /// Those that any of these means.
    Disjunction(Vec<Self>),
}

/// Sets of matchers; a series is meant that meets all of one of them.
type Sets = Vec<Vec<Matcher>>;

impl Query {
    pub(super) fn of_value(value: &Value<'_>) -> Result<Self, BodyError> {
        let mut parts_left = MAX_PARTS;
        Self::nested(value, MAX_DEPTH, &mut parts_left)
    }

    fn nested(
        value: &Value<'_>,
        depth_left: usize,
        parts_left: &mut usize,
    ) -> Result<Self, BodyError> {
        let Some(depth_left) = depth_left.checked_sub(1) else {
            let reason = format!("queries lie more than {MAX_DEPTH} deep in each other");
            return Err(BodyError::new(&value.at, reason));
        };
        *parts_left = parts_left.checked_sub(1).ok_or_else(|| {
            let reason = format!("a query of more than {MAX_PARTS} parts: ask several times");
            BodyError::new(&value.at, reason)
        })?;
        let fields = value.fields(KINDS)?;
        let mut kinds = KINDS
            .iter()
            .filter_map(|kind| Some((*kind, fields.get(kind)?)));
        let (kind, part) = match (kinds.next(), kinds.next()) {
            (Some(only), None) => only,
            (None, _) => return Err(BodyError::new(&value.at, "no query types specified")),
            (Some(_), Some(_)) => {
                return Err(BodyError::new(&value.at, "multiple query types specified"));
            }
        };
        let mut list = |part: &Value<'_>| -> Result<Vec<Self>, BodyError> {
            let queries = part.fields(&["queries"])?.required("queries")?;
            let all = queries.list()?;
            if all.is_empty() {
                return Err(BodyError::new(&queries.at, "the list is empty"));
            }
            let nested = |query| Self::nested(query, depth_left, parts_left);
            all.iter().map(nested).collect()
        };
        match kind {
            "term" => {
                let fields = part.fields(&["field", "term"])?;
                let (field, term) = (name(&fields)?, fields.text("term")?);
                Ok(Self::Term { field, term })
            }
            "regexp" => {
                let fields = part.fields(&["field", "regexp"])?;
                let matcher = Matcher::regex(name(&fields)?, fields.text("regexp")?);
                let at = fields.at("regexp");
                let wrong = |error| BodyError::new(at, format!("{error}"));
                Ok(Self::Regexp(matcher.map_err(wrong)?))
            }
            "field" => Ok(Self::Field(name(&part.fields(&["field"])?)?)),
            "negation" => {
                let query = part.fields(&["query"])?.required("query")?;
                let query = Self::nested(&query, depth_left, parts_left)?;
                Ok(Self::Negation(Box::new(query)))
            }
            "conjunction" => Ok(Self::Conjunction(list(&part)?)),
            "disjunction" => Ok(Self::Disjunction(list(&part)?)),
            _ => part.fields(&[]).map(|_| Self::All),
        }
    }

    /// Whether it means the series with these labels.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        match self {
            Self::Term { field, term } => labels
                .get(field)
                .is_some_and(|value| value == term.as_str()),
            Self::Regexp(matcher) => labels
                .get(matcher.name())
                .is_some_and(|value| matcher.matches(value)),
            Self::Field(field) => labels.get(field).is_some(),
            Self::All => true,
            Self::Negation(query) => !query.matches(labels),
            Self::Conjunction(queries) => queries.iter().all(|query| query.matches(labels)),
            Self::Disjunction(queries) => queries.iter().any(|query| query.matches(labels)),
        }
    }

    /// The sets of matchers that mean the same: a series meets one of them when the query means it.
    ///
    /// # Errors
    /// When these would be too many.
    pub fn matcher_sets(&self) -> Result<Vec<Vec<Matcher>>, BodyError> {
        self.sets(false)
    }

    fn sets(&self, negated: bool) -> Result<Sets, BodyError> {
        let one = |matcher| Ok(vec![vec![matcher]]);
        let absent = |field: &str| Matcher::equal(field, "");
        let present = |field: &str| Matcher::not_equal(field, "");
        match (self, negated) {
            // No tag has an empty value.
            (Self::Term { term, .. }, _) if term.is_empty() => Ok(if negated {
                vec![Vec::new()]
            } else {
                Vec::new()
            }),
            (Self::Term { field, term }, false) => one(Matcher::equal(field, term)),
            (Self::Term { field, term }, true) => one(Matcher::not_equal(field, term)),
            (Self::Regexp(matcher), false) if !matcher.matches_empty() => one(matcher.clone()),
            (Self::Regexp(matcher), false) => {
                Ok(vec![vec![matcher.clone(), present(matcher.name())]])
            }
            (Self::Regexp(matcher), true) => {
                let other = Matcher::not_regex(matcher.name(), matcher.value());
                let other = other.map_err(|error| BodyError::new("query", error.to_string()))?;
                let mut sets = vec![vec![other]];
                if matcher.matches_empty() {
                    sets.push(vec![absent(matcher.name())]);
                }
                Ok(sets)
            }
            (Self::Field(field), false) => one(present(field)),
            (Self::Field(field), true) => one(absent(field)),
            (Self::All, false) => Ok(vec![Vec::new()]),
            (Self::All, true) => Ok(Vec::new()),
            (Self::Negation(query), _) => query.sets(!negated),
            (Self::Conjunction(queries), false) | (Self::Disjunction(queries), true) => {
                let mut all = vec![Vec::new()];
                for query in queries {
                    all = each_with_each(&all, &query.sets(negated)?)?;
                }
                Ok(all)
            }
            (Self::Disjunction(queries), false) | (Self::Conjunction(queries), true) => {
                let mut all = Vec::new();
                for query in queries {
                    all.extend(query.sets(negated)?);
                    check(all.len(), all.iter().map(Vec::len).sum())?;
                }
                Ok(all)
            }
        }
    }
}

fn name(fields: &Fields<'_>) -> Result<String, BodyError> {
    fields.required("field")?.text()
}

fn each_with_each(these: &Sets, those: &Sets) -> Result<Sets, BodyError> {
    let matchers = |sets: &Sets| sets.iter().map(Vec::len).sum::<usize>();
    let in_all = matchers(these) * those.len() + matchers(those) * these.len();
    check(these.len() * those.len(), in_all)?;
    let joined = |this: &Vec<Matcher>, that: &Vec<Matcher>| [&this[..], &that[..]].concat();
    Ok(these
        .iter()
        .flat_map(|this| those.iter().map(move |that| joined(this, that)))
        .collect())
}

fn check(sets: usize, matchers: usize) -> Result<(), BodyError> {
    if sets <= MAX_SETS && matchers <= MAX_MATCHERS {
        return Ok(());
    }
    let reason = format!(
        "written as a list of alternatives it has more than {MAX_SETS} of them, or {MAX_MATCHERS} conditions in all: ask several times"
    );
    Err(BodyError::new("query", reason))
}
