//! Plays a scenario.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use tsdb_cluster::NodeId;
use tsdb_cluster::coordinator::{CoordinatorOptions, KnownTopology, TopologyView};
use tsdb_cluster::metadata::placement_key;
use tsdb_cluster::runtime::Runtime as _;
use tsdb_cluster::topology::{Node, ReadLevel, Topology, WriteLevel};

use super::options::ScenarioOptions;
use crate::cluster::{Cluster, ENVIRONMENT};
use crate::executor::Executor;
use crate::history::{History, Violation};
use crate::random::Random;

/// The coordinators.
pub(super) const COORDINATORS: [&str; 2] = ["c1", "c2"];
/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(8);

/// What came of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The first promise that was broken.
    pub violation: Option<Violation>,
    /// Samples that were acknowledged.
    pub acked: u64,
    /// Samples of reads that were checked.
    pub checked: u64,
    /// Reads and writes that succeeded, and that failed.
    pub requests: (u64, u64),
    /// Acknowledged writes that were looked for on the disks.
    pub inspected: u64,
    /// What was done to the cluster.
    pub events: Vec<String>,
    /// Equal in two runs of one seed.
    pub trace: u64,
}

pub(super) struct State {
    pub(super) history: History,
    pub(super) violation: Option<Violation>,
    pub(super) requests: (u64, u64),
    pub(super) inspected: u64,
    events: Vec<String>,
    /// Whether workloads go on.
    is_over: bool,
    /// Nodes whose disk is gone, until all is copied again.
    pub(super) lost: BTreeSet<NodeId>,
}

/// What all tasks of a scenario share.
#[derive(Clone)]
pub(super) struct Play {
    pub(super) executor: Executor,
    pub(super) cluster: Cluster,
    pub(super) options: ScenarioOptions,
    /// The placement as it is, as long as the metadata is not away for all.
    pub(super) placement: TopologyView,
    state: Arc<Mutex<State>>,
}

/// Plays the scenario of a seed.
#[must_use]
pub fn play(seed: u64, options: ScenarioOptions) -> Outcome {
    let executor = Executor::new(seed);
    let coordinator_options = CoordinatorOptions {
        read_level: ReadLevel::Majority,
        write_level: WriteLevel::Majority,
        timeout: TIMEOUT,
        hedge_after: Duration::from_millis(50),
        rules: options.rules,
    };
    let cluster = Cluster::new(&executor, coordinator_options, options.repairs);
    let metadata = Arc::new(cluster.metadata().clone());
    let play = Play {
        placement: TopologyView::new(metadata, &placement_key(ENVIRONMENT, "m3db")),
        cluster,
        executor: executor.clone(),
        options,
        state: Arc::new(Mutex::new(State {
            history: History::default(),
            violation: None,
            requests: (0, 0),
            inspected: 0,
            events: Vec::new(),
            is_over: false,
            lost: BTreeSet::new(),
        })),
    };
    let own = play.clone();
    let ended = executor.run(async move { own.run(seed).await });
    let mut state = play.lock();
    let violation = match (state.violation.take(), ended) {
        (Some(violation), _) => Some(violation),
        (None, Some(Ok(()))) => None,
        (None, Some(Err(error))) => Some(Violation::new(error)),
        (None, None) => {
            let what = "all tasks wait for what never comes".to_owned();
            Some(Violation::new(what))
        }
    };
    let (acked, checked) = state.history.counts();
    let outcome = Outcome {
        violation,
        acked,
        checked,
        requests: state.requests,
        inspected: state.inspected,
        events: std::mem::take(&mut state.events),
        trace: executor.trace(),
    };
    drop(state);
    executor.clear();
    outcome
}

impl Play {
    async fn run(&self, seed: u64) -> Result<(), String> {
        let mut random = Random::new(seed ^ 0x5eed);
        for name in COORDINATORS {
            self.cluster.coordinate(name);
        }
        self.begin().await?;
        for (number, name) in (0..self.options.writers).zip(COORDINATORS.into_iter().cycle()) {
            let own = self.clone();
            self.spawn(own.write(name, number, random.fork()));
        }
        for name in COORDINATORS {
            let own = self.clone();
            self.spawn(own.read(name, random.fork()));
        }
        if let Some(pace) = self.options.deletes {
            let own = self.clone();
            self.spawn(own.delete("c2", pace, random.fork()));
        }
        self.trouble(&mut random).await?;
        self.heal().await?;
        self.lock().is_over = true;
        // What runs ends first.
        self.executor.sleep(2 * TIMEOUT).await;
        for name in COORDINATORS {
            let read = self.read_once(name, &mut random).await;
            read.map_err(|error| format!("a read fails though all is mended: {error}"))?;
        }
        if self.options.inspect && !self.has_violation() {
            self.become_equal(Duration::from_secs(60)).await?;
        }
        self.hold_to_promises();
        Ok(())
    }

    fn has_violation(&self) -> bool {
        self.lock().violation.is_some()
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.executor.spawn(task.boxed());
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tell(&self, event: String) {
        let now = self.executor.now();
        self.lock().events.push(format!("{now:?} {event}"));
    }

    /// A promise is broken: the first one ends the scenario.
    pub(super) fn broken(&self, violation: Violation) {
        self.tell(format!("broken: {}", violation.what));
        self.lock().violation.get_or_insert(violation);
    }

    /// Whether all is to end.
    pub(super) fn is_over(&self) -> bool {
        let state = self.lock();
        state.is_over || state.violation.is_some()
    }

    /// The placement now.
    pub(super) async fn known(&self) -> Result<Arc<KnownTopology>, String> {
        let known = self.placement.refresh().await;
        known.map_err(|error| error.to_string())
    }

    /// Starts the nodes and gives them shards.
    async fn begin(&self) -> Result<(), String> {
        let ids = (0..self.options.nodes).map(node_id);
        for id in ids.clone() {
            self.cluster.start(&id).await?;
        }
        let nodes = ids.enumerate().map(|(at, id)| (id, node(at))).collect();
        let topology = Topology::init(nodes, self.options.shards, 3);
        let topology = topology.map_err(|error| error.to_string())?;
        let put = self.placement.put(None, topology).await;
        put.map_err(|error| error.to_string())?;
        self.settled(Duration::from_secs(60)).await
    }

    /// Waits until no shard is in change and all have come up.
    pub(super) async fn settled(&self, limit: Duration) -> Result<(), String> {
        let until = self.executor.now() + limit;
        loop {
            let topology = &self.known().await?.topology;
            let mut slots = topology.shards().iter().flat_map(|shard| shard.slots());
            let waits = topology.in_change().count();
            if waits == 0 && slots.all(|slot| !slot.is_fresh()) {
                return Ok(());
            }
            if self.executor.now() > until {
                return Err(format!(
                    "{waits} shards are still in change after {limit:?}: {topology:?}"
                ));
            }
            self.executor.sleep(Duration::from_millis(100)).await;
        }
    }

    /// Mends everything and waits until all changes have come to an end.
    async fn heal(&self) -> Result<(), String> {
        self.tell("everything is mended".to_owned());
        self.cluster.network().mend();
        self.cluster.metadata().set_away(false);
        for id in self.cluster.machines() {
            self.cluster.pause(&id, false);
            self.cluster.slow_disk(&id, (3, 3));
            self.cluster.set_clock(&id, 0);
            self.start(&id).await?;
        }
        for id in self.known().await?.topology.nodes().keys() {
            self.cluster.start(id).await?;
        }
        self.settled(Duration::from_secs(60)).await
    }

    /// Starts the node of a machine; what it says must not fall behind what it said before.
    pub(super) async fn start(&self, id: &NodeId) -> Result<(), String> {
        if !self.cluster.is_up(id) {
            self.tell(format!("{id} starts"));
            self.cluster.start(id).await?;
        }
        Ok(())
    }
}

pub(super) fn node_id(at: usize) -> NodeId {
    NodeId::new(format!("n{at}"))
}

pub(super) fn node(at: usize) -> Node {
    Node {
        endpoint: format!("n{at}:9000"),
        isolation_group: format!("g{}", at % 4),
        zone: "embedded".to_owned(),
        weight: 100,
        hostname: format!("n{at}"),
        port: 9000,
        ..Node::default()
    }
}
