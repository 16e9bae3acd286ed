//! Tenants that a file names: who shares the server, each with a namespace and limits of its own.

use std::time::Duration;

use super::findings::Finding;
use super::load::{Origin, Value};
use super::namespaces::retention_of;
use super::rows::{Keys, Slip, optional, read_rows, slip};
use crate::store::IDS_NAMESPACE;
use crate::units::size_of;

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantSetting {
    /// What requests call it.
    pub name: String,
    /// The namespace that its requests are about; it is there from the start.
    pub namespace: String,
    /// How long that keeps samples; `None` leaves it as it is, at first for ever.
    pub retention: Option<Duration>,
    /// Series that it may hold in memory.
    pub max_series: Option<u64>,
    /// Bytes of memory that it may take.
    pub max_memory: Option<u64>,
    /// Samples a second that it may send; more are told to come later.
    pub max_samples_per_second: Option<u64>,
    /// Who says so.
    pub origin: Origin,
}

/// The tenants that values name, those of one place of the list together.
pub(super) fn tenants<'a>(
    values: impl Iterator<Item = &'a Value>,
    wrong: &mut Vec<Finding>,
) -> Vec<TenantSetting> {
    let mut names: Vec<(String, String)> = Vec::new();
    read_rows(values, wrong, |_, keys| {
        let tenant = tenant(keys)?;
        if tenant.namespace == IDS_NAMESPACE {
            return slip(
                "namespace",
                format!(".namespace: {IDS_NAMESPACE} is the server's own"),
            );
        }
        if names.iter().any(|(name, _)| *name == tenant.name) {
            return slip(
                "name",
                format!(": the tenant {} is there already", tenant.name),
            );
        }
        if let Some((other, _)) = names.iter().find(|(_, of)| *of == tenant.namespace) {
            let what = format!(
                ".namespace: {} is that of the tenant {other}: tenants share nothing",
                tenant.namespace
            );
            return slip("namespace", what);
        }
        names.push((tenant.name.clone(), tenant.namespace.clone()));
        Ok(tenant)
    })
}

fn tenant(keys: &Keys<'_>) -> Result<TenantSetting, Slip> {
    let Some(name) = keys.get("name") else {
        return slip("name", " has no name, by which requests call it");
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.text.is_empty() || name.text.len() > 150 || !name.text.chars().all(is_plain) {
        let what = ".name: it has 1 to 150 letters, digits, dots, dashes and underscores, and goes into paths and headers";
        return slip("name", what);
    }
    Ok(TenantSetting {
        name: name.text.clone(),
        namespace: optional(keys, "namespace", |text| Ok(text.to_owned()))?
            .unwrap_or_else(|| name.text.clone()),
        retention: optional(keys, "retention", retention_of)?,
        max_series: optional(keys, "maxSeries", count_of)?,
        max_memory: optional(keys, "maxMemory", size_of)?,
        max_samples_per_second: optional(keys, "maxSamplesPerSecond", count_of)?,
        origin: name.origin.clone(),
    })
}

fn count_of(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) => Err("it must be at least 1; leave it out for no limit".to_owned()),
        Ok(count) => Ok(count),
        Err(_) => Err(format!("{text:?} is not a whole number")),
    }
}
