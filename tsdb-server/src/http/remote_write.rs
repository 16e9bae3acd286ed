//! Remote write over the store.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::Service;
use tsdb_core::model::{AppendReport, WriteBatch};
use tsdb_remote::write::{DecodeScratch, Decoded, WriteRequest, WriteSummary};
use tsdb_remote::{BytePermit, InflightBytes, Sender, WriteError};

use super::scope::Scope;
use crate::data::{NamespaceData, Writing};
use crate::ha::{Claim, Claimed, HaPairs, Verdict};
use crate::store::{Opened, Reply, Store, StoreError};
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
                        charged: false,
                    };
                    match destination.take(&request, scratch) {
                        Ok(Stored::Begun(begun)) => {
                            let sender = request.parts.extensions.get::<Sender>();
                            match begun.writing.place(&forwarded, sender) {
                                Ok(place) => begun.answer(reply, telemetry, place),
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
    /// It is on its way to be durable.
    Begun(Box<Begun>),
    /// Another replica brought the same.
    Duplicate(WriteSummary),
    /// Another replica may bring the same.
    Wait(Claim),
    /// What was guessed of it is wrong, and nothing was stored.
    Misread,
}

/// Where the samples of a request go.
struct Destination {
    scope: Scope,
    data: NamespaceData,
    pairs: Option<HaPairs>,
    /// Whether its sender was charged.
    charged: bool,
}

impl Destination {
    fn take(
        &mut self,
        request: &WriteRequest,
        scratch: &mut DecodeScratch,
    ) -> Result<Stored, StoreError> {
        if self.data.is_of_cluster() {
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
        let writing = match self.data.write(batch, &extras.metadata) {
            Err(StoreError::Database(error)) if error.is_misread() => return Ok(Stored::Misread),
            writing => writing?,
        };
        Ok(Stored::Begun(Box::new(Begun {
            writing,
            metadata: (extras.metadata.len() as u64, extras.refused_metadata),
            summary: decoded.summary(AppendReport::default()),
            claim,
        })))
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

/// A request on its way to be durable.
struct Begun {
    writing: Writing,
    /// Metadata that comes with it, and that was refused.
    metadata: (u64, u64),
    /// The answer, but for what became of the samples.
    summary: WriteSummary,
    claim: Option<Claim>,
}

impl Begun {
    /// Answers when all is durable that was not refused, or cannot be; it has its place until then.
    fn answer(
        self: Box<Self>,
        reply: Reply<Outcome>,
        telemetry: Arc<Telemetry>,
        place: Option<BytePermit>,
    ) {
        let Self {
            writing,
            metadata,
            mut summary,
            claim,
        } = *self;
        writing.then(move |stored| {
            drop(place);
            if let (Ok(_), Some(claim)) = (&stored, claim) {
                claim.delivered();
            }
            reply.send(stored.map(|report| {
                telemetry.stored(WriteSource::RemoteWrite, &report);
                telemetry.extras(metadata.0, metadata.1);
                summary.report = report;
                Outcome::Done(summary)
            }));
        });
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
