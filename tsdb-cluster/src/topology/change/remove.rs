//! Nodes that go.

use std::collections::BTreeSet;

use super::give::{Newcomers, Taker};
use crate::NodeId;
use crate::topology::error::TopologyError;
use crate::topology::shares::Shares;
use crate::topology::topology::Topology;

impl Topology {
    /// Gives what some nodes have to the others, and moves nothing else. What they were only on the
    /// way to stays with whom it was. Of all ways that the isolation groups allow, one is taken that
    /// is least over anybody's share. Nodes that never came up go at once.
    ///
    /// # Errors
    /// When one is not there, shards of theirs are in change, or the isolation groups of the others
    /// do not suffice.
    pub fn remove(&self, ids: &[NodeId]) -> Result<Self, TopologyError> {
        let mut after = self.clone();
        let leaving = after.mark_leaving(ids, "instanceIds")?;
        let going = after.vacate(&leaving, Newcomers::GiveBack)?;
        let shares = Shares::of_topology(&after)?.by_node().into_iter();
        let takers = shares.map(|(node, share)| Taker {
            node: node.clone(),
            share,
        });
        let takers: Vec<_> = takers.collect();
        after.give(&going, &takers, false)?;
        Ok(after.swept())
    }

    pub(super) fn mark_leaving(
        &mut self,
        ids: &[NodeId],
        field: &'static str,
    ) -> Result<BTreeSet<NodeId>, TopologyError> {
        if ids.is_empty() {
            return Err(TopologyError::NoInstances { field });
        }
        let mut leaving = BTreeSet::new();
        for id in ids {
            let unknown = || TopologyError::UnknownNode(id.clone());
            self.nodes.get_mut(id).ok_or_else(unknown)?.leaving = true;
            if !leaving.insert(id.clone()) {
                return Err(TopologyError::NamedTwice(id.clone()));
            }
        }
        Ok(leaving)
    }
}
