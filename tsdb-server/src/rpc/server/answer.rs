//! A call, and its answer.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::time::timeout;
use tsdb_cluster::message::{DeleteRequest, DigestRequest, MarkRequest, NodeError, ReadRequest};
use tsdb_cluster::wire::messages::{
    DeleteReply, DeletesBehindReply, DeletesBehindRequest, MarkReply, NodeMessage, Refusal,
    RepairReply, RepairRequest, SealReply, SealRequest, StatusReply, StatusRequest, Verdict,
};
use tsdb_cluster::wire::{OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION, WireError};

use super::listener::Served;
use super::{reading, writes};
use crate::rpc::Call;
use crate::rpc::frames::{MessageReader, Outgoing, framed, whole};

/// Answers a call.
pub(super) async fn answer(served: &Arc<Served>, request: Request<Incoming>) -> Response<Outgoing> {
    let call = Call::at(request.uri().path()).filter(|_| request.method() == Method::POST);
    let Some(call) = call else {
        let message = format!("no call of the node protocol is {}", request.uri().path());
        return refused(served, Verdict::Invalid { message });
    };
    let body = request.into_body();
    match call {
        Call::Write => ok(writes::serve(served, body)),
        Call::Read => read(served, body).await,
        Call::Seal => seal(served, body).await,
        Call::Delete => delete(served, body).await,
        Call::DeletesBehind => deletes_behind(served, body).await,
        Call::Digest => digest(served, body).await,
        Call::Mark => mark(served, body).await,
        Call::Repair => repair(served, body).await,
        Call::Status => status(served, body).await,
    }
}

async fn read(served: &Arc<Served>, body: Incoming) -> Response<Outgoing> {
    let request: ReadRequest = match asked(served, body).await {
        Ok(request) => request,
        Err(verdict) => return refused(served, verdict),
    };
    let found = served.node.read(request).await;
    served.figures.answered(Call::Read, &found);
    match found {
        Ok((reply, found)) => ok(reading::body(reply, found, &served.figures)),
        Err(error) => refused(served, error.into()),
    }
}

async fn seal(served: &Arc<Served>, body: Incoming) -> Response<Outgoing> {
    let request: SealRequest = match asked(served, body).await {
        Ok(request) => request,
        Err(verdict) => return refused(served, verdict),
    };
    let sealed = served.node.seal(request.incarnation, &request.shards).await;
    said(
        served,
        Call::Seal,
        sealed.map(|shards| SealReply { shards }),
    )
}

async fn delete(served: &Arc<Served>, body: Incoming) -> Response<Outgoing> {
    let request: DeleteRequest = match asked(served, body).await {
        Ok(request) => request,
        Err(verdict) => return refused(served, verdict),
    };
    let applied = served.node.delete(request).await;
    let reply = applied.map(|applied| DeleteReply { applied });
    said(served, Call::Delete, reply)
}

async fn deletes_behind(served: &Arc<Served>, body: Incoming) -> Response<Outgoing> {
    let request: DeletesBehindRequest = match asked(served, body).await {
        Ok(request) => request,
        Err(verdict) => return refused(served, verdict),
    };
    let (namespace, sequence) = (&request.namespace, request.sequence);
    let records = served.node.deletes_behind(namespace, sequence);
    said(
        served,
        Call::DeletesBehind,
        Ok(DeletesBehindReply { records }),
    )
}

async fn digest(served: &Arc<Served>, body: Incoming) -> Response<Outgoing> {
    let request: DigestRequest = match asked(served, body).await {
        Ok(request) => request,
        Err(verdict) => return refused(served, verdict),
    };
    let digests = served.node.digest(request).await;
    said(served, Call::Digest, digests)
}

async fn repair(served: &Arc<Served>, body: Incoming) -> Response<Outgoing> {
    let asked: Result<RepairRequest, Verdict> = asked(served, body).await;
    if let Err(verdict) = asked {
        return refused(served, verdict);
    }
    let round = served.node.rounds().ask();
    said(served, Call::Repair, Ok(RepairReply { round }))
}

async fn mark(served: &Arc<Served>, body: Incoming) -> Response<Outgoing> {
    let request: MarkRequest = match asked(served, body).await {
        Ok(request) => request,
        Err(verdict) => return refused(served, verdict),
    };
    let marked = served.node.mark(request).await;
    said(
        served,
        Call::Mark,
        marked.map(|shards| MarkReply { shards }),
    )
}

async fn status(served: &Arc<Served>, body: Incoming) -> Response<Outgoing> {
    if let Err(verdict) = asked::<StatusRequest>(served, body).await {
        return refused(served, verdict);
    }
    let mut status = served.node.status();
    status.backlog = served.backlog.read();
    let reply = StatusReply {
        version: PROTOCOL_VERSION,
        oldest_version: OLDEST_PROTOCOL_VERSION,
        status,
    };
    said(served, Call::Status, Ok(reply))
}

/// What a call asks for: one message.
async fn asked<M: NodeMessage>(served: &Served, body: Incoming) -> Result<M, Verdict> {
    let limit = served.options.message_bytes_max;
    let mut messages = MessageReader::new(body, limit, &served.figures);
    let invalid = |message: String| Verdict::Invalid { message };
    let message = match timeout(served.options.patience, messages.next()).await {
        Ok(Ok(Some(message))) => message,
        Ok(Ok(None)) => return Err(invalid("the call asks for nothing".to_owned())),
        Ok(Err(error)) => return Err(invalid(error.to_string())),
        Err(_) => return Err(invalid("the call did not say what it asks for".to_owned())),
    };
    M::decode(message).map_err(|error| unreadable(&error))
}

/// What is said to a message that could not be read.
pub(super) fn unreadable(error: &WireError) -> Verdict {
    match Verdict::of_error(error) {
        Verdict::Failed { message } => Verdict::Invalid { message },
        other => other,
    }
}

fn said<M: NodeMessage>(
    served: &Served,
    call: Call,
    reply: Result<M, NodeError>,
) -> Response<Outgoing> {
    served.figures.answered(call, &reply);
    match reply {
        Ok(reply) => ok(whole(counted(served, framed(reply)))),
        Err(error) => refused(served, error.into()),
    }
}

fn counted(served: &Served, message: Bytes) -> Bytes {
    served.figures.sent(message.len());
    message
}

fn ok(body: Outgoing) -> Response<Outgoing> {
    Response::new(body)
}

fn refused(served: &Served, verdict: Verdict) -> Response<Outgoing> {
    let mut response = Response::new(whole(counted(served, framed(Refusal { verdict }))));
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    response
}
