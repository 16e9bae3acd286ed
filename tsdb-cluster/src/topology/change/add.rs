//! Nodes that come.

use std::collections::{BTreeMap, BTreeSet};

use super::init::new_nodes;
use crate::NodeId;
use crate::topology::error::TopologyError;
use crate::topology::flow::{Flow, SINK, SOURCE};
use crate::topology::shard::Slot;
use crate::topology::shares::{Share, Shares};
use crate::topology::topology::{Node, Place, Topology};

impl Topology {
    /// Gives new nodes their share of what the others have, those that have most over their own
    /// share first. Nothing moves between nodes that are there, so that these may stay over their
    /// share where the isolation groups keep a newcomer from their shards; of all choices, one is
    /// made that is least over anybody's. Several newcomers choose one after the other, by id.
    ///
    /// # Errors
    /// When one is there already or has no weight; or shards are in change and one would get too
    /// little of the others. With `force` it takes that, and later changes cost more.
    pub fn add(&self, nodes: Vec<(NodeId, Node)>, force: bool) -> Result<Self, TopologyError> {
        let new = new_nodes(nodes)?;
        if let Some(known) = new.keys().find(|id| self.nodes.contains_key(*id)) {
            return Err(TopologyError::KnownNode(known.clone()));
        }
        let mut after = self.clone();
        let ids: BTreeSet<NodeId> = new.keys().cloned().collect();
        after.nodes.extend(new);
        let shares: BTreeMap<NodeId, Share> = {
            let shares = Shares::of_topology(&after)?.by_node().into_iter();
            shares.map(|(id, share)| (id.clone(), share)).collect()
        };
        let locked: BTreeSet<_> = self.in_change().collect();
        for id in &ids {
            let mut places = after.open_to(id, &ids);
            let all = places.len();
            places.retain(|(place, _)| !locked.contains(&place.shard) || after.is_fresh(*place));
            let taken = after.choose(id, &shares, &places);
            let enough = shares.get(id).map_or(0, |share| share.floor());
            let is_short = u64::try_from(taken.len()).is_ok_and(|taken| taken < enough);
            if is_short && places.len() < all && !force {
                let shards = locked.into_iter().collect();
                return Err(TopologyError::Locked { shards });
            }
            let member = after.member(id);
            for place in taken {
                after.alter(place.shard, |shard| {
                    shard.steer(place.index, member.clone())
                });
            }
        }
        Ok(after)
    }

    fn is_fresh(&self, place: Place) -> bool {
        let slots = self.shard(place.shard).map(|shard| shard.slots());
        let slot = slots.and_then(|slots| slots.get(place.index));
        slot.is_some_and(|slot| slot.is_fresh())
    }

    /// The slots that a new node could take over, with who has them: of nodes that stay and are not
    /// new, where no other replica is in its group.
    fn open_to(&self, id: &NodeId, new: &BTreeSet<NodeId>) -> Vec<(Place, NodeId)> {
        let group = self.group(id);
        let mut open = Vec::new();
        for (of, shard) in self.numbered().filter(|(_, shard)| !shard.has(id)) {
            let is_near = |(now, planned): (&Slot, &Slot)| {
                let mut members = now.members().chain(planned.members());
                members.any(|member| self.group(&member.node) == group)
            };
            let near: Vec<bool> = shard.pairs().map(is_near).collect();
            let all_near = near.iter().filter(|is_near| **is_near).count();
            for ((index, (now, planned)), is_near) in shard.pairs().enumerate().zip(near) {
                let owner = &planned.target().node;
                let is_moving = now != planned || now.is_handover();
                let is_apart = all_near == usize::from(is_near);
                if is_apart && !is_moving && !new.contains(owner) && !self.is_leaving(owner) {
                    open.push((Place { shard: of, index }, owner.clone()));
                }
            }
        }
        open
    }

    /// Of some slots those that a new node takes, one of a shard at most.
    fn choose(
        &self,
        id: &NodeId,
        shares: &BTreeMap<NodeId, Share>,
        places: &[(Place, NodeId)],
    ) -> Vec<Place> {
        let mut flow = Flow::new();
        let mut left = shares.get(id).map_or(0, |share| share.ceil());
        // Each with what it has over its share, and over its share rounded down.
        let mut owners: BTreeMap<&NodeId, (usize, u64, u64, usize)> = BTreeMap::new();
        for (owner, load) in self.loads() {
            if let Some(share) = shares.get(owner) {
                let point = flow.point();
                let (over, all) = (
                    load.saturating_sub(share.ceil()),
                    load.saturating_sub(share.floor()),
                );
                owners.insert(owner, (point, over, all, flow.pipe(point, SINK, 0)));
            }
        }
        let mut shards = BTreeMap::new();
        let mut choices = Vec::new();
        for (place, owner) in places {
            let shard = *shards.entry(place.shard).or_insert_with(|| {
                let shard = flow.point();
                flow.pipe(SOURCE, shard, 1);
                shard
            });
            if let Some((owner, ..)) = owners.get(owner) {
                choices.push((*place, flow.pipe(shard, *owner, 1)));
            }
        }
        // Who is most over its share comes down to the second, both to the third, and so on.
        let most = owners.values().map(|(_, over, ..)| *over).max();
        for level in (0..most.unwrap_or(0)).rev() {
            for (_, over, _, pipe) in owners.values() {
                flow.widen(*pipe, u64::from(*over > level));
            }
            left -= flow.fill(left);
        }
        for (_, over, all, pipe) in owners.values() {
            flow.widen(*pipe, all - over);
        }
        flow.fill(left);
        let taken = choices.into_iter();
        let taken = taken.filter(|(_, pipe)| flow.through(*pipe) > 0);
        taken.map(|(place, _)| place).collect()
    }
}
