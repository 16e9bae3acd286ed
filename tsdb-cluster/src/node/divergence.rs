//! Where a node is known to differ from other replicas.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::identity::{NodeId, ShardId};

/// A shard of a namespace, and another replica of it.
type Pair = (Arc<str>, ShardId, NodeId);

/// The windows in which a node differs from others, as it was found the last time that each was
/// compared. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Divergence {
    windows: Arc<Mutex<BTreeMap<Pair, BTreeSet<i64>>>>,
}

impl Divergence {
    /// Windows that differ, each counted once for each replica that it differs from.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_peer().values().sum()
    }

    /// The same for each of the other nodes; those that it differs from in nothing have 0.
    #[must_use]
    pub fn by_peer(&self) -> BTreeMap<NodeId, u64> {
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let mut by_peer = BTreeMap::new();
        for ((_, _, node), starts) in windows.iter() {
            *by_peer.entry(node.clone()).or_default() += starts.len() as u64;
        }
        by_peer
    }

    /// A pair is found to differ in the window that begins at this time.
    pub(super) fn found(&self, pair: Pair, start: i64) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.entry(pair).or_default().insert(start);
    }

    /// A pair was compared: it differs in the windows that begin at these times.
    pub(super) fn compared(&self, pair: Pair, starts: BTreeSet<i64>) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.insert(pair, starts);
    }

    /// Only these pairs are compared from now on.
    pub(super) fn retain(&self, pairs: &BTreeSet<Pair>) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.retain(|pair, _| pairs.contains(pair));
    }
}
