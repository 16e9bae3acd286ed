//! Lists of maps: what is said of one place of a list, together.

use std::collections::BTreeMap;

use super::findings::{Finding, Place};
use super::load::{Origin, Value};

/// What is said of one place of a list, by the last name of its path.
pub(super) type Keys<'a> = BTreeMap<&'a str, &'a Value>;

/// What is wrong with a place, to be read behind its path, and with which of its keys.
pub(super) struct Slip {
    key: &'static str,
    what: String,
}

pub(super) fn slip<T>(key: &'static str, what: impl Into<String>) -> Result<T, Slip> {
    let what = what.into();
    Err(Slip { key, what })
}

/// Makes something of each place; the slips go to `wrong`.
pub(super) fn read_rows<'a, T>(
    values: impl Iterator<Item = &'a Value>,
    wrong: &mut Vec<Finding>,
    mut read: impl FnMut(&str, &Keys<'a>) -> Result<T, Slip>,
) -> Vec<T> {
    let mut places: BTreeMap<&str, Keys<'_>> = BTreeMap::new();
    for value in values {
        if let Some((place, key)) = value.path.rsplit_once('.') {
            places.entry(place).or_default().insert(key, value);
        }
    }
    let mut found = Vec::new();
    for (path, keys) in places {
        match read(path, &keys) {
            Ok(row) => found.push(row),
            Err(Slip { key, what }) => {
                let first = keys.values().map(|value| place_of(value)).min();
                let place = keys.get(key).map(|value| place_of(value)).or(first);
                wrong.push(Finding {
                    place: place.unwrap_or_default(),
                    what: format!("{path}{what}"),
                });
            }
        }
    }
    found
}

pub(super) fn place_of(value: &Value) -> Place {
    match value.origin {
        Origin::File(place) => place,
        Origin::Environment(_) => Place::default(),
    }
}

/// The value of a key, read by `read`.
pub(super) fn optional<T>(
    keys: &Keys<'_>,
    key: &'static str,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, Slip> {
    match keys.get(key).map(|value| read(&value.text)) {
        None => Ok(None),
        Some(Ok(value)) => Ok(Some(value)),
        Some(Err(error)) => slip(key, format!(".{key}: {error}")),
    }
}
