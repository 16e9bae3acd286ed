//! Requests made by an encoder that this project did not write.

use prometheus_remote_write::{LABEL_NAME, Label, Sample, TimeSeries, WriteRequest};
use tower::{Layer as _, ServiceExt as _};
use tsdb_remote::{Limits, RemoteWriteLayer};

use crate::support::{InlineWrites, MemoryStore, infallible};

#[tokio::test]
async fn an_independent_client_is_understood() {
    let label = |name: &str, value: &str| Label {
        name: name.into(),
        value: value.into(),
    };
    let series = (0..500).map(|index| TimeSeries {
        labels: vec![
            label("pod", &format!("api-{index}")),
            label(LABEL_NAME, "http_requests_total"),
            label("empty", ""),
        ],
        samples: (0..index % 4)
            .map(|step| Sample {
                value: f64::from(step) / 3.0,
                timestamp: i64::from(step) - 1,
            })
            .collect(),
    });
    let request = WriteRequest {
        timeseries: series.collect(),
    };
    let body = request.encode_compressed().unwrap();
    let store = MemoryStore::default();
    let service = RemoteWriteLayer::new(Limits::default()).layer(InlineWrites(store.clone()));
    let request = http::Request::post("/api/v1/write")
        .header("content-type", prometheus_remote_write::CONTENT_TYPE)
        .header("content-encoding", "snappy")
        .header(
            prometheus_remote_write::HEADER_NAME_REMOTE_WRITE_VERSION,
            prometheus_remote_write::REMOTE_WRITE_VERSION_01,
        )
        .body(http_body_util::Full::new(bytes::Bytes::from(body)))
        .unwrap();
    let response = infallible(service.oneshot(request).await);
    assert_eq!(response.status(), 204);
    let content = store.content.lock().unwrap();
    assert_eq!(content.len(), 375, "series without samples are not made");
    for (labels, samples) in content.iter() {
        let pod: u32 = labels
            .get("pod")
            .unwrap()
            .strip_prefix("api-")
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(labels.metric_name(), Some("http_requests_total"));
        assert_eq!(labels.len(), 2);
        let expected = (0..pod % 4).map(|s| (i64::from(s) - 1, (f64::from(s) / 3.0).to_bits()));
        assert!(samples.iter().map(|(t, v)| (*t, *v)).eq(expected));
    }
}
