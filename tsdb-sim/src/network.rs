//! A network between processes: it delays, loses, and divides.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::FutureExt as _;
use tsdb_cluster::message::{
    DeleteRequest, DigestReply, DigestRequest, FoundStream, MarkRequest, NodeError, NodeStatus,
    ReadReply, ReadRequest, WriteReply, WriteRequest,
};
use tsdb_cluster::metadata::{Changes, Revision};
use tsdb_cluster::node::{DeleteRecord, Node};
use tsdb_cluster::runtime::Runtime as _;
use tsdb_cluster::transport::{NodeAnswer, SealReply, Transport};
use tsdb_cluster::{Epoch, Incarnation, NodeId, ShardId};

use crate::executor::{Executor, Process};
use crate::promises::Promises;

/// After which time a message that was lost is given up by its sender.
const GIVEN_UP: Duration = Duration::from_secs(2);
/// After which time a node that did not answer a write is tried again.
const PROBED_AGAIN: Duration = Duration::from_millis(500);

/// A node that is up.
#[derive(Clone, Debug)]
pub struct Up {
    /// Its tasks.
    pub process: Process,
    /// The node.
    pub node: Node,
}

#[derive(Debug, Default)]
struct State {
    nodes: BTreeMap<NodeId, Up>,
    /// Who hears nothing of whom, in one direction.
    cut: BTreeSet<(String, String)>,
    /// How many of a thousand messages are lost.
    lost: u64,
    /// The longest that a message takes, in milliseconds.
    slowest_ms: u64,
    /// Messages sent, and lost.
    counts: (u64, u64),
}

/// The network. Cloning shares it.
#[derive(Clone)]
pub struct Network {
    executor: Executor,
    state: Arc<Mutex<State>>,
    promises: Arc<Mutex<Promises>>,
    mended: Revision,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}

impl Network {
    /// A network that loses nothing.
    #[must_use]
    pub fn new(executor: &Executor) -> Self {
        let state = State {
            slowest_ms: 3,
            ..State::default()
        };
        Self {
            executor: executor.clone(),
            state: Arc::new(Mutex::new(state)),
            promises: Arc::default(),
            mended: Revision::default(),
        }
    }

    /// What nodes have promised by what they answered.
    pub fn promises(&self) -> MutexGuard<'_, Promises> {
        self.promises.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells when a way was mended.
    #[must_use]
    pub fn mends(&self) -> Changes {
        self.mended.changes()
    }

    /// Carries a message; whether it arrives.
    pub async fn pass(&self, from: &str, to: &str) -> bool {
        let delay = self.carry(from, to);
        self.executor.sleep(delay.unwrap_or(GIVEN_UP)).await;
        delay.is_some()
    }

    /// A node is up.
    pub fn put(&self, id: NodeId, up: Up) {
        self.lock().nodes.insert(id, up);
    }

    /// A node, if it is up.
    #[must_use]
    pub fn up(&self, id: &NodeId) -> Option<Up> {
        self.lock().nodes.get(id).cloned()
    }

    /// A node is down.
    pub fn take(&self, id: &NodeId) -> Option<Up> {
        self.lock().nodes.remove(id)
    }

    /// Cuts the way from one to another, or mends it.
    pub fn cut(&self, from: &str, to: &str, is_cut: bool) {
        let way = (from.to_owned(), to.to_owned());
        let mut state = self.lock();
        match is_cut {
            true => state.cut.insert(way),
            false => state.cut.remove(&way),
        };
        drop(state);
        self.mended.raise();
    }

    /// Loses so many of a thousand messages, and takes up to so many milliseconds for most others.
    pub fn trouble(&self, lost: u64, slowest_ms: u64) {
        let mut state = self.lock();
        (state.lost, state.slowest_ms) = (lost, slowest_ms);
    }

    /// Mends all.
    pub fn mend(&self) {
        let mut state = self.lock();
        state.cut.clear();
        (state.lost, state.slowest_ms) = (0, 3);
        drop(state);
        self.mended.raise();
    }

    /// Messages that were sent, and those of them that were lost.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        self.lock().counts
    }

    /// The way to the nodes from a process of this name.
    #[must_use]
    pub fn from(&self, name: &str) -> SimulatedTransport {
        SimulatedTransport {
            network: self.clone(),
            name: name.to_owned(),
            away: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long a message takes; `None` when it never arrives.
    fn carry(&self, from: &str, to: &str) -> Option<Duration> {
        let (chance, micros) = (self.executor.random(), self.executor.random());
        let mut state = self.lock();
        state.counts.0 += 1;
        let is_cut = state.cut.contains(&(from.to_owned(), to.to_owned()));
        if is_cut || chance % 1000 < state.lost {
            state.counts.1 += 1;
            return None;
        }
        // One of many takes much longer than the others.
        let slowest_ms = match chance / 1000 % 16 {
            0 => state.slowest_ms * 8,
            _ => state.slowest_ms,
        };
        Some(Duration::from_micros(micros % (slowest_ms * 1000 + 1)))
    }
}

/// The way from one process to the nodes.
#[derive(Clone, Debug)]
pub struct SimulatedTransport {
    network: Network,
    name: String,
    /// Nodes that did not answer a write, and until when no other one is tried.
    away: Arc<Mutex<BTreeMap<NodeId, Duration>>>,
}

impl SimulatedTransport {
    fn lock_away(&self) -> MutexGuard<'_, BTreeMap<NodeId, Duration>> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks a node: `answer` runs among its tasks.
    fn ask<T: Send + 'static, F: Future<Output = Result<T, NodeError>> + Send + 'static>(
        &self,
        to: &NodeId,
        answer: impl FnOnce(Node) -> F + Send + 'static,
    ) -> NodeAnswer<T> {
        let (network, from, to) = (self.network.clone(), self.name.clone(), to.clone());
        let lost = || NodeError::Unreachable("no answer".to_owned());
        async move {
            if !network.pass(&from, to.as_str()).await {
                return Err(lost());
            }
            let Some(up) = network.up(&to) else {
                return Err(NodeError::Unreachable("connection refused".to_owned()));
            };
            let (sender, answered) = oneshot::channel();
            let task = async move {
                // The asker may be gone.
                drop(sender.send(answer(up.node).await));
            };
            up.process.spawn(task.boxed());
            let Ok(answer) = answered.await else {
                return Err(NodeError::Unreachable("connection lost".to_owned()));
            };
            match network.pass(to.as_str(), &from).await {
                true => answer,
                false => Err(lost()),
            }
        }
        .boxed()
    }
}

impl Transport for SimulatedTransport {
    fn write(&self, node: &NodeId, request: WriteRequest) -> NodeAnswer<WriteReply> {
        let network = self.network.clone();
        let write = |node: Node| async move {
            let incarnation = node.incarnation();
            let before = network.promises().before(incarnation);
            let epochs = request.epochs.clone();
            let reply = node.write(request).await?;
            let mut promises = network.promises();
            promises.wrote(incarnation, &before, &epochs, &reply);
            Ok(reply)
        };
        let (written, own, node) = (self.ask(node, write), self.clone(), node.clone());
        async move {
            let answer = written.await;
            if matches!(answer, Err(NodeError::Unreachable(_))) {
                let until = own.network.executor.now() + PROBED_AGAIN;
                own.lock_away().insert(node, until);
            }
            answer
        }
        .boxed()
    }

    fn refusal(&self, node: &NodeId) -> Option<NodeError> {
        let until = self.lock_away().get(node).copied()?;
        let is_away = self.network.executor.now() < until;
        is_away.then(|| NodeError::Unreachable("it was not reached just now".to_owned()))
    }

    fn read(&self, node: &NodeId, request: ReadRequest) -> NodeAnswer<(ReadReply, FoundStream)> {
        let network = self.network.clone();
        let read = |node: Node| async move {
            let epochs = request.epochs.clone();
            let found = node.read(request).await?;
            network.promises().read(node.incarnation(), &epochs);
            Ok(found)
        };
        self.ask(node, read)
    }

    fn seal(
        &self,
        node: &NodeId,
        incarnation: Incarnation,
        shards: Vec<(ShardId, Epoch)>,
    ) -> NodeAnswer<SealReply> {
        let network = self.network.clone();
        let seal = move |node: Node| async move {
            let reply = node.seal(incarnation, &shards).await?;
            let mut promises = network.promises();
            promises.sealed(node.incarnation(), &shards, &reply);
            Ok(reply)
        };
        self.ask(node, seal)
    }

    fn delete(&self, node: &NodeId, request: DeleteRequest) -> NodeAnswer<u64> {
        self.ask(node, |node| async move { node.delete(request).await })
    }

    fn deletes_behind(
        &self,
        node: &NodeId,
        namespace: Arc<str>,
        sequence: u64,
    ) -> NodeAnswer<Vec<DeleteRecord>> {
        let behind = move |node: Node| async move { Ok(node.deletes_behind(&namespace, sequence)) };
        self.ask(node, behind)
    }

    fn mark(&self, node: &NodeId, request: MarkRequest) -> NodeAnswer<Vec<ShardId>> {
        self.ask(node, |node| async move { node.mark(request).await })
    }

    fn digest(&self, node: &NodeId, request: DigestRequest) -> NodeAnswer<DigestReply> {
        self.ask(node, |node| async move { node.digest(request).await })
    }

    fn repair(&self, node: &NodeId) -> NodeAnswer<u64> {
        self.ask(node, |node| async move { Ok(node.rounds().ask()) })
    }

    fn status(&self, node: &NodeId) -> NodeAnswer<NodeStatus> {
        self.ask(node, |node| async move { Ok(node.status()) })
    }
}
