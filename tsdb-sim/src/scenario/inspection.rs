//! Looks into the disks of the nodes, where a read would only see what they answer.

use std::collections::BTreeMap;

use tsdb_cluster::topology::{Shard, majority};
use tsdb_cluster::{Incarnation, NodeId};
use tsdb_core::{Db, Matcher, TimeRange};

use super::play::Play;
use super::samples::{NAMESPACE, NUMBER, Samples, shard_of_series};
use crate::history::{SeriesNumber, Violation};

type Images = BTreeMap<NodeId, (Incarnation, Db)>;

impl Play {
    /// Samples that were just acknowledged are durable at so many members of the present epoch that
    /// every majority has one; and no node has broken what it promised.
    pub(super) async fn inspect(&self, samples: &Samples) {
        let Ok(known) = self.known().await else {
            return;
        };
        let now = tsdb_cluster::runtime::Runtime::now(&self.executor);
        let images = match self.cluster.images().await {
            Ok(images) => images,
            Err(error) => return self.broken(Violation::new(error)),
        };
        for series in &samples.series {
            let state = self.lock();
            let may_be_gone = state.history.may_be_gone(*series, samples.timestamp, now);
            drop(state);
            let id = shard_of_series(*series, self.options.shards);
            let Some(shard) = known.topology.shard(id).filter(|_| !may_be_gone) else {
                continue;
            };
            let held = held(shard, &images, *series, samples.timestamp);
            if held < majority(shard.slots().len()) {
                let what =
                    format!("was acknowledged and is durable at {held} members of {shard:?} only");
                self.broken(Violation::of(*series, samples.timestamp, &what));
            }
        }
        self.lock().inspected += 1;
    }

    /// Looks for promises that nodes have broken.
    pub(super) fn hold_to_promises(&self) {
        let broken = self
            .cluster
            .network()
            .promises()
            .broken()
            .map(str::to_owned);
        if let Some(what) = broken.filter(|_| self.options.inspect) {
            self.broken(Violation::new(what));
        }
    }

    /// Which replicas a sample should be at, and which nodes have it.
    pub(super) fn who_has(&self, series: SeriesNumber, timestamp: i64) -> String {
        let id = shard_of_series(series, self.options.shards);
        let known = self.placement.known();
        let shard = known.as_ref().and_then(|known| known.topology.shard(id));
        let holders = self.cluster.databases().into_iter();
        let holders = holders.filter(|(_, db)| has(db, series, timestamp));
        let holders: Vec<String> = holders.map(|(id, _)| id.to_string()).collect();
        format!("it is at {holders:?}; the shard is {shard:?}")
    }
}

/// How many slots of a shard have a sample where they answer. One that lost its data folder counts
/// as if it had: it is asked no more.
fn held(shard: &Shard, images: &Images, series: SeriesNumber, timestamp: i64) -> usize {
    let slots = shard.slots().iter();
    let has_it = |member: &tsdb_cluster::topology::Member| match images.get(&member.node) {
        Some((incarnation, db)) if member.incarnation == Some(*incarnation) => {
            has(db, series, timestamp)
        }
        _ => true,
    };
    slots.filter(|slot| has_it(slot.answering())).count()
}

fn has(db: &Db, series: SeriesNumber, timestamp: i64) -> bool {
    let find = || {
        let range = TimeRange::inclusive(timestamp, timestamp).ok()?;
        let matchers = [Matcher::equal(NUMBER, series.to_string())];
        let mut set = db.find(NAMESPACE)?.select(range, &matchers).ok()?;
        set.next()?.ok()
    };
    find().is_some_and(|series| series.samples_len() > 0)
}
