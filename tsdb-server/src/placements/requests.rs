//! Bodies of the calls that change a placement.

use serde::Deserialize;

use super::placement::{Instance, Placement};
use crate::jsonpb::number;

/// Makes a placement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PlacementInit {
    /// The instances.
    pub instances: Vec<Instance>,
    /// Shards there are to be.
    #[serde(alias = "num_shards", deserialize_with = "number")]
    pub num_shards: i32,
    /// Instances that are to have each.
    #[serde(alias = "replication_factor", deserialize_with = "number")]
    pub replication_factor: i32,
    /// What is to be other than the service has it.
    #[serde(alias = "option_override")]
    pub option_override: PlacementOptions,
}

/// What is to be other than the service has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PlacementOptions {
    /// Whether there are shards.
    #[serde(alias = "is_sharded")]
    pub is_sharded: Option<bool>,
    /// Instances of a set may have different ports.
    #[serde(alias = "skip_port_mirroring")]
    pub skip_port_mirroring: Option<bool>,
}

/// Adds instances.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PlacementAdd {
    /// The instances.
    pub instances: Vec<Instance>,
    /// Also while shards are on their way.
    pub force: bool,
    /// What is to be other than the service has it.
    #[serde(alias = "option_override")]
    pub option_override: PlacementOptions,
}

/// Removes instances.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PlacementRemove {
    /// Which ones.
    #[serde(alias = "instance_ids", alias = "instanceIDs")]
    pub instance_ids: Vec<String>,
    /// Also while shards are on their way.
    pub force: bool,
}

/// Replaces instances.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PlacementReplace {
    /// Those that go.
    #[serde(rename = "leavingInstanceIDs", alias = "leavingInstanceIds")]
    #[serde(alias = "leaving_instance_ids")]
    pub leaving_instance_ids: Vec<String>,
    /// Those that come.
    pub candidates: Vec<Instance>,
    /// Also while shards are on their way.
    pub force: bool,
    /// What is to be other than the service has it.
    #[serde(alias = "option_override")]
    pub option_override: PlacementOptions,
}

/// Sets a placement as it is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PlacementSet {
    /// The placement.
    pub placement: Placement,
    /// The version that is to be there now; none of them when it is 0.
    #[serde(deserialize_with = "number")]
    pub version: i32,
    /// Whether it is to be stored, or only shown.
    pub confirm: bool,
    /// Also where it breaks rules.
    pub force: bool,
}
