//! Changes of placements.

use std::collections::BTreeMap;

use super::assign::{all_to_one, broken_sets, make_sets, share_out, take_over};
use super::kept::PlacementError;
use super::placement::{Instance, Placement};
use super::requests::{
    PlacementAdd, PlacementInit, PlacementRemove, PlacementReplace, PlacementSet,
};
use super::service::Service;

/// Shards with all their replicas: a placement is one value, and is read as one.
const REPLICAS_MAX: u64 = 16_384;

const ONE_NODE: &str =
    "a cluster of several nodes is not what this version runs: it is one node, with all shards";

/// A change of a placement.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Init(PlacementInit),
    Add(PlacementAdd),
    Remove(PlacementRemove),
    Replace(PlacementReplace),
    Set(PlacementSet),
    /// Undoes what has not finished.
    Abort,
}

/// Whose placement is to change, and how the request wants it.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) service: Service,
    /// The zone that instances must be in.
    pub(crate) zone: String,
    /// Also where it is not safe.
    pub(crate) force: bool,
}

fn invalid<T>(what: impl Into<String>) -> Result<T, PlacementError> {
    Err(PlacementError::Invalid(what.into()))
}

impl Context {
    /// The placement after a change; `present` is the one before it.
    pub(super) fn apply(
        &self,
        change: Change,
        present: Option<Placement>,
    ) -> Result<Placement, PlacementError> {
        match (change, present) {
            (Change::Init(_), Some(_)) => Err(PlacementError::Exists),
            (Change::Init(request), None) => self.init(request),
            (Change::Set(request), _) => self.set(request),
            (_, None) => Err(PlacementError::NotFound),
            // Here every change has finished when it is answered.
            (Change::Abort, Some(present)) => Ok(present),
            (Change::Add(request), Some(present)) => {
                self.check_available(&present, request.force)?;
                self.add(present, request.instances)
            }
            (Change::Remove(request), Some(present)) => {
                self.check_available(&present, request.force)?;
                self.remove(present, &request.instance_ids)
            }
            (Change::Replace(request), Some(present)) => {
                self.check_available(&present, request.force)?;
                self.replace(present, request)
            }
        }
    }

    /// M3's rule: one change at a time.
    fn check_available(&self, present: &Placement, force: bool) -> Result<(), PlacementError> {
        let busy = present.unavailable().join(",");
        match busy.is_empty() || force || self.force {
            true => Ok(()),
            false => invalid(format!(
                "instances do not have all shards available: [{busy}]"
            )),
        }
    }

    fn init(&self, request: PlacementInit) -> Result<Placement, PlacementError> {
        let is_sharded = request
            .option_override
            .is_sharded
            .unwrap_or(self.service.is_sharded());
        if is_sharded != self.service.is_sharded() {
            let (service, says) = (self.service.name(), self.service.is_sharded());
            return invalid(format!(
                "optionOverride.isSharded: placements of {service} have isSharded {says}"
            ));
        }
        let instances = self.known(request.instances)?;
        if instances.is_empty() {
            return invalid(
                "no valid instance in the candidate list: name at least one in instances",
            );
        }
        let mut placement = Placement {
            is_sharded,
            is_mirrored: self.service.is_mirrored(),
            replica_factor: 1,
            instances,
            ..Placement::default()
        };
        if is_sharded {
            placement.replica_factor = positive("replicationFactor", request.replication_factor)?;
            placement.num_shards = positive("numShards", request.num_shards)?;
            let replicas = u64::from(placement.num_shards) * u64::from(placement.replica_factor);
            if replicas > REPLICAS_MAX {
                return invalid(format!(
                    "numShards times replicationFactor are {replicas}, the limit is {REPLICAS_MAX}"
                ));
            }
        }
        if self.service == Service::Aggregator {
            placement
                .instances
                .values_mut()
                .for_each(|instance| instance.shard_set_id = 0);
        }
        self.assign(placement)
    }

    /// Shares the shards out anew.
    fn assign(&self, mut placement: Placement) -> Result<Placement, PlacementError> {
        match self.service {
            Service::Coordinator => {}
            Service::Database => {
                let (instances, replicas) = (placement.instances.len(), placement.replica_factor);
                if instances != 1 {
                    return Err(PlacementError::OneNode(format!(
                        "{instances} instances of m3db: {ONE_NODE}"
                    )));
                }
                if replicas != 1 {
                    return Err(PlacementError::OneNode(format!(
                        "replicationFactor {replicas}: {ONE_NODE}, and one replica of each"
                    )));
                }
                all_to_one(&mut placement);
            }
            Service::Aggregator => {
                make_sets(&mut placement)?;
                share_out(&mut placement);
            }
        }
        Ok(placement)
    }

    fn add(&self, mut present: Placement, new: Vec<Instance>) -> Result<Placement, PlacementError> {
        let new = self.known(new)?;
        if new.is_empty() {
            return invalid(
                "no valid instance in the candidate list: name at least one in instances",
            );
        }
        for (id, mut instance) in new {
            instance.shard_set_id = 0;
            instance.shards.clear();
            if present.instances.insert(id.clone(), instance).is_some() {
                return invalid(format!("instance {id} is in the placement already"));
            }
        }
        self.assign(present)
    }

    fn remove(&self, mut present: Placement, ids: &[String]) -> Result<Placement, PlacementError> {
        if ids.is_empty() {
            return invalid(
                "must specify placement ID to delete: name at least one in instanceIds",
            );
        }
        for id in ids {
            if present.instances.remove(id).is_none() {
                return Err(PlacementError::NoInstance(id.clone()));
            }
        }
        if present.instances.is_empty() && self.service.is_sharded() {
            return invalid(
                "the last instance has all shards and cannot leave: DELETE the placement instead",
            );
        }
        self.check_sets(&present)?;
        self.assign(present)
    }

    fn replace(
        &self,
        mut present: Placement,
        request: PlacementReplace,
    ) -> Result<Placement, PlacementError> {
        let candidates = self.known(request.candidates)?;
        let (going, coming) = (request.leaving_instance_ids, candidates.len());
        if going.is_empty() || going.len() != coming {
            let going = going.len();
            return invalid(format!(
                "{going} instances leave and {coming} come: name as many candidates as leavingInstanceIDs"
            ));
        }
        let force = self.force || request.force;
        for (id, candidate) in going.iter().zip(candidates.into_values()) {
            let Some(leaving) = present.instances.remove(id) else {
                return Err(PlacementError::NoInstance(id.clone()));
            };
            let is_same =
                leaving.endpoint == candidate.endpoint || leaving.hostname == candidate.hostname;
            if self.service == Service::Database && !is_same && !force {
                return Err(PlacementError::OneNode(format!(
                    "{} would take over from {}, and no data moves between nodes: {ONE_NODE}; with \"force\": true it is only named anew",
                    candidate.endpoint, leaving.endpoint
                )));
            }
            let new = take_over(leaving, candidate);
            let id = new.id.clone();
            if present.instances.insert(id.clone(), new).is_some() {
                return invalid(format!("instance {id} is in the placement already"));
            }
        }
        Ok(present)
    }

    fn set(&self, request: PlacementSet) -> Result<Placement, PlacementError> {
        let placement = request.placement;
        let force = self.force || request.force;
        if let Err(what) = placement.check()
            && !force
        {
            return invalid(format!("unable to validate new placement: {what}"));
        }
        let count = placement.instances.len();
        if self.service == Service::Database && count != 1 {
            return Err(PlacementError::OneNode(format!(
                "{count} instances of m3db: {ONE_NODE}"
            )));
        }
        Ok(placement)
    }

    /// Instances by identifier, all of them of the zone.
    pub(super) fn known(
        &self,
        instances: Vec<Instance>,
    ) -> Result<BTreeMap<String, Instance>, PlacementError> {
        let mut known = BTreeMap::new();
        for mut instance in instances {
            if instance.id.is_empty() {
                return invalid("an instance has no id");
            }
            if instance.zone.is_empty() {
                instance.zone.clone_from(&self.zone);
            }
            if instance.zone != self.zone {
                return invalid(format!(
                    "instance {} is in zone {:?}, and the placement is of zone {:?}: the header Cluster-Zone-Name names another",
                    instance.id, instance.zone, self.zone
                ));
            }
            let id = instance.id.clone();
            if known.insert(id.clone(), instance).is_some() {
                return invalid(format!("instance {id} is named twice"));
            }
        }
        Ok(known)
    }

    /// Instances of an aggregator come and go in whole sets.
    fn check_sets(&self, placement: &Placement) -> Result<(), PlacementError> {
        let broken = broken_sets(placement);
        match self.service == Service::Aggregator && !broken.is_empty() {
            true => invalid(format!(
                "the shard sets {broken:?} would be left with too few instances: remove all of a set, or replace them"
            )),
            false => Ok(()),
        }
    }
}

pub(super) fn positive(name: &str, value: i32) -> Result<u32, PlacementError> {
    match u32::try_from(value) {
        Ok(value) if value > 0 => Ok(value),
        _ => invalid(format!("{name} must be positive, not {value}")),
    }
}
