//! Namespaces that a file asks for.

use std::collections::BTreeMap;
use std::time::Duration;

use super::findings::{Finding, Place};
use super::load::{Origin, Value};
use crate::units::duration_of;

/// A namespace that is there from the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceSetting {
    /// Its name.
    pub name: String,
    /// Whether it is one for aggregated metrics; plain requests do not use it.
    pub aggregated: bool,
    /// How long it keeps samples; `None` leaves it as it is, at first for ever.
    pub retention: Option<Duration>,
    /// Who says so.
    pub origin: Origin,
}

/// The namespaces that values name, those of one place of a list together; the unaggregated one
/// first.
pub(super) fn namespaces<'a>(
    values: impl Iterator<Item = &'a Value>,
    warnings: &mut Vec<Finding>,
    wrong: &mut Vec<Finding>,
) -> Vec<NamespaceSetting> {
    let mut places: BTreeMap<&str, Keys<'_>> = BTreeMap::new();
    for value in values {
        if let Some((place, key)) = value.path.rsplit_once('.') {
            places.entry(place).or_default().insert(key, value);
        }
    }
    let mut found: Vec<NamespaceSetting> = Vec::new();
    for (path, keys) in places {
        match namespace(&keys).and_then(|new| joins(&found, new)) {
            Ok(namespace) => found.push(namespace),
            Err(Slip { key, what }) => {
                let first = keys.values().map(|value| place_of(value)).min();
                let place = keys.get(key).map(|value| place_of(value)).or(first);
                wrong.push(Finding {
                    place: place.unwrap_or_default(),
                    what: format!("{path}{what}"),
                });
            }
        }
        if let Some(value) = keys.get("resolution") {
            warnings.push(Finding {
                place: place_of(value),
                what: format!(
                    "{path}.resolution has no effect: nothing aggregates, a namespace holds what is written to it"
                ),
            });
        }
    }
    found.sort_by_key(|namespace| namespace.aggregated);
    found
}

/// What is said of one namespace, by the last name of its path.
type Keys<'a> = BTreeMap<&'a str, &'a Value>;

/// What is wrong with a namespace, to be read behind its path, and with which of its keys.
struct Slip {
    key: &'static str,
    what: String,
}

fn slip<T>(key: &'static str, what: impl Into<String>) -> Result<T, Slip> {
    let what = what.into();
    Err(Slip { key, what })
}

/// One namespace.
fn namespace(keys: &Keys<'_>) -> Result<NamespaceSetting, Slip> {
    let Some(name) = keys.get("namespace") else {
        return slip("namespace", " has no namespace, which is its name");
    };
    let retention = match keys.get("retention").map(|value| duration_of(&value.text)) {
        None => None,
        Some(Ok(Duration::ZERO)) => {
            return slip(
                "retention",
                ".retention: a retention of nothing keeps nothing",
            );
        }
        Some(Ok(retention)) => Some(retention),
        Some(Err(error)) => return slip("retention", format!(".retention: {error}")),
    };
    let aggregated = match keys.get("type").map(|value| value.text.as_str()) {
        None | Some("unaggregated") => false,
        Some("aggregated") => true,
        Some(other) => {
            let what = format!(".type: {other:?} is neither unaggregated nor aggregated");
            return slip("type", what);
        }
    };
    Ok(NamespaceSetting {
        name: name.text.clone(),
        aggregated,
        retention,
        origin: name.origin.clone(),
    })
}

/// Whether a namespace can stand beside others.
fn joins(others: &[NamespaceSetting], new: NamespaceSetting) -> Result<NamespaceSetting, Slip> {
    if !new.aggregated && others.iter().any(|other| !other.aggregated) {
        let what = ": there is an unaggregated namespace already, and writes go to that";
        return slip("namespace", what);
    }
    if others.iter().any(|other| other.name == new.name) {
        let what = format!(": the namespace {} is there already", new.name);
        return slip("namespace", what);
    }
    Ok(new)
}

fn place_of(value: &Value) -> Place {
    match value.origin {
        Origin::File(place) => place,
        Origin::Environment(_) => Place::default(),
    }
}
