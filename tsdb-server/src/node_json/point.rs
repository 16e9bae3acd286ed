//! The one sample that `/api/v1/json/write` takes.

use super::fields::Value;
use super::{BodyError, UnknownFields};
use crate::timestamp::parse_time;

/// One sample and the labels of its series.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Names and values of the labels.
    pub tags: Vec<(String, String)>,
    /// Time of the sample in milliseconds.
    pub timestamp: i64,
    /// Its value.
    pub value: f64,
}

/// Reads `{"tags":{"__name__":"a"},"timestamp":"1534952005","value":1.5}`. The time is a string of
/// seconds, with a fraction if need be, or RFC 3339; a number of seconds is taken as well. Fields
/// that are not known are skipped.
///
/// # Errors
/// When it is none.
pub fn parse_point(body: &[u8]) -> Result<Point, BodyError> {
    let body = Value::of_body(body, UnknownFields::Ignored)?;
    let fields = body.fields(&["tags", "timestamp", "value"])?;
    let tags = fields.required("tags")?.pairs()?;
    let at = fields.required("timestamp")?;
    let text = at.text_or_number()?;
    let timestamp = parse_time(&text).ok_or_else(|| {
        let reason = format!("{text:?} is neither seconds since the epoch nor RFC 3339");
        BodyError::new(&at.at, reason)
    })?;
    Ok(Point {
        tags,
        timestamp,
        value: fields.required("value")?.float()?,
    })
}
