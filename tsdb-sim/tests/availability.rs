//! What goes on where something is away, without luck.
#![cfg(test)]

mod support;

use std::time::Duration;

use support::{Three, id};
use tsdb_cluster::runtime::Runtime as _;
use tsdb_sim::Repairs;

/// A node whose disk was replaced cannot come back without metadata; the others are enough, and
/// nobody waits for a newer placement.
#[test]
fn a_write_that_two_have_waits_for_no_placement_when_a_disk_is_lost() {
    Three::play(4, Repairs::None, |three| async move {
        three.write(8, 1000).await;
        three.cluster.metadata().set_away(true);
        three.cluster.destroy(&id(2));
        three.cluster.start(&id(2)).await.unwrap();
        let begun = three.executor.now();
        three.write(8, 2000).await;
        let took = three.executor.now().saturating_sub(begun);
        assert!(took < Duration::from_secs(1), "{took:?} of simulated time");
    });
}
