//! Calls to one node but for writes, over a connection of their own: no write waits behind a read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use hyper::body::Incoming;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tsdb_cluster::NodeId;
use tsdb_cluster::message::NodeError;
use tsdb_cluster::wire::SERIES_FRAME_BYTES_MAX;
use tsdb_cluster::wire::messages::{NodeMessage, Refusal};

use super::circuit::Circuit;
use super::connection::Connection;
use super::figures::CircuitFigures;
use super::rpc_client::Context;
use crate::rpc::Call;
use crate::rpc::frames::{FrameError, MessageReader, framed, whole};

/// Bytes of the largest message of an answer: a frame of series, and what is around it.
const MESSAGE_BYTES_MAX: usize = SERIES_FRAME_BYTES_MAX + (1 << 20);

/// Calls to one node.
pub(super) struct Calls {
    pub(super) context: Arc<Context>,
    node: NodeId,
    way: Circuit,
    connection: Mutex<Option<Connection>>,
    /// Answers that came: where some do, a call that waits in vain says nothing about the way.
    heard: AtomicU64,
}

/// Why a call has no answer.
enum Unanswered {
    /// There is no connection.
    Way(String),
    /// The connection broke, which says nothing about the next.
    Broken(String),
}

impl Calls {
    pub(super) fn new(context: Arc<Context>, node: NodeId) -> Self {
        let way = Circuit::new(context.options.backoff_max);
        Self {
            context,
            node,
            way,
            connection: Mutex::default(),
            heard: AtomicU64::new(0),
        }
    }

    /// How the way is.
    pub(super) fn figures(&self) -> CircuitFigures {
        self.way.figures()
    }

    /// Asks for one message.
    pub(super) async fn ask<Q: NodeMessage, A: NodeMessage>(
        &self,
        call: Call,
        question: Q,
    ) -> Result<A, NodeError> {
        let mut messages = self.begin(call, framed(question)).await?;
        let answer = async {
            let message = messages.next().await.map_err(|error| broken(&error))?;
            let cut = || NodeError::Unreachable("the answer is empty".to_owned());
            let answer = A::decode(message.ok_or_else(cut)?);
            answer.map_err(|error| NodeError::Failed(error.to_string()))
        };
        let answer = timeout(self.context.deadline(call), answer).await;
        answer.unwrap_or_else(|_| Err(self.context.no_answer(call)))
    }

    /// Sends a call, and gives the messages of its answer once that begins.
    pub(super) async fn begin(
        &self,
        call: Call,
        question: Bytes,
    ) -> Result<MessageReader<Incoming>, NodeError> {
        let mut pass = self.way.admit()?;
        let heard = self.heard.load(Ordering::Relaxed);
        let figures = &self.context.figures;
        let asked = async {
            let mut connection = self.connect().await.map_err(Unanswered::Way)?;
            figures.sent(question.len());
            let sent = connection.send(call, whole(question)).await;
            sent.map_err(Unanswered::Broken)
        };
        let response = match timeout(self.context.deadline(call), asked).await {
            Ok(Ok(response)) => response,
            Ok(Err(Unanswered::Broken(why))) => return Err(NodeError::Unreachable(why)),
            Ok(Err(Unanswered::Way(why))) => {
                pass.failed(&why);
                return Err(NodeError::Unreachable(why));
            }
            Err(_) => {
                let error = self.context.no_answer(call);
                if self.heard.load(Ordering::Relaxed) == heard {
                    // Who was answered meanwhile keeps the connection; the next begins another.
                    pass.failed(&error.to_string());
                    if let Ok(mut connection) = self.connection.try_lock() {
                        *connection = None;
                    }
                }
                return Err(error);
            }
        };
        pass.succeeded();
        self.heard.fetch_add(1, Ordering::Relaxed);
        let status = response.status();
        let mut messages = MessageReader::new(response.into_body(), MESSAGE_BYTES_MAX, figures);
        if status.is_success() {
            return Ok(messages);
        }
        let refusal = timeout(self.context.deadline(call), messages.next()).await;
        let refusal = refusal.map_err(|_| self.context.no_answer(call))?;
        let refusal = refusal.map_err(|error| broken(&error))?;
        let other = || NodeError::Unreachable(format!("something else answers, with {status}"));
        let refusal = refusal.and_then(|bytes| Refusal::decode(bytes).ok());
        Err(refusal.ok_or_else(other)?.verdict.into_error())
    }

    /// The connection, made if there is none to where the node listens now.
    async fn connect(&self) -> Result<Connection, String> {
        let address = self.context.address(&self.node)?;
        let mut kept = self.connection.lock().await;
        if let Some(connection) = kept.as_ref().filter(|kept| kept.goes_to(&address)) {
            return Ok(connection.clone());
        }
        *kept = None;
        let connection = Connection::open(address, &self.context.options.tls).await?;
        *kept = Some(connection.clone());
        Ok(connection)
    }
}

/// An answer that cannot be read to its end.
pub(super) fn broken(error: &FrameError) -> NodeError {
    NodeError::Unreachable(error.to_string())
}
