//! What nodes have promised by their answers, to hold them to it.

use std::collections::BTreeMap;

use tsdb_cluster::message::{NodeStatus, ShardVerdict, WriteReply};
use tsdb_cluster::transport::SealReply;
use tsdb_cluster::{Epoch, Incarnation, ShardId};

/// The newest epoch that a node has said it is in, and the newest that it has said it sealed.
#[derive(Clone, Copy, Debug, Default)]
struct Promise {
    epoch: Epoch,
    sealed: Epoch,
}

/// The promises of all data folders, and the first that was broken.
#[derive(Debug, Default)]
pub struct Promises {
    kept: BTreeMap<(Incarnation, ShardId), Promise>,
    broken: Option<String>,
}

/// What a node had promised when a request came to it.
#[derive(Clone, Debug)]
pub struct Before(BTreeMap<ShardId, Promise>);

impl Promises {
    /// A request comes to a node.
    #[must_use]
    pub fn before(&self, incarnation: Incarnation) -> Before {
        let all = (incarnation, ShardId::MIN)..=(incarnation, ShardId::MAX);
        let own = self.kept.range(all);
        Before(
            own.map(|((_, shard), promise)| (*shard, *promise))
                .collect(),
        )
    }

    /// A node answers a write of these epochs.
    pub fn wrote(
        &mut self,
        incarnation: Incarnation,
        before: &Before,
        epochs: &[(ShardId, Epoch)],
        reply: &WriteReply,
    ) {
        for (shard, verdict) in &reply.shards {
            let epoch = epochs.iter().find(|(id, _)| id == shard);
            let Some((_, epoch)) = epoch.filter(|_| *verdict == ShardVerdict::Stored) else {
                continue;
            };
            let promise = before.0.get(shard).copied().unwrap_or_default();
            if *epoch < promise.epoch || *epoch <= promise.sealed {
                self.breaks(format!(
                    "{incarnation} took a write of epoch {epoch} of shard {shard} after {promise:?}"
                ));
            }
            let own = self.kept.entry((incarnation, *shard)).or_default();
            own.epoch = own.epoch.max(*epoch);
        }
    }

    /// A node answers a read of these epochs: it has gone on to them.
    pub fn read(&mut self, incarnation: Incarnation, epochs: &[(ShardId, Epoch)]) {
        for (shard, epoch) in epochs {
            let own = self.kept.entry((incarnation, *shard)).or_default();
            own.epoch = own.epoch.max(*epoch);
        }
    }

    /// A node answers a seal of these epochs.
    pub fn sealed(
        &mut self,
        incarnation: Incarnation,
        epochs: &[(ShardId, Epoch)],
        reply: &SealReply,
    ) {
        for (shard, _) in reply.iter().filter(|(_, result)| result.is_ok()) {
            if let Some((_, epoch)) = epochs.iter().find(|(id, _)| id == shard) {
                let own = self.kept.entry((incarnation, *shard)).or_default();
                own.epoch = own.epoch.max(*epoch);
                own.sealed = own.sealed.max(*epoch);
            }
        }
    }

    /// A node was opened, and is in these epochs.
    pub fn opened(&mut self, status: &NodeStatus) {
        let states: BTreeMap<_, _> = status.shards.iter().copied().collect();
        for (shard, promise) in self.before(status.incarnation).0 {
            let state = states.get(&shard).copied().unwrap_or_default();
            let is_sealed = state.sealed || promise.sealed < state.epoch;
            if state.epoch < promise.epoch || !is_sealed && promise.sealed > 0 {
                self.breaks(format!(
                    "{} came back as {state:?} of shard {shard} after {promise:?}",
                    status.incarnation
                ));
            }
        }
    }

    /// The first that was broken.
    #[must_use]
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    fn breaks(&mut self, what: String) {
        self.broken.get_or_insert(what);
    }
}
