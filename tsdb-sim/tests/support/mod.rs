//! A small cluster without luck.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tsdb_cluster::coordinator::{CoordinatorError, CoordinatorOptions, TopologyView, WriteOutcome};
use tsdb_cluster::metadata::placement_key;
use tsdb_cluster::runtime::Runtime as _;
use tsdb_cluster::topology::{Node, Topology};
use tsdb_cluster::{Batch, NodeId, SeriesEntry};
use tsdb_core::{Labels, Sample, shard_of};
use tsdb_sim::{Cluster, ENVIRONMENT, Executor, Repairs};

pub(crate) const COORDINATOR: &str = "c1";

pub(crate) fn id(at: usize) -> NodeId {
    NodeId::new(format!("n{at}"))
}

pub(crate) fn node(id: &NodeId, group: usize) -> Node {
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

/// Three nodes with all shards at each, and a coordinator.
#[derive(Clone)]
pub(crate) struct Three {
    pub(crate) executor: Executor,
    pub(crate) cluster: Cluster,
    pub(crate) placement: TopologyView,
    pub(crate) shards: u32,
}

impl Three {
    /// Plays what `play` does with them, on one thread from one seed.
    pub(crate) fn play<F: Future<Output = ()> + Send + 'static>(
        shards: u32,
        repairs: Repairs,
        play: impl FnOnce(Self) -> F,
    ) {
        let executor = Executor::new(1);
        let options = CoordinatorOptions {
            timeout: Duration::from_secs(8),
            ..CoordinatorOptions::default()
        };
        let cluster = Cluster::new(&executor, options, repairs);
        let metadata = Arc::new(cluster.metadata().clone());
        let three = Self {
            executor: executor.clone(),
            cluster,
            placement: TopologyView::new(metadata, &placement_key(ENVIRONMENT, "m3db")),
            shards,
        };
        let (begun, played) = (three.clone(), play(three));
        let run = async move {
            begun.begin().await;
            played.await;
        };
        let ended = executor.run(run.boxed());
        executor.clear();
        assert_eq!(ended, Some(()), "all tasks wait for what never comes");
    }

    async fn begin(&self) {
        self.cluster.coordinate(COORDINATOR);
        for at in 0..3 {
            self.cluster.start(&id(at)).await.unwrap();
        }
        let nodes = (0..3).map(|at| (id(at), node(&id(at), at))).collect();
        let topology = Topology::init(nodes, self.shards, 3).unwrap();
        self.placement.put(None, topology).await.unwrap();
        self.settle().await;
    }

    /// Waits until all shards are at their place.
    pub(crate) async fn settle(&self) {
        loop {
            let known = self.placement.refresh().await.unwrap();
            let mut slots = known.topology.shards().iter().flat_map(|one| one.slots());
            let is_quiet = known.topology.in_change().count() == 0;
            if is_quiet && slots.all(|slot| !slot.is_fresh()) {
                return;
            }
            self.executor.sleep(Duration::from_millis(100)).await;
        }
    }

    /// Writes a sample of each of so many series; it has to succeed.
    pub(crate) async fn write(&self, series: u32, timestamp: i64) {
        let outcome = self.try_write(series, timestamp).await.unwrap();
        assert!(outcome.report.is_complete(), "{outcome:?}");
    }

    /// Writes a sample of each of so many series.
    pub(crate) async fn try_write(
        &self,
        series: u32,
        timestamp: i64,
    ) -> Result<WriteOutcome, CoordinatorError> {
        let of = self.shards.try_into().unwrap();
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
        let written = self.cluster.ask(COORDINATOR, |own| async move {
            own.write(&"default".into(), Arc::new(batch)).await
        });
        written.await.unwrap()
    }
}
