//! A whole cluster: disks, nodes, coordinators, and the metadata they share.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::FutureExt as _;
use tsdb_cluster::coordinator::{Coordinator, CoordinatorOptions};
use tsdb_cluster::metadata::{MemoryMetadata, MetadataStore};
use tsdb_cluster::node::{Divergence, Marks, Membership, Move, Node, Pace, Repair, RepairOptions};
use tsdb_cluster::runtime::{Runtime, SharedRuntime};
use tsdb_cluster::storage::SharedStorage;
use tsdb_cluster::{Incarnation, NodeId};
use tsdb_core::vfs::FaultVfs;
use tsdb_core::{Db, DbOptions, Error};

use crate::clock::NodeClock;
use crate::disk::SimulatedStorage;
use crate::executor::{Executor, Process};
use crate::metadata::SimulatedMetadata;
use crate::network::{Network, Up};

/// The environment of every simulated cluster.
pub const ENVIRONMENT: &str = "default_env";
/// Bytes of a log before it is cut: small, so that runs and compactions happen.
const LOG_CAP_BYTES: u64 = 256 << 10;

/// Windows that are short, so that there are many.
const WINDOW_MS: i64 = 60_000;

/// Copying in small pieces, slowly enough to be interrupted.
const PACE: Pace = Pace {
    samples_per_second: 20_000,
    samples_at_a_time: 100,
    shards_at_a_time: 2,
};

/// A machine with a disk, whether a node runs on it or not.
#[derive(Debug)]
struct Machine {
    disk: FaultVfs,
    clock: NodeClock,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    process: Process,
    storage: Arc<SimulatedStorage>,
    divergence: Divergence,
    marks: Marks,
    membership: Membership,
}

/// How nodes become equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repairs {
    /// They do not.
    None,
    /// Others are given what they are known to miss; nothing is compared beside.
    Marks,
    /// Both.
    All,
}

/// The cluster. Cloning shares it.
#[derive(Clone)]
pub struct Cluster {
    executor: Executor,
    network: Network,
    metadata: MemoryMetadata,
    options: CoordinatorOptions,
    repairs: Repairs,
    machines: Arc<Mutex<BTreeMap<NodeId, Machine>>>,
    coordinators: Arc<Mutex<BTreeMap<String, (Process, Coordinator)>>>,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").finish_non_exhaustive()
    }
}

impl Cluster {
    /// No machine yet. Nodes repair what they have, or do not.
    #[must_use]
    pub fn new(executor: &Executor, options: CoordinatorOptions, repairs: Repairs) -> Self {
        Self {
            executor: executor.clone(),
            network: Network::new(executor),
            metadata: MemoryMetadata::default(),
            options,
            repairs,
            machines: Arc::default(),
            coordinators: Arc::default(),
        }
    }

    /// The network between all.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The metadata of all.
    #[must_use]
    pub fn metadata(&self) -> &MemoryMetadata {
        &self.metadata
    }

    /// Starts a coordinator; its tasks are of a process of its own. One that runs under this name
    /// ends at once, wherever it is.
    pub fn coordinate(&self, name: &str) {
        let process = self.executor.process();
        let coordinator = self.coordinator_in(&process, name);
        process.spawn(coordinator.clone().schedule(|_| {}).boxed());
        let before = self
            .coordinators()
            .insert(name.to_owned(), (process, coordinator));
        if let Some((process, _)) = before {
            process.kill();
        }
    }

    /// Asks the coordinator of a name; `None` when it ends before it has answered.
    pub async fn ask<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        &self,
        name: &str,
        answer: impl FnOnce(Coordinator) -> F,
    ) -> Option<T> {
        let running = self.coordinators().get(name).cloned();
        let (process, coordinator) = running?;
        let (sender, answered) = oneshot::channel();
        let answer = answer(coordinator);
        let task = async move {
            // The asker may be gone.
            drop(sender.send(answer.await));
        };
        process.spawn(task.boxed());
        answered.await.ok()
    }

    fn coordinators(&self) -> MutexGuard<'_, BTreeMap<String, (Process, Coordinator)>> {
        self.coordinators
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn coordinator_in(&self, process: &Process, name: &str) -> Coordinator {
        let runtime: SharedRuntime = Arc::new(process.clone());
        let transport = Arc::new(self.network.from(name));
        let (kept, network) = (self.metadata.clone(), self.network.clone());
        let metadata = SimulatedMetadata::new(kept, network, process, name);
        let metadata: Arc<dyn MetadataStore> = Arc::new(metadata);
        let coordinator = Coordinator::new(runtime, transport, metadata, ENVIRONMENT, self.options);
        process.spawn(coordinator.topology().clone().follow().boxed());
        coordinator
    }

    /// Starts the node of a machine, which is made if it is not there.
    ///
    /// # Errors
    /// When its data folder does not open.
    pub async fn start(&self, id: &NodeId) -> Result<(), String> {
        let (disk, clock) = {
            let mut machines = self.lock();
            let machine = machines.entry(id.clone()).or_insert_with(|| Machine {
                disk: FaultVfs::new(self.executor.random()),
                clock: NodeClock::new(&self.executor),
                running: None,
            });
            if machine.running.is_some() {
                return Ok(());
            }
            (machine.disk.clone(), machine.clock.clone())
        };
        let db = open(disk, clock).map_err(|error| format!("{id}: {error}"))?;
        let process = self.executor.process();
        let storage = Arc::new(SimulatedStorage::new(process.clone(), db));
        let fresh = (u128::from(self.executor.random()) << 64) | u128::from(self.executor.random());
        let shared: SharedStorage = Arc::<SimulatedStorage>::clone(&storage);
        let node = Node::open(shared, Incarnation(fresh)).await;
        let node = node.map_err(|error| format!("{id}: {error}"))?;
        let node = node.with_rules(self.options.rules).with_windows(WINDOW_MS);
        self.network.promises().opened(&node.status());
        let cluster = self.coordinator_in(&process, id.as_str());
        let runtime: SharedRuntime = Arc::new(process.clone());
        let membership = Membership::new(id.clone(), node.clone(), cluster, runtime);
        let membership = membership.with_pace(PACE);
        let options = RepairOptions {
            pause: Duration::from_millis(500),
            window_ms: WINDOW_MS,
        };
        let repair = Repair::new(membership.clone(), options);
        let (divergence, marks) = (repair.divergence().clone(), node.marks().clone());
        process.spawn(membership.clone().run(|_| {}).boxed());
        if self.repairs == Repairs::All {
            process.spawn(repair.clone().run(|_| {}).boxed());
        }
        if self.repairs != Repairs::None {
            process.spawn(repair.give(|_| {}).boxed());
        }
        let up = Up {
            process: process.clone(),
            node,
        };
        self.network.put(id.clone(), up);
        if let Some(machine) = self.lock().get_mut(id) {
            machine.running = Some(Running {
                process,
                storage,
                divergence,
                marks,
                membership,
            });
        }
        Ok(())
    }

    /// Cuts the power of a machine: what was not synced is lost, or some of it.
    pub fn crash(&self, id: &NodeId) {
        self.network.take(id);
        let seed = self.executor.random();
        let running = self.lock().get_mut(id).and_then(|machine| {
            // What still runs finds the disk gone.
            machine.disk.crash();
            machine.disk = machine.disk.power_cut(seed);
            machine.running.take()
        });
        if let Some(running) = running {
            running.process.kill();
        }
    }

    /// The same, and the disk is gone too: the next start finds an empty one.
    pub fn destroy(&self, id: &NodeId) {
        self.crash(id);
        if let Some(machine) = self.lock().get_mut(id) {
            machine.disk = FaultVfs::new(self.executor.random());
        }
    }

    /// Gives a node no time, or lets it go on.
    pub fn pause(&self, id: &NodeId, is_paused: bool) {
        let machines = self.lock();
        if let Some(running) = machines
            .get(id)
            .and_then(|machine| machine.running.as_ref())
        {
            running.process.pause(is_paused);
        }
    }

    /// Has the disk of a node take up to so many milliseconds for a step of a read, and of a write.
    pub fn slow_disk(&self, id: &NodeId, slowest_ms: (u64, u64)) {
        let machines = self.lock();
        if let Some(running) = machines
            .get(id)
            .and_then(|machine| machine.running.as_ref())
        {
            running.storage.set_slowest_ms(slowest_ms);
        }
    }

    /// Sets the wall clock of a machine ahead or behind.
    pub fn set_clock(&self, id: &NodeId, offset_ms: i64) {
        if let Some(machine) = self.lock().get(id) {
            machine.clock.set_offset_ms(offset_ms);
        }
    }

    /// The machines there are.
    #[must_use]
    pub fn machines(&self) -> Vec<NodeId> {
        self.lock().keys().cloned().collect()
    }

    /// The databases of all nodes that run.
    #[must_use]
    pub fn databases(&self) -> Vec<(NodeId, Db)> {
        let machines = self.lock();
        let running = machines.iter().filter_map(|(id, machine)| {
            let db = machine.running.as_ref()?.storage.db()?;
            Some((id.clone(), db))
        });
        running.collect()
    }

    /// The databases of all machines as they are found after a power cut now, each with the name of
    /// its data folder.
    ///
    /// # Errors
    /// When a data folder does not open.
    pub async fn images(&self) -> Result<BTreeMap<NodeId, (Incarnation, Db)>, String> {
        let cut = |(id, machine): (&NodeId, &Machine)| {
            let disk = machine.disk.power_cut(self.executor.random());
            (id.clone(), disk, machine.clock.clone())
        };
        let machines: Vec<_> = self.lock().iter().map(cut).collect();
        let process = self.executor.process();
        let mut images = BTreeMap::new();
        for (id, disk, clock) in machines {
            let failed = |error: &dyn fmt::Display| format!("{id} after a power cut: {error}");
            let db = open(disk, clock).map_err(|error| failed(&error))?;
            let storage = Arc::new(SimulatedStorage::new(process.clone(), db.clone()));
            let node = Node::open(storage, Incarnation(0)).await;
            let node = node.map_err(|error| failed(&error))?;
            images.insert(id, (node.incarnation(), db));
        }
        process.kill();
        Ok(images)
    }

    /// The data folder of a node that runs.
    #[must_use]
    pub fn incarnation(&self, id: &NodeId) -> Option<Incarnation> {
        Some(self.network.up(id)?.node.incarnation())
    }

    /// In how many windows each node that runs knows that it differs from others.
    #[must_use]
    pub fn divergence(&self) -> Vec<(NodeId, u64)> {
        let machines = self.lock();
        let running = machines.iter().filter_map(|(id, machine)| {
            let running = machine.running.as_ref()?;
            Some((id.clone(), running.divergence.total()))
        });
        running.collect()
    }

    /// What each node that runs knows that others miss.
    #[must_use]
    pub fn backlogs(&self) -> Vec<(NodeId, u64)> {
        let machines = self.lock();
        let running = machines.iter().filter_map(|(id, machine)| {
            let running = machine.running.as_ref()?;
            Some((id.clone(), running.marks.backlog().values().sum()))
        });
        running.collect()
    }

    /// The shards that a node copies just now.
    #[must_use]
    pub fn moves(&self, id: &NodeId) -> Vec<Move> {
        let machines = self.lock();
        let running = machines
            .get(id)
            .and_then(|machine| machine.running.as_ref());
        running
            .map(|running| running.membership.moves())
            .unwrap_or_default()
    }

    /// Whether a node runs on a machine.
    #[must_use]
    pub fn is_up(&self, id: &NodeId) -> bool {
        self.lock()
            .get(id)
            .is_some_and(|machine| machine.running.is_some())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<NodeId, Machine>> {
        self.machines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(disk: FaultVfs, clock: NodeClock) -> Result<Db, Error> {
    let options = DbOptions {
        log_cap_bytes: LOG_CAP_BYTES,
        inline_flush: false,
        fingerprint_key: Some(*b"of a simulation."),
        ..DbOptions::default()
    };
    Db::open_with(Arc::new(disk), Arc::new(clock), options)
}
