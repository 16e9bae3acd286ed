//! What is kept of the namespaces.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::options::NamespaceOptions;
use crate::jsonpb::{JsonError, parse};

/// Every namespace that was ever added by a request and not removed, with its options.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Document {
    /// The namespace that plain requests use, where that is not `default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) plain: Option<String>,
    pub(super) namespaces: BTreeMap<String, NamespaceOptions>,
}

impl Document {
    /// Reads what [`Document::bytes`] wrote; nothing is as good as no namespaces.
    pub(super) fn read(bytes: Option<&[u8]>) -> Result<Self, JsonError> {
        bytes.map_or_else(|| Ok(Self::default()), parse)
    }

    pub(super) fn bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Whether each resolution and retention of aggregated samples names one namespace.
    ///
    /// # Errors
    /// What two of them share.
    pub(super) fn check(&self) -> Result<(), String> {
        let mut seen: BTreeMap<(i64, i64), &str> = BTreeMap::new();
        for (name, options) in &self.namespaces {
            let retention = options.retention().retention_period_nanos;
            for one in options
                .aggregations()
                .into_iter()
                .filter(|one| one.aggregated)
            {
                let resolution = one.attributes.map_or(0, |said| said.resolution_nanos);
                if let Some(other) = seen.insert((resolution, retention), name) {
                    return Err(format!(
                        "resolution and retention combination must be unique: the namespaces {other} and {name} have resolution {} and retention {}",
                        crate::go_duration::go_duration_text(resolution),
                        crate::go_duration::go_duration_text(retention),
                    ));
                }
            }
        }
        Ok(())
    }
}
