//! Bodies into messages.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// Why a body is no message: what, and at which field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(pub String);

/// Reads a message. As in jsonpb `null` is as good as nothing, and numbers of 64 bits may be texts;
/// a name that the message does not have is an error.
///
/// # Errors
/// When the body is no JSON, nested deeper than 128 levels, or not that message.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, JsonError> {
    let mut value: Value = serde_json::from_slice(body)
        .map_err(|error| JsonError(format!("the body is no JSON: {error}")))?;
    if !value.is_object() {
        let what = format!("the body is a JSON object, not {}", kind_of(&value));
        return Err(JsonError(what));
    }
    drop_nulls(&mut value);
    from_value(value)
}

/// Reads a message out of JSON that has no `null`.
pub(crate) fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, JsonError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let what = error.into_inner();
        JsonError(match path.as_str() {
            "." => what.to_string(),
            path => format!("{path}: {what}"),
        })
    })
}

/// Nesting is bounded by the JSON parser.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(entries) => {
            entries.retain(|_, value| !value.is_null());
            entries.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
