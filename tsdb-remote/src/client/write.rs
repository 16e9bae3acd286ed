//! Sending remote write 1.0: bodies, requests, and what an answer means.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use http_body_util::Full;
use tsdb_core::model::{Exemplar, Histogram, Labels, MetricMetadata, Sample};

use super::{ClientError, compress};
use crate::negotiate::PROTOBUF;
use crate::put::{
    field_len, int_len, labels_len, put_bytes, put_exemplar_end, put_head, put_histograms, put_int,
    put_labels, put_samples, samples_len,
};

/// Builds the body of a write request; used again for the next one.
#[derive(Clone, Debug, Default)]
pub struct WriteEncoder {
    message: Vec<u8>,
    samples: usize,
}

impl WriteEncoder {
    /// An empty body.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds samples of a series; they should be sorted by time.
    pub fn series(&mut self, labels: &Labels, samples: &[Sample]) {
        let message = &mut self.message;
        put_head(message, 1, labels_len(labels) + samples_len(samples));
        put_labels(message, labels);
        put_samples(message, samples);
        self.samples += samples.len();
    }

    /// Adds native histograms of a series, each with its time in milliseconds; they should be
    /// sorted by it. Remote write 1.0 knows no start timestamps: they are skipped by the receiver.
    pub fn histograms(&mut self, labels: &Labels, histograms: &[(i64, Histogram)]) {
        let mut content = Vec::new();
        put_labels(&mut content, labels);
        put_histograms(&mut content, 4, histograms);
        put_bytes(&mut self.message, 1, &content);
        self.samples += histograms.len();
    }

    /// Adds exemplars of a series.
    pub fn exemplars(&mut self, labels: &Labels, exemplars: &[Exemplar]) {
        let (mut content, mut one) = (Vec::new(), Vec::new());
        put_labels(&mut content, labels);
        for exemplar in exemplars {
            one.clear();
            put_labels(&mut one, &exemplar.labels);
            put_exemplar_end(&mut one, exemplar);
            put_bytes(&mut content, 3, &one);
        }
        put_bytes(&mut self.message, 1, &content);
    }

    /// Adds what is known of a metric.
    pub fn metadata(&mut self, metadata: &MetricMetadata) {
        let kind = i64::from(metadata.kind.number());
        let texts = [
            (2, &metadata.metric),
            (4, &metadata.help),
            (5, &metadata.unit),
        ];
        let texts_len: usize = texts.iter().map(|(_, text)| field_len(text.len())).sum();
        put_head(&mut self.message, 3, int_len(kind) + texts_len);
        put_int(&mut self.message, 1, kind);
        for (field, text) in texts {
            put_bytes(&mut self.message, field, text.as_bytes());
        }
    }

    /// How many samples were added, floats and histograms.
    #[must_use]
    pub fn samples_len(&self) -> usize {
        self.samples
    }

    /// How long the body is before compression, in bytes.
    #[must_use]
    pub fn bytes_len(&self) -> usize {
        self.message.len()
    }

    /// Gives out the compressed body and starts anew.
    ///
    /// # Errors
    /// [`ClientError::TooLong`] when the body has 4 GiB or more; it is then given up.
    pub fn finish(&mut self) -> Result<Bytes, ClientError> {
        let block = compress(&self.message);
        self.message.clear();
        self.samples = 0;
        block
    }
}

/// The request that carries a body of [`WriteEncoder::finish`].
///
/// # Errors
/// When the user agent is no header value.
pub fn request(
    uri: Uri,
    user_agent: &str,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, ClientError> {
    Ok(Request::post(uri)
        .header(CONTENT_ENCODING, "snappy")
        .header(CONTENT_TYPE, PROTOBUF)
        .header(USER_AGENT, user_agent)
        .header("x-prometheus-remote-write-version", "0.1.0")
        .body(Full::new(body))?)
}

/// What to do after an answer to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was stored.
    Stored,
    /// Some or all was refused and would be again: report it, do not send it again.
    Refused,
    /// Send the same again, after the pause the server asks for, or one of the sender's choice.
    /// (A pause given as a date rather than in seconds counts as none.)
    Retry(Option<Duration>),
}

/// Judges an answer by its status and headers.
#[must_use]
pub fn outcome(status: StatusCode, headers: &HeaderMap) -> Outcome {
    if status.is_success() {
        return Outcome::Stored;
    }
    if !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS {
        return Outcome::Refused;
    }
    let seconds = headers
        .get(RETRY_AFTER)
        .and_then(|value| HeaderValue::to_str(value).ok());
    Outcome::Retry(
        seconds
            .and_then(|text| text.trim().parse().ok())
            .map(Duration::from_secs),
    )
}
