//! Nodes in the place of others.

use super::give::{Newcomers, Taker};
use super::init::new_nodes;
use crate::NodeId;
use crate::topology::error::TopologyError;
use crate::topology::shares::Share;
use crate::topology::topology::{Node, Topology};

impl Topology {
    /// New nodes take exactly what some have, also what these are only on the way to; several
    /// candidates share it by weight. Whoever leaves may be dead: a newcomer copies from the others.
    ///
    /// # Errors
    /// When one is not there or is there already, shards are in change, or two replicas of a shard
    /// would be in one isolation group; with `force` these are not looked at.
    pub fn replace(
        &self,
        leaving: &[NodeId],
        candidates: Vec<(NodeId, Node)>,
        force: bool,
    ) -> Result<Self, TopologyError> {
        let mut after = self.clone();
        let candidates = new_nodes(candidates)?;
        if let Some(known) = candidates.keys().find(|id| self.nodes.contains_key(*id)) {
            return Err(TopologyError::KnownNode(known.clone()));
        }
        let leaving = after.mark_leaving(leaving, "leavingInstanceIDs")?;
        let weights = candidates
            .iter()
            .map(|(id, node)| (id.clone(), node.weight));
        let weights: Vec<_> = weights.collect();
        after.nodes.extend(candidates);
        let going = after.vacate(&leaving, Newcomers::GiveOn)?;
        let slots = u64::try_from(going.len()).unwrap_or(u64::MAX);
        let sum = weights.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let takers = weights.into_iter().map(|(node, weight)| Taker {
            node,
            share: Share::new(slots * u64::from(weight), sum),
        });
        let takers: Vec<_> = takers.collect();
        after.give(&going, &takers, force)?;
        Ok(after.swept())
    }
}
