//! Sends requests over some connections at a time and counts what becomes of them.

use std::net::SocketAddr;
use std::time::Duration;

use tsdb_remote::write::WriteProtocol;

use crate::deliveries::Delivery;
use crate::error::Error;
use crate::http::{Connection, Head, Request};
use crate::wait::Watch;

/// Of an answer so much is kept: enough for the labels of a series and what is wrong with it.
const REFUSAL_CHARS: usize = 2_000;

/// What a receiver of remote write 2.0 must say it stored.
const WRITTEN: &str = "x-prometheus-remote-write-samples-written";
/// Pause before sending again when the server names none.
const PAUSE: Duration = Duration::from_millis(100);
/// A request that a server turns away for longer ends the run.
const RETRY_SECONDS_MAX: u64 = 120;

/// What became of some requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Samples that were acknowledged.
    pub(crate) acked: u64,
    /// Samples of requests that were refused for good.
    pub(crate) refused: u64,
    /// Times a request was turned away for the moment and sent again.
    pub(crate) retries: u64,
    /// The longest that a request took until it was acknowledged, in milliseconds.
    pub(crate) slowest_ms: u64,
    /// What the server said when it first refused.
    pub(crate) refusal: Option<String>,
}

impl Sent {
    pub(crate) fn add(&mut self, other: Self) {
        self.acked += other.acked;
        self.refused += other.refused;
        self.retries += other.retries;
        self.slowest_ms = self.slowest_ms.max(other.slowest_ms);
        self.refusal = self.refusal.take().or(other.refusal);
    }
}

/// Sends all requests, each over its connection and in order, all connections at a time.
pub(crate) fn send(
    deliveries: &[Delivery],
    connections: usize,
    to: (SocketAddr, WriteProtocol),
    watch: &Watch,
) -> Result<Sent, Error> {
    let mut sent = Sent::default();
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..connections)
            .map(|connection| scope.spawn(move || send_part(deliveries, connection, to, watch)))
            .collect();
        for sender in senders {
            let part = sender
                .join()
                .map_err(|_| Error::Answer("a sender panicked".to_owned()))?;
            sent.add(part?);
        }
        Ok(sent)
    })
}

fn send_part(
    deliveries: &[Delivery],
    connection: usize,
    (to, protocol): (SocketAddr, WriteProtocol),
    watch: &Watch,
) -> Result<Sent, Error> {
    let mut sent = Sent::default();
    let headers = format!(
        "content-encoding: snappy\r\ncontent-type: {}\r\nuser-agent: compare\r\n\
         x-prometheus-remote-write-version: {}\r\n",
        protocol.content_type(),
        protocol.version()
    );
    let doing = || Error::exchange("sending remote write");
    let mut stream = Connection::open(to).map_err(doing())?;
    for delivery in deliveries.iter().filter(|one| one.connection == connection) {
        let began_ms = watch.now_ms();
        let deadline_ms = began_ms + RETRY_SECONDS_MAX * 1_000;
        loop {
            watch.interrupt.check()?;
            let (head, answer) = stream
                .exchange(Request {
                    method: "POST",
                    path: "/api/v1/write",
                    headers: &headers,
                    body: &delivery.body,
                })
                .map_err(doing())?;
            if head.header("connection") == Some("close") {
                stream = Connection::open(to).map_err(doing())?;
            }
            let said = || {
                let text = String::from_utf8_lossy(&answer);
                let text: String = text.trim().chars().take(REFUSAL_CHARS).collect();
                format!("{}: {text}", head.status)
            };
            if head.is_success() {
                let samples = delivery.samples as u64;
                let stored = match protocol {
                    WriteProtocol::V1 => samples,
                    WriteProtocol::V2 => written(&head)?.min(samples),
                };
                sent.acked += stored;
                sent.refused += samples - stored;
                sent.slowest_ms = sent.slowest_ms.max(watch.now_ms() - began_ms);
                break;
            }
            if head.status < 500 && head.status != 429 {
                sent.refused += delivery.samples as u64;
                sent.refusal.get_or_insert_with(said);
                break;
            }
            if watch.now_ms() > deadline_ms {
                return Err(Error::Answer(format!(
                    "a write was turned away for {RETRY_SECONDS_MAX} s: {}",
                    said()
                )));
            }
            sent.retries += 1;
            let seconds = head
                .header("retry-after")
                .and_then(|text| text.parse().ok());
            std::thread::park_timeout(seconds.map_or(PAUSE, Duration::from_secs));
        }
    }
    Ok(sent)
}

/// What a receiver of remote write 2.0 says it stored.
fn written(head: &Head) -> Result<u64, Error> {
    let found = head.header(WRITTEN).and_then(|text| text.parse().ok());
    found.ok_or_else(|| Error::Answer(format!("a write was acknowledged without {WRITTEN}")))
}
