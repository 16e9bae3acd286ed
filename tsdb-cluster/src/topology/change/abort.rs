//! Changes that are undone.

use std::collections::BTreeSet;

use crate::topology::error::TopologyError;
use crate::topology::topology::Topology;
use crate::{NodeId, ShardId};

impl Topology {
    /// Undoes what has not finished in some shards: whoever has a slot keeps it, newcomers lose what
    /// they have not yet got, and go when they have nothing. Nodes that lost their data go on
    /// getting it back. What has finished stays.
    ///
    /// # Errors
    /// When a shard is not there.
    pub fn abort(&self, shards: &[ShardId]) -> Result<Self, TopologyError> {
        let mut after = self.clone();
        let (mut turned_away, mut kept) = (BTreeSet::new(), BTreeSet::new());
        for &shard in shards {
            let present = self.check_shard(shard)?;
            for (index, (now, planned)) in present.pairs().enumerate() {
                let (from, to) = (&now.answering().node, &planned.target().node);
                if from != to {
                    let member = self.member(from);
                    after.alter(shard, |shard| shard.steer(index, member));
                    turned_away.insert(to.clone());
                    kept.insert(from.clone());
                }
            }
        }
        for id in &kept {
            after.set_leaving(id, false);
        }
        for id in &turned_away {
            let is_idle = !after.has_anything(id);
            if is_idle {
                after.set_leaving(id, true);
            }
        }
        Ok(after.swept())
    }

    /// Undoes what has not finished, everywhere.
    #[must_use]
    pub fn abort_all(&self) -> Self {
        let shards: Vec<_> = self.in_change().collect();
        self.abort(&shards).unwrap_or_else(|_| self.clone())
    }

    fn set_leaving(&mut self, id: &NodeId, leaving: bool) {
        if let Some(node) = self.nodes.get_mut(id) {
            node.leaving = leaving;
        }
    }

    /// Whether a node has a slot, or is on the way to one.
    fn has_anything(&self, id: &NodeId) -> bool {
        let mut places = self.places();
        places.any(|(_, now, planned)| now.answering().node == *id || planned.target().node == *id)
    }
}
