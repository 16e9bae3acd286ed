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
        let said = keys.values().map(|value| place_of(value));
        let place = said.min().unwrap_or_default();
        let namespace = namespace(&keys).and_then(|new| joins(&found, new));
        match namespace {
            Ok(namespace) => found.push(namespace),
            Err(what) => wrong.push(Finding {
                place,
                what: format!("{path}{what}"),
            }),
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

/// One namespace; or what is wrong with it, to be read behind its path.
fn namespace(keys: &Keys<'_>) -> Result<NamespaceSetting, String> {
    let Some(name) = keys.get("namespace") else {
        return Err(" has no namespace, which is its name".to_owned());
    };
    let retention = keys.get("retention").map(|value| duration_of(&value.text));
    let retention = retention
        .transpose()
        .map_err(|error| format!(".retention: {error}"))?;
    if retention == Some(Duration::ZERO) {
        return Err(".retention: a retention of nothing keeps nothing".to_owned());
    }
    let aggregated = match keys.get("type").map(|value| value.text.as_str()) {
        None | Some("unaggregated") => false,
        Some("aggregated") => true,
        Some(other) => {
            return Err(format!(
                ".type: {other:?} is neither unaggregated nor aggregated"
            ));
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
fn joins(others: &[NamespaceSetting], new: NamespaceSetting) -> Result<NamespaceSetting, String> {
    if !new.aggregated && others.iter().any(|other| !other.aggregated) {
        return Err(
            ": there is an unaggregated namespace already, and writes go to that".to_owned(),
        );
    }
    if others.iter().any(|other| other.name == new.name) {
        return Err(format!(": the namespace {} is there already", new.name));
    }
    Ok(new)
}

fn place_of(value: &Value) -> Place {
    match value.origin {
        Origin::File(place) => place,
        Origin::Environment(_) => Place::default(),
    }
}
