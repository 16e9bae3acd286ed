//! Where nodes listen.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use tsdb_cluster::NodeId;
use tsdb_cluster::topology::Topology;

/// Where each node listens, `HOST:PORT`. Cloning shares it: whoever follows the topology sets it,
/// and a client that finds another address than before connects anew.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    by_node: Arc<RwLock<BTreeMap<NodeId, Arc<str>>>>,
}

impl Endpoints {
    /// Puts these in the place of all that were known.
    pub fn replace(&self, all: impl IntoIterator<Item = (NodeId, Arc<str>)>) {
        let all = all.into_iter().collect();
        // It is never half changed, so a panic elsewhere does not matter here.
        *self.by_node.write().unwrap_or_else(PoisonError::into_inner) = all;
    }

    /// Puts those of a topology in the place of all that were known.
    pub fn follow(&self, topology: &Topology) {
        let nodes = topology.nodes().iter();
        self.replace(nodes.map(|(id, node)| (id.clone(), node.endpoint.as_str().into())));
    }

    /// Where one of them listens.
    #[must_use]
    pub fn get(&self, node: &NodeId) -> Option<Arc<str>> {
        let by_node = self.by_node.read().unwrap_or_else(PoisonError::into_inner);
        by_node.get(node).cloned()
    }
}
