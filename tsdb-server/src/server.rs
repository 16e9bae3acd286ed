//! The server from its start to its end.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tsdb_cluster::metadata::MetadataStore;
use tsdb_core::{Db, DbOptions, OpeningProgress};
use tsdb_remote::{InflightBytes, Limits};

use crate::access::{Access, Listener, WatchedFile, client_settings, warning};
use crate::cluster::{Cluster, ClusterError};
use crate::config::Config;
use crate::ha::{HaOptions, HaPairs};
use crate::http::{App, Connections, api, debug, metrics, of_cluster, of_node, serve};
use crate::machine::memory_limit_bytes;
use crate::metadata::EmbeddedMetadata;
use crate::namespaces::{Configured, Registry};
use crate::placements::Placements;
use crate::runtime::parallelism;
use crate::store::{Closing, DiskWatch, Store, StoreError, StoreOptions};
use crate::supervisor::{Notice, notify};
use crate::telemetry::Telemetry;
use crate::tenancy::Tenants;

/// How long requests in flight may take when the server stops.
const REQUESTS_GRACE: Duration = Duration::from_millis(2500);
/// How long flushing may take after that; what is left is replayed from the log at the next start.
const FLUSH_GRACE: Duration = Duration::from_secs(2);
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

/// Where to listen: first for the API, then for the metrics.
fn places(config: &Config) -> Vec<ListenPlace> {
    let place = |address, purpose, flag, router: fn(&App) -> Router| {
        Some(ListenPlace {
            address: address?,
            purpose,
            flag,
            router,
        })
    };
    let places = [
        place(Some(config.listen), "API", "--listen", api),
        place(
            Some(config.metrics_listen),
            "metrics",
            "--metrics-listen",
            metrics,
        ),
        place(config.node_listen, "node's JSON", "--node-listen", of_node),
        place(
            config.cluster_listen,
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
    if let [api, metrics, more @ ..] = addresses.as_slice() {
        tracing::info!(%api, %metrics, ?more, "listening, not ready yet");
    }
    let exposed = exposed(&access, &places, &addresses);
    follow(&access, watched)?;
    let (stop, stopped) = watch::channel(false);
    let mut servers = Vec::with_capacity(places.len());
    for (place, listener) in places.iter().zip(listeners) {
        let router = (place.router)(&app);
        let serve = serve(
            listener,
            router,
            access.clone(),
            stopped.clone(),
            REQUESTS_GRACE,
        );
        servers.push(tokio::spawn(serve));
    }
    tokio::select! {
        opened = open(config, &app) => opened?,
        signal = ended(&mut terminate, &mut interrupt) => {
            tracing::info!(signal, "stopped while the database was being opened; nothing is lost");
            return Ok(());
        }
    }
    if let Some((cluster, listener)) = cluster {
        let joined = cluster.join(&app.store, listener, stopped, REQUESTS_GRACE);
        servers.push(joined.await.map_err(ServerError::cluster)?);
    }
    announce(config, &access, &addresses, exposed.as_deref());
    notify(Notice::Ready);

    let name = ended(&mut terminate, &mut interrupt).await;
    notify(Notice::Stopping);
    let began = Instant::now();
    tracing::info!(
        signal = name,
        "stopping: no new connections, requests in flight are answered"
    );
    stop.send_replace(true);
    for server in servers {
        match server.await {
            Ok(Connections::Drained) => {}
            Ok(Connections::CutOff) => tracing::warn!("requests that took too long were cut off"),
            Err(error) => tracing::error!(%error, "a listener failed, which is a bug"),
        }
    }
    close(&app.store, began).await
}

/// The cluster that the settings name, and where its other servers reach this one.
async fn cluster_of(config: &Config) -> Result<Option<(Cluster, TcpListener)>, ServerError> {
    match Cluster::of(config).map_err(ServerError::cluster)? {
        Some(cluster) => Ok(Some((cluster, bind_rpc(config.rpc_listen).await?))),
        None => Ok(None),
    }
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
async fn bind_rpc(address: SocketAddr) -> Result<TcpListener, ServerError> {
    if !address.ip().is_loopback() {
        tracing::warn!(
            %address,
            "whoever reaches this address reads and writes everything, and what is said there is not encrypted: let only the servers of the cluster reach it"
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
    let mut limits = Limits::default();
    limits.max_inflight_bytes = limits
        .max_inflight_bytes
        .min(database.memory_budget_bytes / 4);
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
        max_concurrent_queries: usize::from(config.max_concurrent_queries),
        disk: Some(DiskWatch {
            folder: config.data_dir.clone(),
            high_water_percent: config.disk_high_water,
        }),
        writers: parallelism(),
    };
    let store = Store::start(options, &telemetry).map_err(|error| not_opened(config, error))?;
    let inflight = InflightBytes::new(limits.max_inflight_bytes);
    let pairs_bytes = limits.max_inflight_bytes / 4;
    let (metadata, placements) = metadata_of(config, cluster, &store);
    let configured = Configured::of(config);
    Ok(App {
        registry: Registry::new(store.clone(), metadata, configured),
        placements,
        cluster: cluster.map(|cluster| cluster.data(Arc::clone(&telemetry))),
        store,
        telemetry,
        limits,
        inflight,
        started: Instant::now(),
        tenants: Arc::new(tenants(config)),
        pairs: pairs(config, pairs_bytes),
        admin: config.enable_admin_api,
    })
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

/// Opens the database, on a thread of its own.
async fn open(config: &Config, app: &App) -> Result<(), ServerError> {
    let (store, registry) = (app.store.clone(), app.registry.clone());
    let prepare = move |db: &Db| {
        let kept = db.document(&Registry::key());
        registry.settle(db, kept.as_ref().map(|kept| &*kept.bytes))
    };
    let opened = tokio::task::spawn_blocking(move || store.open(prepare)).await;
    let opened = opened.unwrap_or_else(|_| Err(StoreError::Lost));
    opened.map_err(|error| not_opened(config, error))?;
    tokio::spawn(app.registry.clone().follow());
    Ok(())
}

fn not_opened(config: &Config, error: StoreError) -> ServerError {
    ServerError::Open {
        folder: config.data_dir.display().to_string(),
        source: Box::new(error),
    }
}

/// Says what was opened, who can reach it, and what to put into prometheus.yml.
fn announce(config: &Config, access: &Access, addresses: &[SocketAddr], exposed: Option<&str>) {
    let [api, metrics, ..] = addresses else {
        return;
    };
    tracing::info!(version = env!("CARGO_PKG_VERSION"), %api, %metrics, "ready");
    let reach = if addresses.iter().all(|address| address.ip().is_loopback()) {
        "only this machine can reach them"
    } else {
        "other machines can reach them"
    };
    let folder = config.data_dir.display();
    let policy = access.policy();
    let scheme = if policy.has_tls() { "https" } else { "http" };
    let needed = client_settings(&policy);
    let needed = needed.iter().map(|line| format!("      {line}\n"));
    let needed: String = needed.collect();
    let mut text = format!(
        "\ntsdb-server: API on {scheme}://{api}, metrics on {scheme}://{metrics}/metrics ({reach}); data in {folder}\n\
         In prometheus.yml:\n\
         \x20 remote_write:\n\
         \x20   - url: {scheme}://{api}/api/v1/write\n\
         {needed}\
         \x20 remote_read:\n\
         \x20   - url: {scheme}://{api}/api/v1/read\n\
         \x20     read_recent: true\n\
         {needed}\n"
    );
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
