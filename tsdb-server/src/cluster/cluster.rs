//! A server that is part of a cluster: a coordinator from the start, a node once its data is open.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tsdb_cluster::coordinator::{Coordinator, CoordinatorOptions};
use tsdb_cluster::message::NodeError;
use tsdb_cluster::metadata::MetadataStore;
use tsdb_cluster::node::{Membership, Node, Repair, RepairOptions};
use tsdb_cluster::runtime::SharedRuntime;
use tsdb_cluster::{Incarnation, NodeId};

use super::trouble::Trouble;
use super::{StoreStorage, TokioRuntime};
use crate::config::Config;
use crate::data::ClusterData;
use crate::http::Connections;
use crate::metadata::{EtcdError, EtcdMetadata, EtcdOptions};
use crate::placements::ClusterPlacement;
use crate::rpc::{Endpoints, RpcClient, RpcClientOptions, RpcServer, RpcServerOptions};
use crate::store::Store;
use crate::telemetry::Telemetry;

/// Why a server cannot be part of a cluster.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClusterError {
    /// What is said of etcd makes no sense.
    #[error("--etcd: {0}")]
    Etcd(#[from] EtcdError),
    /// There is no chance to name the data folder by.
    #[error("the system gives no random numbers")]
    NoRandom,
    /// The node cannot read what it promised before.
    #[error(transparent)]
    Node(#[from] NodeError),
}

/// The cluster that a server is part of. Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    id: NodeId,
    metadata: Arc<dyn MetadataStore>,
    coordinator: Coordinator,
    endpoints: Endpoints,
    runtime: SharedRuntime,
}

impl Cluster {
    /// The cluster that the settings name; `None` where they name none. Waits for nobody: etcd and
    /// the other nodes may come later.
    ///
    /// # Errors
    /// When the settings make no sense.
    pub(crate) fn of(config: &Config) -> Result<Option<Self>, ClusterError> {
        let Some(id) = config
            .node_id
            .as_deref()
            .filter(|_| !config.etcd.is_empty())
        else {
            return Ok(None);
        };
        let options = EtcdOptions::new(config.etcd.iter().cloned());
        let metadata: Arc<dyn MetadataStore> = Arc::new(EtcdMetadata::connect(options)?);
        let runtime: SharedRuntime = Arc::new(TokioRuntime::new(Handle::current()));
        let endpoints = Endpoints::default();
        let client = RpcClient::new(endpoints.clone(), RpcClientOptions::default());
        let options = CoordinatorOptions {
            write_level: config.write_consistency_level,
            read_level: config.read_consistency_level,
            ..CoordinatorOptions::default()
        };
        let coordinator = Coordinator::new(
            Arc::clone(&runtime),
            Arc::new(client),
            Arc::clone(&metadata),
            &config.cluster_environment,
            options,
        );
        let cluster = Self {
            id: NodeId::new(id),
            metadata,
            coordinator,
            endpoints,
            runtime,
        };
        cluster.follow();
        Ok(Some(cluster))
    }

    /// Follows the placement, and brings its changes to their end.
    fn follow(&self) {
        let topology = self.coordinator.topology().clone();
        self.runtime.spawn(topology.clone().follow().boxed());
        self.runtime
            .spawn(self.coordinator.clone().schedule().boxed());
        let endpoints = self.endpoints.clone();
        let follow = async move {
            let mut changes = topology.changes();
            loop {
                if let Some(known) = topology.known() {
                    endpoints.follow(&known.topology);
                }
                changes.changed().await;
            }
        };
        self.runtime.spawn(follow.boxed());
    }

    pub(crate) fn metadata(&self) -> Arc<dyn MetadataStore> {
        Arc::clone(&self.metadata)
    }

    pub(crate) fn data(&self, telemetry: Arc<Telemetry>) -> ClusterData {
        ClusterData::new(self.coordinator.clone(), telemetry)
    }

    pub(crate) fn placement(&self) -> ClusterPlacement {
        ClusterPlacement::new(self.coordinator.topology().clone())
    }

    /// Becomes a node, with the data that is open now: other servers reach it at `listener`.
    ///
    /// # Errors
    /// When the data was written by another version.
    pub(crate) async fn join(
        &self,
        store: &Store,
        listener: TcpListener,
        stop: watch::Receiver<bool>,
        grace: Duration,
    ) -> Result<JoinHandle<Connections>, ClusterError> {
        let storage = StoreStorage::new(store.clone());
        let mut fresh = [0; 16];
        let random = SystemRandom::new().fill(&mut fresh);
        random.map_err(|_| ClusterError::NoRandom)?;
        let fresh = Incarnation(u128::from_le_bytes(fresh));
        let node = Node::open(Arc::new(storage), fresh).await?;
        tracing::info!(node = %self.id, incarnation = %node.incarnation(), "part of a cluster");
        let server = RpcServer::new(node.clone(), RpcServerOptions::default(), stop);
        let runtime = Arc::clone(&self.runtime);
        let membership = Membership::new(self.id.clone(), node, self.coordinator.clone(), runtime);
        let repair = Repair::new(membership.clone(), RepairOptions::default());
        let mut trouble = Trouble::of(self.id.clone());
        let run = membership.run(move |tried| trouble.hear(tried));
        self.runtime.spawn(run.boxed());
        self.runtime.spawn(repair.run().boxed());
        Ok(tokio::spawn(async move {
            match server.run(listener, grace).await {
                true => Connections::Drained,
                false => Connections::CutOff,
            }
        }))
    }
}
