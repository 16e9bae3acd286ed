//! What a server gives back: one series to the bit, or how many samples it has in all.

use std::io::Read as _;

use serde_json::Value;
use tsdb_core::model::STALE_NAN_BITS;
use tsdb_core::{Labels, Matcher, Sample, TimeRange};
use tsdb_remote::client::read::{DEFAULT_MAX_FRAME_BYTES, FrameDecoder, encode_request};
use tsdb_remote::read::ResponseType;

use crate::error::Error;
use crate::http::{Body, Connection, Request};
use crate::options::ServerName;
use crate::server::Running;

/// The head of a remote read request.
const HEADERS: &str = "content-encoding: snappy\r\ncontent-type: application/x-protobuf\r\n\
    user-agent: compare\r\nx-prometheus-remote-read-version: 0.1.0\r\n";
/// Bytes taken from a connection at a time.
const READ_BYTES: usize = 256 << 10;

/// The samples of one series in a range of time, both ends inclusive, sorted by time.
pub(crate) fn series(
    running: &Running,
    labels: &Labels,
    range_ms: (i64, i64),
) -> Result<Vec<Sample>, Error> {
    let mut samples = Vec::new();
    match running.name {
        ServerName::VictoriaMetrics => {
            let selector: Vec<String> = labels
                .iter()
                .map(|label| format!("{}={:?}", label.name, label.value))
                .collect();
            let path = export_path("/api/v1/export", &selector.join(","), range_ms);
            let body = running.get(&path)?;
            for line in body.split(|byte| *byte == b'\n') {
                samples.extend(export_line(line)?);
            }
        }
        ServerName::Ours | ServerName::OursV2 | ServerName::Prometheus => {
            let matchers: Vec<Matcher> = labels
                .iter()
                .map(|label| Matcher::equal(label.name, label.value))
                .collect();
            frames(running, &matchers, range_ms, |frame| {
                samples.extend(frame.samples()?);
                Ok(())
            })?;
        }
    }
    samples.retain(|sample| (range_ms.0..=range_ms.1).contains(&sample.timestamp));
    samples.sort_by_key(|sample| sample.timestamp);
    Ok(samples)
}

/// How many samples there are of all series in a range of time, both ends inclusive.
pub(crate) fn count(running: &Running, range_ms: (i64, i64)) -> Result<u64, Error> {
    match running.name {
        ServerName::VictoriaMetrics => {
            let path = export_path("/api/v1/export/csv", "__name__!=\"\"", range_ms);
            let path = format!("{path}&format=__timestamp__:unix_ms");
            let mut lines = 0;
            streamed(running, ("GET", &path), ("", &[]), |bytes| {
                lines += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
                Ok(())
            })?;
            Ok(lines)
        }
        ServerName::Ours | ServerName::OursV2 | ServerName::Prometheus => {
            let all = Matcher::not_equal("__name__", "");
            let mut samples = 0;
            frames(running, &[all], range_ms, |frame| {
                for chunk in &frame.chunks {
                    // A chunk begins with the number of its samples, big endian.
                    if let Some([high, low]) = chunk.bytes.first_chunk() {
                        samples += u64::from(*high) << 8 | u64::from(*low);
                    }
                }
                Ok(())
            })?;
            Ok(samples)
        }
    }
}

fn export_path(route: &str, selector: &str, (min_ms, max_ms): (i64, i64)) -> String {
    let selector = format!("{{{selector}}}");
    let selector: String = form_urlencoded::byte_serialize(selector.as_bytes()).collect();
    // Seconds with a fraction; the end is exclusive or not, depending on the version.
    let seconds = |ms: i64| format!("{}.{:03}", ms / 1_000, ms % 1_000);
    format!(
        "{route}?match[]={selector}&start={}&end={}&reduce_mem_usage=1",
        seconds(min_ms),
        seconds(max_ms)
    )
}

/// A line of VictoriaMetrics' export; it writes every NaN as null.
fn export_line(line: &[u8]) -> Result<Vec<Sample>, Error> {
    if line.is_empty() {
        return Ok(Vec::new());
    }
    let malformed = || Error::Answer("a line of the export does not parse".to_owned());
    let line: Value = serde_json::from_slice(line).map_err(|_| malformed())?;
    let list = |name| {
        line.get(name)
            .and_then(Value::as_array)
            .ok_or_else(malformed)
    };
    let value = |value: &Value| match value {
        Value::Null => Some(f64::from_bits(STALE_NAN_BITS)),
        Value::String(text) => text.parse().ok(),
        number => number.as_f64(),
    };
    let samples = list("timestamps")?.iter().zip(list("values")?);
    samples
        .map(|(timestamp, found)| {
            let sample = Sample::new(timestamp.as_i64()?, value(found)?);
            Some(sample)
        })
        .collect::<Option<Vec<Sample>>>()
        .ok_or_else(malformed)
}

/// A remote read of streamed chunks, frame by frame.
fn frames(
    running: &Running,
    matchers: &[Matcher],
    (min_ms, max_ms): (i64, i64),
    mut each: impl FnMut(tsdb_remote::client::read::SeriesFrame) -> Result<(), Error>,
) -> Result<(), Error> {
    let range =
        TimeRange::inclusive(min_ms, max_ms).map_err(|error| Error::Answer(error.to_string()))?;
    let request = encode_request(&[(range, matchers)], &[ResponseType::StreamedXorChunks])?;
    let mut decoder = FrameDecoder::new(DEFAULT_MAX_FRAME_BYTES);
    streamed(
        running,
        ("POST", "/api/v1/read"),
        (HEADERS, &request),
        |bytes| {
            decoder.push(bytes);
            while let Some(frame) = decoder.next_frame()? {
                each(frame)?;
            }
            Ok(())
        },
    )?;
    Ok(decoder.finish()?)
}

/// An answer as it comes.
fn streamed(
    running: &Running,
    (method, path): (&str, &str),
    (headers, body): (&str, &[u8]),
    mut each: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let doing = || Error::exchange("reading back");
    let mut connection = Connection::open(running.address).map_err(doing())?;
    let head = connection
        .send(Request {
            method,
            path,
            headers,
            body,
        })
        .map_err(doing())?;
    let mut answer: Body<'_> = connection.body(&head);
    if !head.is_success() {
        let mut said = String::new();
        answer
            .take(300)
            .read_to_string(&mut said)
            .map_err(doing())?;
        let text = format!("reading back was answered {}: {}", head.status, said.trim());
        return Err(Error::Answer(text));
    }
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match answer.read(&mut buffer).map_err(doing())? {
            0 => return Ok(()),
            read => each(buffer.get(..read).unwrap_or_default())?,
        }
    }
}

/// How the samples read back of some series compare with those sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Comparison {
    pub(crate) series: u64,
    /// Samples sent.
    pub(crate) sent: u64,
    /// Samples that are there.
    pub(crate) found: u64,
    /// Samples that are there with another value, to the bit.
    pub(crate) changed: u64,
    /// Samples that are there and were never sent.
    pub(crate) foreign: u64,
}

impl Comparison {
    /// Adds a series; both lists are sorted by time.
    pub(crate) fn add(&mut self, sent: &[Sample], back: &[Sample]) {
        self.series += 1;
        self.sent += sent.len() as u64;
        let mut rest = back;
        for sample in sent {
            while let Some((first, behind)) = rest.split_first() {
                if first.timestamp > sample.timestamp {
                    break;
                }
                rest = behind;
                if first.timestamp < sample.timestamp {
                    self.foreign += 1;
                    continue;
                }
                self.found += 1;
                self.changed += u64::from(first.value.to_bits() != sample.value.to_bits());
                break;
            }
        }
        self.foreign += rest.len() as u64;
    }

    pub(crate) fn json(self) -> Value {
        serde_json::json!({
            "series": self.series,
            "sent_samples": self.sent,
            "found_samples": self.found,
            "changed_samples": self.changed,
            "foreign_samples": self.foreign,
        })
    }
}
