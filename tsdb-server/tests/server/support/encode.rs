//! Bodies of remote write, made by prost and not by the code under test.

use bytes::Bytes;
use prost::Message;
use tsdb_proto::prometheus::{Label, Sample, TimeSeries};

use super::{Answer, request};

/// A sample as it was sent: timestamp and bits.
pub(crate) type Sent = (i64, u64);

/// A series with its samples, labels in the order given.
pub(crate) fn series(labels: &[(&str, &str)], samples: &[Sent]) -> TimeSeries {
    let labels = labels.iter().map(|(name, value)| Label {
        name: (*name).to_owned(),
        value: (*value).to_owned(),
    });
    let samples = samples.iter().map(|(timestamp, bits)| Sample {
        timestamp: *timestamp,
        value: f64::from_bits(*bits),
    });
    TimeSeries {
        labels: labels.collect(),
        samples: samples.collect(),
        ..TimeSeries::default()
    }
}

pub(crate) fn snappy(bytes: &[u8]) -> Bytes {
    snap::raw::Encoder::new()
        .compress_vec(bytes)
        .expect("a short body")
        .into()
}

/// A remote write of these series. Samples are written by hand, as prost leaves a value of
/// minus zero out.
pub(crate) fn write_body(timeseries: Vec<TimeSeries>) -> Bytes {
    let mut body = Vec::new();
    for mut one in timeseries {
        let samples = std::mem::take(&mut one.samples);
        let mut message = one.encode_to_vec();
        for sample in samples {
            let mut encoded = vec![0x09];
            encoded.extend_from_slice(&sample.value.to_le_bytes());
            encoded.push(0x10);
            prost::encoding::encode_varint(sample.timestamp.cast_unsigned(), &mut encoded);
            field(&mut message, 2, &encoded);
        }
        field(&mut body, 1, &message);
    }
    snappy(&body)
}

/// A field of bytes.
fn field(message: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    message.push(number << 3 | 2);
    prost::encoding::encode_varint(bytes.len() as u64, message);
    message.extend_from_slice(bytes);
}

/// Sends a remote write as Prometheus does; `Err` when there is no whole answer.
pub(crate) async fn write_request(api: &str, body: Bytes) -> Result<Answer, String> {
    let headers = [
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "snappy"),
        ("user-agent", "test"),
        ("x-prometheus-remote-write-version", "0.1.0"),
    ];
    request(
        http::Method::POST,
        &format!("{api}/api/v1/write"),
        &headers,
        body,
    )
    .await
}
