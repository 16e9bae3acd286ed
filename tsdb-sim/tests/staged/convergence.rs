//! How fast replicas become equal, and from where a copy goes on, by the simulated clock.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::stage::{COORDINATOR, Stage, Staging, id, replaced};
use tsdb_cluster::NodeId;
use tsdb_cluster::runtime::Runtime as _;
use tsdb_core::{ShardDigest, ShardSet, TimeRange};
use tsdb_sim::{BEGIN_MS, Repairs};

const SERIES: u32 = 40;
/// Seconds that a node is away.
const AWAY: i64 = 600;

fn staging(shards: u32, repairs: Repairs) -> Staging {
    Staging {
        shards,
        repairs,
        ..Staging::default()
    }
}

impl Stage {
    /// What a node has.
    fn digests(&self, id: &NodeId) -> Vec<ShardDigest> {
        let databases = self.cluster.databases();
        let (_, db) = databases.iter().find(|(own, _)| own == id).unwrap();
        let of = NonZeroU32::new(self.shards).unwrap();
        let all = ShardSet::new(of, 0..self.shards).unwrap();
        let namespace = db.find("default").unwrap();
        namespace.digests(TimeRange::ALL, &all, 60_000).unwrap()
    }

    fn backlog(&self) -> u64 {
        self.cluster.backlogs().iter().map(|(_, marks)| marks).sum()
    }

    /// Whether all three have the same, and know of no difference and of nothing that another one
    /// misses.
    fn is_equal(&self) -> bool {
        let first = self.digests(&id(0));
        let is_same = (1..3).all(|at| self.digests(&id(at)) == first);
        let divergence = self.cluster.divergence();
        is_same && self.backlog() == 0 && divergence.iter().all(|one| one.1 == 0)
    }

    /// Writes once in a second.
    async fn write_for(&self, seconds: std::ops::Range<i64>) {
        for second in seconds {
            self.write(SERIES, BEGIN_MS + second * 1000).await;
            self.executor.sleep(Duration::from_secs(1)).await;
        }
    }

    /// How long it takes until all are equal.
    async fn become_equal(&self) -> Duration {
        let begun = self.executor.now();
        loop {
            let took = self.executor.now().saturating_sub(begun);
            assert!(took < Duration::from_secs(60), "they still differ");
            if self.is_equal() {
                return took;
            }
            self.executor.sleep(Duration::from_millis(100)).await;
        }
    }

    fn samples(&self, id: &NodeId) -> u64 {
        self.digests(id).iter().map(|one| one.samples).sum()
    }
}

/// Nothing compares what nobody has noted: the marks alone do it.
#[test]
fn a_node_that_was_down_for_ten_minutes_is_equal_within_one() {
    Stage::play(staging(4, Repairs::Marks), |three| async move {
        three.write_for(0..10).await;
        three.cluster.crash(&id(2));
        three.write_for(10..AWAY).await;
        let (first, last) = (BEGIN_MS + 10_000, BEGIN_MS + (AWAY - 1) * 1000);
        let windows = u64::try_from(last / 60_000 - first / 60_000 + 1).unwrap();
        // Each of the two others has them all, and the coordinator keeps nothing.
        assert_eq!(three.backlog(), 2 * 4 * windows);
        let untold = three
            .cluster
            .ask(COORDINATOR, |own| async move { own.untold() });
        assert!(
            untold.await.unwrap() <= 4,
            "not more than one for each shard"
        );
        three.cluster.start(&id(2)).await.unwrap();
        assert!(three.samples(&id(2)) <= 10 * u64::from(SERIES));
        let took = three.become_equal().await;
        println!("equal after {took:?} of simulated time");
        let all = u64::from(SERIES) * u64::try_from(AWAY).unwrap();
        assert_eq!(three.samples(&id(2)), all);
    });
}

/// Samples of a write that failed are at one node, and the coordinator that knows it is gone: nodes
/// compare all they have.
#[test]
fn what_nobody_knows_to_be_missed_is_found() {
    Stage::play(staging(4, Repairs::All), |three| async move {
        for other in ["n1", "n2"] {
            three.cluster.network().cut(COORDINATOR, other, true);
            three.cluster.network().cut(other, "n0", true);
        }
        let refused = three.try_write(SERIES, BEGIN_MS).await;
        assert!(refused.is_err(), "{refused:?}");
        three.cluster.coordinate(COORDINATOR);
        assert_eq!(three.backlog(), 0);
        assert_eq!(three.samples(&id(0)), u64::from(SERIES));
        assert_eq!(three.samples(&id(2)), 0);
        three.cluster.network().mend();
        three.become_equal().await;
        assert_eq!(three.samples(&id(2)), u64::from(SERIES));
    });
}

#[test]
fn marks_outlast_the_nodes_that_have_them() {
    Stage::play(staging(4, Repairs::Marks), |three| async move {
        three.cluster.crash(&id(2));
        three.write_for(0..60).await;
        for at in 0..2 {
            three.cluster.crash(&id(at));
            three.cluster.start(&id(at)).await.unwrap();
        }
        assert_eq!(three.backlog(), 2 * 4);
        three.cluster.start(&id(2)).await.unwrap();
        three.become_equal().await;
    });
}

/// A coordinator that dies when it has acknowledged a write takes nothing along that it knew before.
#[test]
fn what_is_known_to_be_missed_is_noted_with_the_acknowledgement() {
    Stage::play(staging(4, Repairs::Marks), |three| async move {
        three.cluster.crash(&id(2));
        three.write(SERIES, BEGIN_MS).await;
        three.executor.sleep(Duration::from_millis(50)).await;
        // It was not reached just now, so the others are told with the write.
        three.write(SERIES, BEGIN_MS + 60_000).await;
        three.cluster.coordinate(COORDINATOR);
        for at in 0..2 {
            three.cluster.crash(&id(at));
            three.cluster.start(&id(at)).await.unwrap();
        }
        assert_eq!(three.backlog(), 2 * 4, "the second window of each shard");
    });
}

/// One that hears nobody, and is up all the time, is told by the others that it is not.
#[test]
fn a_node_that_was_cut_off_is_equal_soon() {
    Stage::play(staging(4, Repairs::Marks), |three| async move {
        for other in ["c1", "n0", "n1"] {
            three.cluster.network().cut(other, "n2", true);
        }
        three.write_for(0..AWAY / 2).await;
        three.cluster.network().mend();
        // Writes go on meanwhile.
        three.write_for(AWAY / 2..AWAY / 2 + 5).await;
        three.become_equal().await;
    });
}

#[test]
fn nobody_gives_anything_to_a_node_that_left() {
    Stage::play(staging(4, Repairs::Marks), |three| async move {
        three.cluster.crash(&id(2));
        three.write_for(0..30).await;
        three.cluster.start(&id(3)).await.unwrap();
        three.change(replaced).await;
        three.settles().await;
        let begun = three.executor.now();
        while three.backlog() > 0 {
            let took = three.executor.now().saturating_sub(begun);
            assert!(
                took < Duration::from_secs(60),
                "{:?}",
                three.cluster.backlogs()
            );
            three.executor.sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(three.digests(&id(3)), three.digests(&id(0)));
    });
}

/// A node that crashes in the middle of a copy does not begin anew, and has all in the end.
#[test]
fn a_copy_goes_on_where_it_was() {
    Stage::play(staging(1, Repairs::Marks), |three| async move {
        three.write_for(0..200).await;
        let all = u64::from(SERIES) * 200;
        three.cluster.start(&id(3)).await.unwrap();
        three.change(replaced).await;
        let copied = || {
            let moves = three.cluster.moves(&id(3));
            moves
                .iter()
                .map(|one| one.copied_samples)
                .max()
                .unwrap_or(0)
        };
        let pause = Duration::from_millis(1);
        let mut before = 0;
        while before < all / 2 {
            three.executor.sleep(pause).await;
            before = copied().max(before);
        }
        three.cluster.crash(&id(3));
        three.cluster.start(&id(3)).await.unwrap();
        let mut after = 0;
        while three
            .placement
            .refresh()
            .await
            .unwrap()
            .topology
            .in_change()
            .count()
            > 0
        {
            three.executor.sleep(pause).await;
            after = copied().max(after);
        }
        // What was stored and not yet noted is copied once more.
        let series = all / u64::from(SERIES);
        assert!(
            after > 0 && before + after <= all + 2 * series,
            "{before} and {after} of {all}"
        );
        assert_eq!(three.digests(&id(3)), three.digests(&id(0)));
    });
}
