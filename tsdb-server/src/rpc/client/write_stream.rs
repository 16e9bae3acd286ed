//! The stream of writes to one node: labels once, several requests under way, replies in any order.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tsdb_cluster::message::{NodeError, WriteRequest};
use tsdb_cluster::wire::messages::{
    NodeMessage as _, WriteOpened, WriteOpening, WriteReply, WriteRequest as Encoded,
};
use tsdb_cluster::wire::{
    PROTOCOL_VERSION, Packing, SampleEncoder, SampleLimits, SeriesHandle, WireError,
};
use tsdb_cluster::{NodeId, ShardId};
use tsdb_core::{MetricMetadata, SeriesKey, WriteBatch};

use super::connection::Connection;
use super::queue::{Pending, Queue, Waiter};
use super::rpc_client::Context;
use crate::rpc::Call;
use crate::rpc::frames::{MessageReader, framed, streamed};

/// Bytes of the largest reply.
const REPLY_BYTES_MAX: usize = 4 << 20;
/// Keys from here on are given here, to series that have none.
const NAMELESS: u64 = 1 << 63;

/// Sends what comes through the queue, on one stream after the other, until the client is gone.
pub(super) async fn follow(context: Arc<Context>, node: NodeId, mut queue: Queue) {
    let mut unsent = None;
    loop {
        let first = match unsent.take() {
            Some(first) => first,
            None => match queue.recv().await {
                Some(first) => first,
                None => return,
            },
        };
        match WriteStream::open(&context, &node).await {
            Ok(mut stream) => {
                context.figures.stream_opened();
                unsent = stream.serve(&node, first, &mut queue).await;
            }
            Err(error) => {
                first.waiter.fail(&error, true);
                while let Ok(other) = queue.try_recv() {
                    other.waiter.fail(&error, true);
                }
            }
        }
    }
}

/// A request that is under way.
struct InFlight {
    since: Instant,
    waiter: Waiter,
}

/// Why a stream ended.
struct End {
    why: String,
    /// Whether the way to the node is at fault.
    is_failure_of_way: bool,
}

/// Memory that encoding uses again.
#[derive(Default)]
struct Scratch {
    batch: WriteBatch<'static>,
    handles: Vec<SeriesHandle>,
    selection: Vec<u32>,
}

struct WriteStream {
    context: Arc<Context>,
    connection: Connection,
    outgoing: mpsc::Sender<Bytes>,
    replies: MessageReader<Incoming>,
    encoder: SampleEncoder,
    scratch: Scratch,
    in_flight: BTreeMap<u64, InFlight>,
    next_id: u64,
    nameless: u64,
    last_heard: Option<Instant>,
}

impl WriteStream {
    /// Connects, and agrees on the version.
    async fn open(context: &Arc<Context>, node: &NodeId) -> Result<Self, NodeError> {
        let opened = Self::agree(context, node);
        let opened = timeout(context.options.deadline, opened).await;
        opened.unwrap_or_else(|_| Err(context.no_answer(Call::Write)))
    }

    async fn agree(context: &Arc<Context>, node: &NodeId) -> Result<Self, NodeError> {
        let address = context.address(node).map_err(NodeError::Unreachable)?;
        let connection = Connection::open(address, &context.options.tls).await;
        let mut connection = connection.map_err(NodeError::Unreachable)?;
        let (outgoing, mut requests) = mpsc::channel::<Bytes>(1);
        let opening = framed(WriteOpening {
            version: PROTOCOL_VERSION,
        });
        context.figures.sent(opening.len());
        let unreachable = |why: &str| NodeError::Unreachable(why.to_owned());
        let sent = outgoing.send(opening).await;
        sent.map_err(|_| unreachable("the stream has no end to put into"))?;
        let body = streamed(stream::poll_fn(move |context| requests.poll_recv(context)));
        let response = connection.send(Call::Write, body).await;
        let response = response.map_err(NodeError::Unreachable)?;
        let status = response.status();
        if !status.is_success() {
            let why = format!("something else answers, with {status}");
            return Err(NodeError::Unreachable(why));
        }
        let body = response.into_body();
        let mut replies = MessageReader::new(body, REPLY_BYTES_MAX, &context.figures);
        let opened = replies.next().await;
        let opened = opened.map_err(|error| NodeError::Unreachable(error.to_string()))?;
        let opened = opened.ok_or_else(|| unreachable("the stream ended as it began"))?;
        let opened = WriteOpened::decode(opened);
        let opened = opened.map_err(|error| NodeError::Failed(error.to_string()))?;
        if !opened.verdict.is_stored() {
            return Err(opened.verdict.into_error());
        }
        Ok(Self {
            context: Arc::clone(context),
            connection,
            outgoing,
            replies,
            encoder: SampleEncoder::new(within(opened.limits), Packing::Snappy),
            scratch: Scratch::default(),
            in_flight: BTreeMap::new(),
            next_id: 0,
            nameless: NAMELESS,
            last_heard: None,
        })
    }

    /// Sends `first` and what comes behind it until the stream ends; what was not sent then goes on
    /// the next one.
    async fn serve(&mut self, node: &NodeId, first: Pending, queue: &mut Queue) -> Option<Pending> {
        let mut unsent = Some(first);
        let end = loop {
            let oldest = self.in_flight.values().next();
            let given_up = oldest.map(|oldest| oldest.since + self.context.options.deadline);
            let outgoing = self.outgoing.clone();
            tokio::select! {
                room = outgoing.reserve(), if unsent.is_some() => {
                    let Ok(room) = room else {
                        break End::of("the stream takes nothing any more".to_owned());
                    };
                    if self.has_moved(node) {
                        break End::of("it listens elsewhere now".to_owned());
                    }
                    if let Some(message) = unsent.take().and_then(|next| self.encode(next)) {
                        self.context.figures.sent(message.len());
                        room.send(message);
                    }
                }
                next = queue.recv(), if unsent.is_none() => match next {
                    Some(next) => unsent = Some(next),
                    None => return None,
                },
                message = self.replies.next() => {
                    let message = message.map_err(|error| error.to_string());
                    let message = message.and_then(|message| {
                        message.ok_or_else(|| "the node closed the stream of writes".to_owned())
                    });
                    if let Err(why) = message.and_then(|message| self.hear(message)) {
                        break End::of(why);
                    }
                }
                () = sleep_until(given_up.unwrap_or_else(Instant::now)), if given_up.is_some() => {
                    if self.is_silent() {
                        break End {
                            why: self.context.no_answer(Call::Write).to_string(),
                            is_failure_of_way: true,
                        };
                    }
                }
            }
        };
        let error = NodeError::Unreachable(end.why);
        for (_, one) in std::mem::take(&mut self.in_flight) {
            one.waiter.fail(&error, end.is_failure_of_way);
        }
        unsent
    }

    /// Whether the node listens at another address than the one of this stream.
    fn has_moved(&self, node: &NodeId) -> bool {
        let address = self.context.address(node);
        !address.is_ok_and(|address| self.connection.goes_to(&address))
    }

    /// Whether nothing was heard since the oldest request was sent, for as long as may be waited.
    /// Requests that nobody waits for any more are let go where something was.
    fn is_silent(&mut self) -> bool {
        let now = Instant::now();
        let deadline = self.context.options.deadline;
        let late = |one: &InFlight| one.since + deadline <= now;
        let Some(oldest) = self.in_flight.values().next().filter(|one| late(one)) else {
            return false;
        };
        if self.last_heard.is_none_or(|heard| heard < oldest.since) {
            return true;
        }
        self.in_flight.retain(|_, one| !late(one));
        false
    }

    /// The message of a request, which is under way from here on; `None` where it is not sent.
    fn encode(&mut self, pending: Pending) -> Option<Bytes> {
        let Pending { request, waiter } = pending;
        // What the node has not heard of it may leave out.
        if waiter.is_gone() {
            return None;
        }
        let payload = match self.payload(&request) {
            Ok(payload) => payload,
            Err(error) => {
                waiter.refuse(Err(NodeError::Invalid(error.to_string())));
                return None;
            }
        };
        let metadata = metadata(&request);
        let id = self.next_id;
        self.next_id += 1;
        let since = Instant::now();
        self.in_flight.insert(id, InFlight { since, waiter });
        Some(framed(Encoded {
            version: PROTOCOL_VERSION,
            request_id: id,
            namespace: request.namespace.as_ref().to_owned(),
            deletes_seen: request.deletes_seen,
            deadline: self.context.options.deadline,
            epochs: request.epochs,
            origin: request.origin,
            incarnation: request.incarnation,
            payload,
            absent: request.absent,
            metadata,
        }))
    }

    fn payload(&mut self, request: &WriteRequest) -> Result<Bytes, WireError> {
        let all = request.batch.series();
        let Scratch {
            batch,
            mut handles,
            mut selection,
        } = std::mem::take(&mut self.scratch);
        let mut batch: WriteBatch<'_> = batch;
        handles.clear();
        for series in request.places.iter().filter_map(|place| all.get(*place)) {
            let entry = &series.entry;
            batch.begin(SeriesKey::Labels(&entry.labels));
            for sample in request.batch.samples_of(series) {
                batch.sample(sample.timestamp, sample.value);
            }
            for (timestamp, histogram) in request.batch.histograms_of(series) {
                batch.histogram(*timestamp, histogram.clone());
            }
            for one in request.batch.exemplars_of(series) {
                batch.exemplar(one.timestamp, one.value, Ok(one.labels.clone()));
            }
            let key = match entry.key {
                0 => {
                    self.nameless += 1;
                    self.nameless
                }
                key => key,
            };
            let shard = entry.shard;
            handles.push(SeriesHandle { key, shard });
        }
        selection.clear();
        selection.extend((0u32..).take(handles.len()));
        let mut payload = Vec::new();
        let encoded = self
            .encoder
            .encode(&batch, &handles, &selection, &mut payload);
        self.scratch = Scratch {
            batch: batch.recycle(),
            handles,
            selection,
        };
        encoded.map(|_| payload.into())
    }

    /// Hands a reply to who waits for it; an error says why the stream ends.
    fn hear(&mut self, message: Bytes) -> Result<(), String> {
        let reply = WriteReply::decode(message).map_err(|error| error.to_string())?;
        if reply.ends_stream {
            let why = reply.answer.err().map(|error| error.to_string());
            let why = why.unwrap_or_else(|| "it does not say why".to_owned());
            return Err(format!("the node closed the stream of writes: {why}"));
        }
        self.last_heard = Some(Instant::now());
        if reply.reset_dictionary {
            self.encoder.reset();
        }
        if reply.request_id >= self.next_id {
            return Err(format!(
                "a reply to request {}, which was not sent",
                reply.request_id
            ));
        }
        // One that is not there was given up before.
        if let Some(one) = self.in_flight.remove(&reply.request_id) {
            one.waiter.answer(reply.answer);
        }
        Ok(())
    }
}

impl End {
    /// An end that says nothing about the way to the node: the next stream will show.
    fn of(why: String) -> Self {
        Self {
            why,
            is_failure_of_way: false,
        }
    }
}

/// What the node is to know of the metrics of the shards that it is asked for.
fn metadata(request: &WriteRequest) -> Vec<(ShardId, MetricMetadata)> {
    let is_asked = |shard: &ShardId| request.epochs.iter().any(|(asked, _)| asked == shard);
    let all = request.batch.all_metadata().iter();
    all.filter(|(shard, _)| is_asked(shard)).cloned().collect()
}

/// What both sides hold: the node may name any numbers.
fn within(theirs: SampleLimits) -> SampleLimits {
    let own = SampleLimits::default();
    SampleLimits {
        series: theirs.series.min(own.series),
        label_bytes: theirs.label_bytes.min(own.label_bytes),
        samples: theirs.samples.min(own.samples),
        payload_bytes: theirs.payload_bytes.min(own.payload_bytes),
    }
}
