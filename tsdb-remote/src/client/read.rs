//! Asking for a remote read, and understanding both forms of the answer.

use bytes::{Buf as _, Bytes, BytesMut};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, Request, Uri};
use http_body_util::Full;
use prost::Message as _;
use tsdb_core::chunk::{ChunkIter, Encoding, HistogramChunkIter};
use tsdb_core::model::{Histogram, Labels, MatchOp, Matcher, Sample, TimeRange};
use tsdb_proto::prometheus::label_matcher::Type;
use tsdb_proto::prometheus::{
    ChunkedReadResponse, Label, LabelMatcher, Query, ReadRequest, ReadResponse,
};

use super::histogram::histogram;
use super::{ClientError, compress};
use crate::negotiate::{PROTOBUF, STREAMED};
use crate::read::{Chunk, ResponseType};
use crate::snappy;

/// Longest frame that Prometheus' own client takes, in bytes.
pub const DEFAULT_MAX_FRAME_BYTES: usize = 50_000_000;
/// Bytes of a frame's checksum.
const CHECKSUM_BYTES: usize = 4;

/// The compressed body of a request for every pair of a range and its matchers.
///
/// # Errors
/// [`ClientError::TooLong`] when it has 4 GiB or more; [`ClientError::Matcher`] when a matcher
/// asks for placement shards, of which remote read knows nothing.
pub fn encode_request(
    queries: &[(TimeRange, &[Matcher])],
    accepted: &[ResponseType],
) -> Result<Bytes, ClientError> {
    let queries = queries.iter().map(|(range, matchers)| {
        let matchers = matchers.iter().map(label_matcher);
        Ok(Query {
            start_timestamp_ms: range.min(),
            end_timestamp_ms: range.max(),
            matchers: matchers.collect::<Result<_, ClientError>>()?,
            hints: None,
        })
    });
    let request = ReadRequest {
        queries: queries.collect::<Result<_, ClientError>>()?,
        accepted_response_types: accepted.iter().map(|accepted| accepted.number()).collect(),
    };
    compress(&request.encode_to_vec())
}

fn label_matcher(matcher: &Matcher) -> Result<LabelMatcher, ClientError> {
    let kind = match matcher.op() {
        MatchOp::Equal => Type::Eq,
        MatchOp::NotEqual => Type::Neq,
        MatchOp::Regex => Type::Re,
        MatchOp::NotRegex => Type::Nre,
        MatchOp::Shards => return Err(ClientError::Matcher(matcher.to_string())),
    };
    Ok(LabelMatcher {
        r#type: kind.into(),
        name: matcher.name().to_owned(),
        value: matcher.value().to_owned(),
    })
}

/// The request that carries a body of [`encode_request`].
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
        .header(ACCEPT_ENCODING, "snappy")
        .header(CONTENT_TYPE, PROTOBUF)
        .header(USER_AGENT, user_agent)
        .header("x-prometheus-remote-read-version", "0.1.0")
        .body(Full::new(body))?)
}

/// Which form an answer has, by its headers. A missing content type means SAMPLES.
///
/// # Errors
/// When the content type or encoding is unknown.
pub fn response_type(headers: &HeaderMap) -> Result<ResponseType, ClientError> {
    let text = |name| {
        let value = headers.get(name);
        value.map_or_else(String::new, |v| {
            String::from_utf8_lossy(v.as_bytes()).into_owned()
        })
    };
    let content_type = text(CONTENT_TYPE);
    let (wanted, found) = if content_type.starts_with(STREAMED) {
        (ResponseType::StreamedXorChunks, text(CONTENT_ENCODING))
    } else if content_type.is_empty() || content_type.starts_with(PROTOBUF) {
        (ResponseType::Samples, text(CONTENT_ENCODING))
    } else {
        return Err(ClientError::ContentType(content_type));
    };
    let known = match wanted {
        ResponseType::Samples => found.is_empty() || found == "snappy",
        ResponseType::StreamedXorChunks => found.is_empty(),
    };
    if known {
        Ok(wanted)
    } else {
        Err(ClientError::ContentEncoding(found))
    }
}

/// A series and its samples.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesSamples {
    /// Identity of the series.
    pub labels: Labels,
    /// Its samples in the order they came.
    pub samples: Vec<Sample>,
    /// Its native histograms in the order they came, each with its time in milliseconds.
    pub histograms: Vec<(i64, Histogram)>,
}

/// The results of an answer of type SAMPLES, one a query.
///
/// # Errors
/// When the body is malformed or decodes to more than `max_decoded_bytes`.
pub fn decode_samples(
    body: &[u8],
    max_decoded_bytes: usize,
) -> Result<Vec<Vec<SeriesSamples>>, ClientError> {
    let mut buffer = Vec::new();
    let message = ReadResponse::decode(snappy::decode(body, max_decoded_bytes, &mut buffer)?)?;
    let result = |series: Vec<tsdb_proto::prometheus::TimeSeries>| {
        series
            .into_iter()
            .map(series_samples)
            .collect::<Result<Vec<_>, _>>()
    };
    message
        .results
        .into_iter()
        .map(|found| result(found.timeseries))
        .collect()
}

fn series_samples(
    series: tsdb_proto::prometheus::TimeSeries,
) -> Result<SeriesSamples, ClientError> {
    let histograms = series.histograms.into_iter().map(histogram);
    Ok(SeriesSamples {
        histograms: histograms.collect(),
        labels: labels(series.labels)?,
        samples: series
            .samples
            .iter()
            .map(|s| Sample::new(s.timestamp, s.value))
            .collect(),
    })
}

fn labels(labels: Vec<Label>) -> Result<Labels, ClientError> {
    Ok(Labels::from_pairs(
        labels.into_iter().map(|label| (label.name, label.value)),
    )?)
}

/// One frame of an answer of type STREAMED_XOR_CHUNKS: a series, or a part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesFrame {
    /// Which query of the request it belongs to, from 0.
    pub query: i64,
    /// Identity of the series.
    pub labels: Labels,
    /// Its chunks; they may reach beyond the range asked for.
    pub chunks: Vec<Chunk>,
}

impl SeriesFrame {
    /// Decodes all chunks of histograms. What Prometheus' chunks do not carry is not known: start
    /// timestamps, and reset hints within a chunk.
    ///
    /// # Errors
    /// When a chunk is malformed.
    pub fn histograms(&self) -> Result<Vec<(i64, Histogram)>, ClientError> {
        let mut histograms = Vec::new();
        for chunk in &self.chunks {
            let is_float = match chunk.encoding {
                Encoding::Histogram => false,
                Encoding::FloatHistogram => true,
                _ => continue,
            };
            for histogram in HistogramChunkIter::new(&chunk.bytes, is_float)? {
                histograms.push(histogram?);
            }
        }
        Ok(histograms)
    }

    /// Decodes all chunks of floats.
    ///
    /// # Errors
    /// When a chunk is malformed.
    pub fn samples(&self) -> Result<Vec<Sample>, ClientError> {
        let mut samples = Vec::new();
        let floats = self.chunks.iter();
        for chunk in floats.filter(|chunk| chunk.encoding == Encoding::Xor) {
            for sample in ChunkIter::new(&chunk.bytes)? {
                samples.push(sample?);
            }
        }
        Ok(samples)
    }
}

/// Takes the bytes of an answer of type STREAMED_XOR_CHUNKS as they come, and gives out frames.
#[derive(Clone, Debug)]
pub struct FrameDecoder {
    buffer: BytesMut,
    max_frame_bytes: usize,
}

impl FrameDecoder {
    /// Refuses frames longer than `max_frame_bytes`.
    #[must_use]
    pub fn new(max_frame_bytes: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            max_frame_bytes,
        }
    }

    /// Takes the next bytes of the answer.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame, if all of it has come.
    ///
    /// # Errors
    /// When the frame is malformed, too long, or its checksum is wrong.
    pub fn next_frame(&mut self) -> Result<Option<SeriesFrame>, ClientError> {
        let Some((len, prefix)) = self.frame_length()? else {
            return Ok(None);
        };
        if self.buffer.len() < prefix + CHECKSUM_BYTES + len {
            return Ok(None);
        }
        self.buffer.advance(prefix);
        let expected = self.buffer.get_u32();
        let payload = self.buffer.split_to(len).freeze();
        let found = crc32c::crc32c(&payload);
        if found != expected {
            return Err(ClientError::Checksum { found, expected });
        }
        series_frame(payload).map(Some)
    }

    /// Says that the answer ended.
    ///
    /// # Errors
    /// [`ClientError::Truncated`] when it ended within a frame.
    pub fn finish(self) -> Result<(), ClientError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        Err(ClientError::Truncated(self.buffer.len()))
    }

    /// Length of the next frame's payload, and how many bytes say so.
    fn frame_length(&self) -> Result<Option<(usize, usize)>, ClientError> {
        let mut length = 0;
        for (index, byte) in self.buffer.iter().enumerate() {
            if index == 9 && *byte > 1 {
                return Err(ClientError::FrameLength);
            }
            length |= u64::from(byte & 0x7f) << (7 * index);
            if *byte < 0x80 {
                let limit = self.max_frame_bytes;
                return match usize::try_from(length) {
                    Ok(len) if len <= limit => Ok(Some((len, index + 1))),
                    _ => Err(ClientError::FrameTooLong {
                        bytes: length,
                        limit,
                    }),
                };
            }
        }
        Ok(None)
    }
}

fn series_frame(payload: Bytes) -> Result<SeriesFrame, ClientError> {
    let mut message = ChunkedReadResponse::decode(payload)?;
    let count = message.chunked_series.len();
    let Some(series) = message.chunked_series.pop().filter(|_| count == 1) else {
        return Err(ClientError::SeriesInFrame(count));
    };
    let mut chunks = Vec::with_capacity(series.chunks.len());
    for chunk in series.chunks {
        let known = [Encoding::Xor, Encoding::Histogram, Encoding::FloatHistogram];
        let known = known.into_iter();
        let mut known = known.filter(|known| i32::from(known.byte()) == chunk.r#type);
        let Some(encoding) = known.next() else {
            return Err(ClientError::ChunkEncoding(chunk.r#type));
        };
        chunks.push(Chunk {
            min: chunk.min_time_ms,
            max: chunk.max_time_ms,
            encoding,
            bytes: chunk.data.to_vec(),
        });
    }
    Ok(SeriesFrame {
        query: message.query_index,
        labels: labels(series.labels)?,
        chunks,
    })
}
