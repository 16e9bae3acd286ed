//! Machines of a test, each with a disk, a store, a node, and a server on a port of its own.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tsdb_cluster::message::{Found, NodeError, Origin, ReadRequest, Want, WriteRequest};
use tsdb_cluster::node::Node;
use tsdb_cluster::storage::SharedStorage;
use tsdb_cluster::transport::Transport as _;
use tsdb_cluster::{Batch, Epoch, Incarnation, NodeId, SeriesEntry, ShardId};
use tsdb_core::vfs::{FaultVfs, Vfs};
use tsdb_core::{Db, DbOptions, Labels, OpeningProgress, Sample, Series, SystemClock, TimeRange};

use crate::cluster::StoreStorage;
use crate::rpc::{Endpoints, RpcClient, RpcClientOptions, RpcFigures, RpcServer, RpcServerOptions};
use crate::store::{Store, StoreOptions};
use crate::telemetry::Telemetry;

/// How long a test waits for what has to happen.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
pub(super) const SHARDS: u32 = 8;
/// A time that no retention of these tests forbids.
pub(super) const BEGIN_MS: i64 = 1_700_000_000_000;

/// A machine that runs.
pub(super) struct Machine {
    pub(super) id: NodeId,
    pub(super) disk: FaultVfs,
    pub(super) node: Node,
    pub(super) address: SocketAddr,
    pub(super) figures: Arc<RpcFigures>,
    store: Store,
    stop: watch::Sender<bool>,
    server: JoinHandle<bool>,
}

impl Machine {
    pub(super) async fn start(id: &str) -> Self {
        let options = RpcServerOptions::default();
        Self::start_on(id, FaultVfs::new(1), "127.0.0.1:0", options).await
    }

    pub(super) async fn start_on(
        id: &str,
        disk: FaultVfs,
        address: &str,
        options: RpcServerOptions,
    ) -> Self {
        let store = open(&disk);
        let storage: SharedStorage = Arc::new(StoreStorage::new(store.clone()));
        let mut name = [0; 16];
        name[..id.len()].copy_from_slice(id.as_bytes());
        let fresh = Incarnation(u128::from_le_bytes(name));
        let node = Node::open(storage, fresh).await.expect("a node");
        let listener = TcpListener::bind(address).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = watch::channel(false);
        let server = RpcServer::new(node.clone(), options, stopped);
        let figures = Arc::clone(server.figures());
        let server = tokio::spawn(server.run(listener, PATIENCE));
        Self {
            id: id.into(),
            disk,
            node,
            address,
            figures,
            store,
            stop,
            server,
        }
    }

    /// Ends at once, and gives its disk as a power cut leaves it.
    pub(super) async fn kill(self) -> FaultVfs {
        self.server.abort();
        drop(self.server.await);
        let disk = self.disk.kill();
        drop(self.store);
        disk
    }

    /// Ends in order; whether all calls had ended.
    pub(super) async fn stop(self) -> bool {
        self.stop.send(true).expect("a server");
        self.server.await.expect("no panic")
    }

    /// Its database.
    pub(super) fn db(&self) -> Db {
        self.store.current().expect("it is open").db
    }

    pub(super) fn endpoint(&self) -> (NodeId, Arc<str>) {
        (self.id.clone(), self.address.to_string().into())
    }

    pub(super) fn incarnation(&self) -> Incarnation {
        self.node.incarnation()
    }
}

/// A store over `disk`, open.
fn open(disk: &FaultVfs) -> Store {
    let progress = Arc::new(OpeningProgress::default());
    let disk: Arc<dyn Vfs> = Arc::new(disk.clone());
    let for_open = Arc::clone(&progress);
    let options = StoreOptions {
        open: Arc::new(move || {
            let options = DbOptions {
                progress: Some(Arc::clone(&for_open)),
                ..DbOptions::default()
            };
            Db::open_with(Arc::clone(&disk), Arc::new(SystemClock::new()), options)
        }),
        progress,
        max_concurrent_queries: 2,
        disk: None,
        writers: 2,
    };
    let store = Store::start(options, &Arc::new(Telemetry::default())).expect("threads");
    store
        .open(|_| Ok("default".to_owned()))
        .expect("a database");
    store
}

/// A client that finds these machines.
pub(super) fn client(machines: &[&Machine], options: RpcClientOptions) -> RpcClient {
    RpcClient::new(endpoints(machines), options)
}

/// Where these machines listen.
pub(super) fn endpoints(machines: &[&Machine]) -> Endpoints {
    let endpoints = Endpoints::default();
    endpoints.replace(machines.iter().map(|machine| machine.endpoint()));
    endpoints
}

/// Short waits, for tests of what goes wrong.
pub(super) fn hasty() -> RpcClientOptions {
    RpcClientOptions {
        deadline: Duration::from_millis(400),
        ..RpcClientOptions::default()
    }
}

pub(super) fn entry(number: u64) -> Arc<SeriesEntry> {
    let text = number.to_string();
    let pairs = [
        ("__name__", "http_requests_total"),
        ("instance", text.as_str()),
        ("job", "a job of a cluster"),
    ];
    let labels = Labels::from_pairs(pairs).expect("labels");
    let shards = NonZeroU32::new(SHARDS).expect("not 0");
    Arc::new(SeriesEntry {
        shard: tsdb_core::shard_of(&labels, shards),
        labels,
        key: number + 1,
    })
}

/// One sample of each of some series.
pub(super) fn batch(entries: &[Arc<SeriesEntry>], timestamp: i64) -> Arc<Batch> {
    let mut batch = Batch::default();
    for (number, entry) in (0u32..).zip(entries) {
        batch.begin(Arc::clone(entry));
        batch.sample(Sample::new(timestamp, f64::from(number)));
    }
    Arc::new(batch)
}

/// Epoch 1 of all shards.
pub(super) fn epochs() -> Vec<(ShardId, Epoch)> {
    (0..SHARDS).map(|shard| (shard, 1)).collect()
}

/// A write of all of a batch in epoch 1 of all shards.
pub(super) fn write(machine: &Machine, batch: &Arc<Batch>) -> WriteRequest {
    WriteRequest {
        namespace: "default".into(),
        incarnation: machine.incarnation(),
        epochs: epochs(),
        deletes_seen: 0,
        origin: Origin::Writer,
        batch: Arc::clone(batch),
        places: (0..batch.series().len()).collect(),
        absent: Vec::new(),
    }
}

/// A read of everything in epoch 1 of all shards.
pub(super) fn read(machine: &Machine, want: Want) -> ReadRequest {
    ReadRequest {
        namespace: "default".into(),
        incarnation: machine.incarnation(),
        epochs: epochs(),
        shards: NonZeroU32::new(SHARDS).expect("not 0"),
        deletes_seen: 0,
        range: TimeRange::ALL,
        matchers: Vec::new(),
        want,
        after: None,
        limit: usize::MAX,
        max_samples: u64::MAX,
    }
}

/// All that a machine has, through a client.
pub(super) async fn everything(
    client: &RpcClient,
    machine: &Machine,
) -> Result<Vec<Series>, NodeError> {
    let (_, mut found) = client
        .read(&machine.id, read(machine, Want::Samples))
        .await?;
    let mut all = Vec::new();
    while let Some(piece) = futures_util::StreamExt::next(&mut found).await {
        for one in piece? {
            let Found::Series(labels, chunks) = one else {
                panic!("series were asked for");
            };
            all.push(Series::from_chunks(labels, chunks, TimeRange::ALL).expect("chunks"));
        }
    }
    Ok(all)
}

/// Waits until something is so.
pub(super) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(
        tokio::time::timeout(PATIENCE, wait).await.is_ok(),
        "waited in vain: {what}"
    );
}
