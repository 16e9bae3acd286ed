//! Why a query has no result.

use crate::queryable::SourceError;
use crate::syntax::ParseError;

/// Why a query has no result. Texts are those of Prometheus where it has the error.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The text is no query.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The query cannot be evaluated as it was asked for.
    #[error("{0}")]
    BadData(String),
    /// The evaluation met something that has no result.
    #[error("{0}")]
    Execution(String),
    /// More samples at a time than may be held.
    #[error(
        "query processing would load too many samples into memory in query execution (the limit query.max_samples is {limit})"
    )]
    TooManySamples {
        /// The limit.
        limit: u64,
    },
    /// More bytes at a time than may be held.
    #[error(
        "query processing would take more memory than a query may, in query execution (the limit query.max_memory is {limit} bytes)"
    )]
    TooMuchMemory {
        /// The limit.
        limit: u64,
    },
    /// A selector finds more series than it may.
    #[error(
        "query exceeded limit: a selector finds more than {limit} series, the limit query.max_series"
    )]
    TooManySeries {
        /// The limit.
        limit: u64,
    },
    /// Its time is over.
    #[error("query timed out in expression evaluation")]
    TimedOut,
    /// It was ended from outside.
    #[error("query was canceled in expression evaluation")]
    Cancelled,
    /// Series could not be read.
    #[error("expanding series: {0}")]
    Source(SourceError),
}
