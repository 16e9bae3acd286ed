//! The services that have placements.

/// A service of M3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// Storage nodes.
    Database,
    /// Those that take writes and queries.
    Coordinator,
    /// Those that aggregate.
    Aggregator,
}

impl Service {
    /// Its name in M3.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Database => "m3db",
            Self::Coordinator => "m3coordinator",
            Self::Aggregator => "m3aggregator",
        }
    }

    /// Whether its placements have shards.
    pub(super) fn is_sharded(self) -> bool {
        self != Self::Coordinator
    }

    /// Whether instances of one set have the same shards.
    pub(super) fn is_mirrored(self) -> bool {
        self == Self::Aggregator
    }
}
