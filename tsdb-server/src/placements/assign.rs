//! Shards to instances.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::kept::PlacementError;
use super::placement::{Instance, Placement, Shard, ShardState};

/// A shard that its instance has. Nothing moves data here, so there is nothing to wait for.
fn available(id: u32) -> Shard {
    Shard {
        id,
        state: ShardState::Available,
        ..Shard::default()
    }
}

/// Gives the one instance all shards.
pub(super) fn all_to_one(placement: &mut Placement) {
    let shards = placement.num_shards;
    for instance in placement.instances.values_mut() {
        instance.shards = (0..shards).map(available).collect();
    }
}

/// Puts instances that are in no set yet into new sets of as many as there are replicas, each
/// from another isolation group and all of one weight.
pub(super) fn make_sets(placement: &mut Placement) -> Result<(), PlacementError> {
    let replicas = usize::try_from(placement.replica_factor).unwrap_or(usize::MAX);
    let mut waiting: BTreeMap<(u32, &str), Vec<&str>> = BTreeMap::new();
    for (id, instance) in &placement.instances {
        if instance.shard_set_id == 0 {
            let group = (instance.weight, instance.isolation_group.as_str());
            waiting.entry(group).or_default().push(id);
        }
    }
    let mut sets: Vec<Vec<String>> = Vec::new();
    let mut weights: Vec<u32> = waiting.keys().map(|(weight, _)| *weight).collect();
    weights.dedup();
    for weight in weights {
        loop {
            let of_weight = waiting
                .iter_mut()
                .filter(|((of, _), ids)| *of == weight && !ids.is_empty());
            let mut groups: Vec<_> = of_weight.map(|(_, ids)| ids).collect();
            if groups.is_empty() {
                break;
            }
            // The fullest first, so that they run out together.
            groups.sort_by_key(|ids| Reverse(ids.len()));
            let set: Vec<_> = groups
                .iter_mut()
                .take(replicas)
                .filter_map(|ids| ids.pop())
                .collect();
            if set.len() < replicas {
                return Err(PlacementError::Invalid(format!(
                    "the instance {} finds no partners: {replicas} instances of weight {weight} in as many isolation groups make a set",
                    set.join(", ")
                )));
            }
            sets.push(set.into_iter().map(str::to_owned).collect());
        }
    }
    for set in sets {
        placement.max_shard_set_id += 1;
        for id in set {
            if let Some(instance) = placement.instances.get_mut(&id) {
                instance.shard_set_id = placement.max_shard_set_id;
            }
        }
    }
    Ok(())
}

/// Gives each set shards by its weight, the same to all its instances.
pub(super) fn share_out(placement: &mut Placement) {
    let mut sets: BTreeMap<u32, (u32, Vec<u32>)> = BTreeMap::new();
    for instance in placement.instances.values() {
        sets.insert(instance.shard_set_id, (instance.weight.max(1), Vec::new()));
    }
    for shard in 0..placement.num_shards {
        // The one that has the least for its weight.
        let load = |(weight, shards): &(u32, Vec<u32>)| {
            (shards.len() as u64 + 1) * (1 << 32) / u64::from(*weight)
        };
        if let Some((_, shards)) = sets.values_mut().min_by_key(|set| load(set)) {
            shards.push(shard);
        }
    }
    for instance in placement.instances.values_mut() {
        let shards = sets.get(&instance.shard_set_id);
        let shards = shards.map(|(_, shards)| shards.as_slice());
        instance.shards = shards
            .unwrap_or_default()
            .iter()
            .copied()
            .map(available)
            .collect();
    }
}

/// The sets that do not have as many instances as there are replicas.
pub(super) fn broken_sets(placement: &Placement) -> Vec<u32> {
    let mut sizes: BTreeMap<u32, u32> = BTreeMap::new();
    for instance in placement.instances.values() {
        *sizes.entry(instance.shard_set_id).or_default() += 1;
    }
    let broken = sizes
        .into_iter()
        .filter(|(_, size)| *size != placement.replica_factor);
    broken.map(|(set, _)| set).collect()
}

/// What a new instance keeps of another that it replaces.
pub(super) fn take_over(leaving: Instance, candidate: Instance) -> Instance {
    Instance {
        shards: leaving.shards,
        shard_set_id: leaving.shard_set_id,
        ..candidate
    }
}
