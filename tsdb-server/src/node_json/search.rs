//! What `POST /search` is asked.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tsdb_core::model::{MatchOp, Matcher, TimeRange};

use super::fields::{Fields, Value};
use super::{BodyError, UnknownFields};
use crate::timestamp::{EARLIEST_MS, LATEST_MS, parse_time};

/// Most matchers of a search.
const MAX_MATCHERS: usize = 1000;

/// What `POST /search` is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchRequest {
    /// What a series has to meet.
    pub matchers: Vec<Matcher>,
    /// When; `None` when the range holds no time.
    pub range: Option<TimeRange>,
}

/// Reads `{"matchers":[{"type":0,"name":"<base64>","value":"<base64>"}],"start":"..","end":".."}`.
/// Types are 0 `=`, 1 `!=`, 2 `=~`, 3 `!~`, 4 the label is there, 5 it is not, 6 every series.
/// Fields that are not known are skipped.
///
/// # Errors
/// When it is none.
pub fn parse_search(body: &[u8]) -> Result<SearchRequest, BodyError> {
    let body = Value::of_body(body, UnknownFields::Ignored)?;
    let fields = body.fields(&["matchers", "start", "end"])?;
    let list = fields.get("matchers");
    let list = list.map_or(Ok(Vec::new()), |list| list.list())?;
    if list.len() > MAX_MATCHERS {
        let reason = format!("more than {MAX_MATCHERS} matchers");
        return Err(BodyError::new("matchers", reason));
    }
    let mut matchers = Vec::with_capacity(list.len());
    for value in list {
        matchers.extend(matcher(&value)?);
    }
    let (start, end) = (time(&fields, "start")?, time(&fields, "end")?);
    let range = TimeRange::inclusive(start.unwrap_or(EARLIEST_MS), end.unwrap_or(LATEST_MS));
    Ok(SearchRequest {
        matchers,
        range: range.ok(),
    })
}

fn time(fields: &Fields<'_>, name: &str) -> Result<Option<i64>, BodyError> {
    let Some(value) = fields.get(name) else {
        return Ok(None);
    };
    let text = value.text_or_number()?;
    match parse_time(&text) {
        Some(ms) => Ok(Some(ms)),
        None => {
            let reason = format!("{text:?} is neither RFC 3339 nor seconds since the epoch");
            Err(BodyError::new(value.at, reason))
        }
    }
}

fn matcher(value: &Value<'_>) -> Result<Option<Matcher>, BodyError> {
    let fields = value.fields(&["type", "name", "value"])?;
    let (name, wanted) = (decoded(&fields, "name")?, decoded(&fields, "value")?);
    let matcher = match fields.integer("type")? {
        0 => Matcher::equal(name, wanted),
        1 => Matcher::not_equal(name, wanted),
        kind @ (2 | 3) => {
            let op = if kind == 2 {
                MatchOp::Regex
            } else {
                MatchOp::NotRegex
            };
            let matcher = Matcher::new(op, name, wanted);
            matcher.map_err(|error| BodyError::new(fields.at("value"), error.to_string()))?
        }
        4 => Matcher::not_equal(name, ""),
        5 => Matcher::equal(name, ""),
        6 => return Ok(None),
        other => {
            let reason = format!("{other} is no type: they go from 0 to 6");
            return Err(BodyError::new(fields.at("type"), reason));
        }
    };
    Ok(Some(matcher))
}

fn decoded(fields: &Fields<'_>, name: &str) -> Result<String, BodyError> {
    let text = fields.text(name)?;
    let bytes = BASE64_STANDARD.decode(&text).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| BodyError::new(fields.at(name), format!("{text:?} is no text in base64")))
}
