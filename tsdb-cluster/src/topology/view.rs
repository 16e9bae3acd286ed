//! Shards of nodes, as M3 shows them.

use std::collections::BTreeMap;

use super::topology::Topology;
use crate::{NodeId, ShardId};

/// Whether a node has the data of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardState {
    /// Not yet.
    Initializing,
    /// It has.
    Available,
    /// It has, and is to lose it.
    Leaving,
}

impl ShardState {
    /// As M3 writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Initializing => "INITIALIZING",
            Self::Available => "AVAILABLE",
            Self::Leaving => "LEAVING",
        }
    }
}

/// A shard of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replica<'a> {
    /// Which shard.
    pub shard: ShardId,
    /// Whether the node has its data.
    pub state: ShardState,
    /// The node whose place it takes; `None` for a fresh one, and for one that lost its data and
    /// copies from all others.
    pub source: Option<&'a NodeId>,
}

impl Topology {
    /// The shards of every node, by shard. A change shows as soon as it is begun and until it is
    /// opened; one that is aborted shows as undone at once.
    #[must_use]
    pub fn replicas_by_node(&self) -> BTreeMap<&NodeId, Vec<Replica<'_>>> {
        let mut all: BTreeMap<_, Vec<_>> = self.nodes.keys().map(|id| (id, Vec::new())).collect();
        for (place, now, planned) in self.places() {
            let mut show = |node, state, source| {
                let shard = place.shard;
                let replica = Replica {
                    shard,
                    state,
                    source,
                };
                all.entry(node).or_default().push(replica);
            };
            let (from, to) = (&now.answering().node, &planned.target().node);
            let is_settled = !planned.is_handover() && planned.target() == now.answering();
            match () {
                () if now.is_fresh() => show(to, ShardState::Initializing, None),
                () if is_settled => show(to, ShardState::Available, None),
                () if from == to => show(to, ShardState::Initializing, None),
                () => {
                    show(from, ShardState::Leaving, None);
                    show(to, ShardState::Initializing, Some(from));
                }
            }
        }
        all
    }
}
