//! What can be wrong with what nodes say to each other.

use tsdb_core::LabelsError;
use tsdb_core::bits::DecodeError;

/// Why a message could not be read or written.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The other side speaks a version that this one does not.
    #[error(
        "the peer speaks version {theirs} of the node protocol, this node {oldest} to {newest}: upgrade nodes one version at a time"
    )]
    Version {
        /// What the peer speaks; 0 when it named none.
        theirs: u32,
        /// The oldest version understood here.
        oldest: u32,
        /// The newest version understood here.
        newest: u32,
    },
    /// Bytes that no version of the protocol has.
    #[error("{what}: {source}")]
    Malformed {
        /// What was being read.
        what: &'static str,
        /// What was expected, and where.
        source: DecodeError,
    },
    /// A message is no protobuf of its type.
    #[error("{message} is not readable: {source}")]
    Protobuf {
        /// The message.
        message: &'static str,
        /// What is wrong with it.
        source: prost::DecodeError,
    },
    /// A field of a message has a value that makes no sense.
    #[error("{message}.{field} {reason}")]
    Field {
        /// The message.
        message: &'static str,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Labels that are no valid set.
    #[error("labels of a series: {0}")]
    Labels(#[from] LabelsError),
    /// More than a limit allows.
    #[error("{value} {what} are more than the limit {name} of {limit}: {advice}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// The limit's name.
        name: &'static str,
        /// How much there is.
        value: u64,
        /// How much may be there.
        limit: u64,
        /// What the sender can do.
        advice: &'static str,
    },
    /// A number that the dictionary of the connection does not hold.
    #[error(
        "series number {number} was never sent on this connection, which knows {known}: close it and begin a new one"
    )]
    UnknownSeries {
        /// The number.
        number: u64,
        /// How many series the dictionary holds.
        known: usize,
    },
    /// A payload counts on another dictionary than that of its connection.
    #[error(
        "the payload counts on a dictionary of {theirs} series and the connection has {ours}: close it and begin a new one"
    )]
    OtherDictionary {
        /// Series of the dictionary that it counts on.
        theirs: u64,
        /// Series that the dictionary holds.
        ours: usize,
    },
    /// A request that was encoded between two that arrived is missing.
    #[error(
        "request {found} of the connection came where {expected} was due: close it and begin a new one"
    )]
    LostRequest {
        /// The number of the request that was due.
        expected: u64,
        /// The number of the one that came.
        found: u64,
    },
    /// An earlier payload of the connection could not be decoded.
    #[error("a payload before this one was not decoded: close the connection and begin a new one")]
    Broken,
    /// The caller chose a series that the batch does not hold, or for which it gave no handle.
    #[error("series {index} was chosen of a batch of {series} with {handles} handles")]
    NoSuchSeries {
        /// The index.
        index: u32,
        /// Series of the batch.
        series: usize,
        /// Handles given for them.
        handles: usize,
    },
    /// A stream of frames ended before its last one.
    #[error("the answer ended before its last frame: ask again")]
    Incomplete,
}

impl WireError {
    /// Says what was being read.
    pub(super) fn malformed(what: &'static str) -> impl Fn(DecodeError) -> Self {
        move |source| Self::Malformed { what, source }
    }
}
