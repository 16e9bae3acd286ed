//! How the ways to the nodes are, as one client sees them.

use std::time::Duration;

use tsdb_cluster::NodeId;

/// Whether a node is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CircuitState {
    /// Everybody asks.
    Closed,
    /// Nobody asks for a while, as it was not reached.
    Open,
    /// One asks, the others wait for what becomes of it.
    HalfOpen,
}

impl CircuitState {
    /// Its name, short.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// A way to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CircuitFigures {
    /// Whether it is gone now.
    pub state: CircuitState,
    /// For how long nobody got through; `None` where the last one did.
    pub unreachable_for: Option<Duration>,
}

/// Writes that wait to be sent to a node, or answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueFigures {
    /// How many.
    pub requests: usize,
    /// How many there may be.
    pub requests_max: usize,
    /// About how many bytes they have.
    pub bytes: usize,
    /// How many these may be.
    pub bytes_max: usize,
}

/// The ways to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerFigures {
    /// The node.
    pub node: NodeId,
    /// The queue of its writes.
    pub queue: QueueFigures,
    /// The way of its writes.
    pub writes: CircuitFigures,
    /// The way of all else.
    pub calls: CircuitFigures,
}
