//! A node that was away has what the others have soon after it is back, without anybody's help.

use std::num::NonZeroU32;
use std::time::Instant;

use rustix::process::Signal;
use tsdb_cluster::NodeId;
use tsdb_cluster::message::{DigestOf, DigestRequest};
use tsdb_cluster::transport::Transport as _;
use tsdb_core::{ShardDigest, TimeRange};
use tsdb_server::rpc::{Endpoints, RpcClient, RpcClientOptions};

use crate::cluster::{Member, has_rounds, three, write_for_sure};
use crate::support::{Etcd, wait_for};

/// As many as a cluster has unless told otherwise.
const SHARDS: u32 = 64;
/// Sooner than nodes compare all they have of themselves.
const SOON: u64 = 30;

/// What the node of a member has on its own disk; none while it does not answer.
async fn digests(member: &Member) -> Option<Vec<ShardDigest>> {
    let id = NodeId::new(member.id.as_str());
    let endpoints = Endpoints::default();
    endpoints.replace([(id.clone(), member.endpoint.as_str().into())]);
    let client = RpcClient::new(endpoints, RpcClientOptions::default());
    let status = client.status(&id).await.ok()?;
    let promised = status.shards.iter();
    let request = DigestRequest {
        namespace: "default".into(),
        incarnation: status.incarnation,
        epochs: promised
            .map(|(shard, state)| (*shard, state.epoch))
            .collect(),
        shards: NonZeroU32::new(SHARDS).expect("not 0"),
        deletes_seen: 0,
        range: TimeRange::ALL,
        of: DigestOf::Windows { window_ms: 60_000 },
    };
    let reply = client.digest(&id, request).await.ok()?;
    Some(reply.windows)
}

fn samples(digests: &[ShardDigest]) -> u64 {
    digests.iter().map(|one| one.samples).sum()
}

/// Waits until all three have the same; so many samples of each of forty series.
async fn become_equal(members: &[Member], rounds: u64) {
    let begun = Instant::now();
    wait_for("the replicas to be equal", SOON, async || {
        let first = digests(&members[0]).await?;
        let second = digests(&members[1]).await?;
        let third = digests(&members[2]).await?;
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
    stopped.process.signal(Signal::STOP);
    for round in 10..200 {
        let at = usize::try_from(round % 2).expect("small");
        write_for_sure(members[at].api(), round).await;
    }
    let first = digests(&members[0]).await.expect("it answers");
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
