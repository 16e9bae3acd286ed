//! Whether two nodes have the same, as they say over their own protocol.

use std::num::NonZeroU32;

use tokio::runtime::{Builder, Runtime};
use tsdb_cluster::NodeId;
use tsdb_cluster::message::{DigestOf, DigestRequest, NodeError};
use tsdb_cluster::transport::Transport as _;
use tsdb_core::TimeRange;
use tsdb_server::rpc::{Endpoints, RpcClient, RpcClientOptions};

use super::plant::Member;
use crate::error::Error;

/// Windows that are compared.
const WINDOW_MS: i64 = 2 * 60 * 60 * 1000;

/// A client of nodes.
#[derive(Debug)]
pub(super) struct Replicas {
    runtime: Runtime,
    shards: NonZeroU32,
}

impl Replicas {
    pub(super) fn new(shards: u32) -> Result<Self, Error> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(Error::exchange("starting a client of nodes"))?;
        let none = || Error::Answer("a placement has one shard at least".to_owned());
        let shards = NonZeroU32::new(shards).ok_or_else(none)?;
        Ok(Self { runtime, shards })
    }

    /// Whether both have the same samples in all windows of all shards; not while one does not
    /// answer.
    pub(super) fn are_equal(&self, one: &Member, other: &Member) -> bool {
        let digests = |member: &Member| self.runtime.block_on(self.digests(member));
        match (digests(one), digests(other)) {
            (Ok(one), Ok(other)) => !one.is_empty() && one == other,
            _ => false,
        }
    }

    async fn digests(&self, member: &Member) -> Result<Vec<String>, NodeError> {
        let id = NodeId::new("node");
        let endpoints = Endpoints::default();
        endpoints.replace([(id.clone(), member.rpc.to_string().as_str().into())]);
        let client = RpcClient::new(endpoints, RpcClientOptions::default());
        let status = client.status(&id).await?;
        let states = status.shards.iter();
        let request = DigestRequest {
            namespace: "default".into(),
            incarnation: status.incarnation,
            epochs: states.map(|(shard, state)| (*shard, state.epoch)).collect(),
            shards: self.shards,
            deletes_seen: 0,
            range: TimeRange::ALL,
            of: DigestOf::Windows {
                window_ms: WINDOW_MS,
            },
        };
        let reply = client.digest(&id, request).await?;
        Ok(reply.windows.iter().map(|one| format!("{one:?}")).collect())
    }
}
