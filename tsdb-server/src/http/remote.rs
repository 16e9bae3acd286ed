//! Remote write and remote read over the store.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::Service;
use tsdb_core::model::{AppendReport, Matcher, TimeRange};
use tsdb_core::{CommitTicket, Namespace, SeriesSet};
use tsdb_remote::read::{Chunk, Chunks, Columns, ReadRequest, SeriesStream, Storage};
use tsdb_remote::write::{DecodeScratch, Decoded, WriteRequest, WriteSummary};
use tsdb_remote::{ReadError, WriteError};

use super::scope::Scope;
use crate::store::{Opened, Reply, Store, StoreError};
use crate::telemetry::{Telemetry, WriteSource};

/// What a service of this module answers with, later.
type Answer<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// Decodes and stores on a store thread, answers when the samples are durable.
#[derive(Clone, Debug)]
pub(super) struct StoreWriter {
    pub(super) store: Store,
    pub(super) telemetry: Arc<Telemetry>,
}

impl Service<WriteRequest> for StoreWriter {
    type Response = WriteSummary;
    type Error = WriteError;
    type Future = Answer<WriteSummary, WriteError>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: WriteRequest) -> Self::Future {
        let Self { store, telemetry } = self.clone();
        Box::pin(async move {
            let work =
                move |opened: Opened, scratch: &mut DecodeScratch, reply: Reply<WriteSummary>| {
                    match Scope::of(&request.parts.extensions).namespace(&opened) {
                        Ok(namespace) => write(&namespace, &request, scratch, &telemetry, reply),
                        Err(error) => reply.send(Err(error)),
                    }
                };
            store.write(work).await.map_err(WriteError::from)
        })
    }
}

fn write(
    namespace: &Namespace,
    request: &WriteRequest,
    scratch: &mut DecodeScratch,
    telemetry: &Telemetry,
    reply: Reply<WriteSummary>,
) {
    let guessed = request
        .guess(scratch)
        .map(|decoded| store(namespace, &decoded, telemetry));
    let stored = match guessed {
        Ok(Err(error)) if error.is_misread() => request
            .decode(scratch)
            .map(|decoded| store(namespace, &decoded, telemetry)),
        other => other,
    };
    match stored {
        Ok(Ok((tickets, summary))) => answer_when_durable(tickets, reply, summary),
        Ok(Err(error)) => reply.send(Err(StoreError::database(error))),
        Err(error) => reply.send(Err(error.into())),
    }
}

/// Stores what a request holds; metadata last, so that a misread request leaves nothing behind.
fn store(
    namespace: &Namespace,
    decoded: &Decoded<'_>,
    telemetry: &Telemetry,
) -> Result<(Vec<CommitTicket>, WriteSummary), tsdb_core::Error> {
    let extras = &decoded.extras;
    let mut tickets = Vec::new();
    let mut report = AppendReport::default();
    if !decoded.batch.is_empty() {
        let append = namespace.append(&decoded.batch)?;
        report = append.report;
        tickets.push(append.ticket);
    }
    if !extras.metadata.is_empty() {
        tickets.push(namespace.set_metadata(&extras.metadata)?);
    }
    telemetry.stored(WriteSource::RemoteWrite, &report);
    telemetry.extras(extras.metadata.len() as u64, extras.refused_metadata);
    Ok((tickets, decoded.summary(report)))
}

/// Answers once every ticket's commit is done, or with the first failure.
fn answer_when_durable(
    mut tickets: Vec<CommitTicket>,
    reply: Reply<WriteSummary>,
    summary: WriteSummary,
) {
    match tickets.pop() {
        None => reply.send(Ok(summary)),
        Some(ticket) => ticket.on_commit(move |durable| match durable {
            Ok(()) => answer_when_durable(tickets, reply, summary),
            Err(error) => reply.send(Err(StoreError::database(error))),
        }),
    }
}

/// Selects and encodes on a query thread, which waits when the client is slower.
#[derive(Clone, Debug)]
pub(super) struct StoreReader {
    pub(super) store: Store,
}

impl Service<ReadRequest> for StoreReader {
    type Response = ();
    type Error = ReadError;
    type Future = Answer<(), ReadError>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ReadError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: ReadRequest) -> Self::Future {
        let store = self.store.clone();
        Box::pin(async move {
            let admission = store.queries().admit().await?;
            let source = store.clone();
            let work = move || -> Result<(), ReadError> {
                let opened = source.current()?;
                let namespace = Scope::of(&request.parts.extensions).namespace(&opened)?;
                request.answer(&NamespaceStorage(namespace))
            };
            store.queries().run(&admission, work).await?
        })
    }
}

/// A namespace as remote read wants it.
struct NamespaceStorage(Namespace);

impl Storage for NamespaceStorage {
    type Stream<'s> = SelectedSeries;

    fn select(&self, range: TimeRange, matchers: &[Matcher]) -> Result<SelectedSeries, ReadError> {
        let set = self
            .0
            .select(range, matchers)
            .map_err(StoreError::database)?;
        Ok(SelectedSeries(set))
    }
}

struct SelectedSeries(SeriesSet);

impl SeriesStream for SelectedSeries {
    fn next_samples(
        &mut self,
        visit: &mut dyn FnMut(Columns<'_>) -> Result<(), ReadError>,
    ) -> Result<bool, ReadError> {
        let Some(series) = self.0.next().transpose().map_err(StoreError::database)? else {
            return Ok(false);
        };
        visit(Columns {
            labels: series.labels(),
            timestamps: series.timestamps(),
            values: series.values(),
            histograms: series.histograms(),
        })?;
        Ok(true)
    }

    fn next_chunks(&mut self) -> Result<Option<Chunks>, ReadError> {
        let Some(series) = self.0.next_chunks().map_err(StoreError::database)? else {
            return Ok(None);
        };
        let chunks = series.chunks.into_iter();
        let chunks = chunks.map(|chunk| Chunk {
            min: chunk.min,
            max: chunk.max,
            encoding: chunk.encoding,
            bytes: chunk.bytes.into(),
        });
        Ok(Some(Chunks {
            labels: series.labels,
            chunks: chunks.collect(),
        }))
    }
}
