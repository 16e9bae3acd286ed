//! A receiver of remote write in front of a database, without any HTTP server: what axum or
//! hyper would call is called by hand.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use tower::{Layer as _, ServiceExt as _, service_fn};
use tsdb_core::{Db, DbOptions, Labels, Matcher, Namespace, Sample, TimeRange};
use tsdb_remote::client::write::{self, WriteEncoder};
use tsdb_remote::write::{DecodeScratch, WriteRequest, WriteSummary};
use tsdb_remote::{BoxError, Limits, RemoteWriteLayer, WriteError};

/// Decodes a request and stores what it holds; runs on a thread that may block.
fn store(metrics: &Namespace, request: &WriteRequest) -> Result<WriteSummary, WriteError> {
    let mut scratch = DecodeScratch::new(); // A server keeps one for each of its threads.
    let decoded = request.decode(&mut scratch)?;
    let report = metrics
        .write(&decoded.batch)
        .map_err(|error| WriteError::Internal(error.into()))?;
    Ok(decoded.summary(report))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let folder = tempfile::tempdir()?;
    let db = Db::open(folder.path(), DbOptions::default())?;
    let metrics = db.default_namespace();

    let inner = service_fn(move |request: WriteRequest| {
        let metrics = metrics.clone();
        async move {
            let work = tokio::task::spawn_blocking(move || store(&metrics, &request));
            work.await
                .map_err(|error| WriteError::Internal(error.into()))?
        }
    });
    let receiver = RemoteWriteLayer::new(Limits::default()).layer(inner);

    // What Prometheus sends: a protobuf message in a snappy block.
    let up = Labels::from_pairs([("__name__", "up"), ("job", "api")])?;
    let nameless = Labels::from_pairs([("job", "api")])?;
    let mut encoder = WriteEncoder::new();
    encoder.series(&up, &[Sample::new(1_700_000_000_000, 1.0)]);
    encoder.series(&nameless, &[Sample::new(1_700_000_000_000, 1.0)]);
    let uri = "http://localhost:7201/api/v1/write".parse()?;
    let request = write::request(uri, "example/1.0", encoder.finish()?)?;

    // One bad series costs a 400, and never its neighbours.
    let response = receiver.oneshot(request).await?;
    println!("answered {}", response.status());
    assert_eq!(response.status(), 400);
    let stored = db
        .default_namespace()
        .select(TimeRange::ALL, &[Matcher::equal("job", "api")])?;
    let stored: Vec<Labels> = stored
        .map(|series| series.map(|series| series.labels().clone()))
        .collect::<Result<_, _>>()?;
    println!(
        "stored {}",
        stored.iter().map(Labels::to_string).collect::<String>()
    );
    assert_eq!(stored, [up]);
    db.close()?;
    Ok(())
}
