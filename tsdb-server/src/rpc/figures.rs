//! What is counted of the node protocol.

use std::sync::atomic::{AtomicU64, Ordering};

use tsdb_cluster::message::NodeError;

use super::Call;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With what was asked for.
    Done,
    /// The node was asked too much, or the queue to it is full.
    Busy,
    /// With another error of the node.
    Refused,
    /// Nobody answered.
    Unreachable,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Done, Self::Busy, Self::Refused, Self::Unreachable];

    /// Its name, short, for metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Busy => "busy",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
        }
    }

    fn of<T>(answer: &Result<T, NodeError>) -> Self {
        match answer {
            Ok(_) => Self::Done,
            Err(NodeError::Busy { .. }) => Self::Busy,
            Err(NodeError::Unreachable(_)) => Self::Unreachable,
            Err(_) => Self::Refused,
        }
    }
}

/// Counters of a client or a server, from its start.
#[derive(Debug, Default)]
pub struct RpcFigures {
    bytes_sent: AtomicU64,
    bytes_received: AtomicU64,
    answers: [[AtomicU64; Outcome::ALL.len()]; Call::ALL.len()],
    writes_waiting: AtomicU64,
    streams_of_writes: AtomicU64,
    reads_under_way: AtomicU64,
}

impl RpcFigures {
    /// Bytes of messages that were sent, without what HTTP/2 and TLS add.
    #[must_use]
    pub fn bytes_sent(&self) -> u64 {
        self.bytes_sent.load(Ordering::Relaxed)
    }

    /// Bytes of messages that came.
    #[must_use]
    pub fn bytes_received(&self) -> u64 {
        self.bytes_received.load(Ordering::Relaxed)
    }

    /// Calls that ended so.
    #[must_use]
    pub fn answers(&self, call: Call, outcome: Outcome) -> u64 {
        let found = self.answers.get(call as usize);
        let found = found.and_then(|of_call| of_call.get(outcome as usize));
        found.map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// Of a client: writes that wait to be sent or answered, to all nodes. Of a server: those that
    /// it has not answered.
    #[must_use]
    pub fn writes_waiting(&self) -> u64 {
        self.writes_waiting.load(Ordering::Relaxed)
    }

    /// Streams of writes that were opened.
    #[must_use]
    pub fn streams_of_writes(&self) -> u64 {
        self.streams_of_writes.load(Ordering::Relaxed)
    }

    /// Of a server: answers to reads that are under way.
    #[must_use]
    pub fn reads_under_way(&self) -> u64 {
        self.reads_under_way.load(Ordering::Relaxed)
    }

    pub(super) fn read_begins(&self) {
        self.reads_under_way.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read_ends(&self) {
        self.reads_under_way.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.bytes_sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn received(&self, bytes: usize) {
        self.bytes_received
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn answered<T>(&self, call: Call, answer: &Result<T, NodeError>) {
        let of_call = self.answers.get(call as usize);
        let counter = of_call.and_then(|of_call| of_call.get(Outcome::of(answer) as usize));
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn stream_opened(&self) {
        self.streams_of_writes.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn write_waits(&self) {
        self.writes_waiting.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn write_ended(&self) {
        self.writes_waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
