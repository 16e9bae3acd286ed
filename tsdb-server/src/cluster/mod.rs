//! What makes a server part of a cluster.

#[expect(
    clippy::module_inception,
    reason = "the layer is named after its main file"
)]
mod cluster;
mod etcd;
mod figures;
mod home;
mod local_node;
mod overview;
mod report;
mod runtime;
mod storage;
mod trouble;

pub(crate) use cluster::{Cluster, ClusterError, check};
pub(crate) use figures::ClusterFigures;
pub(crate) use overview::{Overview, RepairError};
pub(crate) use report::{
    ClusterReport, MemberReport, NodeReport, QueueReport, RepairReport, ShardReport,
};
#[cfg(test)]
pub(crate) use report::{MoveReport, ShardCounts};
pub use runtime::TokioRuntime;
pub(crate) use storage::StoreStorage;
