//! The server from its start to its end.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tracing::field::{DisplayValue, display};
use tsdb_cluster::metadata::MetadataStore;
use tsdb_core::{Db, DbOptions, OpeningProgress};
use tsdb_remote::{InflightBytes, Limits};

use crate::access::{Access, Listener, WatchedFile, client_settings, warning};
use crate::cluster::{Cluster, ClusterError};
use crate::config::{Config, Role};
use crate::ha::{HaOptions, HaPairs};
use crate::http::{App, Connections, api, debug, metrics, of_cluster, of_node, serve};
use crate::machine::memory_limit_bytes;
use crate::metadata::EmbeddedMetadata;
use crate::namespaces::{Configured, Registry};
use crate::pause::Pause;
use crate::placements::Placements;
use crate::query::Register;
use crate::rpc::RpcClientOptions;
use crate::runtime::parallelism;
use crate::store::{Closing, DiskWatch, Store, StoreError, StoreOptions};
use crate::supervisor::{Notice, notify};
use crate::telemetry::Telemetry;
use crate::tenancy::Tenants;

/// How long requests in flight may take when the server stops.
const REQUESTS_GRACE: Duration = Duration::from_millis(2500);
/// How long flushing may take after that; what is left is replayed from the log at the next start.
const FLUSH_GRACE: Duration = Duration::from_secs(2);
/// Longest pause before etcd is asked anew, when a coordinator begins.
const ETCD_PAUSE_MAX: Duration = Duration::from_secs(1);
/// How long the network's threads may take to end.
const RUNTIME_GRACE: Duration = Duration::from_millis(100);

/// Why the server did not start, or did not end in order.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The network's threads or signals are not to be had.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system answered.
        source: std::io::Error,
    },
    /// The web-config file is wrong; the text names it and every place.
    #[error("{0}")]
    WebConfig(String),
    /// An address is taken or not this machine's.
    #[error(
        "cannot listen on {address} for the {purpose}: {source}; choose another address with {flag}"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What it is for.
        purpose: &'static str,
        /// The flag that changes it.
        flag: &'static str,
        /// What the system answered.
        source: std::io::Error,
    },
    /// The database does not open.
    #[error("cannot open the data folder {folder}: {source}")]
    Open {
        /// The folder.
        folder: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The data turned out to be those of another cluster.
    #[error("stopped, as the data must not get into another cluster: {0}")]
    Foreign(String),
    /// What is said of a cluster makes no sense, or the node cannot be part of it.
    #[error("cannot be part of a cluster: {0}")]
    Cluster(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database does not close in order; what was acked is in its log.
    #[error("closing the database failed, what was acked is in its log: {0}")]
    Close(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ServerError {
    fn cluster(error: ClusterError) -> Self {
        Self::Cluster(Box::new(error))
    }

    /// The exit code of a server that ended with it: 2 for a file of settings that is wrong.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::WebConfig(_) => 2,
            _ => 1,
        }
    }
}

/// Runs the server until a SIGTERM or SIGINT.
///
/// # Errors
/// When it cannot start, or cannot close its data in order.
pub fn run(config: &Config) -> Result<(), ServerError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // Half of the cores: the work is done by other threads, and with as many network threads
        // a request's wake-ups across them cost more than they bring.
        .worker_threads((parallelism() / 2).max(1))
        .thread_name("network")
        .enable_all()
        .build()
        .map_err(system("start the network's threads"))?;
    let outcome = runtime.block_on(run_async(config));
    runtime.shutdown_timeout(RUNTIME_GRACE);
    outcome
}

fn system(what: &'static str) -> impl FnOnce(std::io::Error) -> ServerError {
    move |source| ServerError::System { what, source }
}

/// An address to listen on.
struct ListenPlace {
    address: SocketAddr,
    /// What it is for.
    purpose: &'static str,
    /// The flag that changes it.
    flag: &'static str,
    router: fn(&App) -> Router,
}

/// Where to listen, as the server's role has it.
fn places(config: &Config) -> Vec<ListenPlace> {
    let is_node = config.keeps_data();
    let place = |address, purpose, flag, router: fn(&App) -> Router| {
        Some(ListenPlace {
            address: address?,
            purpose,
            flag,
            router,
        })
    };
    let places = [
        place(config.api_listen(), "API", "--listen", api),
        place(
            config.own_metrics_listen(),
            "metrics",
            "--metrics-listen",
            metrics,
        ),
        place(
            config.node_listen.filter(|_| is_node),
            "node's JSON",
            "--node-listen",
            of_node,
        ),
        place(
            config.cluster_listen.filter(|_| is_node),
            "cluster's JSON",
            "--cluster-listen",
            of_cluster,
        ),
        place(config.debug_listen, "profiles", "--debug-listen", debug),
    ];
    places.into_iter().flatten().collect()
}

async fn bind(place: &ListenPlace) -> Result<TcpListener, ServerError> {
    let bound = TcpListener::bind(place.address).await;
    bound.map_err(|source| ServerError::Listen {
        address: place.address,
        purpose: place.purpose,
        flag: place.flag,
        source,
    })
}

async fn run_async(config: &Config) -> Result<(), ServerError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(system("wait for SIGTERM"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(system("wait for SIGINT"))?;
    let telemetry = Arc::new(Telemetry::default());
    let opened = Access::open(config.web_config_file.as_deref(), &telemetry);
    let (access, watched) = opened.map_err(ServerError::WebConfig)?;
    let places = places(config);
    let mut listeners = Vec::with_capacity(places.len());
    for place in &places {
        listeners.push(bind(place).await?);
    }
    let addresses = listeners.iter().map(address_of);
    let addresses = addresses.collect::<Result<Vec<_>, _>>()?;

    let cluster = cluster_of(config).await?;
    let app = prepare(
        config,
        telemetry,
        cluster.as_ref().map(|(cluster, _)| cluster),
    )?;
    let listening = Listening::of(&places, &addresses);
    let (api, metrics, more) = listening.shown();
    tracing::info!(api, metrics, ?more, "listening, not ready yet");
    let exposed = exposed(&access, &places, &addresses);
    follow(&access, watched)?;
    let (stop, stopped) = watch::channel(false);
    let listeners = places.iter().zip(listeners);
    let mut servers = serve_all(listeners, &app, &access, &stopped);
    tokio::select! {
        opened = open(config, &app) => opened?,
        signal = ended(&mut terminate, &mut interrupt) => {
            tracing::info!(signal, "stopped while the database was being opened; nothing is lost");
            return Ok(());
        }
    }
    let (cluster, rpc) = cluster.unzip();
    if let (Some(cluster), Some(listener)) = (&cluster, rpc.flatten()) {
        let joined = cluster.join(&app.store, listener, stopped, REQUESTS_GRACE);
        servers.push(joined.await.map_err(ServerError::cluster)?);
    }
    announce(config, &access, &listening, exposed.as_deref());
    notify(Notice::Ready);

    let cluster = cluster.as_ref();
    let foreign = until_ended(cluster, &mut terminate, &mut interrupt).await;
    notify(Notice::Stopping);
    let began = Instant::now();
    stop.send_replace(true);
    for server in servers {
        match server.await {
            Ok(Connections::Drained) => {}
            Ok(Connections::CutOff) => tracing::warn!("requests that took too long were cut off"),
            Err(error) => tracing::error!(%error, "a listener failed, which is a bug"),
        }
    }
    close(&app.store, began).await?;
    foreign.map_or(Ok(()), |told| Err(ServerError::Foreign(told)))
}

/// Serves each place on its listener.
fn serve_all<'p>(
    listeners: impl Iterator<Item = (&'p ListenPlace, TcpListener)>,
    app: &App,
    access: &Access,
    stopped: &watch::Receiver<bool>,
) -> Vec<JoinHandle<Connections>> {
    let serve_one = |(place, listener): (&ListenPlace, TcpListener)| {
        let router = (place.router)(app);
        let (access, stopped) = (access.clone(), stopped.clone());
        tokio::spawn(serve(listener, router, access, stopped, REQUESTS_GRACE))
    };
    listeners.map(serve_one).collect()
}

/// Waits until the server is to stop; what is to be said where its data are of another cluster.
async fn until_ended(
    cluster: Option<&Cluster>,
    terminate: &mut Signal,
    interrupt: &mut Signal,
) -> Option<String> {
    let foreign = async {
        match cluster {
            Some(cluster) => cluster.foreign().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        signal = ended(terminate, interrupt) => {
            tracing::info!(signal, "stopping: no new connections, requests in flight are answered");
            None
        }
        told = foreign => {
            tracing::error!("stopping: {told}");
            Some(told)
        }
    }
}

/// The addresses, by what each is for.
struct Listening(Vec<(&'static str, SocketAddr)>);

impl Listening {
    fn of(places: &[ListenPlace], addresses: &[SocketAddr]) -> Self {
        let places = places.iter().zip(addresses);
        let all = places.map(|(place, address)| (place.purpose, *address));
        Self(all.collect())
    }

    fn at(&self, purpose: &str) -> Option<SocketAddr> {
        let found = self.0.iter().find(|(of, _)| *of == purpose);
        found.map(|(_, address)| *address)
    }

    /// Those of the API and of the metrics, and the others, for the log.
    fn shown(
        &self,
    ) -> (
        Option<DisplayValue<SocketAddr>>,
        Option<DisplayValue<SocketAddr>>,
        Vec<SocketAddr>,
    ) {
        let more = self.0.iter();
        let more = more.filter(|(purpose, _)| !["API", "metrics"].contains(purpose));
        let more = more.map(|(_, address)| *address).collect();
        (
            self.at("API").map(display),
            self.at("metrics").map(display),
            more,
        )
    }

    fn is_inside(&self) -> bool {
        self.0.iter().all(|(_, address)| address.ip().is_loopback())
    }
}

/// The cluster that the settings name, and where its other servers reach this one if it is a node.
async fn cluster_of(
    config: &Config,
) -> Result<Option<(Cluster, Option<TcpListener>)>, ServerError> {
    let Some(cluster) = Cluster::of(config).map_err(ServerError::cluster)? else {
        return Ok(None);
    };
    let listener = match cluster.role().is_node() {
        true => Some(bind_rpc(config.rpc_listen, cluster.has_tls()).await?),
        false => None,
    };
    Ok(Some((cluster, listener)))
}

/// What is open to other machines without protection; said in the log, too.
fn exposed(access: &Access, places: &[ListenPlace], addresses: &[SocketAddr]) -> Option<String> {
    let listeners = places.iter().zip(addresses);
    let listeners = listeners.map(|(place, address)| (place.purpose, place.flag, *address));
    let listeners: Vec<Listener<'_>> = listeners.collect();
    let exposed = warning(&access.policy(), &listeners)?;
    tracing::warn!("{exposed}");
    Some(exposed)
}

/// Has the web-config file read anew when it changes, where there is one.
fn follow(access: &Access, watched: Option<WatchedFile>) -> Result<(), ServerError> {
    if let Some(watched) = watched {
        let hangup = signal(SignalKind::hangup()).map_err(system("wait for SIGHUP"))?;
        tokio::spawn(access.clone().follow(watched, hangup));
    }
    Ok(())
}

/// Waits for a signal to stop; its name.
async fn ended(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

fn address_of(listener: &TcpListener) -> Result<SocketAddr, ServerError> {
    listener
        .local_addr()
        .map_err(system("learn the own address"))
}

/// Where other servers of the cluster reach this one.
async fn bind_rpc(address: SocketAddr, has_tls: bool) -> Result<TcpListener, ServerError> {
    if !has_tls && !address.ip().is_loopback() {
        tracing::warn!(
            %address,
            "whoever reaches this address reads and writes everything, and what is said there is not encrypted: give --rpc-tls-cert-file, --rpc-tls-key-file and --rpc-tls-ca-file, or let only the servers of the cluster reach it"
        );
    }
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| ServerError::Listen {
        address,
        purpose: "other servers of the cluster",
        flag: "--rpc-listen",
        source,
    })
}

/// All but the database, which is opened while the server listens already.
fn prepare(
    config: &Config,
    telemetry: Arc<Telemetry>,
    cluster: Option<&Cluster>,
) -> Result<App, ServerError> {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    if !config.keeps_data() {
        for flag in ["node-listen", "cluster-listen"] {
            if config.is_asked_for(flag) {
                tracing::warn!("--{flag} has no effect: a coordinator is no node");
            }
        }
    }
    let database = database_options(config);
    let mut limits = Limits::default();
    limits.max_inflight_bytes = limits
        .max_inflight_bytes
        .min(database.memory_budget_bytes / 4);
    let store = start_store(config, database, &telemetry);
    let store = store.map_err(|error| not_opened(config, error))?;
    let inflight = InflightBytes::new(limits.max_inflight_bytes);
    // No more than a node's queue holds, so that one sender cannot fill that.
    let queue_bytes = RpcClientOptions::default().queue_bytes;
    let forwarded = InflightBytes::named("queue_bytes", queue_bytes as u64);
    let pairs_bytes = limits.max_inflight_bytes / 4;
    let (metadata, placements) = metadata_of(config, cluster, &store);
    let configured = Configured::of(config);
    let registry = match cluster {
        None => Registry::new(store.clone(), metadata, configured),
        Some(_) => {
            let environment = &config.cluster_environment;
            Registry::in_environment(store.clone(), metadata, configured, environment)
        }
    };
    let queries = config.queries.options();
    Ok(App {
        queries,
        origins: config.queries.web_cors_origin.clone(),
        settings: config.settings.clone().into(),
        register: Register::new(queries.slow, Arc::clone(&telemetry)),
        registry,
        placements,
        cluster: cluster.map(|cluster| cluster.data(Arc::clone(&telemetry))),
        overview: cluster.map(Cluster::overview),
        role: cluster.map(Cluster::role),
        store,
        telemetry,
        limits,
        inflight,
        forwarded,
        started: Instant::now(),
        tenants: Arc::new(tenants(config)),
        pairs: pairs(config, pairs_bytes),
        admin: config.enable_admin_api,
    })
}

/// What the settings say of the database.
fn database_options(config: &Config) -> DbOptions {
    let memory_limit = memory_limit_bytes();
    let budget = config.memory_budget.or(memory_limit.map(|limit| limit / 2));
    let mut database = DbOptions::default();
    if let Some(budget) = budget {
        database.memory_budget_bytes = budget;
    }
    database.limits.max_future = config.max_future.limit();
    database.pinned_bytes_max = config.pinned_max;
    database.reader_age_max = Some(config.reader_max_age);
    database.exemplars_max = config.exemplars_max;
    if let Some(series) = config.max_series {
        database.limits.series = series;
    }
    if let Some(bytes) = config.log_cap {
        database.log_cap_bytes = bytes;
    }
    database
}

/// Starts the threads for the data of the settings' folder, or for no data.
fn start_store(
    config: &Config,
    mut database: DbOptions,
    telemetry: &Arc<Telemetry>,
) -> Result<Store, StoreError> {
    let queries = usize::from(config.max_concurrent_queries);
    if !config.keeps_data() {
        tracing::info!(
            "a coordinator: it opens no data folder, what it is asked is on the storage nodes"
        );
        return Store::start_without_data(queries, parallelism(), telemetry);
    }
    tracing::info!(
        folder = %config.data_dir.display(),
        memory_budget_bytes = database.memory_budget_bytes,
        "opening the data"
    );
    let folder = config.data_dir.clone();
    let progress = Arc::new(OpeningProgress::default());
    database.progress = Some(Arc::clone(&progress));
    let options = StoreOptions {
        progress,
        open: Arc::new(move || Db::open(&folder, database.clone())),
        max_concurrent_queries: queries,
        disk: Some(DiskWatch {
            folder: config.data_dir.clone(),
            high_water_percent: config.disk_high_water,
        }),
        writers: parallelism(),
    };
    Store::start(options, telemetry)
}

/// Where what servers agree on is kept, and the placements there.
fn metadata_of(
    config: &Config,
    cluster: Option<&Cluster>,
    store: &Store,
) -> (Arc<dyn MetadataStore>, Placements) {
    let Some(cluster) = cluster else {
        let own: Arc<dyn MetadataStore> = Arc::new(EmbeddedMetadata::new(store.clone()));
        return (Arc::clone(&own), Placements::new(own));
    };
    let (shared, environment) = (cluster.metadata(), &config.cluster_environment);
    let placements = Placements::of_cluster(Arc::clone(&shared), environment, cluster.placement());
    (shared, placements)
}

fn tenants(config: &Config) -> Tenants {
    let header = config.tenant_header.clone();
    Tenants::new(&config.tenants, header, config.tenant_required)
}

/// The pairs of senders; what of them waits may hold `bytes`.
fn pairs(config: &Config, bytes: u64) -> Option<HaPairs> {
    let replica_label = config.ha_replica_label.as_deref()?;
    Some(HaPairs::new(HaOptions {
        replica_label: replica_label.into(),
        cluster_label: config.ha_cluster_label.as_str().into(),
        failover: config.ha_failover,
        waiting_max_bytes: bytes,
    }))
}

/// Opens the database, on a thread of its own. That of a server without data has the namespaces of
/// its cluster: who would write before these are known could write to another.
async fn open(config: &Config, app: &App) -> Result<(), ServerError> {
    let (store, registry) = (app.store.clone(), app.registry.clone());
    let namespaces = match config.keeps_data() {
        true => None,
        false => Some(namespaces_of_cluster(&registry).await),
    };
    let prepare = move |db: &Db| {
        let own = || db.document(registry.key()).map(|kept| kept.bytes);
        let kept = namespaces.unwrap_or_else(own);
        registry.settle(db, kept.as_deref())
    };
    let opened = tokio::task::spawn_blocking(move || store.open(prepare)).await;
    let opened = opened.unwrap_or_else(|_| Err(StoreError::Lost));
    opened.map_err(|error| not_opened(config, error))?;
    tokio::spawn(app.registry.clone().follow());
    Ok(())
}

/// What etcd keeps of the namespaces, waited for as long as it takes.
async fn namespaces_of_cluster(registry: &Registry) -> Option<Arc<[u8]>> {
    let mut pause = Pause::up_to(ETCD_PAUSE_MAX);
    let mut is_told = false;
    loop {
        match registry.kept().await {
            Ok(kept) => {
                for name in registry.not_kept(kept.as_deref()).unwrap_or_default() {
                    tracing::warn!(
                        namespace = name,
                        "the settings of this coordinator name a namespace that the cluster does not have: make it with POST /api/v1/services/m3db/namespace"
                    );
                }
                return kept;
            }
            Err(error) if !std::mem::replace(&mut is_told, true) => {
                tracing::warn!(%error, "waiting for etcd: a coordinator begins with what it says of namespaces");
            }
            Err(error) => tracing::debug!(%error, "etcd does not answer yet"),
        }
        tokio::time::sleep(pause.next()).await;
    }
}

fn not_opened(config: &Config, error: StoreError) -> ServerError {
    ServerError::Open {
        folder: config.data_dir.display().to_string(),
        source: Box::new(error),
    }
}

/// Says what was opened, who can reach it, and what to put into prometheus.yml.
fn announce(config: &Config, access: &Access, listening: &Listening, exposed: Option<&str>) {
    let role = config.role_in_cluster();
    let as_what = role.map_or_else(|| "server on its own".to_owned(), |role| role.to_string());
    let version = env!("CARGO_PKG_VERSION");
    let (api, metrics, _) = listening.shown();
    tracing::info!(version, role = as_what, api, metrics, "ready");
    let reach = if listening.is_inside() {
        "only this machine can reach them"
    } else {
        "other machines can reach them"
    };
    let policy = access.policy();
    let scheme = if policy.has_tls() { "https" } else { "http" };
    let metrics = listening.at("metrics").or_else(|| listening.at("profiles"));
    let places = [
        listening
            .at("API")
            .map(|api| format!("API on {scheme}://{api}")),
        metrics.map(|metrics| format!("metrics on {scheme}://{metrics}/metrics")),
    ];
    let places: Vec<String> = places.into_iter().flatten().collect();
    let kept = match (role, config.keeps_data()) {
        (_, false) => "; a coordinator: the data are on the storage nodes".to_owned(),
        (None | Some(Role::Both), true) => format!("; data in {}", config.data_dir.display()),
        (Some(_), true) => {
            let (folder, rpc) = (config.data_dir.display(), config.rpc_listen);
            format!("; data in {folder}; a storage node: coordinators reach it at {rpc}")
        }
    };
    let mut text = format!("\ntsdb-server: {} ({reach}){kept}\n", places.join(", "));
    if let Some(api) = listening
        .at("API")
        .filter(|_| role.is_none_or(Role::is_coordinator))
    {
        let needed = client_settings(&policy);
        let needed = needed.iter().map(|line| format!("      {line}\n"));
        let needed: String = needed.collect();
        text.push_str(&format!(
            "In prometheus.yml:\n\
             \x20 remote_write:\n\
             \x20   - url: {scheme}://{api}/api/v1/write\n\
             {needed}\
             \x20 remote_read:\n\
             \x20   - url: {scheme}://{api}/api/v1/read\n\
             \x20     read_recent: true\n\
             {needed}\n"
        ));
    }
    if let Some(exposed) = exposed {
        text.push_str(&format!("WARNING: {exposed}\n\n"));
    }
    if let Err(error) = std::io::stderr().write_all(text.as_bytes()) {
        tracing::debug!(%error, "nobody reads the server's output");
    }
}

async fn close(store: &Store, began: Instant) -> Result<(), ServerError> {
    let closing = store.clone();
    let closed = tokio::task::spawn_blocking(move || closing.close());
    match timeout(FLUSH_GRACE, closed).await {
        Ok(Ok(Ok(Closing {
            flushed_samples,
            queries_cut,
        }))) => {
            if queries_cut {
                tracing::warn!("queries that took too long were cut off");
            }
            let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            tracing::info!(
                flushed_samples,
                took_ms,
                "stopped: everything is flushed and closed"
            );
            Ok(())
        }
        Ok(Ok(Err(error))) => Err(ServerError::Close(Box::new(error))),
        Ok(Err(_)) => Err(ServerError::Close(Box::new(StoreError::Lost))),
        Err(_) => {
            let grace_ms = u64::try_from(FLUSH_GRACE.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(
                grace_ms,
                "stopped before everything was flushed; the next start replays the rest from the log"
            );
            Ok(())
        }
    }
}
