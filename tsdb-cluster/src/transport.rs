//! How a coordinator, or a node, reaches the nodes.

use std::fmt;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::identity::{Epoch, Incarnation, NodeId, ShardId};
use crate::message::{
    DeleteRequest, DigestReply, DigestRequest, FoundStream, MarkRequest, NodeError, NodeStatus,
    ReadReply, ReadRequest, WriteReply, WriteRequest,
};
use crate::node::{DeleteRecord, Refusal};

/// What a node answers, later.
pub type NodeAnswer<T> = BoxFuture<'static, Result<T, NodeError>>;

/// What a node answers to a seal: each shard, and why it is not sealed where it is not.
pub type SealReply = Vec<(ShardId, Result<(), Refusal>)>;

/// The way to the nodes. A call that is dropped may or may not have been heard.
pub trait Transport: fmt::Debug + Send + Sync {
    /// [`Node::write`](crate::node::Node::write).
    fn write(&self, node: &NodeId, request: WriteRequest) -> NodeAnswer<WriteReply>;

    /// [`Node::read`](crate::node::Node::read).
    fn read(&self, node: &NodeId, request: ReadRequest) -> NodeAnswer<(ReadReply, FoundStream)>;

    /// [`Node::seal`](crate::node::Node::seal).
    fn seal(
        &self,
        node: &NodeId,
        incarnation: Incarnation,
        shards: Vec<(ShardId, Epoch)>,
    ) -> NodeAnswer<SealReply>;

    /// [`Node::delete`](crate::node::Node::delete).
    fn delete(&self, node: &NodeId, request: DeleteRequest) -> NodeAnswer<u64>;

    /// [`Node::deletes_behind`](crate::node::Node::deletes_behind).
    fn deletes_behind(
        &self,
        node: &NodeId,
        namespace: Arc<str>,
        sequence: u64,
    ) -> NodeAnswer<Vec<DeleteRecord>>;

    /// [`Node::status`](crate::node::Node::status).
    fn status(&self, node: &NodeId) -> NodeAnswer<NodeStatus>;

    /// [`Node::mark`](crate::node::Node::mark). Where a way does not carry it, what others miss is
    /// found when replicas are compared.
    fn mark(&self, node: &NodeId, _: MarkRequest) -> NodeAnswer<Vec<ShardId>> {
        let why = format!("{node} is reached in a way that carries no marks");
        async move { Err(NodeError::Unreachable(why)) }.boxed()
    }

    /// Asks for a [round](crate::node::Rounds::ask) of a node.
    fn repair(&self, node: &NodeId) -> NodeAnswer<u64> {
        let why = format!("{node} is reached in a way that carries no such question");
        async move { Err(NodeError::Unreachable(why)) }.boxed()
    }

    /// Why a write to a node would be refused at once, without being sent; `None` where it may be
    /// worth a try.
    fn refusal(&self, _: &NodeId) -> Option<NodeError> {
        None
    }

    /// [`Node::digest`](crate::node::Node::digest). Where a way does not carry it, replicas are not
    /// compared, and nothing else is missing.
    fn digest(&self, node: &NodeId, _: DigestRequest) -> NodeAnswer<DigestReply> {
        let why = format!("{node} is reached in a way that carries no digests");
        async move { Err(NodeError::Unreachable(why)) }.boxed()
    }
}

/// How often a node is told the deletes that it says it has not applied.
const TELLS: usize = 4;

/// Asks a node for something. One that has not applied deletes which the asker had seen is told those
/// behind the newest that it has, and asked again.
pub(crate) async fn ask_behind_deletes<T>(
    ask: impl Fn() -> NodeAnswer<T>,
    tell: impl Fn(u64) -> NodeAnswer<u64>,
) -> Result<T, NodeError> {
    for _ in 0..TELLS {
        match ask().await {
            Err(NodeError::DeletesMissing { applied }) => drop(tell(applied).await?),
            answer => return answer,
        }
    }
    ask().await
}

/// A way to the nodes, shared.
pub type SharedTransport = Arc<dyn Transport>;
