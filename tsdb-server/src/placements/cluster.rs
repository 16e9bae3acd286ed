//! The placement of a cluster's storage nodes, as M3 shows and changes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tsdb_cluster::NodeId;
use tsdb_cluster::coordinator::{CoordinatorError, KnownTopology, TopologyView};
use tsdb_cluster::metadata::MetadataError;
use tsdb_cluster::topology::{self, Node, Topology, TopologyError};

use super::change::{Change, Context, positive};
use super::kept::{ATTEMPTS, PlacementError, Versioned};
use super::placement::{Instance, InstanceMetadata, Placement, Shard, ShardState};
use super::requests::PlacementSet;

/// The placement of a cluster's storage nodes. Changes begin at once, and end as nodes seal and
/// copy; what is shown is what M3 shows of one under way.
#[derive(Clone, Debug)]
pub(crate) struct ClusterPlacement {
    view: TopologyView,
}

impl ClusterPlacement {
    pub(crate) fn new(view: TopologyView) -> Self {
        Self { view }
    }

    async fn read(&self) -> Result<Option<Arc<KnownTopology>>, PlacementError> {
        match self.view.refresh().await {
            Ok(known) => Ok(Some(known)),
            Err(CoordinatorError::NoPlacement) => Ok(None),
            Err(CoordinatorError::Metadata(error)) => Err(error.into()),
            Err(error) => Err(PlacementError::Invalid(error.to_string())),
        }
    }

    /// The placement; `None` where there is none.
    pub(super) async fn get(&self) -> Result<Option<Versioned>, PlacementError> {
        let known = self.read().await?;
        Ok(known.map(|known| shown(&known.topology, known.version)))
    }

    /// Changes the placement; with `dry_run` only says what would be there.
    pub(super) async fn change(
        &self,
        context: &Context,
        change: Change,
        dry_run: bool,
    ) -> Result<Versioned, PlacementError> {
        let mut attempts = 0;
        loop {
            let known = self.read().await?;
            let version = known.as_ref().map(|known| known.version);
            let present = known.as_ref().map(|known| &known.topology);
            let after = apply(context, change.clone(), present, version)?;
            if dry_run {
                return Ok(shown(&after, version.unwrap_or(0) + 1));
            }
            match self.view.put(version, after).await {
                Ok(put) => return Ok(shown(&put.topology, put.version)),
                Err(MetadataError::Conflict { .. }) if attempts < ATTEMPTS => attempts += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Removes the placement: nodes keep what they have, and no longer take or answer anything.
    pub(super) async fn remove(&self, dry_run: bool) -> Result<(), PlacementError> {
        let known = self.read().await?.ok_or(PlacementError::NotFound)?;
        match dry_run {
            true => Ok(()),
            false => Ok(self.view.remove(known.version).await?),
        }
    }
}

fn apply(
    context: &Context,
    change: Change,
    present: Option<&Topology>,
    version: Option<u64>,
) -> Result<Topology, PlacementError> {
    let force = context.force;
    let nodes = |instances: Vec<Instance>| -> Result<Vec<(NodeId, Node)>, PlacementError> {
        let known = context.known(instances)?;
        Ok(known.into_values().map(node).collect())
    };
    match (change, present) {
        (Change::Init(_), Some(_)) => Err(PlacementError::Exists),
        (Change::Init(request), None) => {
            let shards = positive("numShards", request.num_shards)?;
            let replicas = positive("replicationFactor", request.replication_factor)?;
            let replicas = u8::try_from(replicas).unwrap_or(u8::MAX);
            Ok(Topology::init(nodes(request.instances)?, shards, replicas)?)
        }
        (_, None) => Err(PlacementError::NotFound),
        (Change::Add(request), Some(present)) => {
            Ok(present.add(nodes(request.instances)?, force || request.force)?)
        }
        (Change::Remove(request), Some(present)) => Ok(present.remove(&ids(request.instance_ids))?),
        (Change::Replace(request), Some(present)) => {
            let candidates = nodes(request.candidates)?;
            let leaving = ids(request.leaving_instance_ids);
            Ok(present.replace(&leaving, candidates, force || request.force)?)
        }
        (Change::Abort, Some(present)) => Ok(present.abort_all()),
        (Change::Set(request), Some(present)) => set(context, request, present, version),
    }
}

/// What a placement that is said whole asks for: its shards go where it says, by epochs like any
/// other change.
fn set(
    context: &Context,
    request: PlacementSet,
    present: &Topology,
    version: Option<u64>,
) -> Result<Topology, PlacementError> {
    let now = number_of(version.unwrap_or(0));
    if request.version != 0 && i64::from(request.version) != i64::from(now) {
        return Err(PlacementError::Stale {
            expected: request.version,
            present: now,
        });
    }
    let force = context.force || request.force;
    let shards = present.shards().len();
    let mut targets = vec![BTreeSet::new(); shards];
    let instances = request.placement.instances;
    for (id, instance) in &instances {
        let stays = |shard: &&Shard| shard.state != ShardState::Leaving;
        for shard in instance.shards.iter().filter(stays) {
            let at = usize::try_from(shard.id).unwrap_or(usize::MAX);
            let target = targets.get_mut(at).ok_or_else(|| {
                let shard = shard.id;
                PlacementError::Invalid(format!(
                    "instance {id} has shard {shard}: there are {shards}, from 0 on, and their number stays"
                ))
            })?;
            target.insert(NodeId::new(id.as_str()));
        }
    }
    let nodes = instances.into_values().map(node).collect();
    Ok(present.set(nodes, &targets, force)?)
}

fn ids(names: Vec<String>) -> Vec<NodeId> {
    names.into_iter().map(NodeId::new).collect()
}

fn node(instance: Instance) -> (NodeId, Node) {
    let node = Node {
        endpoint: instance.endpoint,
        isolation_group: instance.isolation_group,
        zone: instance.zone,
        weight: instance.weight,
        hostname: instance.hostname,
        port: instance.port,
        debug_port: instance.metadata.debug_port,
        ..Node::default()
    };
    (NodeId::new(instance.id), node)
}

/// As M3 prints it. Its versions have 32 bits.
fn number_of(version: u64) -> u32 {
    u32::try_from(version % (1 << 31)).unwrap_or(0)
}

fn shown(topology: &Topology, version: u64) -> Versioned {
    let mut shards = topology.replicas_by_node();
    let instance = |(id, node): (&NodeId, &Node)| {
        let mut own: Vec<Shard> = shards
            .remove(id)
            .unwrap_or_default()
            .iter()
            .map(shard)
            .collect();
        own.sort_by_key(|shard| shard.id);
        let instance = Instance {
            id: id.to_string(),
            isolation_group: node.isolation_group.clone(),
            zone: node.zone.clone(),
            weight: node.weight,
            endpoint: node.endpoint.clone(),
            shards: own,
            hostname: node.hostname.clone(),
            port: node.port,
            metadata: InstanceMetadata {
                debug_port: node.debug_port,
            },
            ..Instance::default()
        };
        (id.to_string(), instance)
    };
    let instances: BTreeMap<String, Instance> = topology.nodes().iter().map(instance).collect();
    let placement = Placement {
        instances,
        replica_factor: u32::from(topology.replicas()),
        num_shards: topology.shard_count().get(),
        is_sharded: true,
        ..Placement::default()
    };
    Versioned {
        placement,
        version: number_of(version),
    }
}

fn shard(replica: &topology::Replica<'_>) -> Shard {
    Shard {
        id: replica.shard,
        state: match replica.state {
            topology::ShardState::Initializing => ShardState::Initializing,
            topology::ShardState::Available => ShardState::Available,
            topology::ShardState::Leaving => ShardState::Leaving,
        },
        source_id: replica.source.map(NodeId::to_string).unwrap_or_default(),
        ..Shard::default()
    }
}

impl From<TopologyError> for PlacementError {
    fn from(error: TopologyError) -> Self {
        match error {
            TopologyError::UnknownNode(id) => Self::NoInstance(id.to_string()),
            other => Self::Invalid(other.to_string()),
        }
    }
}
