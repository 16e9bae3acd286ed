//! What makes a server part of a cluster.

#[expect(
    clippy::module_inception,
    reason = "the layer is named after its main file"
)]
mod cluster;
mod etcd;
mod home;
mod runtime;
mod storage;
mod trouble;

pub(crate) use cluster::{Cluster, ClusterError, check};
pub use runtime::TokioRuntime;
pub(crate) use storage::StoreStorage;
