//! Changes of the placement that come to their end whoever dies meanwhile.

use std::time::Duration;

use crate::stage::{COORDINATOR, Stage, Staging, id, replaced};
use futures_util::FutureExt as _;
use tsdb_cluster::runtime::Runtime as _;
use tsdb_cluster::topology::Topology;

const SERIES: u32 = 12;

fn seeded(seed: u64, nodes: usize) -> Staging {
    Staging {
        seed,
        nodes,
        ..Staging::default()
    }
}

/// How long after a change was begun something dies: each moment of it in turn.
fn moments() -> impl Iterator<Item = Duration> {
    (0..60).map(|step| Duration::from_millis(step * 17))
}

/// A node replaces another, and something happens at a moment of it; writes go on meanwhile.
async fn replace_and<F: Future<Output = ()>>(
    stage: &Stage,
    after: Duration,
    happens: impl FnOnce(Stage) -> F,
) {
    stage.write(SERIES, 1000).await;
    stage.change(replaced).await;
    stage.cluster.start(&id(3)).await.unwrap();
    stage.executor.sleep(after).await;
    stage.write(SERIES, 2000).await;
    happens(stage.clone()).await;
    stage.write(SERIES, 3000).await;
    stage.settles().await;
    stage.write(SERIES, 4000).await;
}

#[test]
fn a_change_ends_though_its_scheduler_dies_at_any_moment() {
    for (seed, after) in (1..).zip(moments()) {
        Stage::play(seeded(seed, 3), move |stage| async move {
            replace_and(&stage, after, |stage| async move {
                stage.cluster.coordinate(COORDINATOR);
            })
            .await;
            let nodes = &stage.known().await.topology;
            assert!(!nodes.nodes().contains_key(&id(2)), "{after:?}");
            assert_eq!(stage.read().await, [1000, 2000, 3000, 4000], "{after:?}");
        });
    }
}

#[test]
fn a_change_ends_though_its_newcomer_dies_at_any_moment() {
    for (seed, after) in (1..).zip(moments()) {
        Stage::play(seeded(seed, 3), move |stage| async move {
            replace_and(&stage, after, |stage| async move {
                stage.cluster.crash(&id(3));
                stage.cluster.start(&id(3)).await.unwrap();
            })
            .await;
            let nodes = &stage.known().await.topology;
            assert!(!nodes.nodes().contains_key(&id(2)), "{after:?}");
            assert_eq!(stage.read().await, [1000, 2000, 3000, 4000], "{after:?}");
        });
    }
}

/// What is undone after its scheduler died has the old members again, or, where all was copied
/// before, the new ones.
#[test]
fn a_change_is_undone_though_its_scheduler_died_at_any_moment() {
    let (mut undone, mut done) = (0, 0);
    for (seed, after) in (1..).zip(moments()) {
        let (sender, heard) = std::sync::mpsc::channel();
        Stage::play(seeded(seed, 3), move |stage| async move {
            replace_and(&stage, after, |stage| async move {
                stage.cluster.coordinate(COORDINATOR);
                stage.change(Topology::abort_all).await;
            })
            .await;
            let known = stage.known().await;
            let nodes = known.topology.nodes();
            assert_eq!(stage.read().await, [1000, 2000, 3000, 4000], "{after:?}");
            sender.send(nodes.contains_key(&id(2))).unwrap();
        });
        match heard.recv().unwrap() {
            true => undone += 1,
            false => done += 1,
        }
    }
    assert!(undone > 0 && done > 0, "{undone} undone, {done} done");
}

/// A node that was drained has nothing that is asked for.
#[test]
fn the_disk_of_a_drained_node_is_not_missed() {
    for seed in 1..20 {
        Stage::play(seeded(seed, 4), move |stage| async move {
            let writer = {
                let stage = stage.clone();
                async move {
                    for round in 1..40 {
                        stage.write(SERIES, round * 1000).await;
                        stage.executor.sleep(Duration::from_millis(50)).await;
                    }
                }
            };
            let drain = async {
                stage
                    .change(|topology| topology.remove(&[id(1)]).unwrap())
                    .await;
                stage.settles().await;
                stage.cluster.destroy(&id(1));
            };
            futures_util::future::join(writer.boxed(), drain).await;
            let expected: Vec<i64> = (1..40).map(|round| round * 1000).collect();
            assert_eq!(stage.read().await, expected);
            // Nor is another one that dies now.
            stage.cluster.crash(&id(0));
            assert_eq!(stage.read().await, expected);
        });
    }
}
