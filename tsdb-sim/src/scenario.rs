//! One life of a cluster, from a seed: it is written, read and deleted from while things break.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use tsdb_cluster::coordinator::{Coordinator, CoordinatorError, CoordinatorOptions, ReadQuery};
use tsdb_cluster::runtime::Runtime as _;
use tsdb_cluster::topology::{Node, ReadLevel, Topology, WriteLevel};
use tsdb_cluster::{Batch, NodeId, SeriesEntry};
use tsdb_core::{Db, Labels, Matcher, Sample, Series, TimeRange, shard_of};

use crate::clock::BEGIN_MS;
use crate::cluster::Cluster;
use crate::executor::{Executor, Process};
use crate::history::{History, SeriesNumber, Violation};
use crate::random::Random;

/// The namespace that is written to.
const NAMESPACE: &str = "default";
const METRIC: &str = "simulated";

/// What a scenario consists of.
#[derive(Clone, Copy, Debug)]
pub struct ScenarioOptions {
    /// Nodes at the beginning, each in an isolation group of its own but for those beyond the third.
    pub nodes: usize,
    /// Shards.
    pub shards: u32,
    /// How long things break.
    pub trouble: Duration,
    /// What may break.
    pub faults: Faults,
}

/// What may break.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each can be switched off by itself"
)]
pub struct Faults {
    /// Messages are lost, late, and kept apart.
    pub network: bool,
    /// Nodes crash and come back.
    pub crashes: bool,
    /// Nodes lose their disks.
    pub disks: bool,
    /// Nodes are paused, and disks are slow.
    pub pauses: bool,
    /// Wall clocks jump.
    pub clocks: bool,
    /// The metadata is away.
    pub metadata: bool,
    /// Nodes are added, removed and replaced.
    pub changes: bool,
    /// Samples are deleted.
    pub deletes: bool,
}

impl Faults {
    /// Everything.
    pub const ALL: Self = Self {
        network: true,
        crashes: true,
        disks: true,
        pauses: true,
        clocks: true,
        metadata: true,
        changes: true,
        deletes: true,
    };
    /// Nothing.
    pub const NONE: Self = Self {
        network: false,
        crashes: false,
        disks: false,
        pauses: false,
        clocks: false,
        metadata: false,
        changes: false,
        deletes: false,
    };
}

impl Default for ScenarioOptions {
    fn default() -> Self {
        Self {
            nodes: 4,
            shards: 4,
            trouble: Duration::from_secs(60),
            faults: Faults::ALL,
        }
    }
}

/// What came of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The first promise that was broken.
    pub violation: Option<Violation>,
    /// Samples that were acknowledged.
    pub acked: u64,
    /// Samples of reads that were checked.
    pub checked: u64,
    /// Requests that succeeded, and that failed.
    pub requests: (u64, u64),
    /// What was done to the cluster.
    pub events: Vec<String>,
    /// Equal in two runs of one seed.
    pub trace: u64,
}

struct State {
    history: History,
    violation: Option<Violation>,
    requests: (u64, u64),
    events: Vec<String>,
    /// Whether workloads go on.
    is_over: bool,
    /// Nodes whose disk is gone, until all is copied again.
    lost: BTreeSet<NodeId>,
}

/// What all tasks of a scenario share.
#[derive(Clone)]
struct Play {
    executor: Executor,
    cluster: Cluster,
    options: ScenarioOptions,
    state: Arc<Mutex<State>>,
}

/// Plays the scenario of a seed.
#[must_use]
pub fn play(seed: u64, options: ScenarioOptions) -> Outcome {
    let executor = Executor::new(seed);
    let coordinator_options = CoordinatorOptions {
        read_level: ReadLevel::Majority,
        write_level: WriteLevel::Majority,
        timeout: Duration::from_secs(8),
        hedge_after: Duration::from_millis(50),
    };
    let play = Play {
        cluster: Cluster::new(&executor, coordinator_options),
        executor: executor.clone(),
        options,
        state: Arc::new(Mutex::new(State {
            history: History::default(),
            violation: None,
            requests: (0, 0),
            events: Vec::new(),
            is_over: false,
            lost: BTreeSet::new(),
        })),
    };
    let own = play.clone();
    let ended = executor.run(async move { own.run(seed).await });
    let mut state = play.lock();
    let violation = match ended {
        Some(Ok(())) => state.violation.take(),
        Some(Err(error)) => Some(Violation::new(error)),
        None => {
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
        let (first, one) = self.cluster.coordinator("c1");
        let (second, other) = self.cluster.coordinator("c2");
        self.begin(&one).await?;
        for (number, coordinator) in [(0, &one), (1, &other)] {
            self.spawn(
                &first,
                self.clone()
                    .write(coordinator.clone(), number, random.fork()),
            );
            self.spawn(
                &second,
                self.clone().read(coordinator.clone(), random.fork()),
            );
        }
        if self.options.faults.deletes {
            self.spawn(&first, self.clone().delete(other.clone(), random.fork()));
        }
        self.trouble(&one, &mut random).await?;
        self.heal(&one).await?;
        self.lock().is_over = true;
        // What runs ends first.
        self.executor.sleep(Duration::from_secs(20)).await;
        for coordinator in [&one, &other] {
            self.read_once(coordinator)
                .await
                .map_err(|error| format!("a read fails though everything is mended: {error}"))?;
        }
        Ok(())
    }

    fn spawn(&self, process: &Process, task: impl Future<Output = ()> + Send + 'static) {
        process.spawn(task.boxed());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, event: String) {
        let now = self.executor.now();
        self.lock().events.push(format!("{now:?} {event}"));
    }

    fn is_over(&self) -> bool {
        let state = self.lock();
        state.is_over || state.violation.is_some()
    }

    /// Starts the nodes and gives them shards.
    async fn begin(&self, coordinator: &Coordinator) -> Result<(), String> {
        let ids = (0..self.options.nodes).map(node_id);
        for id in ids.clone() {
            self.cluster.start(&id).await?;
        }
        let nodes = ids.enumerate().map(|(at, id)| (id, node(at))).collect();
        let topology = Topology::init(nodes, self.options.shards, 3);
        let topology = topology.map_err(|error| error.to_string())?;
        let put = coordinator.topology().put(None, topology).await;
        put.map_err(|error| error.to_string())?;
        self.settled(coordinator, Duration::from_secs(60)).await
    }

    /// Waits until no shard is in change and all have come up.
    async fn settled(&self, coordinator: &Coordinator, limit: Duration) -> Result<(), String> {
        let until = self.executor.now() + limit;
        loop {
            let known = coordinator.topology().refresh().await;
            let known = known.map_err(|error| error.to_string())?;
            let slots = || {
                known
                    .topology
                    .shards()
                    .iter()
                    .flat_map(|shard| shard.slots())
            };
            let waits = known.topology.in_change().count();
            if waits == 0 && slots().all(|slot| !slot.is_fresh()) {
                return Ok(());
            }
            if self.executor.now() > until {
                return Err(format!(
                    "{waits} shards are still in change after {limit:?}: {:?}",
                    known.topology
                ));
            }
            self.executor.sleep(Duration::from_millis(100)).await;
        }
    }

    async fn write(self, coordinator: Coordinator, number: u64, mut random: Random) {
        let mut round = 0;
        while !self.is_over() {
            round += 1;
            let timestamp = BEGIN_MS + round * 1000;
            let series: Vec<SeriesNumber> = (0..6).map(|at| number * 6 + at).collect();
            let batch = Arc::new(batch(&series, timestamp, self.options.shards));
            for _ in 0..3 {
                if self
                    .write_once(&coordinator, &series, timestamp, &batch)
                    .await
                {
                    break;
                }
            }
            let pause = Duration::from_millis(random.below(200));
            self.executor.sleep(pause).await;
        }
    }

    async fn write_once(
        &self,
        coordinator: &Coordinator,
        series: &[SeriesNumber],
        timestamp: i64,
        batch: &Arc<Batch>,
    ) -> bool {
        let now = self.executor.now();
        for number in series {
            let value = value_of(*number, timestamp);
            self.lock().history.write(now, *number, timestamp, value);
        }
        let written = coordinator
            .write(&NAMESPACE.into(), Arc::clone(batch))
            .await;
        let is_acked = written
            .as_ref()
            .is_ok_and(|outcome| outcome.report.is_complete());
        let now = self.executor.now();
        let mut state = self.lock();
        match is_acked {
            true => state.requests.0 += 1,
            false => state.requests.1 += 1,
        }
        for number in series {
            state.history.written(now, *number, timestamp, is_acked);
        }
        is_acked
    }

    async fn read(self, coordinator: Coordinator, mut random: Random) {
        while !self.is_over() {
            match self.read_once(&coordinator).await {
                Ok(()) => self.lock().requests.0 += 1,
                Err(_) => self.lock().requests.1 += 1,
            }
            let pause = Duration::from_millis(100 + random.below(900));
            self.executor.sleep(pause).await;
        }
    }

    /// Reads all, and holds it against the history.
    async fn read_once(&self, coordinator: &Coordinator) -> Result<(), CoordinatorError> {
        let begun = self.executor.now();
        let mut query = ReadQuery::everything(NAMESPACE.into(), TimeRange::ALL);
        query.matchers = vec![Matcher::equal("__name__", METRIC)];
        let mut answer = coordinator.read(query).await?;
        let mut found = BTreeMap::new();
        while let Some((labels, chunks)) = answer.series.next().await? {
            let number = labels.get("number").and_then(|number| number.parse().ok());
            let series = Series::from_chunks(labels, chunks, TimeRange::ALL);
            let series = series.map_err(|error| CoordinatorError::Invalid(error.to_string()))?;
            let samples = series
                .samples()
                .map(|sample| (sample.timestamp, sample.value));
            found.insert(number.unwrap_or(u64::MAX), samples.collect());
        }
        let ended = self.executor.now();
        let checked = self.lock().history.check((begun, ended), &found);
        if let Err(mut violation) = checked {
            if let Some((series, timestamp)) = violation.sample {
                let who = self.who_has(coordinator, series, timestamp);
                violation.what = format!("{}; {who}", violation.what);
            }
            self.lock().violation.get_or_insert(violation);
        }
        Ok(())
    }

    /// Which replicas a sample should be at, and which nodes have it.
    fn who_has(&self, coordinator: &Coordinator, series: SeriesNumber, timestamp: i64) -> String {
        let of = NonZeroU32::new(self.options.shards);
        let shard = of
            .zip(labels_of(series))
            .map_or(0, |(of, labels)| shard_of(&labels, of));
        let known = coordinator.topology().known();
        let shard = known.as_ref().and_then(|known| known.topology.shard(shard));
        let matchers = [Matcher::equal("number", series.to_string())];
        let has = |db: &Db| {
            let range = TimeRange::inclusive(timestamp, timestamp).ok()?;
            let mut set = db.find(NAMESPACE)?.select(range, &matchers).ok()?;
            set.next()?.ok()
        };
        let holders = self.cluster.databases().into_iter();
        let holders = holders
            .filter(|(_, db)| has(db).is_some())
            .map(|(id, _)| id.to_string());
        let holders: Vec<_> = holders.collect();
        format!("it is at {holders:?}; the shard is {shard:?}")
    }

    async fn delete(self, coordinator: Coordinator, mut random: Random) {
        while !self.is_over() {
            let pause = Duration::from_millis(2000 + random.below(6000));
            self.executor.sleep(pause).await;
            let series = random.below(12);
            let now_ms = BEGIN_MS + i64::try_from(self.executor.now().as_millis()).unwrap_or(0);
            let max = now_ms - 1000 * i64::try_from(random.below(10)).unwrap_or(0);
            let min = max - 20_000;
            let number = self
                .lock()
                .history
                .delete(self.executor.now(), series, min, max);
            let matchers = [Matcher::equal("number", series.to_string())];
            let Ok(range) = TimeRange::inclusive(min, max) else {
                continue;
            };
            let deleted = coordinator
                .delete(&NAMESPACE.into(), range, &matchers)
                .await;
            let mut state = self.lock();
            match deleted {
                Ok(_) => {
                    state.requests.0 += 1;
                    let now = self.executor.now();
                    state.history.deleted(now, number);
                }
                Err(_) => state.requests.1 += 1,
            }
        }
    }

    /// Breaks things for a while, one after the other, and mends most of them again.
    async fn trouble(&self, coordinator: &Coordinator, random: &mut Random) -> Result<(), String> {
        let until = self.executor.now() + self.options.trouble;
        while self.executor.now() < until && !self.is_over() {
            let pause = Duration::from_millis(300 + random.below(2500));
            self.executor.sleep(pause).await;
            self.break_something(coordinator, random).await?;
        }
        Ok(())
    }

    async fn break_something(
        &self,
        coordinator: &Coordinator,
        random: &mut Random,
    ) -> Result<(), String> {
        let faults = self.options.faults;
        let machines = self.cluster.machines();
        let Some(id) = random.pick(&machines).cloned() else {
            return Ok(());
        };
        match random.below(10) {
            0 if faults.network => {
                self.tell(format!("{id} is cut off"));
                let one_way = random.chance(1, 3);
                for other in machines.iter().map(NodeId::as_str).chain(["c1", "c2"]) {
                    self.cluster.network().cut(other, id.as_str(), true);
                    if !one_way {
                        self.cluster.network().cut(id.as_str(), other, true);
                    }
                }
            }
            1 if faults.network => {
                let (lost, slowest) = (random.below(150), 3 + random.below(400));
                self.tell(format!(
                    "{lost} of 1000 messages are lost, others take {slowest} ms"
                ));
                self.cluster.network().trouble(lost, slowest);
            }
            2 => {
                self.tell("the network is mended".to_owned());
                self.cluster.network().mend();
            }
            3 if faults.crashes => match self.cluster.is_up(&id) {
                true => {
                    self.tell(format!("{id} crashes"));
                    self.cluster.crash(&id);
                }
                false => self.start(&id).await?,
            },
            4 => {
                for id in machines.iter().filter(|id| !self.cluster.is_up(id)) {
                    self.start(id).await?;
                }
            }
            5 if faults.pauses => {
                let is_paused = random.chance(1, 2);
                self.tell(format!("{id} is paused: {is_paused}"));
                self.cluster.pause(&id, is_paused);
                let slowest = 1 + random.below(300);
                self.cluster.slow_disk(&id, slowest);
            }
            6 if faults.clocks => {
                let offset = i64::try_from(random.below(7_200_000)).unwrap_or(0) - 3_600_000;
                self.tell(format!("the clock of {id} is {offset} ms ahead"));
                self.cluster.set_clock(&id, offset);
            }
            7 if faults.metadata => {
                let is_away = random.chance(1, 2);
                self.tell(format!("the metadata is away: {is_away}"));
                self.cluster.metadata().set_away(is_away);
            }
            8 if faults.disks => self.lose_disk(coordinator, &id).await?,
            9 if faults.changes => self.change(coordinator, random).await,
            _ => {}
        }
        Ok(())
    }

    async fn start(&self, id: &NodeId) -> Result<(), String> {
        self.tell(format!("{id} starts"));
        self.cluster.start(id).await
    }

    /// A disk goes, if none else has that was not copied again: one may.
    async fn lose_disk(&self, coordinator: &Coordinator, id: &NodeId) -> Result<(), String> {
        let known = coordinator.topology().refresh().await;
        let is_quiet = known.is_ok_and(|known| {
            let nodes = known.topology.nodes();
            let is_there = |id: &NodeId| nodes.contains_key(id);
            known.topology.in_change().count() == 0 && is_there(id)
        });
        let all_up = self
            .cluster
            .machines()
            .iter()
            .all(|id| self.cluster.is_up(id));
        if !is_quiet || !all_up {
            return Ok(());
        }
        self.tell(format!("{id} loses its disk"));
        self.cluster.destroy(id);
        self.lock().lost.insert(id.clone());
        self.executor.sleep(Duration::from_millis(500)).await;
        self.cluster.start(id).await?;
        // The next one goes when this one has it all again.
        let mended = self.settled(coordinator, Duration::from_secs(5)).await;
        if mended.is_ok() {
            self.lock().lost.remove(id);
        }
        Ok(())
    }

    /// A node is added, removed, replaced, or what is under way is undone.
    async fn change(&self, coordinator: &Coordinator, random: &mut Random) {
        let Ok(known) = coordinator.topology().refresh().await else {
            return;
        };
        let ids: Vec<NodeId> = known.topology.nodes().keys().cloned().collect();
        let newcomer = self.cluster.machines().len();
        let (what, after) = match random.below(4) {
            0 if newcomer < self.options.nodes + 3 => {
                let added = vec![(node_id(newcomer), node(newcomer))];
                ("a node is added", known.topology.add(added, false))
            }
            1 if ids.len() > 3 => {
                let Some(id) = random.pick(&ids) else {
                    return;
                };
                let ids = std::slice::from_ref(id);
                ("a node is removed", known.topology.remove(ids))
            }
            2 if newcomer < self.options.nodes + 3 => {
                let Some(id) = random.pick(&ids) else {
                    return;
                };
                let group = known
                    .topology
                    .nodes()
                    .get(id)
                    .map(|old| old.isolation_group.clone());
                let mut candidate = node(newcomer);
                candidate.isolation_group = group.unwrap_or_default();
                let candidates = vec![(node_id(newcomer), candidate)];
                let ids = std::slice::from_ref(id);
                let replaced = known.topology.replace(ids, candidates, false);
                ("a node is replaced", replaced)
            }
            _ => ("what changes is undone", Ok(known.topology.abort_all())),
        };
        let Ok(after) = after else {
            return;
        };
        self.tell(what.to_owned());
        if coordinator
            .topology()
            .put(Some(known.version), after)
            .await
            .is_ok()
            && known.topology.nodes().len() < newcomer + 1
            && what != "a node is removed"
        {
            // Sometimes a newcomer is late, and sometimes it never comes.
            if random.chance(3, 4) && self.cluster.start(&node_id(newcomer)).await.is_err() {
                self.tell("the newcomer does not start".to_owned());
            }
        }
    }

    /// Mends everything and waits until all changes have come to an end.
    async fn heal(&self, coordinator: &Coordinator) -> Result<(), String> {
        self.tell("everything is mended".to_owned());
        self.cluster.network().mend();
        self.cluster.metadata().set_away(false);
        for id in self.cluster.machines() {
            self.cluster.pause(&id, false);
            self.cluster.slow_disk(&id, 3);
            self.cluster.set_clock(&id, 0);
            self.cluster.start(&id).await?;
        }
        let known = coordinator.topology().refresh().await;
        let known = known.map_err(|error| error.to_string())?;
        for id in known.topology.nodes().keys() {
            self.cluster.start(id).await?;
        }
        self.settled(coordinator, Duration::from_secs(60)).await
    }
}

fn node_id(at: usize) -> NodeId {
    NodeId::new(format!("n{at}"))
}

fn node(at: usize) -> Node {
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

/// What a series has at a time: always the same, so that a retry changes nothing.
fn value_of(series: SeriesNumber, timestamp: i64) -> f64 {
    let seconds = i32::try_from((timestamp - BEGIN_MS) / 1000).unwrap_or(0);
    f64::from(seconds) + f64::from(u8::try_from(series).unwrap_or(0)) / 256.0
}

fn labels_of(series: SeriesNumber) -> Option<Labels> {
    let text = series.to_string();
    Labels::from_pairs([("__name__", METRIC), ("number", &text)]).ok()
}

fn batch(series: &[SeriesNumber], timestamp: i64, shards: u32) -> Batch {
    let mut batch = Batch::default();
    for number in series {
        let (Some(labels), Some(of)) = (labels_of(*number), NonZeroU32::new(shards)) else {
            continue;
        };
        let entry = SeriesEntry {
            shard: shard_of(&labels, of),
            labels,
            key: *number,
        };
        batch.begin(Arc::new(entry));
        batch.sample(Sample::new(timestamp, value_of(*number, timestamp)));
    }
    batch
}
