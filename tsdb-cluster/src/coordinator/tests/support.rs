//! Three nodes in memory, with all shards at each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use futures_util::{FutureExt as _, StreamExt as _, stream};
use tsdb_core::vfs::FaultVfs;
use tsdb_core::{Db, DbOptions, Labels, Sample, SystemClock, TimeRange, shard_of};

use crate::coordinator::{Answer, Coordinator, CoordinatorError, CoordinatorOptions, ReadQuery};
use crate::message::{
    DeleteRequest, FoundStream, NodeError, NodeStatus, ReadReply, ReadRequest, Want, WriteReply,
    WriteRequest,
};
use crate::metadata::{MemoryMetadata, MetadataStore as _, placement_key};
use crate::node::{DeleteRecord, Node};
use crate::runtime::still::Still;
use crate::storage::{Lane, Storage, Work};
use crate::topology::{Node as Described, ReadLevel, Topology, WriteLevel};
use crate::transport::{NodeAnswer, SealReply, Transport};
use crate::{Batch, Epoch, Incarnation, NodeId, SeriesEntry, ShardId};

pub(super) const SHARDS: u32 = 8;
pub(super) const BEGIN_MS: i64 = 1_700_000_000_000;
const ENVIRONMENT: &str = "default_env";

/// A database whose work is done at once.
struct AtOnce(Db);

impl fmt::Debug for AtOnce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AtOnce")
    }
}

impl Storage for AtOnce {
    fn run(&self, lane: Lane, work: Work) {
        work(Ok(&self.0));
        if lane != Lane::Read {
            self.0.commit().expect("a commit");
        }
    }
}

/// The way to the nodes: some are away, answers of some break off.
#[derive(Clone, Debug, Default)]
struct Way {
    nodes: Arc<BTreeMap<NodeId, Node>>,
    away: Arc<Mutex<BTreeSet<NodeId>>>,
    /// After how many series.
    broken: Arc<Mutex<BTreeMap<NodeId, usize>>>,
}

impl Way {
    fn ask<T: Send + 'static, F: Future<Output = Result<T, NodeError>> + Send + 'static>(
        &self,
        id: &NodeId,
        ask: impl FnOnce(Node) -> F,
    ) -> NodeAnswer<T> {
        if self.away.lock().expect("a lock").contains(id) {
            let why = NodeError::Unreachable("it is away".to_owned());
            return async move { Err(why) }.boxed();
        }
        ask(self.nodes[id].clone()).boxed()
    }
}

impl Transport for Way {
    fn write(&self, node: &NodeId, request: WriteRequest) -> NodeAnswer<WriteReply> {
        self.ask(node, |node| async move { node.write(request).await })
    }

    fn read(&self, node: &NodeId, request: ReadRequest) -> NodeAnswer<(ReadReply, FoundStream)> {
        let breaks = self.broken.lock().expect("a lock").get(node).copied();
        self.ask(node, move |node| async move {
            let (reply, found) = node.read(request).await?;
            let Some(series) = breaks else {
                return Ok((reply, found));
            };
            // Nothing here fails before it is broken off.
            let one_by_one = found.flat_map(|piece| {
                let all = piece.expect("a piece").into_iter();
                stream::iter(all.map(|one| Ok(vec![one])))
            });
            let broken = NodeError::Unreachable("it broke off".to_owned());
            let end = stream::iter([Err(broken)]);
            Ok((reply, one_by_one.take(series).chain(end).boxed()))
        })
    }

    fn seal(
        &self,
        node: &NodeId,
        incarnation: Incarnation,
        shards: Vec<(ShardId, Epoch)>,
    ) -> NodeAnswer<SealReply> {
        self.ask(
            node,
            |node| async move { node.seal(incarnation, &shards).await },
        )
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
        let behind = |node: Node| async move { Ok(node.deletes_behind(&namespace, sequence)) };
        self.ask(node, behind)
    }

    fn status(&self, node: &NodeId) -> NodeAnswer<NodeStatus> {
        self.ask(node, |node| async move { Ok(node.status()) })
    }
}

/// Three nodes, `a`, `b` and `c`, and a coordinator.
pub(super) struct Three {
    way: Way,
    coordinator: Coordinator,
}

impl Three {
    pub(super) fn new() -> Self {
        let mut nodes = BTreeMap::new();
        let mut described = Vec::new();
        for (number, name) in (1..).zip(["a", "b", "c"]) {
            let disk = Arc::new(FaultVfs::new(number));
            let db = Db::open_with(disk, Arc::new(SystemClock::new()), DbOptions::default());
            let storage = Arc::new(AtOnce(db.expect("a database")));
            let fresh = Incarnation(u128::from(number));
            let node = pollster::block_on(Node::open(storage, fresh)).expect("a node");
            nodes.insert(NodeId::from(name), node);
            let one = Described {
                isolation_group: name.to_owned(),
                weight: 100,
                ..Described::default()
            };
            described.push((NodeId::from(name), one));
        }
        let mut topology = Topology::init(described, SHARDS, 3).expect("a topology");
        for (id, node) in &nodes {
            let bound = topology.bind(id, node.incarnation());
            topology = bound.expect("a node of it");
        }
        let metadata = MemoryMetadata::default();
        let bytes = serde_json::to_vec(&topology).expect("JSON");
        let key = placement_key(ENVIRONMENT, "m3db");
        pollster::block_on(metadata.set(&key, None, bytes)).expect("a placement");
        let way = Way {
            nodes: Arc::new(nodes),
            ..Way::default()
        };
        let coordinator = Coordinator::new(
            Arc::new(Still),
            Arc::new(way.clone()),
            Arc::new(metadata),
            ENVIRONMENT,
            CoordinatorOptions::default(),
        );
        Self { way, coordinator }
    }

    /// Only these are away.
    pub(super) fn away(&self, names: &[&str]) {
        let names = names.iter().map(|name| NodeId::from(*name));
        *self.way.away.lock().expect("a lock") = names.collect();
    }

    /// Only the answers of these break off, after so many series.
    pub(super) fn broken(&self, names: &[&str], after: usize) {
        let names = names.iter().map(|name| (NodeId::from(*name), after));
        *self.way.broken.lock().expect("a lock") = names.collect();
    }

    pub(super) fn write(&self, batch: Batch, level: WriteLevel) {
        let namespace = Arc::from("default");
        let write = self
            .coordinator
            .write_at(&namespace, Arc::new(batch), level);
        let written = pollster::block_on(write).expect("a write");
        assert!(written.report.is_complete(), "{:?}", written.report);
    }

    pub(super) fn read(&self, query: ReadQuery) -> Result<Answer, CoordinatorError> {
        pollster::block_on(self.coordinator.read(query))
    }
}

/// All there is, read at a level.
pub(super) fn everything(want: Want, level: ReadLevel) -> ReadQuery {
    ReadQuery {
        want,
        level: Some(level),
        ..ReadQuery::everything("default".into(), TimeRange::ALL)
    }
}

/// Two samples of each of some series.
pub(super) fn batch(numbers: std::ops::Range<u32>) -> Batch {
    let mut batch = Batch::default();
    for number in numbers {
        batch.begin(entry(number));
        for round in 0..2 {
            let at = BEGIN_MS + i64::from(round) * 15_000;
            batch.sample(Sample::new(at, f64::from(number + round)));
        }
    }
    batch
}

pub(super) fn entry(number: u32) -> Arc<SeriesEntry> {
    let text = format!("{number:03}");
    let labels = Labels::from_pairs([("__name__", "up"), ("number", &text)]).expect("labels");
    Arc::new(SeriesEntry {
        shard: shard_of(&labels, NonZeroU32::new(SHARDS).expect("not 0")),
        labels,
        key: 0,
    })
}

/// The numbers of the series of an answer, and how many samples they have; where it fails, why.
pub(super) fn numbers(answer: &mut Answer) -> Result<(Vec<u32>, usize), CoordinatorError> {
    let (mut numbers, mut samples) = (Vec::new(), 0);
    while let Some(series) = pollster::block_on(answer.series.next_series())? {
        let number = series.labels().get("number").expect("a number");
        numbers.push(number.parse().expect("a number"));
        samples += series.timestamps().len();
    }
    Ok((numbers, samples))
}

/// The numbers of the series that an answer lists.
pub(super) fn listed(answer: &mut Answer) -> Result<Vec<u32>, CoordinatorError> {
    let mut numbers = Vec::new();
    while let Some((labels, _)) = pollster::block_on(answer.series.next())? {
        let number = labels.get("number").expect("a number");
        numbers.push(number.parse().expect("a number"));
    }
    Ok(numbers)
}
