//! Why a request was not served.

use std::error::Error as StdError;
use std::time::Duration;

use tsdb_core::ErrorKind;
use tsdb_core::model::MatcherError;

/// An error of a middleware or of the caller's own service.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// What is wrong with a request before anybody looks into its body.
#[derive(Debug, thiserror::Error)]
pub enum RequestFault {
    /// The method is not POST.
    #[error("method {method} is not allowed: use POST")]
    Method {
        /// The method of the request.
        method: http::Method,
    },
    /// The body is compressed with something else than snappy.
    #[error(
        "{encoding} encoding (compression) is not accepted by this server; only snappy is acceptable"
    )]
    Encoding {
        /// The `Content-Encoding` of the request.
        encoding: String,
    },
    /// The `Content-Type` is unknown or malformed.
    #[error("{0}")]
    MediaType(String),
    /// The body is too long.
    #[error(
        "request body exceeds the {limit} bytes limit: send smaller requests or raise max_compressed_bytes"
    )]
    TooLarge {
        /// Bytes allowed.
        limit: usize,
    },
    /// The body is too long after decompression.
    #[error(
        "decoded request body of {declared} bytes exceeds the {limit} bytes limit: send smaller requests or raise max_decoded_bytes"
    )]
    DecodedTooLarge {
        /// Bytes the body says it decodes to.
        declared: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The client stopped sending its body.
    #[error("cannot read the request body: {0}")]
    Body(#[source] BoxError),
    /// Requests in flight hold all the memory they may.
    #[error(
        "requests in flight hold {used} bytes and {wanted} more exceed the limit {name} of {limit}: try again, or raise {name}"
    )]
    Busy {
        /// What the limit is called.
        name: &'static str,
        /// Bytes asked for.
        wanted: u64,
        /// Bytes held by requests.
        used: u64,
        /// Bytes all requests may hold.
        limit: u64,
    },
    /// Requests of one sender hold as much as they may, so that others find room.
    #[error(
        "requests of this sender in flight hold {used} bytes and {free} are free of the limit {name}: {wanted} more are beyond the sender's share; send fewer at a time, or raise {name}"
    )]
    BeyondShare {
        /// What the limit is called.
        name: &'static str,
        /// Bytes asked for.
        wanted: u64,
        /// Bytes held by requests of the sender.
        used: u64,
        /// Bytes that nobody holds.
        free: u64,
    },
    /// More reads wait than may.
    #[error(
        "{limit} remote reads wait already, the limit read_queue: try again, or raise read_queue or read_concurrency"
    )]
    QueueFull {
        /// Reads that may wait.
        limit: usize,
    },
}

/// Why a body could not be decoded.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are no snappy block.
    #[error("body is not a valid snappy block: {0}")]
    Snappy(#[from] snap::Error),
    /// The snappy block claims more than its length can hold.
    #[error("body of {compressed} bytes cannot decode to the {declared} bytes it declares")]
    SnappyLength {
        /// Bytes of the block.
        compressed: usize,
        /// Bytes it says it decodes to.
        declared: usize,
    },
    /// The bytes are no protobuf message of the right kind.
    #[error("malformed protobuf: {what} at byte {offset} of the decoded body")]
    Malformed {
        /// What was found.
        what: &'static str,
        /// Where, in the decoded body.
        offset: usize,
    },
    /// Decoding takes more memory than is left.
    #[error(transparent)]
    Request(#[from] RequestFault),
}

impl From<tsdb_core::bits::DecodeError> for DecodeError {
    fn from(error: tsdb_core::bits::DecodeError) -> Self {
        Self::Malformed {
            what: error.what,
            offset: error.offset,
        }
    }
}

impl DecodeError {
    /// Where decoding stopped; 0 when that is not a place in the protobuf message.
    #[must_use]
    pub fn offset(&self) -> usize {
        match self {
            Self::Malformed { offset, .. } => *offset,
            Self::Snappy(_) | Self::SnappyLength { .. } | Self::Request(_) => 0,
        }
    }
}

/// Why a write was not stored at all. What is refused of a batch is no error but a part of its
/// report.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The request was refused before its body was looked into.
    #[error(transparent)]
    Request(#[from] RequestFault),
    /// The body could not be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// What the request asks for makes no sense to the store, such as an unknown namespace.
    #[error("{0}")]
    Invalid(String),
    /// The store cannot take writes at this moment; the same request may succeed later.
    #[error("{message}")]
    Unavailable {
        /// What is missing.
        message: String,
        /// When to come back; `None` for the default.
        retry_after: Option<Duration>,
    },
    /// The sender writes faster than somebody decided that it may; the same request may succeed
    /// later. Senders that are not told to retry this drop the data.
    #[error("{message}")]
    TooFast {
        /// Which limit it is.
        message: String,
        /// When to come back.
        retry_after: Duration,
    },
    /// The store failed.
    #[error("{0}")]
    Internal(#[source] BoxError),
}

impl From<BoxError> for WriteError {
    /// Finds the `WriteError` that a middleware boxed; anything else is internal.
    fn from(error: BoxError) -> Self {
        error
            .downcast::<Self>()
            .map_or_else(Self::Internal, |error| *error)
    }
}

impl From<tsdb_core::Error> for WriteError {
    /// What may pass is unavailable: memory or disk that is full, a database that is closed or
    /// must be opened again.
    fn from(error: tsdb_core::Error) -> Self {
        if error.is_retryable() {
            return Self::Unavailable {
                message: error.to_string(),
                retry_after: None,
            };
        }
        match error.kind() {
            ErrorKind::Closed => Self::Unavailable {
                message: error.to_string(),
                retry_after: None,
            },
            ErrorKind::InvalidInput => Self::Invalid(error.to_string()),
            _ => Self::Internal(error.into()),
        }
    }
}

/// Why a read was not answered, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The request was refused before its body was looked into.
    #[error(transparent)]
    Request(#[from] RequestFault),
    /// The body could not be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A matcher is malformed.
    #[error("query {query}, matcher {name:?}: {source}")]
    Matcher {
        /// Which query of the request, from 0.
        query: usize,
        /// The label the matcher is about.
        name: String,
        /// What is wrong.
        source: MatcherError,
    },
    /// A matcher is of a kind this server does not know.
    #[error("query {query}: unknown matcher type {kind}: use EQ, NEQ, RE or NRE")]
    MatcherKind {
        /// Which query of the request, from 0.
        query: usize,
        /// The number of the kind.
        kind: i32,
    },
    /// None of the answer types the client accepts is known here.
    #[error(
        "none of requested response types are supported: {0:?}; this server knows SAMPLES (0) and STREAMED_XOR_CHUNKS (1)"
    )]
    NoAcceptedType(Vec<i32>),
    /// The answer would hold too many samples.
    #[error("exceeded sample limit ({limit})")]
    SampleLimit {
        /// Samples allowed.
        limit: u64,
    },
    /// The answer would be too long.
    #[error(
        "exceeded the limit read_max_response_bytes of {limit} bytes: accept STREAMED_XOR_CHUNKS, ask for less or raise it"
    )]
    ResponseLimit {
        /// Bytes allowed.
        limit: usize,
    },
    /// The client went away.
    #[error("the client went away before the end of the answer")]
    Disconnected,
    /// The client took nothing for too long.
    #[error("the client took nothing for {} s, the limit read_stall", .0.as_secs())]
    Stalled(Duration),
    /// What the request asks for makes no sense to the store, such as an unknown namespace.
    #[error("{0}")]
    Invalid(String),
    /// The query is too expensive for the store's limits.
    #[error("{0}")]
    TooExpensive(String),
    /// The store cannot be read at this moment; the same request may succeed later.
    #[error("{message}")]
    Unavailable {
        /// What is missing.
        message: String,
        /// When to come back; `None` for the default.
        retry_after: Option<Duration>,
    },
    /// The store failed.
    #[error("{0}")]
    Internal(#[source] BoxError),
}

impl From<tsdb_core::bits::DecodeError> for ReadError {
    fn from(error: tsdb_core::bits::DecodeError) -> Self {
        Self::Decode(error.into())
    }
}

impl From<tsdb_core::Error> for ReadError {
    /// A limit of the database is too expensive a query; the rest is as for writes.
    fn from(error: tsdb_core::Error) -> Self {
        if error.kind() == ErrorKind::Limit {
            return Self::TooExpensive(error.to_string());
        }
        match WriteError::from(error) {
            WriteError::Unavailable {
                message,
                retry_after,
            } => Self::Unavailable {
                message,
                retry_after,
            },
            WriteError::Invalid(message) => Self::Invalid(message),
            other => Self::Internal(other.into()),
        }
    }
}

impl From<BoxError> for ReadError {
    /// Finds the `ReadError` that a middleware boxed; anything else is internal.
    fn from(error: BoxError) -> Self {
        error
            .downcast::<Self>()
            .map_or_else(Self::Internal, |error| *error)
    }
}
