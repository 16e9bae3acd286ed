//! Namespaces that a file asks for.

use std::time::Duration;

use super::findings::Finding;
use super::load::{Origin, Value};
use super::rows::{Keys, Slip, optional, place_of, read_rows, slip};
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
    /// The time that one of its samples stands for, if they are aggregated.
    pub resolution: Option<Duration>,
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
    let mut names: Vec<NamespaceSetting> = Vec::new();
    let mut found = read_rows(values, wrong, |path, keys| {
        let namespace = joins(&names, namespace(keys)?)?;
        if let Some(value) = keys.get("resolution").filter(|_| !namespace.aggregated) {
            warnings.push(Finding {
                place: place_of(value),
                what: format!(
                    "{path}.resolution has no effect: an unaggregated namespace keeps samples as they come"
                ),
            });
        }
        names.push(namespace.clone());
        Ok(namespace)
    });
    found.sort_by_key(|namespace| namespace.aggregated);
    found
}

/// One namespace.
fn namespace(keys: &Keys<'_>) -> Result<NamespaceSetting, Slip> {
    let Some(name) = keys.get("namespace") else {
        return slip("namespace", " has no namespace, which is its name");
    };
    let retention = optional(keys, "retention", retention_of)?;
    let resolution = optional(keys, "resolution", resolution_of)?;
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
        resolution: resolution.filter(|_| aggregated),
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

/// How long a namespace keeps its samples.
pub(super) fn retention_of(text: &str) -> Result<Duration, String> {
    match duration_of(text)? {
        Duration::ZERO => Err("a retention of nothing keeps nothing".to_owned()),
        retention => Ok(retention),
    }
}

/// The time that one sample of a namespace stands for.
fn resolution_of(text: &str) -> Result<Duration, String> {
    match duration_of(text)? {
        Duration::ZERO => Err("a resolution is longer than nothing".to_owned()),
        resolution => Ok(resolution),
    }
}
