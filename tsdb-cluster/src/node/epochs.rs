//! In which epoch a node takes writes of each shard, and which epoch it has sealed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event_listener::Event;
use serde::{Deserialize, Serialize};

use crate::identity::{Epoch, ShardId};
use crate::rules::{Rule, Rules};

/// What a node has promised about a shard. Kept on its disk: it never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ShardState {
    /// The newest epoch it was told of.
    pub epoch: Epoch,
    /// Whether it refuses the writes of that one too.
    pub sealed: bool,
    /// Whether it has removed all that it had, and has been in no epoch since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_empty: bool,
}

/// Why a node does not take a write, or what a reader has to look into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request is of an epoch that is over.
    #[error("the node is in epoch {epoch} of the shard")]
    Stale {
        /// The one that the node is in.
        epoch: Epoch,
    },
    /// The epoch is sealed: the next one is about to begin.
    #[error("epoch {epoch} of the shard is sealed")]
    Sealed {
        /// The sealed one.
        epoch: Epoch,
    },
}

/// The epochs of all shards of a node. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct Epochs {
    shared: Arc<Shared>,
    rules: Rules,
}

#[derive(Debug, Default)]
struct Shared {
    shards: Mutex<BTreeMap<ShardId, Shard>>,
    /// A write ended.
    ended: Event,
}

#[derive(Debug, Default)]
struct Shard {
    state: ShardState,
    /// Writes that were admitted and whose end is not known.
    writers: usize,
    /// What it has of the shard is being removed: no write may come between.
    is_removing: bool,
}

impl Shard {
    fn check(&self, epoch: Epoch) -> Result<(), Refusal> {
        match self.is_removing {
            true => Err(Refusal::Sealed { epoch }),
            false => check(self.state, epoch),
        }
    }
}

impl Epochs {
    /// As they were kept.
    #[must_use]
    pub fn new(kept: BTreeMap<ShardId, ShardState>) -> Self {
        let shard = |(id, state)| {
            let shard = Shard {
                state,
                ..Shard::default()
            };
            (id, shard)
        };
        let shards = kept.into_iter().map(shard).collect();
        let shared = Shared {
            shards: Mutex::new(shards),
            ended: Event::new(),
        };
        Self {
            shared: Arc::new(shared),
            rules: Rules::default(),
        }
    }

    /// The same, under other rules.
    #[cfg(feature = "testkit")]
    #[must_use]
    pub fn with_rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// What is to be kept.
    #[must_use]
    pub fn states(&self) -> BTreeMap<ShardId, ShardState> {
        let shards = self.lock();
        shards
            .iter()
            .map(|(id, shard)| (*id, shard.state))
            .collect()
    }

    /// What is promised about a shard.
    #[must_use]
    pub fn state(&self, shard: ShardId) -> ShardState {
        self.lock()
            .get(&shard)
            .map(|shard| shard.state)
            .unwrap_or_default()
    }

    /// Admits a write of `epoch`. It counts as running until the admission is dropped, which must
    /// not be before what it stores is durable, or known not to be acknowledged.
    ///
    /// # Errors
    /// When the epoch is over or sealed. One that is still to come must be [raised](Self::raise) to
    /// before.
    pub fn admit(&self, id: ShardId, epoch: Epoch) -> Result<Admission, Refusal> {
        let mut shards = self.lock();
        let shard = shards.entry(id).or_default();
        if self.rules.hold(Rule::Epoch) {
            shard.check(epoch)?;
        }
        shard.writers += 1;
        drop(shards);
        let shared = Arc::clone(&self.shared);
        Ok(Admission { shared, id })
    }

    /// What a reader of `epoch` has to know.
    ///
    /// # Errors
    /// When the epoch is over, or sealed: then the answer holds if the placement still says so
    /// after it.
    pub fn look(&self, id: ShardId, epoch: Epoch) -> Result<(), Refusal> {
        match self.rules.hold(Rule::Epoch) {
            true => check(self.state(id), epoch),
            false => Ok(()),
        }
    }

    /// Whether any of these epochs is newer than what was promised: then [leave](Self::leave) the
    /// present ones, keep the new ones, and [`raise`](Self::raise) to them.
    #[must_use]
    pub fn newer(&self, epochs: &[(ShardId, Epoch)]) -> bool {
        let shards = self.lock();
        let is_newer = |(id, epoch): &(ShardId, Epoch)| {
            shards.get(id).map_or(0, |shard| shard.state.epoch) < *epoch
        };
        epochs.iter().any(is_newer)
    }

    /// Takes no more writes of the present epochs of those shards that are to go on to a newer one,
    /// and waits for the end of those that were admitted: whoever reads in the new epoch misses
    /// none of them.
    pub async fn leave(&self, to: &[(ShardId, Epoch)]) {
        let mut left = Vec::new();
        {
            let mut shards = self.lock();
            for (id, epoch) in to {
                let shard = shards.entry(*id).or_default();
                if shard.state.epoch < *epoch {
                    shard.state.sealed = true;
                    left.push(*id);
                }
            }
        }
        if !self.rules.hold(Rule::Leave) {
            return;
        }
        for id in left {
            self.drained(id).await;
        }
    }

    /// Keeps writes of these shards out, of whatever epoch, and waits for the end of those that were
    /// admitted; until what is returned is dropped.
    pub async fn remove(&self, shards: &[ShardId]) -> Removing {
        {
            let mut all = self.lock();
            for id in shards {
                all.entry(*id).or_default().is_removing = true;
            }
        }
        let removing = Removing {
            shared: Arc::clone(&self.shared),
            shards: shards.to_vec(),
        };
        for id in shards {
            self.drained(*id).await;
        }
        removing
    }

    /// Goes on to these epochs where they are newer.
    pub fn raise(&self, epochs: &[(ShardId, Epoch)]) {
        let mut shards = self.lock();
        for (id, epoch) in epochs {
            raise(&mut shards.entry(*id).or_default().state, *epoch);
        }
    }

    /// Takes no more writes of `epoch`, and waits for the end of those that were admitted. The
    /// promise holds once the state is kept.
    ///
    /// # Errors
    /// When the node is in another epoch. One that is still to come must be
    /// [raised](Self::raise) to before.
    pub async fn seal(&self, id: ShardId, epoch: Epoch) -> Result<(), Refusal> {
        {
            let mut shards = self.lock();
            let shard = shards.entry(id).or_default();
            if shard.state.epoch != epoch {
                let epoch = shard.state.epoch;
                return Err(Refusal::Stale { epoch });
            }
            shard.state.sealed = true;
        }
        self.drained(id).await;
        Ok(())
    }

    /// Ends once no admitted write of a shard runs.
    async fn drained(&self, id: ShardId) {
        loop {
            let ended = self.shared.ended.listen();
            if self.lock().get(&id).is_none_or(|shard| shard.writers == 0) {
                return;
            }
            ended.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ShardId, Shard>> {
        self.shared.lock()
    }
}

/// States with some epochs newer, as they would be kept.
pub(super) fn raised(
    mut states: BTreeMap<ShardId, ShardState>,
    epochs: &[(ShardId, Epoch)],
) -> BTreeMap<ShardId, ShardState> {
    for (id, epoch) in epochs {
        raise(states.entry(*id).or_default(), *epoch);
    }
    states
}

fn raise(state: &mut ShardState, epoch: Epoch) {
    if state.epoch < epoch {
        *state = ShardState {
            epoch,
            ..ShardState::default()
        };
    }
}

fn check(state: ShardState, epoch: Epoch) -> Result<(), Refusal> {
    let ShardState {
        epoch: own, sealed, ..
    } = state;
    match own == epoch {
        false => Err(Refusal::Stale { epoch: own }),
        true if sealed => Err(Refusal::Sealed { epoch }),
        true => Ok(()),
    }
}

impl Shared {
    /// Nothing is left half changed under the lock, so a panic elsewhere does not matter here.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ShardId, Shard>> {
        self.shards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The exclusive right to remove what a node has of some shards.
#[derive(Debug)]
#[must_use = "writes are kept out until this is dropped"]
pub struct Removing {
    shared: Arc<Shared>,
    shards: Vec<ShardId>,
}

impl Removing {
    /// Which.
    #[must_use]
    pub fn shards(&self) -> &[ShardId] {
        &self.shards
    }

    /// Nothing is left of these.
    pub fn removed(&self, empty: &[ShardId]) {
        let mut shards = self.shared.lock();
        for id in empty.iter().filter(|id| self.shards.contains(id)) {
            if let Some(shard) = shards.get_mut(id) {
                shard.state.is_empty = true;
            }
        }
    }
}

impl Drop for Removing {
    fn drop(&mut self) {
        let mut shards = self.shared.lock();
        for id in &self.shards {
            if let Some(shard) = shards.get_mut(id) {
                shard.is_removing = false;
            }
        }
    }
}

/// A write that a seal waits for.
#[derive(Debug)]
#[must_use = "the write counts as running until this is dropped"]
pub struct Admission {
    shared: Arc<Shared>,
    id: ShardId,
}

impl Drop for Admission {
    fn drop(&mut self) {
        if let Some(shard) = self.shared.lock().get_mut(&self.id) {
            shard.writers -= 1;
        }
        self.shared.ended.notify(usize::MAX);
    }
}
