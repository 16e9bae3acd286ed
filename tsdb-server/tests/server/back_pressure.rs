//! What is too much costs whoever sends it: another sender is served, and a node that is dead or slow
//! costs its queue.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::cluster::{Member, has_rounds, write, write_for_sure};
use crate::cluster_ctl::three;
use crate::support::{Etcd, Server, series, wait_for, write_body};

/// Begins a write of 8 MiB from an address, and sends nothing of it.
async fn begin_large(server: &Server, from: &str) -> TcpStream {
    let to: SocketAddr = server
        .api
        .replace("http://", "")
        .parse()
        .expect("an address");
    let socket = TcpSocket::new_v4().expect("a socket");
    let from: SocketAddr = format!("{from}:0").parse().expect("an address");
    socket.bind(from).expect("an address of the loopback");
    let mut stream = socket.connect(to).await.expect("a connection");
    let head = format!(
        "POST /api/v1/write HTTP/1.1\r\nHost: {to}\r\nContent-Length: {}\r\n\
         Content-Encoding: snappy\r\nContent-Type: application/x-protobuf\r\n\r\n",
        8 << 20
    );
    stream.write_all(head.as_bytes()).await.expect("it is sent");
    stream
}

/// What comes first from the server.
async fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 4096];
    let len = stream.read(&mut bytes).await.expect("an answer");
    String::from_utf8_lossy(&bytes[..len]).into_owned()
}

#[tokio::test]
async fn one_sender_that_floods_leaves_room_for_another() {
    let folder = tempfile::tempdir().expect("a folder");
    // A quarter of it may be in flight: eight such writes.
    let server = Server::start(folder.path(), &["--memory-budget", "256MiB"]);
    let mut flood = Vec::new();
    for _ in 0..16 {
        flood.push(begin_large(&server, "127.0.0.2").await);
    }
    let mut answers: FuturesUnordered<_> = flood.iter_mut().map(answer).collect();
    for _ in 0..12 {
        let refused = timeout(Duration::from_secs(10), answers.next()).await;
        let refused = refused.expect("it comes at once").expect("there are more");
        assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
        assert!(refused.contains("\r\nretry-after: "), "{refused}");
        assert!(refused.contains("beyond the sender's share"), "{refused}");
    }
    // The four that are left hold half of it, for as long as they like.
    assert_eq!(
        server.metric("tsdb_request_inflight_bytes").await,
        f64::from(32 << 20)
    );
    assert_eq!(
        server.metric("tsdb_requests_beyond_share_total").await,
        12.0
    );
    for first in (0..40).step_by(4) {
        let together = (first..first + 4).map(|round| write(&server.api, round));
        for written in futures_util::future::join_all(together).await {
            assert_eq!(written.status / 100, 2, "{}", written.text());
        }
    }
    // A third sender gets its share, too.
    let mut third = begin_large(&server, "127.0.0.3").await;
    let mut fourth = begin_large(&server, "127.0.0.3").await;
    wait_for("the third sender to be let in", 10, async || {
        let bytes = server.metric("tsdb_request_inflight_bytes").await;
        (bytes == f64::from(48 << 20)).then_some(())
    })
    .await;
    let mut fifth = begin_large(&server, "127.0.0.3").await;
    let refused = answer(&mut fifth).await;
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    // What was held is free as soon as they hang up.
    drop(answers);
    drop(flood);
    third.shutdown().await.expect("it hangs up");
    fourth.shutdown().await.expect("it hangs up");
    wait_for("all to be free again", 10, async || {
        let bytes = server.metric("tsdb_request_inflight_bytes").await;
        (bytes == 0.0).then_some(())
    })
    .await;
}

/// Writes rounds, sixteen at a time; each is acknowledged.
async fn write_many(api: &str, rounds: std::ops::Range<i64>) {
    let next = AtomicI64::new(rounds.start);
    let sender = async || {
        loop {
            let round = next.fetch_add(1, Ordering::Relaxed);
            if round >= rounds.end {
                return;
            }
            let written = write(api, round).await;
            assert_eq!(written.status / 100, 2, "round {round}: {}", written.text());
        }
    };
    futures_util::future::join_all((0..16).map(|_| sender())).await;
}

async fn of_third(coordinator: &Member, name: &str) -> f64 {
    let server = coordinator.server.as_ref().expect("it runs");
    server.metric(&format!("{name}{{node=\"n3\"}}")).await
}

#[tokio::test]
async fn a_node_that_hangs_or_is_dead_costs_its_queue_and_no_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let mut members = three(folder.path(), &etcd);
    write_for_sure(members[0].api(), 0).await;
    // It hangs: its socket takes everything, and no answer comes.
    let hanging = members[2].server.as_ref().expect("it runs");
    hanging.process.pause();
    let limit = of_third(&members[0], "tsdb_cluster_write_queue_limit_bytes").await;
    let mut most = 0.0_f64;
    let mut rounds = 1;
    // Far more than the queue holds.
    while rounds < 1000 {
        write_many(members[0].api(), rounds..rounds + 100).await;
        rounds += 100;
        most = most.max(of_third(&members[0], "tsdb_cluster_write_queue_requests").await);
        let bytes = of_third(&members[0], "tsdb_cluster_write_queue_bytes").await;
        assert!(limit > 0.0 && bytes <= limit, "{bytes} of {limit}");
    }
    assert!(most > 0.0 && most <= 256.0, "{most} wait");
    wait_for("the circuit to open", 20, async || {
        write_for_sure(members[0].api(), 0).await;
        let server = members[0].server.as_ref().expect("it runs");
        let open = server.metric("tsdb_cluster_circuit_open{node=\"n3\",way=\"writes\"}");
        (open.await == 1.0).then_some(())
    })
    .await;
    // It is dead: nothing waits for it any more.
    members[2].kill();
    write_many(members[0].api(), rounds..rounds + 100).await;
    rounds += 100;
    wait_for("nothing to wait for it", 20, async || {
        let requests = of_third(&members[0], "tsdb_cluster_write_queue_requests").await;
        (requests == 0.0).then_some(())
    })
    .await;
    let below = "tsdb_cluster_writes_below_level_total";
    let server = members[0].server.as_ref().expect("it runs");
    assert_eq!(server.metric(below).await, 0.0);
    // Without a second one there is no majority: only now writes are turned away.
    members[1].kill();
    let refused = write(members[0].api(), rounds).await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.headers.contains_key("retry-after"), "{refused:?}");
    assert!(
        refused.text().contains("consistency level majority"),
        "{}",
        refused.text()
    );
    let server = members[0].server.as_ref().expect("it runs");
    assert!(server.metric(below).await > 0.0);
    members[1].start(folder.path());
    write_for_sure(members[0].api(), rounds).await;
    has_rounds(&members[1], rounds + 1).await;
}

/// Writes a sample from an address of the loopback; the status and what it says.
async fn write_from(from: &str, api: &str, name: &str) -> (u16, bool, String) {
    let mut connector = HttpConnector::new();
    connector.set_local_address(Some(from.parse().expect("an address")));
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let body = write_body(vec![series(
        &[("__name__", name)],
        &[(1_700_000_000_000, 0)],
    )]);
    let request = Request::post(format!("{api}/api/v1/write"))
        .header("content-encoding", "snappy")
        .header("content-type", "application/x-protobuf")
        .body(Full::new(body))
        .expect("a request");
    let response = client.request(request).await.expect("an answer");
    let (status, has_hint) = (
        response.status().as_u16(),
        response.headers().contains_key("retry-after"),
    );
    let text = response.into_body().collect().await.expect("all of it");
    let text = String::from_utf8_lossy(&text.to_bytes()).into_owned();
    (status, has_hint, text)
}

#[tokio::test]
async fn a_sender_that_floods_does_not_fill_the_queues_of_slow_nodes() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let members = three(folder.path(), &etcd);
    write_for_sure(members[0].api(), 0).await;
    let slow: Vec<_> = members[1..]
        .iter()
        .map(|one| one.server.as_ref().expect("it runs"))
        .collect();
    slow.iter().for_each(|one| one.process.pause());
    // No majority answers: what is let in waits.
    let api = members[0].api();
    let mut flood: FuturesUnordered<_> = (0..400)
        .map(|_| write_from("127.0.0.2", api, "flood"))
        .collect();
    for _ in 0..400 - 128 {
        let (status, has_hint, text) = flood.next().await.expect("there are more");
        assert_eq!((status, has_hint), (503, true), "{text}");
        assert!(text.contains("beyond the sender's share"), "{text}");
    }
    let waiting = async |wanted: f64| {
        wait_for("writes to wait", 10, async || {
            let requests = of_third(&members[0], "tsdb_cluster_write_queue_requests").await;
            (requests >= wanted).then_some(())
        })
        .await;
    };
    let modest =
        futures_util::future::join_all((0..20).map(|_| write_from("127.0.0.1", api, "modest")));
    let goes_on = async {
        waiting(148.0).await;
        slow.iter().for_each(|one| one.process.signal(Signal::CONT));
    };
    let (modest, ()) = tokio::join!(modest, goes_on);
    for (status, _, text) in modest {
        assert_eq!(status / 100, 2, "{text}");
    }
    // So is what was let in of the flood.
    while let Some((status, _, text)) = flood.next().await {
        assert_eq!(status / 100, 2, "{text}");
    }
}
