//! Placements: which instances of a service there are, and which shards each has.

mod assign;
mod change;
mod cluster;
#[cfg(test)]
mod cluster_tests;
mod kept;
mod placement;
mod requests;
mod service;
#[cfg(test)]
mod tests;

pub use placement::{Instance, InstanceMetadata, Placement, Shard, ShardState};
pub use requests::{
    PlacementAdd, PlacementInit, PlacementOptions, PlacementRemove, PlacementReplace, PlacementSet,
};

pub(crate) use change::{Change, Context};
pub(crate) use cluster::ClusterPlacement;
pub(crate) use kept::{PlacementError, Placements, Versioned};
pub(crate) use service::Service;
