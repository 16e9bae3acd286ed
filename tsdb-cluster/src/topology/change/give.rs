//! Slots that must go elsewhere, and who takes them.

use std::collections::{BTreeMap, BTreeSet};

use crate::topology::error::TopologyError;
use crate::topology::flow::{Flow, SINK, SOURCE};
use crate::topology::shares::Share;
use crate::topology::topology::{Place, Topology};
use crate::{NodeId, ShardId};

/// Who may take slots.
#[derive(Debug)]
pub(super) struct Taker {
    pub(super) node: NodeId,
    /// What it should have in all.
    pub(super) share: Share,
}

/// What becomes of a slot that somebody is only on the way to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Newcomers {
    /// It stays with whom it was.
    GiveBack,
    /// Somebody else takes it.
    GiveOn,
}

impl Topology {
    /// The slots of nodes that leave, as far as they must go elsewhere.
    pub(super) fn vacate(
        &mut self,
        leaving: &BTreeSet<NodeId>,
        newcomers: Newcomers,
    ) -> Result<Vec<Place>, TopologyError> {
        let (mut going, mut staying, mut locked) = (Vec::new(), Vec::new(), Vec::new());
        for (place, now, planned) in self.places() {
            let (from, to) = (&now.answering().node, &planned.target().node);
            if !leaving.contains(to) {
                continue;
            }
            let is_plain = !now.is_fresh() && !now.is_handover() && now == planned;
            let is_locked = is_plain && self.check_shard(place.shard)?.is_in_change();
            let goes_back = from != to && !self.is_leaving(from);
            if is_locked {
                locked.push(place.shard);
            } else if goes_back && newcomers == Newcomers::GiveBack {
                staying.push((place, self.member(from)));
            } else {
                going.push(place);
            }
        }
        if !locked.is_empty() {
            locked.dedup();
            return Err(TopologyError::Locked { shards: locked });
        }
        for (place, member) in staying {
            self.alter(place.shard, |shard| shard.steer(place.index, member));
        }
        Ok(going)
    }

    /// Gives slots to takers: as few as can be over their shares, none of them twice in a shard,
    /// and no two replicas in one isolation group, unless `anywhere`.
    pub(super) fn give(
        &mut self,
        going: &[Place],
        takers: &[Taker],
        anywhere: bool,
    ) -> Result<(), TopologyError> {
        let mut by_shard: BTreeMap<ShardId, Vec<usize>> = BTreeMap::new();
        for place in going {
            by_shard.entry(place.shard).or_default().push(place.index);
        }
        let mut network = Network::new(takers, &self.loads());
        for (shard, slots) in &by_shard {
            network.lay(self, *shard, slots, anywhere);
        }
        if !network.fill(going.len()) {
            return Err(self.no_place(&network, going));
        }
        let chosen = network.chosen();
        for (shard, slots) in by_shard {
            let nodes = chosen.get(&shard).cloned().unwrap_or_default();
            self.hand_over(shard, &slots, nodes);
        }
        Ok(())
    }

    /// Gives slots of a shard to as many nodes, where it can be within an isolation group: then
    /// each of them can be taken back without the others.
    fn hand_over(&mut self, shard: ShardId, slots: &[usize], mut nodes: Vec<&NodeId>) {
        let mut pairs = Vec::new();
        let mut others = Vec::new();
        for &index in slots {
            let now = self.shard(shard).and_then(|of| of.slots().get(index));
            let group = now.map(|slot| self.group(&slot.answering().node));
            let near = nodes
                .iter()
                .position(|node| Some(self.group(node)) == group);
            match near {
                Some(at) => pairs.push((index, nodes.remove(at))),
                None => others.push(index),
            }
        }
        pairs.extend(others.into_iter().zip(nodes));
        for (index, node) in pairs {
            let member = self.member(node);
            self.alter(shard, |shard| shard.steer(index, member));
        }
    }

    /// Isolation groups that other slots of a shard are in.
    fn groups_beside(&self, shard: ShardId, slots: &[usize]) -> BTreeSet<&str> {
        let pairs = self.shard(shard).into_iter().flat_map(|of| of.pairs());
        let others = pairs.enumerate().filter(|(at, _)| !slots.contains(at));
        let members = others.flat_map(|(_, (now, next))| now.members().chain(next.members()));
        members.map(|member| self.group(&member.node)).collect()
    }

    fn no_place(&self, network: &Network<'_>, going: &[Place]) -> TopologyError {
        let stuck = network.stuck();
        let owner = |place: &Place| {
            let slot = self.shard(place.shard)?.planned().get(place.index)?;
            Some((place.shard, slot.target().node.clone()))
        };
        let mut owners = going.iter().filter_map(owner);
        let mut owners = owners.by_ref().filter(|(shard, _)| stuck.contains(shard));
        let (first, node) = owners.next().unwrap_or((0, NodeId::new("")));
        let same = owners.filter(|(_, other)| *other == node);
        let mut shards = vec![first];
        shards.extend(same.map(|(shard, _)| shard));
        TopologyError::NoPlace { node, shards }
    }
}

/// Shards, the groups they can go to, and the nodes of these.
struct Network<'a> {
    flow: Flow,
    /// Each with its load, and the pipe that what it takes goes through.
    takers: Vec<(&'a Taker, u64, usize)>,
    /// The pipes that a shard's slots come by, and how many these are.
    shards: BTreeMap<ShardId, (usize, u64)>,
    /// The pipes by which a node takes a slot of a shard.
    choices: Vec<(ShardId, &'a NodeId, usize)>,
}

impl<'a> Network<'a> {
    fn new(takers: &'a [Taker], loads: &BTreeMap<&NodeId, u64>) -> Self {
        let mut flow = Flow::new();
        let mut with_pipe = |taker: &'a Taker| {
            let load = loads.get(&taker.node).copied().unwrap_or(0);
            let point = flow.point();
            (taker, load, flow.pipe(point, SINK, 0))
        };
        let takers = takers.iter().map(&mut with_pipe).collect();
        Self {
            flow,
            takers,
            shards: BTreeMap::new(),
            choices: Vec::new(),
        }
    }

    /// Lays the pipes of a shard of which some slots go.
    fn lay(&mut self, topology: &Topology, shard: ShardId, slots: &[usize], anywhere: bool) {
        let Some(of) = topology.shard(shard) else {
            return;
        };
        let begin = self.flow.point();
        let count = u64::try_from(slots.len()).unwrap_or(u64::MAX);
        let pipe = self.flow.pipe(SOURCE, begin, count);
        self.shards.insert(shard, (pipe, count));
        let taken = topology.groups_beside(shard, slots);
        let mut groups: BTreeMap<&str, usize> = BTreeMap::new();
        // The first taker's point is behind source and sink.
        for (point, (taker, _, _)) in (SINK + 1..).zip(&self.takers) {
            let (node, group) = (&taker.node, topology.group(&taker.node));
            let fits = anywhere || !taken.contains(group);
            if of.has(node) || !fits {
                continue;
            }
            let name = if anywhere { node.as_str() } else { group };
            let group = *groups.entry(name).or_insert_with(|| {
                let group = self.flow.point();
                self.flow.pipe(begin, group, 1);
                group
            });
            let pipe = self.flow.pipe(group, point, 1);
            self.choices.push((shard, node, pipe));
        }
    }

    /// Fills the takers up to their shares, then all of them one over, then two, until everything
    /// is taken; answers whether it is.
    fn fill(&mut self, slots: usize) -> bool {
        let wanted = u64::try_from(slots).unwrap_or(u64::MAX);
        let mut taken = 0;
        for level in 0_u64.. {
            for (taker, load, pipe) in &self.takers {
                let room = |level: u64| {
                    let all = match level.checked_sub(1) {
                        None => taker.share.floor(),
                        Some(over) => taker.share.ceil().saturating_add(over),
                    };
                    all.saturating_sub(*load)
                };
                let before = level.checked_sub(1).map_or(0, room);
                self.flow.widen(*pipe, room(level) - before);
            }
            taken += self.flow.fill(wanted - taken);
            // Room that nobody could use: more of it is no use either.
            let has_room = |(taker, load, pipe): &(&Taker, u64, usize)| {
                let all = level.saturating_sub(1).saturating_add(taker.share.ceil());
                level > 0 && all.saturating_sub(*load) > self.flow.through(*pipe)
            };
            if taken >= wanted || self.takers.iter().all(has_room) {
                break;
            }
        }
        taken >= wanted
    }

    /// The nodes that take slots of each shard.
    fn chosen(&self) -> BTreeMap<ShardId, Vec<&'a NodeId>> {
        let mut chosen: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (shard, node, pipe) in &self.choices {
            if self.flow.through(*pipe) > 0 {
                chosen.entry(*shard).or_default().push(*node);
            }
        }
        chosen
    }

    /// The shards of which not all slots are taken.
    fn stuck(&self) -> BTreeSet<ShardId> {
        let stuck =
            |(_, (pipe, slots)): &(&ShardId, &(usize, u64))| self.flow.through(*pipe) < *slots;
        let shards = self.shards.iter().filter(stuck);
        shards.map(|(shard, _)| *shard).collect()
    }
}
