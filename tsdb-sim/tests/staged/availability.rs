//! What goes on where something is away, without luck.

use std::time::Duration;

use crate::stage::{id, play};

/// A node whose disk was replaced cannot come back without metadata; the others are enough, and
/// nobody waits for a newer placement.
#[test]
fn a_write_that_two_have_waits_for_no_placement_when_a_disk_is_lost() {
    play(1, 3, |stage| async move {
        stage.write(1000).await;
        stage.cluster.metadata().set_away(true);
        stage.cluster.destroy(&id(2));
        stage.cluster.start(&id(2)).await.unwrap();
        let took = stage.write(2000).await;
        assert!(took < Duration::from_secs(1), "{took:?} of simulated time");
    });
}
