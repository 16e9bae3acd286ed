//! Copying shards that a node is given from others: slowly enough, from where it was before a restart,
//! and compared with what it was copied from in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::{self, FuturesUnordered};
use serde::{Deserialize, Serialize};
use tsdb_core::{Db, Labels, TimeRange};

use super::comparison::{Mend, Peer};
use super::marks::WINDOW_MS;
use super::membership::{Membership, MembershipError, Move};
use crate::batch::Batch;
use crate::coordinator::{KnownTopology, ReadQuery};
use crate::identity::{Epoch, ShardId};
use crate::message::NodeError;
use crate::storage::{Lane, with_db};
use crate::topology::{Member, ReadLevel, Slot, Topology, seals_needed};

/// How far a shard was copied in an epoch. What it says is on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Progress {
    epoch: Epoch,
    /// Namespaces that are copied.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    done: BTreeSet<String>,
    /// The namespace that is being copied, and the last series of it that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<(String, LastSeries)>,
}

/// A series, as a document names it: its canonical bytes, in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct LastSeries(Labels);

impl From<LastSeries> for String {
    fn from(LastSeries(labels): LastSeries) -> Self {
        let digits = labels.as_bytes().iter();
        digits.map(|byte| format!("{byte:02x}")).collect()
    }
}

impl TryFrom<String> for LastSeries {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let byte = |digits: &[u8]| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 16).ok()
        };
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
        let bytes = bytes.ok_or_else(|| format!("{text:?} is not in hexadecimal digits"))?;
        let labels = Labels::from_bytes(bytes.into());
        let labels = labels.map_err(|error| format!("no labels are written {text:?}: {error}"))?;
        Ok(Self(labels))
    }
}

impl Membership {
    /// Shards that are handed over to this node, and that it has not said to have copied.
    pub(super) fn given(&self, topology: &Topology) -> Vec<ShardId> {
        let is_given = |slot: &Slot| {
            let to = slot.target();
            slot.answering() != to
                && to.node == *self.id()
                && to.incarnation == Some(self.node().incarnation())
        };
        let given = topology.numbered().filter(|(_, shard)| {
            shard.slots().iter().any(is_given) && shard.planned().iter().any(is_given)
        });
        given.map(|(id, _)| id).collect()
    }

    /// Copies all of some shards, a few at a time.
    pub(super) async fn copy_all(
        &self,
        known: &KnownTopology,
        given: &[ShardId],
    ) -> Result<(), MembershipError> {
        let copies = given.iter().copied().map(|id| self.copy(known, id));
        let mut copies = stream::iter(copies).buffer_unordered(self.pace().shards_at_a_time.max(1));
        let mut all = Ok(());
        while let Some(copied) = copies.next().await {
            all = copied;
            if all.is_err() {
                break;
            }
        }
        drop(copies);
        self.lock_moves().clear();
        all
    }

    /// Copies all that enough others have of a shard. They are in the present epoch of it, or go
    /// on to it with this read, so that nothing of an older one is acknowledged behind it.
    async fn copy(&self, known: &KnownTopology, id: ShardId) -> Result<(), MembershipError> {
        let Some(shard) = known.topology.shard(id) else {
            return Ok(());
        };
        let begun = Move {
            shard: id,
            copied_series: 0,
            copied_samples: 0,
        };
        self.lock_moves().insert(id, begun);
        // As many as must seal an epoch, which is a majority, or one of two.
        let level = match seals_needed(shard.slots().len()) {
            1 => ReadLevel::One,
            _ => ReadLevel::Majority,
        };
        let mut progress = self.progress(id, shard.epoch()).await?;
        for namespace in self.node().namespaces().await? {
            if progress.done.contains(&*namespace) {
                continue;
            }
            let mut query = ReadQuery::everything(Arc::clone(&namespace), TimeRange::ALL);
            query.level = Some(level);
            query.shards = Some([id].into());
            if let Some((of, LastSeries(labels))) = &progress.last
                && **of == *namespace
            {
                query.after = Some(labels.clone());
            }
            self.copy_namespace(known, id, query, &mut progress).await?;
            progress.last = None;
            progress.done.insert(namespace.as_ref().to_owned());
            self.keep_progress(id, progress.clone()).await?;
        }
        self.verify(known, id).await?;
        self.lock_moves().remove(&id);
        Ok(())
    }

    async fn copy_namespace(
        &self,
        known: &KnownTopology,
        id: ShardId,
        query: ReadQuery,
        progress: &mut Progress,
    ) -> Result<(), MembershipError> {
        let namespace = Arc::clone(&query.namespace);
        let mut answer = self.cluster().read(query).await?;
        let mut batch = Batch::default();
        loop {
            let next = answer.series.next().await?;
            let is_last = next.is_none();
            if let Some((labels, chunks)) = next {
                batch.push_chunks(id, labels, chunks, TimeRange::ALL)?;
            }
            if is_last || batch.samples_len() >= self.pace().samples_at_a_time {
                let full = std::mem::take(&mut batch);
                self.throttle(full.samples_len()).await;
                self.is_still(id, progress.epoch)?;
                let (series, samples) = (full.series().len(), full.samples_len());
                let last = full.series().last().map(|one| one.entry.labels.clone());
                self.take(known, id, &namespace, answer.deletes_seen, full)
                    .await?;
                if let Some(own) = self.lock_moves().get_mut(&id) {
                    own.copied_series += series as u64;
                    own.copied_samples += samples as u64;
                }
                if let Some(last) = last.filter(|_| !is_last) {
                    progress.last = Some((namespace.as_ref().to_owned(), LastSeries(last)));
                    self.keep_progress(id, progress.clone()).await?;
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// A long copy ends where nobody needs it any more.
    fn is_still(&self, id: ShardId, epoch: Epoch) -> Result<(), MembershipError> {
        let known = self.cluster().topology().known();
        let now = known.and_then(|known| Some(known.topology.shard(id)?.epoch()));
        match now == Some(epoch) {
            true => Ok(()),
            false => Err(MembershipError::Overtaken(id)),
        }
    }

    /// Compares what was copied with as many of those it was copied from as must have it, and fetches
    /// what is missing.
    async fn verify(&self, known: &KnownTopology, id: ShardId) -> Result<(), MembershipError> {
        let Some(shard) = known.topology.shard(id) else {
            return Ok(());
        };
        let needed = seals_needed(shard.slots().len());
        // A slot that never came up has nothing.
        let mut verified = shard.slots().iter().filter(|slot| slot.is_fresh()).count();
        let sources = shard.slots().iter().map(Slot::answering);
        let sources = sources.filter(|one| one.node != *self.id() && known.topology.is_there(one));
        let mut comparing: FuturesUnordered<_> = sources
            .map(|source| self.verify_against(known, id, source))
            .collect();
        let mut why = "there are no others".to_owned();
        while verified < needed {
            match comparing.next().await {
                Some(Ok(())) => verified += 1,
                Some(Err(error)) => why = error.to_string(),
                None => {
                    return Err(MembershipError::Unverified {
                        shard: id,
                        verified,
                        needed,
                        why,
                    });
                }
            }
        }
        Ok(())
    }

    async fn verify_against(
        &self,
        known: &KnownTopology,
        id: ShardId,
        source: &Member,
    ) -> Result<(), MembershipError> {
        let (Some(incarnation), Some(shard)) = (source.incarnation, known.topology.shard(id))
        else {
            return Err(MembershipError::Overtaken(id));
        };
        for namespace in self.node().namespaces().await? {
            let peer = Peer {
                node: source.node.clone(),
                incarnation,
                namespace,
                epochs: vec![(id, shard.epoch())],
                shards: known.topology.shard_count(),
                window_ms: WINDOW_MS,
            };
            let compared = self.compare(known, &peer, TimeRange::ALL, Some(Mend::Fetch), |_, _| {});
            let compared = compared.await?;
            compared.failed?;
            if !compared.shards.contains(&id) {
                return Err(MembershipError::Overtaken(id));
            }
        }
        Ok(())
    }

    /// How far a shard was copied in this epoch. What was copied in another one is copied again: it
    /// may have missed writes, or have been removed since.
    async fn progress(&self, id: ShardId, epoch: Epoch) -> Result<Progress, NodeError> {
        let records = self.node().records();
        let read = move |db: &Db| records.copies(db);
        let all = with_db(&**self.node().storage(), Lane::Read, read).await?;
        let fresh = Progress {
            epoch,
            ..Progress::default()
        };
        let kept = all.get(&id).filter(|kept| kept.epoch == epoch);
        Ok(kept.cloned().unwrap_or(fresh))
    }

    async fn keep_progress(&self, id: ShardId, progress: Progress) -> Result<(), NodeError> {
        let records = self.node().records();
        let keep = move |db: &Db| {
            records.change_copies(db, |all: &mut BTreeMap<_, _>| {
                all.insert(id, progress);
            })
        };
        with_db(&**self.node().storage(), Lane::Write, keep).await
    }

    /// Forgets how far shards were copied that are not being given to it any more.
    pub(super) async fn forget_progress(&self) -> Result<(), NodeError> {
        let records = self.node().records();
        let forget = move |db: &Db| records.change_copies(db, BTreeMap::clear);
        with_db(&**self.node().storage(), Lane::Write, forget).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read_as_it_was_written_and_nothing_else_is() {
        let labels =
            Labels::from_pairs([("__name__", "up"), ("job", "a\u{e9}\0")]).expect("labels");
        let progress = Progress {
            epoch: 7,
            done: ["a".to_owned()].into(),
            last: Some(("b".to_owned(), LastSeries(labels))),
        };
        let text = serde_json::to_string(&progress).expect("JSON");
        let read: Progress = serde_json::from_str(&text).expect("progress");
        assert_eq!(read, progress);
        for wrong in ["zz", "0", "\u{e9}\u{e9}"] {
            let text = format!(r#"{{"epoch":1,"last":["b","{wrong}"]}}"#);
            let read = serde_json::from_str::<Progress>(&text);
            assert!(read.is_err(), "{wrong}");
        }
    }
}
