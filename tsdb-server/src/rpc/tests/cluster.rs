//! Coordinators and nodes of one cluster.

use std::sync::Arc;

use tokio::runtime::Handle;
use tsdb_cluster::Incarnation;
use tsdb_cluster::coordinator::{Coordinator, CoordinatorOptions, ReadQuery};
use tsdb_cluster::message::{Absent, MarkRequest, Missed, NodeError, ShardVerdict};
use tsdb_cluster::metadata::{MemoryMetadata, MetadataStore};
use tsdb_cluster::node::{Membership, MembershipError, Refusal};
use tsdb_cluster::runtime::SharedRuntime;
use tsdb_cluster::topology::{Node, Topology};
use tsdb_cluster::transport::Transport as _;
use tsdb_core::{Matcher, Series, TimeRange};

use super::support::*;
use crate::cluster::TokioRuntime;
use crate::rpc::{Call, Outcome, RpcClient, RpcClientOptions, RpcServerOptions};

/// A coordinator with a client of its own, which follows the placement.
fn coordinator(metadata: &MemoryMetadata, machines: &[Machine]) -> (Coordinator, RpcClient) {
    let machines: Vec<_> = machines.iter().collect();
    let client = client(&machines, RpcClientOptions::default());
    let runtime: SharedRuntime = Arc::new(TokioRuntime::new(Handle::current()));
    let metadata: Arc<dyn MetadataStore> = Arc::new(metadata.clone());
    let transport = Arc::new(client.clone());
    let options = CoordinatorOptions::default();
    let coordinator = Coordinator::new(runtime, transport, metadata, "default_env", options);
    tokio::spawn(coordinator.topology().clone().follow());
    tokio::spawn(coordinator.clone().schedule(|_| {}));
    (coordinator, client)
}

/// Gives the machines all shards, and waits until they have them.
async fn begin(coordinator: &Coordinator, machines: &[Machine]) {
    let node = |(at, machine): (usize, &Machine)| {
        let node = Node {
            endpoint: machine.address.to_string(),
            isolation_group: format!("g{at}"),
            weight: 100,
            ..Node::default()
        };
        (machine.id.clone(), node)
    };
    let nodes = machines.iter().enumerate().map(node).collect();
    let topology = Topology::init(nodes, SHARDS, 3).expect("a topology");
    let view = coordinator.topology();
    view.put(None, topology).await.expect("room for it");
    let is_settled = || {
        view.known().is_some_and(|known| {
            let mut slots = known.topology.shards().iter().flat_map(|one| one.slots());
            known.topology.in_change().next().is_none() && slots.all(|slot| !slot.is_fresh())
        })
    };
    until("all shards have come up", is_settled).await;
}

async fn found(coordinator: &Coordinator) -> Vec<Series> {
    let query = ReadQuery::everything("default".into(), TimeRange::ALL);
    let mut answer = coordinator.read(query).await.expect("a read");
    let mut all = Vec::new();
    while let Some((labels, chunks)) = answer.series.next().await.expect("series") {
        all.push(Series::from_chunks(labels, chunks, TimeRange::ALL).expect("chunks"));
    }
    all
}

/// Three nodes that have all shards, and a coordinator with its client.
async fn cluster() -> (Vec<Machine>, Coordinator, RpcClient) {
    let mut machines = Vec::new();
    for id in ["a", "b", "c"] {
        machines.push(Machine::start(id).await);
    }
    let metadata = MemoryMetadata::default();
    for machine in &machines {
        let (cluster, _client) = coordinator(&metadata, &machines);
        let runtime: SharedRuntime = Arc::new(TokioRuntime::new(Handle::current()));
        let (id, node) = (machine.id.clone(), machine.node.clone());
        tokio::spawn(Membership::new(id, node, cluster, runtime).run(|_| {}));
    }
    let (coordinator, client) = coordinator(&metadata, &machines);
    begin(&coordinator, &machines).await;
    (machines, coordinator, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_take_writes_reads_and_deletes_over_sockets() {
    let (machines, coordinator, client) = cluster().await;
    let namespace: Arc<str> = "default".into();
    let entries: Vec<_> = (0..100).map(entry).collect();
    for round in 0..10 {
        let batch = batch(&entries, BEGIN_MS + round * 15_000);
        let written = coordinator.write(&namespace, batch).await.expect("a write");
        assert!(written.report.is_complete(), "{:?}", written.report);
    }
    let series = found(&coordinator).await;
    assert_eq!(series.len(), 100);
    assert!(series.iter().all(|one| one.timestamps().len() == 10));

    // A delete, seen by who reads then; what is written behind it stays.
    let matchers = [Matcher::equal("instance", "7")];
    let deleted = coordinator.delete(&namespace, TimeRange::ALL, &matchers);
    assert_eq!(deleted.await.expect("a delete"), 1);
    assert_eq!(found(&coordinator).await.len(), 99);
    let again = batch(&entries, BEGIN_MS + 10 * 15_000);
    coordinator.write(&namespace, again).await.expect("a write");
    assert_eq!(found(&coordinator).await.len(), 100);

    for machine in &machines {
        until("the delete has come to all", || {
            machine.node.deletes_behind("default", 0).len() == 1
        })
        .await;
        let status = client.status(&machine.id).await.expect("a status");
        assert_eq!(status, machine.node.status());
        assert_eq!(status.deletes, [(Arc::clone(&namespace), 1)]);
        let records = client.deletes_behind(&machine.id, Arc::clone(&namespace), 0);
        let records = records.await.expect("records");
        assert_eq!(records, machine.node.deletes_behind("default", 0));
    }
    // The coordinator answers once two of three have it.
    let figures = client.figures();
    until("nothing waits", || figures.writes_waiting() == 0).await;
    assert!(figures.answers(Call::Write, Outcome::Done) >= 22);
}

/// What others miss is noted by who has it, whether a write says it or a call of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_miss_is_told_over_sockets_and_kept() {
    let machine = Machine::start("a").await;
    let client = client(&[&machine], RpcClientOptions::default());
    let entries: Vec<_> = (0..100).map(entry).collect();
    let mut request = write(&machine, &batch(&entries, BEGIN_MS));
    let away = |node: &str| Absent {
        node: node.into(),
        incarnation: Incarnation(7),
        shards: (0..SHARDS).collect(),
    };
    request.absent = vec![away("b")];
    let written = client.write(&machine.id, request).await.expect("a write");
    assert_eq!(written.report.appended, 100);
    let range = TimeRange::inclusive(BEGIN_MS, BEGIN_MS + 1).expect("a range");
    let mut mark = MarkRequest {
        namespace: "default".into(),
        incarnation: machine.incarnation(),
        missed: vec![Missed {
            node: "c".into(),
            incarnation: Incarnation(8),
            shards: vec![(0, range), (SHARDS + 1, range)],
        }],
    };
    let taken = client.mark(&machine.id, mark.clone()).await;
    assert_eq!(taken, Ok(vec![0]), "it has no other shard");
    let backlog = [("b".into(), u64::from(SHARDS)), ("c".into(), 1)].into();
    assert_eq!(machine.node.marks().backlog(), backlog);
    mark.namespace = "other".into();
    let nowhere = client.mark(&machine.id, mark.clone()).await;
    assert_eq!(nowhere, Err(NodeError::NoNamespace("other".into())));
    mark.incarnation = Incarnation(9);
    let elsewhere = client.mark(&machine.id, mark).await;
    let actual = machine.incarnation();
    assert_eq!(elsewhere, Err(NodeError::OtherIncarnation { actual }));

    let disk = machine.kill().await;
    let options = RpcServerOptions::default();
    let again = Machine::start_on("a", disk, "127.0.0.1:0", options).await;
    assert_eq!(again.node.marks().backlog(), backlog);
}

/// Of two servers of one name the one that began last has the place; they do not take it from each
/// other for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_place_another_took_stays_aside() {
    let (machines, coordinator, _client) = cluster().await;
    let twin = Machine::start("twin").await;
    let member = |machine: &Machine| {
        let runtime: SharedRuntime = Arc::new(TokioRuntime::new(Handle::current()));
        let (node, cluster) = (machine.node.clone(), coordinator.clone());
        Membership::new(machines[2].id.clone(), node, cluster, runtime)
    };
    let settled = async |membership: &Membership| {
        for _ in 0..100 {
            if membership.step().await.expect("a step") {
                return;
            }
        }
        panic!("it is never done");
    };
    let has_place = |machine: &Machine| {
        let known = coordinator.topology().known().expect("a placement");
        known.topology.incarnation(&machines[2].id) == Some(machine.incarnation())
    };
    let (first, second) = (member(&machines[2]), member(&twin));
    settled(&first).await;
    settled(&second).await;
    assert!(has_place(&twin));
    let aside = first.step().await.expect_err("the place is taken");
    let is_taken = matches!(&aside, MembershipError::Taken { own, other, .. }
        if (*own, *other) == (machines[2].incarnation(), twin.incarnation()));
    assert!(is_taken, "{aside}");
    assert!(has_place(&twin));
    // Started again it has it back, and the other one stays aside.
    settled(&member(&machines[2])).await;
    assert!(has_place(&machines[2]));
    second.step().await.expect_err("the place is taken");
}

/// What a node says against a write comes as it was said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sealed_shard_and_a_delete_that_was_not_seen_are_told() {
    let (machines, coordinator, client) = cluster().await;
    let namespace: Arc<str> = "default".into();
    let entries: Vec<_> = (0..100).map(entry).collect();
    let first = batch(&entries, BEGIN_MS);
    coordinator.write(&namespace, first).await.expect("a write");
    let deleted = coordinator.delete(&namespace, TimeRange::ALL, &[]);
    assert_eq!(deleted.await.expect("a delete"), 1);
    let machine = &machines[0];
    // And the write, which two others may have had before it.
    until("the write and the delete have come", || {
        let status = machine.node.status();
        let is_there = status.deletes == [(Arc::clone(&namespace), 1)];
        // Another node may have refused the write behind the delete.
        let is_quiet = client.figures().writes_waiting() == 0;
        is_there && is_quiet && status.shards.len() == SHARDS as usize
    })
    .await;
    let before = client.figures().answers(Call::Write, Outcome::Refused);
    let epoch = machine.node.status().shards[0].1.epoch;
    let shards = vec![(0, epoch), (1, 0)];
    let sealed = client.seal(&machine.id, machine.incarnation(), shards);
    let sealed = sealed.await.expect("a seal");
    assert_eq!(sealed[0], (0, Ok(())));
    assert!(
        matches!(sealed[1], (1, Err(Refusal::Stale { .. }))),
        "{sealed:?}"
    );

    let mut request = write(machine, &batch(&[entry(0)], BEGIN_MS));
    request.epochs = vec![(0, epoch)];
    request.deletes_seen = 1;
    let refused = client.write(&machine.id, request.clone()).await;
    let verdict = ShardVerdict::Refused(Refusal::Sealed { epoch });
    assert_eq!(refused.expect("a verdict").shards, [(0, verdict)]);
    request.deletes_seen = 0;
    let unseen = client.write(&machine.id, request.clone()).await;
    assert_eq!(unseen, Err(NodeError::DeletesUnseen { applied: 1 }));
    request.deletes_seen = 2;
    let missing = client.write(&machine.id, request.clone()).await;
    assert_eq!(missing, Err(NodeError::DeletesMissing { applied: 1 }));
    request.incarnation.0 += 1;
    let other = client.write(&machine.id, request).await;
    let actual = machine.incarnation();
    assert_eq!(other, Err(NodeError::OtherIncarnation { actual }));
    let refused = client.figures().answers(Call::Write, Outcome::Refused);
    assert_eq!(refused - before, 3);
}
