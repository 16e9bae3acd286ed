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
use tsdb_core::model::FingerprintKey;

use super::home::{HomeError, Known};
use super::local_node::LocalNode;
use super::overview::Overview;
use super::trouble::Trouble;
use super::{StoreStorage, TokioRuntime, etcd, home};
use crate::config::{Config, Role};
use crate::data::ClusterData;
use crate::http::Connections;
use crate::metadata::{EtcdError, EtcdMetadata, EtcdOptions};
use crate::pause::Pause;
use crate::placements::ClusterPlacement;
use crate::rpc::{
    Endpoints, PeerTls, PeerTlsFiles, RpcClient, RpcClientOptions, RpcServer, RpcServerOptions,
};
use crate::store::{Store, StoreError};
use crate::telemetry::Telemetry;

/// Longest pause before etcd is asked anew which cluster it keeps.
const HOME_PAUSE_MAX: Duration = Duration::from_secs(2);

/// Why a server cannot be part of a cluster.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClusterError {
    /// What is said of etcd makes no sense.
    #[error("--etcd: {0}")]
    Etcd(#[from] EtcdError),
    /// What is said of the way to etcd makes no sense.
    #[error("{0}")]
    Settings(String),
    /// The server is to be a node, and nothing names it.
    #[error(
        "a {0} has a name, the id of its instance in the placement: give --node-id, or db.hostID in the file of settings"
    )]
    NoName(Role),
    /// Something is said of a cluster, and none is named.
    #[error("--{0} is for a server of a cluster: name the cluster's etcd with --etcd")]
    NoEtcd(&'static str),
    /// Certificates for other servers do not do.
    #[error("TLS between the servers of the cluster: {0}")]
    Tls(String),
    /// The data folder is of another cluster.
    #[error(transparent)]
    ForeignData(#[from] HomeError),
    /// What the data folder says of its cluster is not as this version writes it.
    #[error("document {document} of the data folder is not as this version writes it: {error}")]
    Home {
        /// The document.
        document: &'static str,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// The data cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no chance to name the data folder by, or to find series by.
    #[error("the system gives no random numbers")]
    NoRandom,
    /// The node cannot read what it promised before.
    #[error(transparent)]
    Node(#[from] NodeError),
}

/// What the settings say of a server's part in its cluster, with the files that they name.
struct Settings {
    role: Role,
    id: Option<NodeId>,
    etcd: EtcdOptions,
    tls: Option<PeerTls>,
}

impl Settings {
    fn of(config: &Config) -> Result<Option<Self>, ClusterError> {
        let Some(role) = config.role_in_cluster() else {
            return match of_a_cluster_alone(config) {
                Some(flag) => Err(ClusterError::NoEtcd(flag)),
                None => Ok(None),
            };
        };
        let id = match (role.is_node(), &config.node_id) {
            (false, _) => None,
            (true, Some(id)) => Some(NodeId::new(id.as_str())),
            (true, None) => return Err(ClusterError::NoName(role)),
        };
        Ok(Some(Self {
            role,
            id,
            etcd: etcd::options(config).map_err(ClusterError::Settings)?,
            tls: peer_tls(config)?,
        }))
    }
}

/// Whether the settings make sense of a cluster, if they are of one; connects to nothing.
///
/// # Errors
/// When they do not, with what to do.
pub(crate) fn check(config: &Config) -> Result<(), ClusterError> {
    Settings::of(config).map(drop)
}

/// The cluster that a server is part of. Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    /// What it is, and its name where it is a node.
    role: Role,
    id: Option<NodeId>,
    environment: Arc<str>,
    tls: Option<PeerTls>,
    /// Told once the data turn out to be of another cluster.
    foreign: watch::Sender<Option<String>>,
    metadata: Arc<dyn MetadataStore>,
    coordinator: Coordinator,
    endpoints: Endpoints,
    runtime: SharedRuntime,
    overview: Overview,
    /// Of the fingerprints by which series are found.
    series_key: Arc<FingerprintKey>,
}

impl Cluster {
    /// The cluster that the settings name; `None` where they name none. Waits for nobody: etcd and
    /// the other nodes may come later.
    ///
    /// # Errors
    /// When the settings make no sense.
    pub(crate) fn of(config: &Config) -> Result<Option<Self>, ClusterError> {
        let Some(settings) = Settings::of(config)? else {
            return Ok(None);
        };
        let Settings {
            role,
            id,
            etcd,
            tls,
        } = settings;
        let metadata: Arc<dyn MetadataStore> = Arc::new(EtcdMetadata::connect(etcd)?);
        let runtime: SharedRuntime = Arc::new(TokioRuntime::new(Handle::current()));
        let endpoints = Endpoints::default();
        let client_options = RpcClientOptions {
            tls: tls.as_ref().map(PeerTls::client),
            ..RpcClientOptions::default()
        };
        let client = RpcClient::new(endpoints.clone(), client_options);
        let options = CoordinatorOptions {
            write_level: config.write_consistency_level,
            read_level: config.read_consistency_level,
            ..CoordinatorOptions::default()
        };
        let coordinator = Coordinator::new(
            Arc::clone(&runtime),
            Arc::new(client.clone()),
            Arc::clone(&metadata),
            &config.cluster_environment,
            options,
        );
        let overview = Overview::new(id.clone(), coordinator.clone(), client);
        let cluster = Self {
            overview,
            series_key: Arc::new(FingerprintKey::new(random()?)),
            role,
            id,
            environment: config.cluster_environment.as_str().into(),
            tls,
            foreign: watch::Sender::default(),
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
        if let Some(tls) = self.tls.clone() {
            self.runtime.spawn(tls.follow().boxed());
        }
        let topology = self.coordinator.topology().clone();
        self.runtime.spawn(topology.clone().follow().boxed());
        let what = "bring changes of the placement to their end";
        let mut trouble = Trouble::of(self.id.clone(), what);
        let schedule = self.coordinator.clone();
        let schedule = schedule.schedule(move |tried| trouble.hear(tried));
        self.runtime.spawn(schedule.boxed());
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
        ClusterData::new(
            self.coordinator.clone(),
            Arc::clone(&self.series_key),
            telemetry,
        )
    }

    /// What this server is in it.
    pub(crate) fn role(&self) -> Role {
        self.role
    }

    /// Whether what servers say to each other is encrypted, and each shows who it is.
    pub(crate) fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Ends once the data turn out to be of another cluster, with what is to be said of that.
    pub(crate) async fn foreign(&self) -> String {
        let mut foreign = self.foreign.subscribe();
        match foreign.wait_for(Option::is_some).await {
            Ok(told) => told.clone().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    }

    pub(crate) fn placement(&self) -> ClusterPlacement {
        ClusterPlacement::new(self.coordinator.topology().clone())
    }

    /// How it is.
    pub(crate) fn overview(&self) -> Overview {
        self.overview.clone()
    }

    /// Becomes a node, with the data that is open now: other servers reach it at `listener`.
    ///
    /// # Errors
    /// When the data was written by another version, or is of another cluster.
    pub(crate) async fn join(
        &self,
        store: &Store,
        listener: TcpListener,
        stop: watch::Receiver<bool>,
        grace: Duration,
    ) -> Result<JoinHandle<Connections>, ClusterError> {
        let id = self.id.clone().ok_or(ClusterError::NoName(self.role))?;
        let known = home::settle(store, &self.metadata, &self.environment).await?;
        let storage = StoreStorage::new(store.clone());
        let fresh = Incarnation(u128::from_le_bytes(random()?));
        let node = Node::open(Arc::new(storage), fresh).await?;
        tracing::info!(node = %id, incarnation = %node.incarnation(), "part of a cluster");
        let options = RpcServerOptions {
            tls: self.tls.as_ref().map(PeerTls::server),
            ..RpcServerOptions::default()
        };
        let server = RpcServer::new(node.clone(), options, stop);
        let runtime = Arc::clone(&self.runtime);
        let membership = Membership::new(id, node, self.coordinator.clone(), runtime);
        let repair = Repair::new(membership.clone(), RepairOptions::default());
        let figures = Arc::clone(server.figures());
        let local = LocalNode::new(repair.clone(), figures);
        self.overview.joined(local.clone());
        let server = server.telling(move || local.backlog());
        let (cluster, store) = (self.clone(), store.clone());
        let obey = async move {
            if cluster.is_at_home(&store, known).await {
                cluster.obey(membership, repair);
            }
        };
        self.runtime.spawn(obey.boxed());
        Ok(tokio::spawn(async move {
            match server.run(listener, grace).await {
                true => Connections::Drained,
                false => Connections::CutOff,
            }
        }))
    }

    /// Waits until etcd says which cluster it keeps, for as long as it takes; whether the data are
    /// of that. What the node promised before it does meanwhile.
    async fn is_at_home(&self, store: &Store, mut known: Known) -> bool {
        let mut pause = Pause::up_to(HOME_PAUSE_MAX);
        let mut is_told = false;
        while let Known::NotYet(why) = known {
            if !std::mem::replace(&mut is_told, true) {
                tracing::warn!(
                    why,
                    "etcd does not say which cluster it keeps: until it does the node follows no placement"
                );
            }
            tokio::time::sleep(pause.next()).await;
            known = match home::settle(store, &self.metadata, &self.environment).await {
                Ok(known) => known,
                Err(error) => {
                    self.foreign.send_replace(Some(error.to_string()));
                    return false;
                }
            };
        }
        true
    }

    /// Does what the placement asks of the node from now on.
    fn obey(&self, membership: Membership, repair: Repair) {
        let id = Some(membership.id().clone());
        let mut trouble = Trouble::of(id.clone(), "do what the placement asks");
        let run = membership.run(move |tried| trouble.hear(tried));
        self.runtime.spawn(run.boxed());
        let mut trouble = Trouble::of(id.clone(), "compare its shards with all others");
        let run = repair.clone().run(move |tried| trouble.hear(tried));
        self.runtime.spawn(run.boxed());
        let mut trouble = Trouble::of(id, "give others what they missed");
        let give = repair.give(move |tried| trouble.hear(tried));
        self.runtime.spawn(give.boxed());
    }
}

/// Bytes that nobody can foresee.
pub(super) fn random<const N: usize>() -> Result<[u8; N], ClusterError> {
    let mut bytes = [0; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| ClusterError::NoRandom)?;
    Ok(bytes)
}

/// TLS between servers, if the settings have its files.
fn peer_tls(config: &Config) -> Result<Option<PeerTls>, ClusterError> {
    let files = (
        config.rpc_tls_cert_file.clone(),
        config.rpc_tls_key_file.clone(),
        config.rpc_tls_ca_file.clone(),
    );
    let (Some(certificate), Some(key), Some(ca)) = files else {
        return match files {
            (None, None, None) => Ok(None),
            _ => {
                let what = "--rpc-tls-cert-file, --rpc-tls-key-file and --rpc-tls-ca-file go together, and one is not there";
                Err(ClusterError::Tls(what.to_owned()))
            }
        };
    };
    let files = PeerTlsFiles {
        certificate,
        key,
        ca,
    };
    PeerTls::open(files).map(Some).map_err(ClusterError::Tls)
}

/// A setting of a server that is of a cluster, by its flag, if there is one.
fn of_a_cluster_alone(config: &Config) -> Option<&'static str> {
    let settings = [
        ("node-id", config.node_id.is_some()),
        ("role", config.role.is_some()),
        ("etcd-user", config.etcd_user.is_some()),
        ("etcd-ca-file", config.etcd_ca_file.is_some()),
        ("etcd-cert-file", config.etcd_cert_file.is_some()),
        ("rpc-tls-cert-file", config.rpc_tls_cert_file.is_some()),
    ];
    let said = settings.iter().find(|(_, is_said)| *is_said);
    said.map(|(flag, _)| *flag)
}
