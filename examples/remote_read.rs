//! Remote read over a database: the service asks one small trait for series, here a namespace.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use http_body_util::BodyExt as _;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tsdb_core::{
    Db, DbOptions, Labels, Matcher, Namespace, Sample, SeriesSet, TimeRange, WriteBatch,
};
use tsdb_remote::client::read::{self, DEFAULT_MAX_FRAME_BYTES, FrameDecoder};
use tsdb_remote::read::{Chunk, Chunks, Columns, ReadRequest, ResponseType, SeriesStream, Storage};
use tsdb_remote::{BoxError, Limits, ReadError, RemoteReadLayer};

/// A namespace, as remote read wants its storage.
struct Stored(Namespace);

/// Selected series, as remote read wants them.
struct Selected(SeriesSet);

fn internal(error: impl Into<BoxError>) -> ReadError {
    ReadError::Internal(error.into())
}

impl Storage for Stored {
    type Stream<'s> = Selected;

    fn select(&self, range: TimeRange, matchers: &[Matcher]) -> Result<Selected, ReadError> {
        self.0
            .select(range, matchers)
            .map(Selected)
            .map_err(internal)
    }
}

impl SeriesStream for Selected {
    fn next_samples(
        &mut self,
        visit: &mut dyn FnMut(Columns<'_>) -> Result<(), ReadError>,
    ) -> Result<bool, ReadError> {
        let Some(series) = self.0.next().transpose().map_err(internal)? else {
            return Ok(false);
        };
        let (labels, timestamps, values) = (series.labels(), series.timestamps(), series.values());
        visit(Columns {
            labels,
            timestamps,
            values,
            histograms: series.histograms(),
        })
        .map(|()| true)
    }

    fn next_chunks(&mut self) -> Result<Option<Chunks>, ReadError> {
        let Some(series) = self.0.next_chunks().map_err(internal)? else {
            return Ok(None);
        };
        let chunks = series.chunks.into_iter().map(|chunk| Chunk {
            min: chunk.min,
            max: chunk.max,
            encoding: chunk.encoding,
            bytes: chunk.bytes.to_vec(),
        });
        Ok(Some(Chunks {
            labels: series.labels,
            chunks: chunks.collect(),
        }))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let folder = tempfile::tempdir()?;
    let db = Db::open(folder.path(), DbOptions::default())?;
    let up = Labels::from_pairs([("__name__", "up"), ("job", "api")])?;
    let samples: Vec<Sample> = (0..100)
        .map(|step| Sample::new(1_700_000_000_000 + step * 15_000, step as f64))
        .collect();
    let mut batch = WriteBatch::new();
    for sample in &samples {
        batch.push(&up, *sample);
    }
    db.default_namespace().write(&batch)?;

    let metrics = db.default_namespace();
    let inner = service_fn(move |request: ReadRequest| {
        let stored = Stored(metrics.clone());
        async move {
            let work = tokio::task::spawn_blocking(move || request.answer(&stored));
            work.await.map_err(internal)?
        }
    });
    let service = RemoteReadLayer::new(Limits::default()).layer(inner);

    // What Prometheus asks: compressed chunks, streamed.
    let matchers = [Matcher::equal("__name__", "up")];
    let accepted = [ResponseType::StreamedXorChunks];
    let body = read::encode_request(&[(TimeRange::ALL, &matchers)], &accepted)?;
    let uri = "http://localhost:7201/api/v1/read".parse()?;
    let response = service
        .oneshot(read::request(uri, "example/1.0", body)?)
        .await?;
    assert_eq!(response.status(), 200);

    let mut frames = FrameDecoder::new(DEFAULT_MAX_FRAME_BYTES);
    frames.push(&response.into_body().collect().await?.to_bytes());
    let mut found = Vec::new();
    while let Some(frame) = frames.next_frame()? {
        println!("{}: {} chunks", frame.labels, frame.chunks.len());
        assert_eq!(frame.labels, up);
        found.extend(frame.samples()?);
    }
    frames.finish()?;
    assert_eq!(found, samples);
    db.close()?;
    Ok(())
}
