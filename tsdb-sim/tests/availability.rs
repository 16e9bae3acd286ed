//! What goes on where something is away, without luck.
#![cfg(test)]

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tsdb_cluster::coordinator::{CoordinatorOptions, TopologyView};
use tsdb_cluster::metadata::placement_key;
use tsdb_cluster::runtime::Runtime as _;
use tsdb_cluster::topology::{Node, Topology};
use tsdb_cluster::{Batch, NodeId, SeriesEntry};
use tsdb_core::{Labels, Sample};
use tsdb_sim::{Cluster, ENVIRONMENT, Executor, Repairs};

const SHARDS: u32 = 4;
const COORDINATOR: &str = "c1";

fn ids() -> impl Iterator<Item = NodeId> {
    (0..3).map(|at| NodeId::new(format!("n{at}")))
}

fn node(id: &NodeId) -> Node {
    Node {
        endpoint: format!("{id}:9000"),
        isolation_group: format!("g-{id}"),
        zone: "embedded".to_owned(),
        weight: 100,
        hostname: id.to_string(),
        port: 9000,
        ..Node::default()
    }
}

/// A sample for every shard.
fn batch(timestamp: i64) -> Arc<Batch> {
    let mut batch = Batch::default();
    for shard in 0..SHARDS {
        let number = shard.to_string();
        let labels = Labels::from_pairs([("__name__", "m"), ("number", &number)]).unwrap();
        let entry = SeriesEntry {
            labels,
            shard,
            key: 0,
        };
        batch.begin(Arc::new(entry));
        batch.sample(Sample::new(timestamp, 1.0));
    }
    Arc::new(batch)
}

/// How long a write takes; it has to succeed.
async fn write(cluster: &Cluster, executor: &Executor, timestamp: i64) -> Duration {
    let begun = executor.now();
    let written = cluster.ask(COORDINATOR, |own| async move {
        own.write(&"default".into(), batch(timestamp)).await
    });
    let outcome = written.await.unwrap().unwrap();
    assert!(outcome.report.is_complete(), "{outcome:?}");
    executor.now().saturating_sub(begun)
}

/// A node whose disk was replaced cannot come back without metadata; the others are enough, and
/// nobody waits for a newer placement.
#[test]
fn a_write_that_two_have_waits_for_no_placement_when_a_disk_is_lost() {
    let executor = Executor::new(1);
    let options = CoordinatorOptions {
        timeout: Duration::from_secs(8),
        ..CoordinatorOptions::default()
    };
    let cluster = Cluster::new(&executor, options, Repairs::None);
    let run = {
        let (executor, cluster) = (executor.clone(), cluster.clone());
        async move {
            cluster.coordinate(COORDINATOR);
            for id in ids() {
                cluster.start(&id).await.unwrap();
            }
            let nodes = ids().map(|id| (id.clone(), node(&id))).collect();
            let metadata = Arc::new(cluster.metadata().clone());
            let placement = TopologyView::new(metadata, &placement_key(ENVIRONMENT, "m3db"));
            let topology = Topology::init(nodes, SHARDS, 3).unwrap();
            placement.put(None, topology).await.unwrap();
            loop {
                let known = placement.refresh().await.unwrap();
                let mut slots = known.topology.shards().iter().flat_map(|one| one.slots());
                if slots.all(|slot| !slot.is_fresh()) {
                    break;
                }
                executor.sleep(Duration::from_millis(100)).await;
            }
            write(&cluster, &executor, 1000).await;

            cluster.metadata().set_away(true);
            let lost = ids().last().unwrap();
            cluster.destroy(&lost);
            cluster.start(&lost).await.unwrap();
            let took = write(&cluster, &executor, 2000).await;
            assert!(took < Duration::from_secs(1), "{took:?} of simulated time");
        }
    };
    let ended = executor.run(run.boxed());
    executor.clear();
    assert_eq!(ended, Some(()), "all tasks wait for what never comes");
}
