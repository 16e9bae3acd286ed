//! Peers that speak another version, or nothing that makes sense.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::handshake;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tsdb_cluster::message::NodeError;
use tsdb_cluster::transport::Transport as _;
use tsdb_cluster::wire::PROTOCOL_VERSION;
use tsdb_cluster::wire::messages::{
    NodeMessage, Refusal, StatusReply, StatusRequest, Verdict, WriteOpened, WriteOpening,
    WriteReply,
};
use tsdb_proto::node_v1 as proto;

use super::support::*;
use crate::rpc::{Endpoints, RpcClient};

/// A message with its length before it.
fn framed(message: &[u8]) -> Vec<u8> {
    let mut bytes = (message.len() as u32).to_le_bytes().to_vec();
    bytes.extend_from_slice(message);
    bytes
}

/// Posts a body as it is, and gives the status and the messages that are answered.
async fn post(machine: &Machine, path: &str, body: Vec<u8>) -> (u16, Vec<Bytes>) {
    let stream = TcpStream::connect(machine.address)
        .await
        .expect("a connection");
    let (mut sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .expect("HTTP/2");
    let connection = tokio::spawn(connection);
    let uri = format!("http://{}{path}", machine.address);
    let request = http::Request::post(uri).body(Full::new(Bytes::from(body)));
    let response = sender.send_request(request.expect("a request")).await;
    let response = response.expect("an answer");
    let status = response.status().as_u16();
    let mut body = response
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    let mut messages = Vec::new();
    while !body.is_empty() {
        let length = body.split_to(4);
        let length = u32::from_le_bytes(length[..].try_into().expect("4 bytes"));
        messages.push(body.split_to(length as usize));
    }
    connection.abort();
    (status, messages)
}

fn verdict_of(messages: &[Bytes]) -> Verdict {
    Refusal::decode(messages[0].clone())
        .expect("a refusal")
        .verdict
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_version_is_refused_by_name_and_status_is_told_all_the_same() {
    let machine = Machine::start("a").await;
    let theirs = PROTOCOL_VERSION + 8;
    let other = Verdict::UnsupportedVersion {
        theirs,
        oldest: 1,
        newest: PROTOCOL_VERSION,
    };
    let opening = WriteOpening { version: theirs }.encode();
    let (status, messages) = post(&machine, "/tsdb.node.v1/write", framed(&opening)).await;
    let opened = WriteOpened::decode(messages[0].clone()).expect("an answer");
    assert_eq!((status, opened.verdict), (200, other.clone()));
    let seal = proto::SealRequest {
        version: theirs,
        ..proto::SealRequest::default()
    };
    let (status, messages) = post(
        &machine,
        "/tsdb.node.v1/seal",
        framed(&seal.encode_to_vec()),
    )
    .await;
    assert_eq!((status, verdict_of(&messages)), (422, other.clone()));
    let text = other.into_error().to_string();
    assert!(
        text.contains("1 to 1") && text.contains("spoken to in 9"),
        "{text}"
    );

    let asked = StatusRequest { version: theirs }.encode();
    let (status, messages) = post(&machine, "/tsdb.node.v1/status", framed(&asked)).await;
    let told = StatusReply::decode(messages[0].clone()).expect("an answer");
    assert_eq!((status, told.version), (200, PROTOCOL_VERSION));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_is_refused_with_its_reason_and_harms_nobody() {
    let machine = Machine::start("a").await;
    let opening = framed(&WriteOpening { version: 1 }.encode());
    let request = |payload: &'static [u8]| {
        let request = proto::WriteRequest {
            version: 1,
            incarnation: vec![0; 16],
            payload: Bytes::from_static(payload),
            ..proto::WriteRequest::default()
        };
        framed(&request.encode_to_vec())
    };
    for (body, why) in [
        (request(b"no payload"), "payload of samples"),
        (framed(b"\xff\xff\xff"), "WriteRequest is not readable"),
        (u32::MAX.to_le_bytes().to_vec(), "longer than the limit"),
        (vec![9, 0, 0, 0, 1], "ended in the middle"),
    ] {
        let body = [opening.clone(), body].concat();
        let (status, messages) = post(&machine, "/tsdb.node.v1/write", body).await;
        assert_eq!((status, messages.len()), (200, 2), "{why}");
        let last = WriteReply::decode(messages[1].clone()).expect("a reply");
        let text = last.answer.expect_err("a reason").to_string();
        assert!(last.ends_stream && text.contains(why), "{text}");
    }
    for (path, body, why) in [
        ("/tsdb.node.v1/other", Vec::new(), "no call"),
        ("/tsdb.node.v1/read", Vec::new(), "asks for nothing"),
        (
            "/tsdb.node.v1/read",
            framed(b"\xff"),
            "SelectRequest is not readable",
        ),
        (
            "/tsdb.node.v1/delete",
            u32::MAX.to_le_bytes().to_vec(),
            "longer than the limit",
        ),
    ] {
        let (status, messages) = post(&machine, path, body).await;
        let text = format!("{:?}", verdict_of(&messages));
        assert!(status == 422 && text.contains(why), "{text}");
    }
    // No HTTP/2 at all: it closes.
    let mut stream = TcpStream::connect(machine.address)
        .await
        .expect("a connection");
    stream.write_all(&[0x5a; 4096]).await.expect("a socket");
    let mut rest = Vec::new();
    // How a connection that is closed under what comes in ends is up to the machine.
    drop(stream.read_to_end(&mut rest).await);

    let client = client(&[&machine], hasty());
    let good = write(&machine, &batch(&[entry(0)], BEGIN_MS));
    client
        .write(&machine.id, good)
        .await
        .expect("it serves all the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_answers_garbage_is_not_reached() {
    let machine = Machine::start("a").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let answering = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // The client may have closed it already.
            drop(stream.write_all(&[0x5a; 4096]).await);
        }
    });
    let endpoints = Endpoints::default();
    endpoints.replace([(machine.id.clone(), address.as_str().into())]);
    let client = RpcClient::new(endpoints, hasty());
    let request = write(&machine, &batch(&[entry(0)], BEGIN_MS));
    let written = client.write(&machine.id, request).await;
    let status = client.status(&machine.id).await;
    for error in [written.expect_err("garbage"), status.expect_err("garbage")] {
        assert!(matches!(error, NodeError::Unreachable(_)), "{error}");
    }
    answering.abort();
}
