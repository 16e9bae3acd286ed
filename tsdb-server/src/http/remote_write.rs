//! Remote write over the store.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::Service;
use tsdb_cluster::Batch;
use tsdb_core::CommitTicket;
use tsdb_core::model::{AppendReport, WriteBatch};
use tsdb_remote::write::{DecodeScratch, Decoded, WriteRequest, WriteSummary};
use tsdb_remote::{BytePermit, InflightBytes, Sender, WriteError};

use super::scope::Scope;
use crate::data::{ClusterNamespace, NamespaceData};
use crate::ha::{Claim, Claimed, HaPairs, Verdict};
use crate::rpc::bytes_in_queue;
use crate::store::{Opened, Reply, Store, StoreError, when_durable};
use crate::telemetry::{Telemetry, WriteSource};

/// What a service answers with, later.
pub(super) type Answer<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// Decodes and stores on a store thread, answers when the samples are durable.
#[derive(Clone, Debug)]
pub(super) struct StoreWriter {
    pub(super) store: Store,
    pub(super) telemetry: Arc<Telemetry>,
    /// Pairs of senders, if they are told apart.
    pub(super) pairs: Option<HaPairs>,
    /// Bytes of writes that wait for the nodes of a cluster.
    pub(super) forwarded: InflightBytes,
}

/// What came of a try to store a request.
enum Outcome {
    Done(WriteSummary),
    /// Another replica may bring the same.
    Wait(Claim),
}

impl Service<WriteRequest> for StoreWriter {
    type Response = WriteSummary;
    type Error = WriteError;
    type Future = Answer<WriteSummary, WriteError>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: WriteRequest) -> Self::Future {
        let writer = self.clone();
        Box::pin(async move {
            let request = Arc::new(request);
            loop {
                match writer.try_store(&request).await? {
                    Outcome::Done(summary) => return Ok(summary),
                    Outcome::Wait(claim) => {
                        if !claim.wait(request.held_bytes()).await {
                            let what = "requests that wait for another replica hold as much memory as they may";
                            return Err(StoreError::Unavailable(what.to_owned()).into());
                        }
                    }
                }
            }
        })
    }
}

impl StoreWriter {
    async fn try_store(&self, request: &Arc<WriteRequest>) -> Result<Outcome, StoreError> {
        let (request, telemetry) = (Arc::clone(request), Arc::clone(&self.telemetry));
        let (pairs, forwarded) = (self.pairs.clone(), self.forwarded.clone());
        let work = move |opened: Opened, scratch: &mut DecodeScratch, reply: Reply<Outcome>| {
            let scope = Scope::of(&request.parts.extensions);
            match scope.data(&opened) {
                Ok(data) => {
                    let mut destination = Destination {
                        scope,
                        data,
                        pairs,
                        telemetry: &telemetry,
                        charged: false,
                    };
                    match destination.take(&request, scratch) {
                        Ok(Stored::Durable(tickets, summary, claim)) => {
                            answer_when_durable(tickets, reply, summary, claim);
                        }
                        Ok(Stored::Elsewhere(writing)) => {
                            let sender = request.parts.extensions.get::<Sender>();
                            match writing.place(&forwarded, sender) {
                                Ok(place) => writing.answer(reply, telemetry, place),
                                Err(error) => reply.send(Err(error)),
                            }
                        }
                        Ok(Stored::Duplicate(summary)) => reply.send(Ok(Outcome::Done(summary))),
                        Ok(Stored::Wait(claim)) => reply.send(Ok(Outcome::Wait(claim))),
                        // Only a guess can be misread.
                        Ok(Stored::Misread) => reply.send(Err(StoreError::Lost)),
                        Err(error) => reply.send(Err(error)),
                    }
                }
                Err(error) => reply.send(Err(error)),
            }
        };
        self.store.write(work).await
    }
}

/// What became of a decoded request.
enum Stored {
    /// It is durable when the tickets are done.
    Durable(Vec<CommitTicket>, WriteSummary, Option<Claim>),
    /// The nodes of a cluster have to store it.
    Elsewhere(Box<ClusterWrite>),
    /// Another replica brought the same.
    Duplicate(WriteSummary),
    /// Another replica may bring the same.
    Wait(Claim),
    /// What was guessed of it is wrong, and nothing was stored.
    Misread,
}

/// Where the samples of a request go.
struct Destination<'t> {
    scope: Scope,
    data: NamespaceData,
    pairs: Option<HaPairs>,
    telemetry: &'t Telemetry,
    /// Whether its sender was charged.
    charged: bool,
}

impl Destination<'_> {
    fn take(
        &mut self,
        request: &WriteRequest,
        scratch: &mut DecodeScratch,
    ) -> Result<Stored, StoreError> {
        if let NamespaceData::Cluster(_) = self.data {
            // What is sent to others has to be right.
            return self.store(&mut request.decode(scratch)?);
        }
        let guessed = self.store(&mut request.guess(scratch)?)?;
        match guessed {
            Stored::Misread => self.store(&mut request.decode(scratch)?),
            stored => Ok(stored),
        }
    }

    /// Stores what a request holds; metadata last, so that a misread request leaves nothing behind.
    fn store(&mut self, decoded: &mut Decoded<'_>) -> Result<Stored, StoreError> {
        let claim = match self.settle_claim(&mut decoded.batch)? {
            Settled::Store(claim) => claim,
            Settled::Duplicate => {
                let report = as_if_stored(&decoded.batch);
                return Ok(Stored::Duplicate(decoded.summary(report)));
            }
            Settled::Wait(claim) => return Ok(Stored::Wait(claim)),
            Settled::Misread => return Ok(Stored::Misread),
        };
        let (batch, extras) = (&decoded.batch, &decoded.extras);
        if !std::mem::replace(&mut self.charged, true) {
            self.scope.charge(samples(batch))?;
        }
        let namespace = match &self.data {
            NamespaceData::Own(namespace) => namespace,
            NamespaceData::Cluster(namespace) => {
                let write = ClusterWrite::new(namespace, decoded, claim)?;
                return Ok(Stored::Elsewhere(Box::new(write)));
            }
        };
        let mut tickets = Vec::new();
        let mut report = AppendReport::default();
        if !batch.is_empty() {
            let append = match namespace.append(batch) {
                Err(error) if error.is_misread() => return Ok(Stored::Misread),
                appended => appended?,
            };
            report = append.report;
            tickets.push(append.ticket);
        }
        if !extras.metadata.is_empty() {
            tickets.push(namespace.set_metadata(&extras.metadata)?);
        }
        self.telemetry.stored(WriteSource::RemoteWrite, &report);
        let metadata = extras.metadata.len() as u64;
        self.telemetry.extras(metadata, extras.refused_metadata);
        Ok(Stored::Durable(tickets, decoded.summary(report), claim))
    }

    /// Decides what is to become of a batch that one of several replicas may have sent.
    fn settle_claim(&self, batch: &mut WriteBatch<'_>) -> Result<Settled, StoreError> {
        let Some(pairs) = &self.pairs else {
            return Ok(Settled::Store(None));
        };
        let claim = match pairs.claim(self.data.name(), batch) {
            Claimed::Nothing => return Ok(Settled::Store(None)),
            Claimed::Misread => return Ok(Settled::Misread),
            Claimed::TooMany { limit } => return Err(StoreError::TooManyClusters { limit }),
            Claimed::Claim(claim) => claim,
        };
        batch.leave_out(Arc::clone(pairs.replica_label()));
        Ok(match claim.judge(samples(batch) as u64) {
            Verdict::Store { newer_than_ms } => {
                if let Some(ms) = newer_than_ms {
                    batch.keep_newer_than(ms);
                }
                Settled::Store(Some(claim))
            }
            Verdict::Duplicate => Settled::Duplicate,
            Verdict::Wait => Settled::Wait(claim),
        })
    }
}

/// A request on its way to the nodes of a cluster.
struct ClusterWrite {
    namespace: ClusterNamespace,
    batch: Batch,
    /// What is refused already.
    report: AppendReport,
    /// The answer, but for what became of the batch.
    summary: WriteSummary,
    claim: Option<Claim>,
}

impl ClusterWrite {
    fn new(
        namespace: &ClusterNamespace,
        decoded: &Decoded<'_>,
        claim: Option<Claim>,
    ) -> Result<Self, StoreError> {
        let mut report = AppendReport::default();
        let batch = namespace.cluster().batch(&decoded.batch, &mut report)?;
        Ok(Self {
            namespace: namespace.clone(),
            batch,
            report,
            summary: decoded.summary(AppendReport::default()),
            claim,
        })
    }

    /// A place among the writes that wait for nodes, within the share of its sender.
    fn place(
        &self,
        forwarded: &InflightBytes,
        sender: Option<&Sender>,
    ) -> Result<BytePermit, StoreError> {
        let bytes = bytes_in_queue(&self.batch) as u64;
        // One that is larger than all there may be goes alone.
        let place = forwarded.try_acquire_for(sender, bytes.min(forwarded.limit()));
        place.map_err(|refused| {
            StoreError::Unavailable(format!(
                "the nodes have not taken what was sent before: {refused}"
            ))
        })
    }

    /// Answers when enough nodes have it, or cannot have it; it has its place until then.
    fn answer(
        self: Box<Self>,
        reply: Reply<Outcome>,
        telemetry: Arc<Telemetry>,
        place: BytePermit,
    ) {
        let Self {
            namespace,
            batch,
            report,
            mut summary,
            claim,
        } = *self;
        let cluster = namespace.cluster().clone();
        let write = {
            let cluster = cluster.clone();
            async move {
                let written = cluster.write(namespace.name(), batch, report).await;
                drop(place);
                if let (Ok(_), Some(claim)) = (&written, claim) {
                    claim.delivered();
                }
                reply.send(written.map(|report| {
                    telemetry.stored(WriteSource::RemoteWrite, &report);
                    summary.report = report;
                    Outcome::Done(summary)
                }));
            }
        };
        cluster.spawn(write);
    }
}

/// What was decided of a batch of a replica.
enum Settled {
    Store(Option<Claim>),
    Duplicate,
    Wait(Claim),
    Misread,
}

fn samples(batch: &WriteBatch<'_>) -> usize {
    batch.samples_len() + batch.histograms().len()
}

/// The report for a sender whose samples another one brought.
fn as_if_stored(batch: &WriteBatch<'_>) -> AppendReport {
    AppendReport {
        appended: batch.samples_len() as u64,
        appended_histograms: batch.histograms().len() as u64,
        appended_exemplars: batch.exemplars().len() as u64,
        ..AppendReport::default()
    }
}

/// Answers once every ticket's commit is done, or with the first failure.
fn answer_when_durable(
    tickets: Vec<CommitTicket>,
    reply: Reply<Outcome>,
    summary: WriteSummary,
    claim: Option<Claim>,
) {
    when_durable(tickets, move |durable| {
        if let (Ok(()), Some(claim)) = (&durable, claim) {
            claim.delivered();
        }
        let answer = durable.map(|()| Outcome::Done(summary));
        reply.send(answer.map_err(StoreError::database));
    });
}
