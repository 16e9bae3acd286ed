//! The client: the way to the nodes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tsdb_cluster::message::{
    DeleteRequest, DigestReply, DigestRequest, FoundStream, MarkRequest, NodeError, NodeStatus,
    ReadReply, ReadRequest, WriteReply, WriteRequest,
};
use tsdb_cluster::node::DeleteRecord;
use tsdb_cluster::transport::{NodeAnswer, SealReply, Transport};
use tsdb_cluster::wire::messages as wire;
use tsdb_cluster::wire::{PROTOCOL_VERSION, check_version};
use tsdb_cluster::{Epoch, Incarnation, NodeId, ShardId};

use super::calls::Calls;
use super::circuit::Circuit;
use super::figures::PeerFigures;
use super::options::RpcClientOptions;
use super::queue::{Pending, Queue, Room, Waiter};
use super::{reading, write_stream};
use crate::rpc::{Call, Endpoints, RpcFigures};

/// What all that a client does has in common.
pub(super) struct Context {
    pub(super) options: RpcClientOptions,
    pub(super) endpoints: Endpoints,
    pub(super) figures: Arc<RpcFigures>,
}

impl Context {
    /// Where a node listens.
    pub(super) fn address(&self, node: &NodeId) -> Result<Arc<str>, String> {
        let address = self.endpoints.get(node);
        address.ok_or_else(|| format!("no endpoint of {node} is known"))
    }

    /// How long to wait for the answer to a call.
    pub(super) fn deadline(&self, call: Call) -> Duration {
        match call {
            Call::Digest => self.options.digest_deadline,
            _ => self.options.deadline,
        }
    }

    /// The error of who waited too long.
    pub(super) fn no_answer(&self, call: Call) -> NodeError {
        let millis = self.deadline(call).as_millis();
        NodeError::Unreachable(format!("no answer within {millis} ms"))
    }
}

/// The way to one node.
struct Peer {
    calls: Arc<Calls>,
    writes: mpsc::UnboundedSender<Pending>,
    way_of_writes: Circuit,
    room: Room,
}

/// Asks nodes over sockets. Cloning shares its connections; they close with the last clone.
///
/// The keys of series that are written through one client come from one source: see
/// [`SeriesEntry`](tsdb_cluster::SeriesEntry).
#[derive(Clone)]
pub struct RpcClient {
    context: Arc<Context>,
    peers: Arc<Mutex<BTreeMap<NodeId, Arc<Peer>>>>,
}

impl fmt::Debug for RpcClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RpcClient")
            .field("endpoints", &self.context.endpoints)
            .finish_non_exhaustive()
    }
}

impl RpcClient {
    /// A client that finds nodes at `endpoints`, and is connected to none yet. Its answers are to
    /// be waited for on a tokio runtime.
    #[must_use]
    pub fn new(endpoints: Endpoints, options: RpcClientOptions) -> Self {
        let context = Context {
            endpoints,
            options,
            figures: Arc::default(),
        };
        Self {
            context: Arc::new(context),
            peers: Arc::default(),
        }
    }

    /// What it counts.
    #[must_use]
    pub fn figures(&self) -> &Arc<RpcFigures> {
        &self.context.figures
    }

    /// How the ways to the nodes are, of those that were asked.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerFigures> {
        let peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let known = peers.iter();
        let known = known.filter(|(id, _)| self.context.endpoints.get(id).is_some());
        let figures = known.map(|(id, peer)| PeerFigures {
            node: id.clone(),
            queue: peer.room.figures(),
            writes: peer.way_of_writes.figures(),
            calls: peer.calls.figures(),
        });
        figures.collect()
    }

    /// The way to a node, begun if this is the first that is asked of it.
    fn peer(&self, node: &NodeId) -> Arc<Peer> {
        // It is never left half changed, so a panic elsewhere does not matter here.
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(peer) = peers.get(node) {
            return Arc::clone(peer);
        }
        // Nodes that left the placement are forgotten; their streams end.
        peers.retain(|id, _| self.context.endpoints.get(id).is_some());
        let (writes, queue): (_, Queue) = mpsc::unbounded_channel();
        tokio::spawn(write_stream::follow(
            Arc::clone(&self.context),
            node.clone(),
            queue,
        ));
        let options = &self.context.options;
        let peer = Arc::new(Peer {
            calls: Arc::new(Calls::new(Arc::clone(&self.context), node.clone())),
            writes,
            way_of_writes: Circuit::new(options.backoff_max),
            room: Room::new(options, &self.context.figures),
        });
        peers.insert(node.clone(), Arc::clone(&peer));
        peer
    }

    /// Asks for one message.
    fn ask<Q, A, T>(
        &self,
        node: &NodeId,
        call: Call,
        question: Q,
        take: impl FnOnce(A) -> Result<T, NodeError> + Send + 'static,
    ) -> NodeAnswer<T>
    where
        Q: wire::NodeMessage + Send + 'static,
        A: wire::NodeMessage + Send + 'static,
        T: Send + 'static,
    {
        let (client, node) = (self.clone(), node.clone());
        async move {
            let calls = Arc::clone(&client.peer(&node).calls);
            let answer = calls.ask(call, question).await.and_then(take);
            client.context.figures.answered(call, &answer);
            answer
        }
        .boxed()
    }

    async fn write_to(
        &self,
        node: &NodeId,
        request: WriteRequest,
    ) -> Result<WriteReply, NodeError> {
        let peer = self.peer(node);
        let place = peer.room.take(&request)?;
        let pass = peer.way_of_writes.admit()?;
        let (reply, answer) = oneshot::channel();
        let waiter = Waiter {
            reply,
            pass,
            _place: place,
        };
        let lost = || NodeError::Unreachable("the way to it was given up".to_owned());
        let sent = peer.writes.send(Pending { request, waiter });
        sent.map_err(|_| lost())?;
        match timeout(self.context.options.deadline, answer).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(lost())),
            Err(_) => Err(self.context.no_answer(Call::Write)),
        }
    }
}

impl Transport for RpcClient {
    fn write(&self, node: &NodeId, request: WriteRequest) -> NodeAnswer<WriteReply> {
        let (client, node) = (self.clone(), node.clone());
        async move {
            let answer = client.write_to(&node, request).await;
            client.context.figures.answered(Call::Write, &answer);
            answer
        }
        .boxed()
    }

    fn read(&self, node: &NodeId, request: ReadRequest) -> NodeAnswer<(ReadReply, FoundStream)> {
        let (client, node) = (self.clone(), node.clone());
        async move {
            let calls = Arc::clone(&client.peer(&node).calls);
            let answer = reading::begin(&calls, request).await;
            client.context.figures.answered(Call::Read, &answer);
            answer
        }
        .boxed()
    }

    fn seal(
        &self,
        node: &NodeId,
        incarnation: Incarnation,
        shards: Vec<(ShardId, Epoch)>,
    ) -> NodeAnswer<SealReply> {
        let question = wire::SealRequest {
            incarnation,
            shards,
        };
        let take = |reply: wire::SealReply| Ok(reply.shards);
        self.ask(node, Call::Seal, question, take)
    }

    fn delete(&self, node: &NodeId, request: DeleteRequest) -> NodeAnswer<u64> {
        let take = |reply: wire::DeleteReply| Ok(reply.applied);
        self.ask(node, Call::Delete, request, take)
    }

    fn deletes_behind(
        &self,
        node: &NodeId,
        namespace: Arc<str>,
        sequence: u64,
    ) -> NodeAnswer<Vec<DeleteRecord>> {
        let question = wire::DeletesBehindRequest {
            namespace,
            sequence,
        };
        let take = |reply: wire::DeletesBehindReply| Ok(reply.records);
        self.ask(node, Call::DeletesBehind, question, take)
    }

    fn mark(&self, node: &NodeId, request: MarkRequest) -> NodeAnswer<Vec<ShardId>> {
        let take = |reply: wire::MarkReply| Ok(reply.shards);
        self.ask(node, Call::Mark, request, take)
    }

    fn repair(&self, node: &NodeId) -> NodeAnswer<u64> {
        let take = |reply: wire::RepairReply| Ok(reply.round);
        self.ask(node, Call::Repair, wire::RepairRequest, take)
    }

    fn refusal(&self, node: &NodeId) -> Option<NodeError> {
        // A node that was never asked is none that was not reached.
        let peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let peer = peers.get(node)?;
        peer.way_of_writes.refusal().or_else(|| peer.room.refusal())
    }

    fn digest(&self, node: &NodeId, request: DigestRequest) -> NodeAnswer<DigestReply> {
        self.ask(node, Call::Digest, request, Ok)
    }

    fn status(&self, node: &NodeId) -> NodeAnswer<NodeStatus> {
        let question = wire::StatusRequest {
            version: PROTOCOL_VERSION,
        };
        let take = |reply: wire::StatusReply| {
            let is_understood = check_version(reply.version);
            is_understood.map_err(|error| NodeError::Failed(error.to_string()))?;
            Ok(reply.status)
        };
        self.ask(node, Call::Status, question, take)
    }
}
