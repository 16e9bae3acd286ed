//! Why a client cannot make a request or understand an answer.

use tsdb_core::model::LabelsError;

use crate::error::DecodeError;

/// Why a request cannot be made or an answer not be understood.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The message is too long for a snappy block, which holds 4 GiB.
    #[error("message of {bytes} bytes cannot be compressed: send less at a time")]
    TooLong {
        /// Length of the message.
        bytes: usize,
    },
    /// A matcher is not of PromQL.
    #[error("remote read has no matcher {0}: leave it out, and out of the answer what it refuses")]
    Matcher(String),
    /// A request cannot be built, for instance because the user agent is no header value.
    #[error("cannot build the request: {0}")]
    Request(#[from] http::Error),
    /// The server answered with an error.
    #[error("server answered {status}: {text}")]
    Status {
        /// Its status.
        status: http::StatusCode,
        /// What it says, at most 1024 bytes.
        text: String,
    },
    /// The answer is of a type this client does not know.
    #[error("answer has unknown content type {0:?}")]
    ContentType(String),
    /// The answer is compressed with something else than snappy.
    #[error("answer has unknown content encoding {0:?}")]
    ContentEncoding(String),
    /// The compressed answer is malformed or too long.
    #[error("malformed answer: {0}")]
    Decode(#[from] DecodeError),
    /// The answer is no message of the right kind.
    #[error("malformed answer: {0}")]
    Protobuf(#[from] prost::DecodeError),
    /// A series has invalid labels.
    #[error("series in the answer: {0}")]
    Labels(#[from] LabelsError),
    /// A frame is longer than allowed.
    #[error("frame of {bytes} bytes exceeds the limit of {limit} bytes")]
    FrameTooLong {
        /// Bytes the frame says it has.
        bytes: u64,
        /// Bytes allowed.
        limit: usize,
    },
    /// A frame's length is no number.
    #[error("malformed frame: its length is no number")]
    FrameLength,
    /// A frame was changed on its way.
    #[error("frame has checksum {found:#010x}, expected {expected:#010x}")]
    Checksum {
        /// Checksum of the bytes received.
        found: u32,
        /// Checksum the frame carries.
        expected: u32,
    },
    /// A frame does not hold exactly one series.
    #[error("frame holds {0} series instead of 1")]
    SeriesInFrame(usize),
    /// The answer ends within a frame.
    #[error("answer ends {0} bytes into a frame")]
    Truncated(usize),
    /// A chunk is encoded in a way this client does not know, such as a native histogram.
    #[error("chunk has unknown encoding {0}")]
    ChunkEncoding(i32),
    /// A chunk is malformed.
    #[error("malformed chunk: {0}")]
    Chunk(#[from] tsdb_core::bits::DecodeError),
}
