//! Nodes that come up, with the data folder they knew or with another.

use crate::topology::error::TopologyError;
use crate::topology::shard::Member;
use crate::topology::topology::Topology;
use crate::{Incarnation, NodeId};

impl Topology {
    /// A node came up. One that never did has its fresh slots from now on; those that are handed
    /// over to it can be sealed.
    ///
    /// # Errors
    /// When it is not there, or is known with another data folder, which [`Topology::rebind`] takes.
    pub fn bind(&self, id: &NodeId, incarnation: Incarnation) -> Result<Self, TopologyError> {
        let present = self.check_node(id)?.incarnation;
        match present {
            Some(present) if present == incarnation => Ok(self.clone()),
            Some(present) => Err(TopologyError::OtherIncarnation {
                node: id.clone(),
                present,
                other: incarnation,
            }),
            None => {
                let mut after = self.with_incarnation(id, incarnation);
                let mut shards = after.shards.iter_mut();
                shards
                    .by_ref()
                    .for_each(|shard| shard.bind(id, incarnation));
                Ok(after)
            }
        }
    }

    /// A node came up with another data folder: what it had is lost. It copies its shards from the
    /// others; those that it was handing over are copied from the others too.
    ///
    /// # Errors
    /// When it is not there.
    pub fn rebind(&self, id: &NodeId, incarnation: Incarnation) -> Result<Self, TopologyError> {
        match self.check_node(id)?.incarnation {
            Some(present) if present != incarnation => {}
            _ => return self.bind(id, incarnation),
        }
        let mut after = self.with_incarnation(id, incarnation);
        let renewed = Member {
            node: id.clone(),
            incarnation: Some(incarnation),
        };
        for (place, _, planned) in self.places() {
            if planned.target().node == *id {
                let renewed = renewed.clone();
                after.alter(place.shard, |shard| shard.steer(place.index, renewed));
            }
        }
        Ok(after)
    }

    fn with_incarnation(&self, id: &NodeId, incarnation: Incarnation) -> Self {
        let mut after = self.clone();
        if let Some(node) = after.nodes.get_mut(id) {
            node.incarnation = Some(incarnation);
        }
        after
    }
}
