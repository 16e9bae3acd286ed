//! A node that was away has what the others have soon after it is back, without anybody's help.

use std::time::Instant;

use rustix::process::Signal;

use crate::cluster::{Member, digests, has_rounds, samples, three, write_for_sure};
use crate::support::{Etcd, wait_for};

/// As many as a cluster has unless told otherwise.
const SHARDS: u32 = 64;
/// Sooner than nodes compare all they have of themselves.
const SOON: u64 = 30;

/// Waits until all three have the same; so many samples of each of forty series.
async fn become_equal(members: &[Member], rounds: u64) {
    let begun = Instant::now();
    wait_for("the replicas to be equal", SOON, async || {
        let first = digests(&members[0], SHARDS, 60_000).await?;
        let second = digests(&members[1], SHARDS, 60_000).await?;
        let third = digests(&members[2], SHARDS, 60_000).await?;
        let is_equal = first == second && second == third;
        (is_equal && samples(&first) == 40 * rounds).then_some(())
    })
    .await;
    eprintln!("equal after {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_node_that_was_stopped_is_given_what_it_missed() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let members = three(folder.path(), &etcd, SHARDS).await;
    for round in 0..10 {
        write_for_sure(members[0].api(), round).await;
    }
    become_equal(&members, 10).await;
    let stopped = members[2].server.as_ref().expect("it runs");
    stopped.process.pause();
    for round in 10..200 {
        let at = usize::try_from(round % 2).expect("small");
        write_for_sure(members[at].api(), round).await;
    }
    let first = digests(&members[0], SHARDS, 60_000)
        .await
        .expect("it answers");
    assert_eq!(samples(&first), 40 * 200);
    stopped.process.signal(Signal::CONT);
    become_equal(&members, 200).await;
}

/// It is killed while it misses samples, and so are those that know what: nothing of that is lost.
#[tokio::test]
async fn a_node_that_was_killed_is_equal_though_all_others_die_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let mut members = three(folder.path(), &etcd, SHARDS).await;
    for round in 0..10 {
        write_for_sure(members[0].api(), round).await;
    }
    members[2].kill();
    for round in 10..100 {
        let at = usize::try_from(round % 2).expect("small");
        write_for_sure(members[at].api(), round).await;
    }
    members[2].read_level = "one";
    for member in &mut members {
        member.kill();
        member.start(folder.path());
    }
    become_equal(&members, 100).await;
    // Nobody is left to ask but the node itself.
    members[0].kill();
    members[1].kill();
    has_rounds(&members[2], 100).await;
}
