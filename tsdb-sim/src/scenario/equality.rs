//! After some time without trouble all replicas of a shard are the same, and know it.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use tsdb_cluster::runtime::Runtime as _;
use tsdb_cluster::topology::Topology;
use tsdb_cluster::{NodeId, ShardId};
use tsdb_core::{Db, Labels, Matcher, ShardSet, TimeRange};

use super::play::Play;
use super::samples::NAMESPACE;

/// Timestamps and the bits of values, by series.
type Content = BTreeMap<Labels, Vec<(i64, u64)>>;

impl Play {
    /// Waits until all replicas are equal, sample by sample, and no node knows of a difference, or of
    /// something that another one misses.
    pub(super) async fn become_equal(&self, limit: Duration) -> Result<(), String> {
        let until = self.executor.now() + limit;
        loop {
            let known = self.known().await?;
            let mut different = self.different(&known.topology)?;
            let own = |id: &NodeId| known.topology.nodes().contains_key(id);
            let divergence = self.cluster.divergence().into_iter();
            let diverged = divergence.filter(|(id, windows)| own(id) && *windows > 0);
            different.extend(diverged.map(|(id, windows)| format!("{id} has {windows} windows")));
            let backlogs = self.cluster.backlogs().into_iter();
            let marked = backlogs.filter(|(id, marks)| own(id) && *marks > 0);
            let marked = marked.map(|(id, marks)| format!("{id} has {marks} marks"));
            different.extend(marked);
            if different.is_empty() {
                return Ok(());
            }
            if self.executor.now() > until {
                return Err(format!(
                    "after {limit:?} replicas still differ: {different:?}"
                ));
            }
            self.executor.sleep(Duration::from_millis(500)).await;
        }
    }

    /// Replicas that have not the same as the first one of their shard.
    fn different(&self, topology: &Topology) -> Result<Vec<String>, String> {
        let databases: BTreeMap<NodeId, Db> = self.cluster.databases().into_iter().collect();
        let mut different = Vec::new();
        for (id, shard) in topology.numbered() {
            let mut first: Option<Content> = None;
            for slot in shard.slots() {
                let node = &slot.answering().node;
                let db = databases.get(node);
                let db = db.ok_or_else(|| format!("{node} is down though all is mended"))?;
                let own = content(db, id, self.options.shards)?;
                match &first {
                    None => first = Some(own),
                    Some(first) if *first == own => {}
                    Some(_) => different.push(format!("{node} in shard {id}")),
                }
            }
        }
        Ok(different)
    }
}

/// All that a node has of a shard.
fn content(db: &Db, id: ShardId, shards: u32) -> Result<Content, String> {
    let of = NonZeroU32::new(shards).ok_or("there are no shards")?;
    let set = ShardSet::new(of, [id]).map_err(|error| error.to_string())?;
    let namespace = db.find(NAMESPACE).ok_or("there is no namespace")?;
    let found = namespace.select(TimeRange::ALL, &[Matcher::shards(set)]);
    let mut content = Content::new();
    for series in found.map_err(|error| error.to_string())? {
        let series = series.map_err(|error| error.to_string())?;
        let samples = series.samples();
        let samples = samples.map(|sample| (sample.timestamp, sample.value.to_bits()));
        let samples: Vec<_> = samples.collect();
        if !samples.is_empty() {
            content.insert(series.into_labels(), samples);
        }
    }
    Ok(content)
}
