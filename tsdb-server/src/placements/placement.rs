//! A placement, field by field as M3 has it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::jsonpb::{enumeration, int64, number};

/// Instances of a service and their shards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Placement {
    /// By identifier.
    pub instances: BTreeMap<String, Instance>,
    /// Instances that have each shard.
    #[serde(alias = "replica_factor", deserialize_with = "number")]
    pub replica_factor: u32,
    /// Shards there are.
    #[serde(alias = "num_shards", deserialize_with = "number")]
    pub num_shards: u32,
    /// Whether there are any.
    #[serde(alias = "is_sharded")]
    pub is_sharded: bool,
    /// From when on it holds, in nanoseconds since the epoch.
    #[serde(with = "int64", alias = "cutover_time")]
    pub cutover_time: i64,
    /// Whether instances of one set have the same shards.
    #[serde(alias = "is_mirrored")]
    pub is_mirrored: bool,
    /// The highest number that a set of shards had.
    #[serde(alias = "max_shard_set_id", deserialize_with = "number")]
    pub max_shard_set_id: u32,
    /// Whether instances are in groups that share no shards.
    #[serde(alias = "is_subclustered")]
    pub is_subclustered: bool,
    /// How many are in such a group.
    #[serde(alias = "instances_per_subcluster", deserialize_with = "number")]
    pub instances_per_subcluster: u32,
}

/// A process that has shards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Instance {
    /// Names it.
    pub id: String,
    /// What fails together with it.
    #[serde(alias = "isolation_group")]
    pub isolation_group: String,
    /// Where its metadata is.
    pub zone: String,
    /// Its share of the shards.
    #[serde(deserialize_with = "number")]
    pub weight: u32,
    /// Where it listens.
    pub endpoint: String,
    /// Its shards, by identifier.
    pub shards: Vec<Shard>,
    /// The set of shards it has, in a mirrored placement.
    #[serde(alias = "shard_set_id", deserialize_with = "number")]
    pub shard_set_id: u32,
    /// Its machine.
    pub hostname: String,
    /// The port of its endpoint.
    #[serde(deserialize_with = "number")]
    pub port: u32,
    /// More of it.
    pub metadata: InstanceMetadata,
    /// Its group, in a placement with groups.
    #[serde(alias = "subcluster_id", deserialize_with = "number")]
    pub subcluster_id: u32,
}

/// More of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct InstanceMetadata {
    /// The port that its debug routes are at.
    #[serde(alias = "debug_port", deserialize_with = "number")]
    pub debug_port: u32,
}

/// A shard of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Shard {
    /// Which one.
    #[serde(deserialize_with = "number")]
    pub id: u32,
    /// Whether the instance has its data.
    pub state: ShardState,
    /// The instance that its data comes from.
    #[serde(alias = "source_id")]
    pub source_id: String,
    /// From when on it takes writes, in nanoseconds since the epoch.
    #[serde(with = "int64", alias = "cutover_nanos")]
    pub cutover_nanos: i64,
    /// Until when it takes writes.
    #[serde(with = "int64", alias = "cutoff_nanos")]
    pub cutoff_nanos: i64,
    /// The shard that takes its writes instead.
    #[serde(alias = "redirect_to_shard_id")]
    pub redirect_to_shard_id: Option<u32>,
}

/// Whether an instance has the data of a shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ShardState {
    /// Not yet.
    #[default]
    Initializing,
    /// It has.
    Available,
    /// It has, and is to lose it.
    Leaving,
}

enumeration!(ShardState {
    Initializing = "INITIALIZING",
    Available = "AVAILABLE",
    Leaving = "LEAVING",
});

impl Placement {
    /// Identifiers of the instances whose shards are not all available, in order.
    #[must_use]
    pub fn unavailable(&self) -> Vec<&str> {
        let is_busy = |instance: &&Instance| {
            let mut shards = instance.shards.iter();
            shards.any(|shard| shard.state != ShardState::Available)
        };
        let busy = self.instances.values().filter(is_busy);
        busy.map(|instance| instance.id.as_str()).collect()
    }

    /// Checks that every shard is at as many instances as it has replicas, and that names are
    /// those of the instances.
    ///
    /// # Errors
    /// What does not fit.
    pub fn check(&self) -> Result<(), String> {
        let mut replicas: BTreeMap<u32, u32> = BTreeMap::new();
        for (name, instance) in &self.instances {
            if *name != instance.id {
                return Err(format!("instance {name} has the id {:?}", instance.id));
            }
            let mut last = None;
            for shard in &instance.shards {
                if last.is_some_and(|last| last >= shard.id) {
                    return Err(format!(
                        "shards of instance {name} are not in order at {}",
                        shard.id
                    ));
                }
                last = Some(shard.id);
                if shard.state != ShardState::Leaving {
                    *replicas.entry(shard.id).or_default() += 1;
                }
            }
        }
        if !self.is_sharded {
            return match replicas.is_empty() {
                true => Ok(()),
                false => Err("instances have shards, and the placement is not sharded".to_owned()),
            };
        }
        if let Some((shard, count)) = replicas
            .iter()
            .find(|(_, count)| **count != self.replica_factor)
        {
            let factor = self.replica_factor;
            return Err(format!(
                "shard {shard} is at {count} instances, not at {factor} as replicaFactor says"
            ));
        }
        let (found, said) = (replicas.len(), self.num_shards);
        let is_dense = replicas.keys().next_back().is_none_or(|last| *last < said);
        match u32::try_from(found) == Ok(said) && is_dense {
            true => Ok(()),
            false => Err(format!(
                "there are {found} shards, not the {said} of numShards"
            )),
        }
    }
}
