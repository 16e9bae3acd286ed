//! M3's call that makes a namespace and a placement out of few words.

use serde::Deserialize;

use crate::go_duration::parse_go_duration;
use crate::jsonpb::{int64, number};
use crate::namespaces::{NamespaceOptions, block_size_for_points, recommended_block_size};
use crate::placements::{Instance, Placement, PlacementInit};

/// Retention where none is said: a day.
const RETENTION_NANOS: i64 = 24 * 3600 * 1_000_000_000;
/// Shards for each host.
const SHARDS_PER_HOST: usize = 64;
/// Name of the only node of a database on one machine, its isolation group and its zone.
const LOCAL: (&str, &str, &str) = ("m3db_local", "local", "embedded");

/// The body of the call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DatabaseCreate {
    /// Name of the namespace.
    #[serde(alias = "namespace_name")]
    pub namespace_name: String,
    /// `local` for a database on one machine, `cluster` for one with hosts.
    #[serde(rename = "type")]
    pub kind: String,
    /// Shards; 0 for a good number.
    #[serde(alias = "num_shards", deserialize_with = "number")]
    pub num_shards: i32,
    /// Instances that have each shard; 0 for 3.
    #[serde(alias = "replication_factor", deserialize_with = "number")]
    pub replication_factor: i32,
    /// Retention, as `48h` or `2d`.
    #[serde(alias = "retention_time")]
    pub retention_time: String,
    /// Block size.
    #[serde(alias = "block_size")]
    pub block_size: BlockSize,
    /// The hosts of a cluster.
    pub hosts: Vec<Host>,
    /// A namespace for aggregated samples beside it.
    #[serde(alias = "aggregated_namespace")]
    pub aggregated_namespace: Option<AggregatedNamespace>,
}

/// Block size, in one of two ways.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BlockSize {
    /// As it is, as `2h`.
    pub time: String,
    /// Or by how many samples of a series are expected in an hour.
    #[serde(with = "int64", alias = "expected_series_datapoints_per_hour")]
    pub expected_series_datapoints_per_hour: i64,
}

/// A host of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Host {
    /// Names it.
    pub id: String,
    /// Its machine.
    pub address: String,
    /// Its port.
    #[serde(deserialize_with = "number")]
    pub port: u32,
    /// What fails together with it.
    #[serde(alias = "isolation_group")]
    pub isolation_group: String,
    /// Where its metadata is.
    pub zone: String,
    /// Its share of the shards; 0 for 1.
    #[serde(deserialize_with = "number")]
    pub weight: u32,
}

/// A namespace for aggregated samples.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AggregatedNamespace {
    /// Its name.
    pub name: String,
    /// The time that one sample stands for.
    pub resolution: String,
    /// Its retention.
    #[serde(alias = "retention_time")]
    pub retention_time: String,
}

/// Where the placement of a database comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlacementSource {
    /// One as the body says.
    New(PlacementInit),
    /// The one that is there.
    Present,
}

impl DatabaseCreate {
    /// The namespaces that are to be added.
    ///
    /// # Errors
    /// What the body lacks or has wrong.
    pub fn namespaces(&self) -> Result<Vec<(String, NamespaceOptions)>, String> {
        if self.namespace_name.is_empty() {
            return Err("missing required field: namespaceName".to_owned());
        }
        let retention = match self.retention_time.as_str() {
            "" => RETENTION_NANOS,
            text => duration("invalid retention time", text)?,
        };
        let block_size = match &self.block_size {
            BlockSize { time, .. } if !time.is_empty() => {
                duration("invalid block size time", time)?
            }
            BlockSize {
                expected_series_datapoints_per_hour: points,
                ..
            } if *points > 0 => block_size_for_points(*points),
            _ => recommended_block_size(retention),
        };
        let options = NamespaceOptions::of(retention, block_size).unaggregated();
        let mut namespaces = vec![(self.namespace_name.clone(), options)];
        if let Some(aggregated) = &self.aggregated_namespace {
            namespaces.push(aggregated.namespace()?);
        }
        Ok(namespaces)
    }

    /// The placement that is to be there; `present` is the one that is. `type` may be left out
    /// where there is one, and where `optional` says so.
    ///
    /// # Errors
    /// What the body lacks, has wrong, or wants otherwise than it is.
    pub fn placement(
        &self,
        present: Option<&Placement>,
        optional: bool,
    ) -> Result<PlacementSource, String> {
        const ONLY: &str = "use the placement calls for that, or leave type and hosts out to add a namespace alone";
        match (self.kind.as_str(), present) {
            ("", Some(_)) => Ok(PlacementSource::Present),
            ("local", Some(present)) if !is_local(present) => Err(format!(
                "cannot replace the existing placement, which has hosts, with a local one: {ONLY}"
            )),
            ("local", Some(_)) => Ok(PlacementSource::Present),
            ("local", None) => Ok(PlacementSource::New(self.local())),
            ("", None) if optional => Ok(PlacementSource::New(self.local())),
            ("cluster", Some(_)) if !self.hosts.is_empty() => Err(format!(
                "cannot use database create to change a placement that is there: {ONLY}"
            )),
            ("cluster", Some(present)) if is_local(present) => Err(format!(
                "cannot replace the existing local placement with one of a cluster: {ONLY}"
            )),
            ("cluster", Some(_)) => Ok(PlacementSource::Present),
            ("cluster", None) if self.hosts.is_empty() => {
                Err("missing required field: hosts".to_owned())
            }
            ("cluster", None) => self.cluster().map(PlacementSource::New),
            ("", None) => Err("missing required field: type, local or cluster".to_owned()),
            (other, _) => Err(format!(
                "invalid database type: {other:?} is neither local nor cluster"
            )),
        }
    }

    fn local(&self) -> PlacementInit {
        let (id, group, zone) = LOCAL;
        let instance = Instance {
            id: id.to_owned(),
            isolation_group: group.to_owned(),
            zone: zone.to_owned(),
            weight: 1,
            endpoint: "127.0.0.1:9000".to_owned(),
            hostname: "localhost".to_owned(),
            port: 9000,
            ..Instance::default()
        };
        PlacementInit {
            instances: vec![instance],
            num_shards: self.shards(1),
            replication_factor: 1,
            ..PlacementInit::default()
        }
    }

    fn cluster(&self) -> Result<PlacementInit, String> {
        let hosts = self.hosts.iter().map(Host::instance);
        Ok(PlacementInit {
            instances: hosts.collect::<Result<_, _>>()?,
            num_shards: self.shards(self.hosts.len()),
            replication_factor: match self.replication_factor {
                0 => 3,
                factor => factor,
            },
            ..PlacementInit::default()
        })
    }

    /// The least power of two that gives each host enough, or what the body says.
    fn shards(&self, hosts: usize) -> i32 {
        match self.num_shards {
            0 => i32::try_from((hosts * SHARDS_PER_HOST).next_power_of_two()).unwrap_or(i32::MAX),
            shards => shards,
        }
    }
}

impl AggregatedNamespace {
    fn namespace(&self) -> Result<(String, NamespaceOptions), String> {
        let required = [
            ("name", &self.name),
            ("resolution", &self.resolution),
            ("retentionTime", &self.retention_time),
        ];
        if let Some((field, _)) = required.iter().find(|(_, text)| text.is_empty()) {
            return Err(format!("{field} required when aggregatedNamespace is set"));
        }
        let retention = duration("invalid retention time", &self.retention_time)?;
        let resolution = duration("invalid resolution", &self.resolution)?;
        let options = NamespaceOptions::of(retention, recommended_block_size(retention));
        Ok((self.name.clone(), options.aggregated(resolution)))
    }
}

impl Host {
    fn instance(&self) -> Result<Instance, String> {
        let (_, group, zone) = LOCAL;
        let or = |text: &str, otherwise: &str| match text.trim() {
            "" => otherwise.to_owned(),
            text => text.to_owned(),
        };
        let id = self.id.trim().to_owned();
        if id.is_empty() {
            return Err("missing host ID".to_owned());
        }
        Ok(Instance {
            id,
            isolation_group: or(&self.isolation_group, group),
            zone: or(&self.zone, zone),
            weight: self.weight.max(1),
            endpoint: format!("{}:{}", self.address, self.port),
            hostname: self.address.clone(),
            port: self.port,
            ..Instance::default()
        })
    }
}

fn duration(what: &str, text: &str) -> Result<i64, String> {
    parse_go_duration(text).map_err(|error| format!("{what}: {error}"))
}

/// Whether a placement is that of a database on one machine.
fn is_local(placement: &Placement) -> bool {
    let mut instances = placement.instances.values();
    let (Some(one), None) = (instances.next(), instances.next()) else {
        return false;
    };
    (
        one.id.as_str(),
        one.isolation_group.as_str(),
        one.zone.as_str(),
    ) == LOCAL
}
