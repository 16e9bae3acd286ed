//! A cluster in which nothing happens but what a test does.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tsdb_cluster::coordinator::{
    CoordinatorError, CoordinatorOptions, KnownTopology, ReadQuery, TopologyView, WriteOutcome,
};
use tsdb_cluster::metadata::placement_key;
use tsdb_cluster::runtime::Runtime as _;
use tsdb_cluster::topology::{Node, Topology};
use tsdb_cluster::{Batch, NodeId, SeriesEntry};
use tsdb_core::{Labels, Sample, Series, TimeRange, shard_of};
use tsdb_sim::{Cluster, ENVIRONMENT, Executor, Repairs};

/// The coordinator that is asked.
pub(crate) const COORDINATOR: &str = "c1";

/// A cluster that has begun.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) executor: Executor,
    pub(crate) cluster: Cluster,
    pub(crate) placement: TopologyView,
    pub(crate) shards: u32,
}

pub(crate) fn id(at: usize) -> NodeId {
    NodeId::new(format!("n{at}"))
}

fn node(id: &NodeId, group: usize) -> Node {
    Node {
        endpoint: format!("{id}:9000"),
        isolation_group: format!("g{group}"),
        zone: "embedded".to_owned(),
        weight: 100,
        hostname: id.to_string(),
        port: 9000,
        ..Node::default()
    }
}

/// Another node, `n3`, is to take the place of `n2`.
pub(crate) fn replaced(topology: &Topology) -> Topology {
    let candidates = vec![(id(3), node(&id(3), 2))];
    topology.replace(&[id(2)], candidates, false).unwrap()
}

/// How a cluster begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Staging {
    pub(crate) seed: u64,
    pub(crate) nodes: usize,
    pub(crate) shards: u32,
    pub(crate) repairs: Repairs,
}

impl Default for Staging {
    fn default() -> Self {
        Self {
            seed: 1,
            nodes: 3,
            shards: 4,
            repairs: Repairs::None,
        }
    }
}

impl Stage {
    /// Begins, with shards at three nodes each, and plays to the end.
    pub(crate) fn play<F: Future<Output = ()> + Send + 'static>(
        staging: Staging,
        play: impl FnOnce(Self) -> F + Send + 'static,
    ) {
        let executor = Executor::new(staging.seed);
        let options = CoordinatorOptions {
            timeout: Duration::from_secs(8),
            ..CoordinatorOptions::default()
        };
        let cluster = Cluster::new(&executor, options, staging.repairs);
        let metadata = Arc::new(cluster.metadata().clone());
        let stage = Self {
            executor: executor.clone(),
            placement: TopologyView::new(metadata, &placement_key(ENVIRONMENT, "m3db")),
            cluster,
            shards: staging.shards,
        };
        let run = async move {
            stage.begin(staging.nodes).await;
            play(stage).await;
        };
        let ended = executor.run(run.boxed());
        executor.clear();
        assert_eq!(ended, Some(()), "all tasks wait for what never comes");
    }

    async fn begin(&self, nodes: usize) {
        self.cluster.coordinate(COORDINATOR);
        for at in 0..nodes {
            self.cluster.start(&id(at)).await.unwrap();
        }
        let nodes = (0..nodes).map(|at| (id(at), node(&id(at), at)));
        let topology = Topology::init(nodes.collect(), self.shards, 3).unwrap();
        self.placement.put(None, topology).await.unwrap();
        self.settles().await;
    }

    pub(crate) async fn known(&self) -> Arc<KnownTopology> {
        self.placement.refresh().await.unwrap()
    }

    /// Waits until no shard is in change and all replicas have come up.
    pub(crate) async fn settles(&self) {
        let until = self.executor.now() + Duration::from_secs(60);
        loop {
            let known = self.known().await;
            let mut slots = known.topology.shards().iter().flat_map(|one| one.slots());
            if known.topology.in_change().next().is_none() && slots.all(|slot| !slot.is_fresh()) {
                return;
            }
            let waits = self.executor.now() < until;
            assert!(waits, "still in change: {:?}", known.topology);
            self.executor.sleep(Duration::from_millis(100)).await;
        }
    }

    /// Changes the placement; where somebody else was faster, once more.
    pub(crate) async fn change(&self, change: impl Fn(&Topology) -> Topology) {
        loop {
            let known = self.known().await;
            let changed = change(&known.topology);
            if self
                .placement
                .put(Some(known.version), changed)
                .await
                .is_ok()
            {
                return;
            }
        }
    }

    /// How long a write of a sample of each of so many series takes; it has to succeed.
    pub(crate) async fn write(&self, series: u32, timestamp: i64) -> Duration {
        let begun = self.executor.now();
        let outcome = self.try_write(series, timestamp).await.unwrap();
        assert!(outcome.report.is_complete(), "{outcome:?}");
        self.executor.now().saturating_sub(begun)
    }

    /// The same where it may fail.
    pub(crate) async fn try_write(
        &self,
        series: u32,
        timestamp: i64,
    ) -> Result<WriteOutcome, CoordinatorError> {
        let batch = self.batch(series, timestamp);
        let written = self.cluster.ask(COORDINATOR, |own| async move {
            own.write(&"default".into(), Arc::new(batch)).await
        });
        written.await.unwrap()
    }

    fn batch(&self, series: u32, timestamp: i64) -> Batch {
        let of = NonZeroU32::new(self.shards).unwrap();
        let mut batch = Batch::default();
        for number in 0..series {
            let number = number.to_string();
            let labels = Labels::from_pairs([("__name__", "m"), ("number", &number)]).unwrap();
            let entry = SeriesEntry {
                shard: shard_of(&labels, of),
                labels,
                key: 0,
            };
            batch.begin(Arc::new(entry));
            batch.sample(Sample::new(timestamp, 1.0));
        }
        batch
    }

    /// The timestamps that are found, of all series the same.
    pub(crate) async fn read(&self) -> Vec<i64> {
        let found = self.cluster.ask(COORDINATOR, |own| async move {
            let query = ReadQuery::everything("default".into(), TimeRange::ALL);
            let mut answer = own.read(query).await?;
            let mut found = Vec::new();
            while let Some((labels, chunks)) = answer.series.next().await? {
                let series = Series::from_chunks(labels, chunks, TimeRange::ALL).unwrap();
                let times: Vec<i64> = series.samples().map(|sample| sample.timestamp).collect();
                found.push(times);
            }
            Ok::<_, CoordinatorError>(found)
        });
        let found = found.await.unwrap().unwrap();
        let different: BTreeSet<Vec<i64>> = found.into_iter().collect();
        assert_eq!(different.len(), 1, "{different:?}");
        different.into_iter().next().unwrap()
    }
}
