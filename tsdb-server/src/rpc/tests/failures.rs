//! Nodes that die, hang, and move.

use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::Instant;
use tsdb_cluster::message::NodeError;
use tsdb_cluster::transport::Transport as _;
use tsdb_core::vfs::{FaultVfs, OperationKind, Verdict};

use super::support::*;
use crate::rpc::{Endpoints, RpcClient, RpcClientOptions, RpcServerOptions};

fn is_unreachable<T>(answer: &Result<T, NodeError>) -> bool {
    matches!(answer, Err(NodeError::Unreachable(_)))
}

/// Accepts and keeps all connections, and never says anything.
async fn hung() -> (String, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let accept = async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            kept.push(stream);
        }
    };
    (address, tokio::spawn(accept))
}

/// The disk of a machine hangs whenever it is to sync, until what is answered is dropped.
fn hang_disk(machine: &Machine) -> Sender<()> {
    let (go_on, told) = channel::<()>();
    let told = Mutex::new(told);
    machine.disk.on_operation(move |_, operation| {
        if operation.kind == OperationKind::Sync {
            // Once the other end is dropped it waits no more.
            let _ended = told.lock().expect("told").recv();
        }
        Verdict::Proceed
    });
    go_on
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_dies_among_writes_and_comes_back_with_all_that_it_acknowledged() {
    let machine = Machine::start("a").await;
    let client = client(&[&machine], RpcClientOptions::default());
    let id = machine.id.clone();
    let entries: Vec<_> = (0..50).map(entry).collect();
    let first = write(&machine, &batch(&entries, BEGIN_MS));
    client.write(&id, first).await.expect("a reply");

    let under_way = (1..200).map(|round| {
        let request = write(&machine, &batch(&entries, BEGIN_MS + round));
        tokio::spawn(client.write(&id, request))
    });
    let under_way: Vec<_> = under_way.collect();
    until("some are answered", || {
        client
            .figures()
            .answers(crate::rpc::Call::Write, crate::rpc::Outcome::Done)
            > 5
    })
    .await;
    let address = machine.address.to_string();
    let disk = machine.kill().await;
    let mut acknowledged = vec![BEGIN_MS];
    for (round, one) in (1..).zip(under_way) {
        match one.await.expect("no panic") {
            Ok(_) => acknowledged.push(BEGIN_MS + round),
            Err(error) => assert!(matches!(error, NodeError::Unreachable(_)), "{error}"),
        }
    }

    let options = RpcServerOptions::default();
    let machine = Machine::start_on("a", disk, &address, options).await;
    let retry = write(&machine, &batch(&entries, BEGIN_MS + 1_000));
    let again = async {
        while client.write(&id, retry.clone()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, again)
        .await
        .expect("it came back");
    acknowledged.push(BEGIN_MS + 1_000);
    let all = everything(&client, &machine).await.expect("a read");
    assert_eq!(all.len(), 50);
    for series in &all {
        let missing = acknowledged
            .iter()
            .find(|at| !series.timestamps().contains(at));
        assert_eq!(missing, None);
    }
    assert_eq!(client.figures().streams_of_writes(), 2);
    assert!(machine.stop().await, "all calls had ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hung_node_costs_a_deadline_then_nothing_until_it_listens_elsewhere() {
    let living = Machine::start("a").await;
    let (address, accepting) = hung().await;
    let endpoints = Endpoints::default();
    endpoints.replace([(living.id.clone(), address.as_str().into())]);
    let client = RpcClient::new(endpoints.clone(), hasty());
    let request = write(&living, &batch(&[entry(0)], BEGIN_MS));

    let begun = Instant::now();
    let (written, status) = tokio::join!(
        client.write(&living.id, request.clone()),
        client.status(&living.id)
    );
    assert!(is_unreachable(&written) && is_unreachable(&status));
    let text = written.expect_err("no answer").to_string();
    assert!(text.contains("no answer within 400 ms"), "{text}");
    assert!(begun.elapsed() >= hasty().deadline);
    // From here on they fail at once, but for one now and then.
    let failed_at_once = async {
        loop {
            let begun = Instant::now();
            let (written, status) = tokio::join!(
                client.write(&living.id, request.clone()),
                client.status(&living.id)
            );
            let text = format!(
                "{} {}",
                written.expect_err("hung"),
                status.expect_err("hung")
            );
            // Whoever writes to others meanwhile can say that this one gets nothing.
            let refusal = client.refusal(&living.id);
            let is_known = matches!(refusal, Some(NodeError::Unreachable(_)));
            if text.matches("not reached just now").count() == 2 && is_known {
                assert!(begun.elapsed() < hasty().deadline);
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, failed_at_once)
        .await
        .expect("a closed way");
    until("nothing waits", || client.figures().writes_waiting() == 0).await;

    endpoints.replace([living.endpoint()]);
    let reached = async {
        while client.write(&living.id, request.clone()).await.is_err()
            || client.status(&living.id).await.is_err()
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, reached)
        .await
        .expect("a way");
    accepting.abort();
}

/// A disk that hangs holds up writes and nothing else: who asks for less is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hung_disk_closes_the_way_of_writes_alone_until_it_goes_on() {
    let machine = Machine::start("a").await;
    let client = client(&[&machine], hasty());
    let entries: Vec<_> = (0..3).map(entry).collect();
    let request = |round| write(&machine, &batch(&entries, BEGIN_MS + round));
    client
        .write(&machine.id, request(0))
        .await
        .expect("a reply");

    let go_on = hang_disk(&machine);
    let written = client.write(&machine.id, request(1)).await;
    assert!(is_unreachable(&written), "{written:?}");
    until("the way is closed", || {
        client.figures().writes_waiting() == 0
    })
    .await;
    let closed = client.write(&machine.id, request(2)).await;
    assert!(is_unreachable(&closed), "{closed:?}");
    client
        .status(&machine.id)
        .await
        .expect("a status all the same");
    assert_eq!(
        everything(&client, &machine).await.expect("a read").len(),
        3
    );

    drop(go_on);
    let reached = async {
        while client.write(&machine.id, request(3)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, reached)
        .await
        .expect("a way");
    let all = everything(&client, &machine).await.expect("a read");
    assert!(
        all.iter()
            .all(|one| one.timestamps().contains(&(BEGIN_MS + 3)))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_nobody_knows_or_that_is_down_fails_at_once() {
    let machine = Machine::start("a").await;
    let client = client(&[], RpcClientOptions::default());
    let request = write(&machine, &batch(&[entry(0)], BEGIN_MS));
    let unknown = client.write(&machine.id, request.clone()).await;
    let text = unknown.expect_err("no endpoint").to_string();
    assert!(text.contains("no endpoint of a is known"), "{text}");

    let down = super::support::client(&[&machine], RpcClientOptions::default());
    assert!(machine.stop().await);
    let begun = Instant::now();
    let written = down.write(&"a".into(), request).await;
    let status = down.status(&"a".into()).await;
    assert!(is_unreachable(&written) && is_unreachable(&status));
    assert!(begun.elapsed() < RpcClientOptions::default().deadline);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_says_so_at_once() {
    let machine = Machine::start("a").await;
    let (address, accepting) = hung().await;
    let endpoints = Endpoints::default();
    endpoints.replace([(machine.id.clone(), address.as_str().into())]);
    let entries: Vec<_> = (0..100).map(entry).collect();
    let request = write(&machine, &batch(&entries, BEGIN_MS));
    for (requests, bytes) in [(3, usize::MAX), (usize::MAX, 20_000)] {
        let options = RpcClientOptions {
            deadline: PATIENCE,
            queue_requests: requests,
            queue_bytes: bytes,
            ..RpcClientOptions::default()
        };
        let client = RpcClient::new(endpoints.clone(), options);
        let write = || tokio::spawn(client.write(&machine.id, request.clone()));
        // About 8000 bytes each.
        let room = if requests == 3 { 3 } else { 2 };
        assert_eq!(client.refusal(&machine.id), None);
        let waiting: Vec<_> = (0..room).map(|_| write()).collect();
        until("they wait", || client.figures().writes_waiting() == room).await;
        // By bytes there may be room for a smaller one.
        let is_known = matches!(client.refusal(&machine.id), Some(NodeError::Busy { .. }));
        assert_eq!(is_known, requests == 3);
        let busy = write().await.expect("no panic");
        assert!(
            matches!(&busy, Err(NodeError::Busy { retry_after, .. }) if !retry_after.is_zero())
        );
        // A waiter that goes away frees its place at the latest when its turn comes.
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
    }
    accepting.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_answers_what_it_has_taken() {
    let machine = Machine::start("a").await;
    let client = client(&[&machine], RpcClientOptions::default());
    let entries: Vec<_> = (0..50).map(entry).collect();
    let under_way = (0..20).map(|round| {
        let request = write(&machine, &batch(&entries, BEGIN_MS + round));
        tokio::spawn(client.write(&machine.id, request))
    });
    let under_way: Vec<_> = under_way.collect();
    until("one is answered", || {
        client
            .figures()
            .answers(crate::rpc::Call::Write, crate::rpc::Outcome::Done)
            > 0
    })
    .await;
    let figures = std::sync::Arc::clone(&machine.figures);
    assert!(machine.stop().await, "all calls had ended");
    let mut stored = 0;
    for one in under_way {
        stored += u64::from(one.await.expect("no panic").is_ok());
    }
    let taken = figures.answers(crate::rpc::Call::Write, crate::rpc::Outcome::Done);
    assert_eq!(stored, taken, "each that was stored was heard of");
}

/// What all that write to a node have under way is bounded, and each of them gets its turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_floods_a_node_keeps_no_other_from_writing() {
    let server = RpcServerOptions {
        // Three small requests at a time.
        all_writes_bytes_max: 3 * (64 << 10),
        ..RpcServerOptions::default()
    };
    let machine = Machine::start_on("a", FaultVfs::new(1), "127.0.0.1:0", server).await;
    let patient = || RpcClientOptions {
        deadline: PATIENCE,
        ..RpcClientOptions::default()
    };
    let [flooding, modest] = [(); 2].map(|()| client(&[&machine], patient()));
    let request = |round| write(&machine, &batch(&[entry(0)], BEGIN_MS + round));
    for client in [&flooding, &modest] {
        let opened = client.write(&machine.id, request(0)).await;
        opened.expect("a reply");
    }
    let go_on = hang_disk(&machine);
    let flood: Vec<_> = (1..=50)
        .map(|round| tokio::spawn(flooding.write(&machine.id, request(round))))
        .collect();
    until("three are under way", || {
        machine.figures.writes_waiting() == 3
    })
    .await;
    let one = tokio::spawn(modest.write(&machine.id, request(51)));
    until("all are sent", || {
        modest.figures().writes_waiting() == 1 && flooding.figures().writes_waiting() == 50
    })
    .await;
    assert_eq!(
        machine.figures.writes_waiting(),
        3,
        "no more than there is room for"
    );
    drop(go_on);
    one.await.expect("no panic").expect("a reply");
    for written in flood {
        written.await.expect("no panic").expect("a reply");
    }
    let all = everything(&modest, &machine).await.expect("a read");
    assert_eq!(all[0].timestamps().len(), 52);
}
