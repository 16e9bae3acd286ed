//! A stream of writes: decoded in order, stored side by side, answered as each is durable.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tsdb_cluster::message::{NodeError, WriteRequest};
use tsdb_cluster::wire::messages::{
    NodeMessage as _, Verdict, WriteOpened, WriteOpening, WriteReply, WriteRequest as Encoded,
};
use tsdb_cluster::wire::{Decoded, PROTOCOL_VERSION, SampleDecoder};

use super::answer::unreadable;
use super::listener::Served;
use super::write_room::{Held, WriteRoom};
use crate::rpc::frames::{MessageReader, Outgoing, framed, streamed};
use crate::rpc::{Call, RpcFigures};

/// What a request takes beside its payload.
const ENVELOPE_BYTES_MAX: usize = 4 << 20;

/// The room that a request takes: of its stream's, and of that of all.
type Room = (Held, Held);
/// A reply, and the room its request took. That is free again once the reply is on its way.
type Reply = (Bytes, Option<Room>);

/// The body that replies come in, while requests are read from `body`.
pub(super) fn serve(served: &Arc<Served>, body: Incoming) -> Outgoing {
    let (replies, mut outgoing) = mpsc::unbounded_channel::<Reply>();
    let limits = served.options.limits;
    let limit = limits.payload_bytes.saturating_add(ENVELOPE_BYTES_MAX);
    let stream = Stream {
        served: Arc::clone(served),
        requests: MessageReader::new(body, limit, &served.figures),
        decoder: SampleDecoder::new(limits),
        decoded: Decoded::default(),
        replies,
        room: WriteRoom::new(served.options.writes_bytes_max),
    };
    tokio::spawn(stream.run());
    let next = stream::poll_fn(move |context| outgoing.poll_recv(context));
    streamed(futures_util::StreamExt::map(next, |(message, _)| message))
}

struct Stream {
    served: Arc<Served>,
    requests: MessageReader<Incoming>,
    decoder: SampleDecoder,
    decoded: Decoded,
    replies: mpsc::UnboundedSender<Reply>,
    room: WriteRoom,
}

impl Stream {
    async fn run(mut self) {
        if let Err(error) = self.serve().await {
            tracing::debug!(error = error.to_string(), "a stream of writes was closed");
            let last = WriteReply {
                request_id: u64::MAX,
                answer: Err(error),
                reset_dictionary: false,
                ends_stream: true,
            };
            send(&self.served.figures, &self.replies, framed(last), None);
        }
    }

    /// Serves requests until there are no more, or one cannot be understood.
    async fn serve(&mut self) -> Result<(), NodeError> {
        if !self.open().await? {
            return Ok(());
        }
        let served = Arc::clone(&self.served);
        let replies = self.replies.clone();
        loop {
            let message = tokio::select! {
                message = self.requests.next() => message,
                // Nobody reads replies any more.
                () = replies.closed() => return Ok(()),
                () = served.stopped() => {
                    // All of it is free once the last reply is on its way.
                    tokio::select! {
                        () = self.room.is_empty() => {}
                        () = replies.closed() => {}
                    }
                    return Err(NodeError::Failed("the node stops".to_owned()));
                }
            };
            let message = message.map_err(|error| NodeError::Invalid(error.to_string()))?;
            let Some(message) = message else {
                return Ok(());
            };
            let bytes = message.len();
            let (id, request) = self.understand(message)?;
            let room = async {
                // First of its own: whoever waits for that of all is the only one of its stream.
                let own = self.room.take(bytes).await?;
                Some((own, served.room.take(bytes).await?))
            };
            let room = tokio::select! {
                room = room => room,
                () = replies.closed() => return Ok(()),
            };
            self.store(id, request, room);
        }
    }

    /// Hears which version is spoken, and answers; whether requests may follow.
    async fn open(&mut self) -> Result<bool, NodeError> {
        let invalid = |why: String| NodeError::Invalid(why);
        let message = match timeout(self.served.options.patience, self.requests.next()).await {
            Ok(Ok(Some(message))) => message,
            Ok(Ok(None)) | Err(_) => return Ok(false),
            Ok(Err(error)) => return Err(invalid(error.to_string())),
        };
        let verdict = match WriteOpening::decode(message) {
            Ok(_) => Verdict::Stored,
            Err(error) => unreadable(&error),
        };
        let is_open = verdict.is_stored();
        let opened = WriteOpened {
            version: PROTOCOL_VERSION,
            verdict,
            limits: self.served.options.limits,
        };
        send(&self.served.figures, &self.replies, framed(opened), None);
        if is_open {
            self.served.figures.stream_opened();
        }
        Ok(is_open)
    }

    /// The request of a message. The payload after it counts on this one, whatever becomes of it.
    fn understand(&mut self, message: Bytes) -> Result<(u64, WriteRequest), NodeError> {
        let invalid = |error: tsdb_cluster::wire::WireError| NodeError::Invalid(error.to_string());
        let request = Encoded::decode(message).map_err(invalid)?;
        self.decoder
            .decode(&request.payload, &mut self.decoded)
            .map_err(invalid)?;
        let mut batch = self.decoded.take_batch();
        let places = (0..batch.series().len()).collect();
        for (shard, metadata) in request.metadata {
            batch.metadata(shard, metadata);
        }
        let write = WriteRequest {
            namespace: request.namespace.into(),
            incarnation: request.incarnation,
            epochs: request.epochs,
            deletes_seen: request.deletes_seen,
            origin: request.origin,
            batch: Arc::new(batch),
            places,
            absent: request.absent,
        };
        Ok((request.request_id, write))
    }

    /// Stores beside other requests, and answers.
    fn store(&self, id: u64, request: WriteRequest, room: Option<Room>) {
        let (served, replies) = (Arc::clone(&self.served), self.replies.clone());
        served.figures.write_waits();
        tokio::spawn(async move {
            let answer = served.node.write(request).await;
            served.figures.answered(Call::Write, &answer);
            served.figures.write_ended();
            let reply = WriteReply {
                request_id: id,
                answer,
                reset_dictionary: false,
                ends_stream: false,
            };
            send(&served.figures, &replies, framed(reply), room);
        });
    }
}

/// Sends, unless the client is gone: it hears nothing any more.
fn send(
    figures: &RpcFigures,
    replies: &mpsc::UnboundedSender<Reply>,
    message: Bytes,
    room: Option<Room>,
) {
    let len = message.len();
    if replies.send((message, room)).is_ok() {
        figures.sent(len);
    }
}
