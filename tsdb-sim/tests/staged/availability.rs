//! What goes on where something is away, without luck.

use std::time::Duration;

use crate::stage::{Stage, Staging, id};

const SERIES: u32 = 12;

/// A node whose disk was replaced cannot come back without metadata; the others are enough, and
/// nobody waits for a newer placement.
#[test]
fn a_write_that_two_have_waits_for_no_placement_when_a_disk_is_lost() {
    Stage::play(Staging::default(), |stage| async move {
        stage.write(SERIES, 1000).await;
        stage.cluster.metadata().set_away(true);
        stage.cluster.destroy(&id(2));
        stage.cluster.start(&id(2)).await.unwrap();
        let took = stage.write(SERIES, 2000).await;
        assert!(took < Duration::from_secs(1), "{took:?} of simulated time");
    });
}
