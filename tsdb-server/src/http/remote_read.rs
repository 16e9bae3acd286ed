//! Remote read over the store.

use std::task::{Context, Poll};

use http::HeaderMap;
use tower::Service;
use tsdb_core::model::{Matcher, TimeRange};
use tsdb_remote::ReadError;
use tsdb_remote::read::{Chunk, Chunks, Columns, ReadRequest, SeriesStream, Storage};

use super::envelope::ApiError;
use super::reads::Limited;
use super::remote_write::Answer;
use super::scope::Scope;
use crate::data::{NamespaceData, SeriesSource};
use crate::store::Store;

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
            let scope = Scope::of(&request.parts.extensions);
            let admission = store.queries().admit(scope.sender()).await?;
            let source = store.clone();
            let work = move || -> Result<(), ReadError> {
                let opened = source.current()?;
                let refused = |error: ApiError| ReadError::Invalid(error.message);
                scope.reads().check_samples().map_err(refused)?;
                let namespace = scope.data(&opened)?;
                request.answer(&ScopedStorage { namespace, scope })
            };
            store.queries().run(&admission, work).await?
        })
    }
}

/// What a request may read of a namespace, as remote read wants it.
struct ScopedStorage {
    namespace: NamespaceData,
    scope: Scope,
}

impl Storage for ScopedStorage {
    type Stream<'s> = SelectedSeries;

    fn select(&self, range: TimeRange, matchers: &[Matcher]) -> Result<SelectedSeries, ReadError> {
        let reads = self.scope.reads();
        let refused = |error: ApiError| ReadError::Invalid(error.message);
        reads.check_range(Some(range)).map_err(refused)?;
        let sets = reads.restrict(vec![matchers.to_vec()]);
        let matchers = sets.first().map_or(matchers, Vec::as_slice);
        let series = self.namespace.select(range, matchers, reads.limits())?;
        Ok(SelectedSeries(series))
    }

    fn headers(&self) -> HeaderMap {
        let told = self.namespace.marks().tell();
        Limited::NOT.header(&told).into_iter().collect()
    }
}

struct SelectedSeries(SeriesSource);

impl SeriesStream for SelectedSeries {
    fn next_samples(
        &mut self,
        visit: &mut dyn FnMut(Columns<'_>) -> Result<(), ReadError>,
    ) -> Result<bool, ReadError> {
        let Some(series) = self.0.next_series()? else {
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
        let Some(series) = self.0.next_chunks()? else {
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
