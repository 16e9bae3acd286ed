//! A store in memory and the little that tests of both services share.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt as _;
use tower::Service;
use tsdb_core::model::{
    AppendReport, Labels, LabelsBuilder, Matcher, RejectReason, Rejected, Sample, TimeRange,
    WriteBatch,
};
use tsdb_remote::read::{Chunk, Chunks, Columns, ReadRequest, SeriesStream, Storage};
use tsdb_remote::write::{DecodeScratch, WriteRequest, WriteSummary};
use tsdb_remote::{ReadError, ResponseBody, WriteError};

/// Series and samples by labels, values as bits.
pub(crate) type Content = BTreeMap<Labels, BTreeMap<i64, u64>>;

/// A store in memory. `fail_after` makes a select fail after so many series.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryStore {
    pub(crate) content: Arc<Mutex<Content>>,
    pub(crate) samples_per_chunk: usize,
    pub(crate) fail_after: Option<usize>,
}

impl MemoryStore {
    pub(crate) fn with(series: impl IntoIterator<Item = (Labels, Vec<Sample>)>) -> Self {
        let content = series.into_iter().map(|(labels, samples)| {
            (
                labels,
                samples
                    .iter()
                    .map(|s| (s.timestamp, s.value.to_bits()))
                    .collect(),
            )
        });
        let content = Arc::new(Mutex::new(content.collect()));
        Self {
            content,
            samples_per_chunk: 120,
            fail_after: None,
        }
    }

    pub(crate) fn append(&self, batch: &WriteBatch<'_>) -> AppendReport {
        let mut report = AppendReport::default();
        let mut content = self.content.lock().unwrap();
        for (key, timestamps, values) in batch.series() {
            let mut builder = LabelsBuilder::new();
            let parsed = key.parse(&mut builder);
            let labels = parsed.and_then(|()| builder.finish());
            let labels = labels.map_err(RejectReason::from).and_then(|labels| {
                labels.metric_name().ok_or(RejectReason::NoMetricName)?;
                Ok(labels)
            });
            match labels {
                Ok(labels) => {
                    let samples = content.entry(labels).or_default();
                    samples.extend(
                        timestamps
                            .iter()
                            .zip(values)
                            .map(|(t, v)| (*t, v.to_bits())),
                    );
                    report.appended += timestamps.len() as u64;
                }
                Err(reason) => {
                    let samples = timestamps.len() as u64;
                    report.reject(samples, true, || Rejected {
                        series: "unknown".to_owned(),
                        timestamp: None,
                        samples,
                        reason,
                    });
                }
            }
        }
        report
    }
}

/// Runs writes where they arrive.
#[derive(Clone, Debug)]
pub(crate) struct InlineWrites(pub(crate) MemoryStore);

impl Service<WriteRequest> for InlineWrites {
    type Response = WriteSummary;
    type Error = WriteError;
    type Future = std::future::Ready<Result<WriteSummary, WriteError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: WriteRequest) -> Self::Future {
        let mut scratch = DecodeScratch::new();
        std::future::ready(
            request
                .decode(&mut scratch)
                .map(|decoded| decoded.summary(self.0.append(&decoded.batch)))
                .map_err(WriteError::from),
        )
    }
}

/// Runs reads on threads that may block.
#[derive(Clone, Debug)]
pub(crate) struct BlockingReads(pub(crate) MemoryStore);

impl Service<ReadRequest> for BlockingReads {
    type Response = ();
    type Error = ReadError;
    type Future =
        std::pin::Pin<Box<dyn std::future::Future<Output = Result<(), ReadError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ReadError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: ReadRequest) -> Self::Future {
        let store = self.0.clone();
        let work = tokio::task::spawn_blocking(move || request.answer(&store));
        Box::pin(async move {
            work.await
                .map_err(|error| ReadError::Internal(error.into()))?
        })
    }
}

impl Storage for MemoryStore {
    type Stream<'s> = MemoryStream;

    fn select(&self, range: TimeRange, matchers: &[Matcher]) -> Result<MemoryStream, ReadError> {
        let content = self.content.lock().unwrap();
        let meets = |labels: &Labels| {
            matchers
                .iter()
                .all(|m| m.matches(labels.get(m.name()).unwrap_or_default()))
        };
        let found = content
            .iter()
            .filter(|(labels, _)| meets(labels))
            .map(|(labels, samples)| {
                let inside = samples.range(range.min()..=range.max());
                (
                    labels.clone(),
                    inside
                        .map(|(t, v)| Sample::new(*t, f64::from_bits(*v)))
                        .collect(),
                )
            });
        let found = found.filter(|(_, samples): &(Labels, Vec<Sample>)| !samples.is_empty());
        let series = found.collect::<Vec<_>>().into_iter();
        Ok(MemoryStream {
            series,
            samples_per_chunk: self.samples_per_chunk,
            fail_after: self.fail_after,
        })
    }
}

pub(crate) struct MemoryStream {
    series: std::vec::IntoIter<(Labels, Vec<Sample>)>,
    samples_per_chunk: usize,
    fail_after: Option<usize>,
}

impl MemoryStream {
    fn next(&mut self) -> Result<Option<(Labels, Vec<Sample>)>, ReadError> {
        match &mut self.fail_after {
            Some(0) => return Err(ReadError::Internal("a block is unreadable".into())),
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(self.series.next())
    }
}

impl SeriesStream for MemoryStream {
    fn next_samples(
        &mut self,
        visit: &mut dyn FnMut(Columns<'_>) -> Result<(), ReadError>,
    ) -> Result<bool, ReadError> {
        let Some((labels, samples)) = self.next()? else {
            return Ok(false);
        };
        let timestamps: Vec<_> = samples.iter().map(|s| s.timestamp).collect();
        let values: Vec<_> = samples.iter().map(|s| s.value).collect();
        visit(Columns {
            labels: &labels,
            timestamps: &timestamps,
            values: &values,
            histograms: &[],
        })?;
        Ok(true)
    }

    fn next_chunks(&mut self) -> Result<Option<Chunks>, ReadError> {
        let Some((labels, samples)) = self.next()? else {
            return Ok(None);
        };
        let chunks = samples.chunks(self.samples_per_chunk).map(|part| Chunk {
            min: part[0].timestamp,
            max: part[part.len() - 1].timestamp,
            encoding: tsdb_core::chunk::Encoding::Xor,
            bytes: tsdb_core::chunk::encode(part.iter().copied()),
        });
        Ok(Some(Chunks {
            labels,
            chunks: chunks.collect(),
        }))
    }
}

pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

pub(crate) fn compressed(message: &[u8]) -> Bytes {
    snap::raw::Encoder::new()
        .compress_vec(message)
        .unwrap()
        .into()
}

pub(crate) async fn whole(response: Response<ResponseBody>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

pub(crate) async fn text(response: Response<ResponseBody>) -> String {
    String::from_utf8(whole(response).await.to_vec()).unwrap()
}

/// Takes the error out of what cannot fail.
pub(crate) fn infallible<T>(result: Result<T, Infallible>) -> T {
    result.unwrap_or_else(|never| match never {})
}
