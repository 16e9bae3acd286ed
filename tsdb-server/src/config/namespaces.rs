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
    let mut places: BTreeMap<&str, BTreeMap<&str, &Value>> = BTreeMap::new();
    for value in values {
        if let Some((place, key)) = value.path.rsplit_once('.') {
            places.entry(place).or_default().insert(key, value);
        }
    }
    let mut found: Vec<NamespaceSetting> = Vec::new();
    for (path, keys) in places {
        let place = keys
            .values()
            .map(|value| place_of(value))
            .min()
            .unwrap_or_default();
        let mut tell = |what: String| wrong.push(Finding { place, what });
        let Some(name) = keys.get("namespace") else {
            tell(format!("{path} has no namespace, which is its name"));
            continue;
        };
        let retention = match keys.get("retention").map(|value| duration_of(&value.text)) {
            Some(Err(error)) => {
                tell(format!("{path}.retention: {error}"));
                continue;
            }
            Some(Ok(Duration::ZERO)) => {
                tell(format!(
                    "{path}.retention: a retention of nothing keeps nothing"
                ));
                continue;
            }
            Some(Ok(retention)) => Some(retention),
            None => None,
        };
        let aggregated = match keys.get("type").map(|value| value.text.as_str()) {
            None | Some("unaggregated") => false,
            Some("aggregated") => true,
            Some(other) => {
                tell(format!(
                    "{path}.type: {other:?} is neither unaggregated nor aggregated"
                ));
                continue;
            }
        };
        if !aggregated && found.iter().any(|other| !other.aggregated) {
            tell(format!(
                "{path}: there is an unaggregated namespace already, and writes go to that"
            ));
            continue;
        }
        if let Some(value) = keys.get("resolution") {
            let what = format!(
                "{path}.resolution has no effect: nothing aggregates, {} holds what is written to it",
                name.text
            );
            let place = place_of(value);
            warnings.push(Finding { place, what });
        }
        if found.iter().any(|other| other.name == name.text) {
            tell(format!(
                "{path}: the namespace {} is there already",
                name.text
            ));
            continue;
        }
        found.push(NamespaceSetting {
            name: name.text.clone(),
            aggregated,
            retention,
            origin: name.origin.clone(),
        });
    }
    found.sort_by_key(|namespace| namespace.aggregated);
    found
}

fn place_of(value: &Value) -> Place {
    match value.origin {
        Origin::File(place) => place,
        Origin::Environment(_) => Place::default(),
    }
}
