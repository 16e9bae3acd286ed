//! A topology as somebody wants it.

use std::collections::{BTreeMap, BTreeSet};

use super::init::new_nodes;
use crate::topology::error::TopologyError;
use crate::topology::topology::{Node, Topology};
use crate::{NodeId, ShardId};

impl Topology {
    /// Brings shards to the nodes that `targets` says, by shard; goes through epochs like any other
    /// change. Nodes that are not named leave, those that are get the names, weights and addresses
    /// that are said; their data folders are what they are.
    ///
    /// # Errors
    /// When a shard is not said, has too many or too few nodes, or unknown ones; or is in change
    /// or would have two replicas in one isolation group, unless `force`.
    pub fn set(
        &self,
        nodes: Vec<(NodeId, Node)>,
        targets: &[BTreeSet<NodeId>],
        force: bool,
    ) -> Result<Self, TopologyError> {
        let named = new_nodes(nodes)?;
        self.check_targets(&named, targets, force)?;
        let mut after = self.clone();
        after
            .nodes
            .values_mut()
            .for_each(|node| node.leaving = true);
        for (id, node) in named {
            let incarnation = match after.nodes.get(&id) {
                Some(present) => present.incarnation,
                None => node.incarnation,
            };
            let node = Node {
                incarnation,
                ..node
            };
            after.nodes.insert(id, node);
        }
        let mut locked = Vec::new();
        for (shard, wanted) in (0..).zip(targets) {
            let present = self.check_shard(shard)?;
            let mut planned = present.planned().iter().map(|slot| &slot.target().node);
            if planned.all(|node| wanted.contains(node)) {
                continue;
            }
            if present.is_in_change() && !force {
                locked.push(shard);
            }
            after.bring(shard, wanted)?;
        }
        match locked.is_empty() {
            true => Ok(after.swept()),
            false => Err(TopologyError::Locked { shards: locked }),
        }
    }

    fn check_targets(
        &self,
        nodes: &BTreeMap<NodeId, Node>,
        targets: &[BTreeSet<NodeId>],
        force: bool,
    ) -> Result<(), TopologyError> {
        let (shards, said) = (self.shards.len(), targets.len());
        if said != shards {
            let shard = ShardId::try_from(said.min(shards)).unwrap_or(ShardId::MAX);
            let what = format!("{said} shards are said, there are {shards}: their number stays");
            return Err(TopologyError::BadTarget { shard, what });
        }
        for (shard, wanted) in (0..).zip(targets) {
            let bad = |what| Err(TopologyError::BadTarget { shard, what });
            let (count, replicas) = (wanted.len(), self.replicas);
            if count != usize::from(replicas) {
                return bad(format!(
                    "{count} instances are said, there are {replicas} replicas: their number stays"
                ));
            }
            let mut groups: BTreeMap<&str, &NodeId> = BTreeMap::new();
            for id in wanted {
                let unknown = || TopologyError::UnknownNode(id.clone());
                let group = &nodes.get(id).ok_or_else(unknown)?.isolation_group;
                if let Some(other) = groups.insert(group, id)
                    && !force
                {
                    return bad(format!(
                        "{other} and {id} are both in isolation group {group}: name instances of \
                         different groups, or use force"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Brings a shard to some nodes.
    fn bring(&mut self, shard: ShardId, wanted: &BTreeSet<NodeId>) -> Result<(), TopologyError> {
        let of = self.check_shard(shard)?;
        let planned = of.planned().iter().map(|slot| slot.target().node.clone());
        let planned: BTreeSet<_> = planned.collect();
        let mut coming: Vec<&NodeId> = wanted.difference(&planned).collect();
        let mut pairs = Vec::new();
        let mut others = Vec::new();
        for (index, (now, slot)) in of.pairs().enumerate() {
            if wanted.contains(&slot.target().node) {
                continue;
            }
            // Whoever still has it comes back to it; next best is one of the same group.
            let from = &now.answering().node;
            let has = coming.iter().position(|node| *node == from);
            let near = || {
                let group = self.group(from);
                coming.iter().position(|node| self.group(node) == group)
            };
            match has.or_else(near) {
                Some(at) => pairs.push((index, coming.remove(at))),
                None => others.push(index),
            }
        }
        pairs.extend(others.into_iter().zip(coming));
        // Checked before any of them, as nobody can have sealed in between.
        for (index, node) in &pairs {
            if of.has_beside(*index, node) {
                let what = format!("{node} is in it as another replica: wait, or abort that");
                return Err(TopologyError::BadTarget { shard, what });
            }
        }
        for (index, node) in pairs {
            let member = self.member(node);
            self.alter(shard, |shard| shard.steer(index, member));
        }
        Ok(())
    }
}
