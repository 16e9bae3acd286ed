//! What can go wrong with a namespace's live data.

use super::{Overtaken, Pressure};
use crate::bits::DecodeError;
use crate::block::BlockError;
use crate::model::SeriesId;
use crate::run::RunError;
use crate::series::{GivenChunkError, SeriesError};
use crate::wal::WalError;

/// An error of appending to or reading from a namespace.
#[derive(Debug, thiserror::Error)]
pub enum ShardError {
    /// The commit log refused.
    #[error(transparent)]
    Wal(#[from] WalError),
    /// A series file refused.
    #[error(transparent)]
    Series(#[from] SeriesError),
    /// A run could not be read or written.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A block could not be read or written.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// A run names a series that neither memory nor a block knows.
    #[error("series {series} has samples in a run, but no series file or block tells its labels")]
    Unnamed {
        /// The series.
        series: SeriesId,
    },
    /// A chunk in memory could not be decoded.
    #[error("a chunk in memory cannot be decoded: {0}")]
    Chunk(#[from] DecodeError),
    /// A chunk that a series was to be made of is damaged, or not what it says it is.
    #[error("{0}: ask for the series again, or ask another replica")]
    Given(#[from] GivenChunkError),
    /// Labels of a batch marked as guessed do not end where they were guessed to end. Nothing was
    /// stored.
    #[error("labels do not end where they were guessed to end: decode the batch without guessing")]
    Misread,
    /// Memory is short until buffers are flushed. Nothing was stored.
    #[error("{} bytes would be held in memory, more than {} of {}: try again after a flush", .0.needed, .0.name, .0.budget)]
    Pressure(Pressure),
    /// Series of the batch are leaving memory, or all slots have changed: they have to be looked up
    /// again. Nothing was stored.
    #[error("series left memory while they were appended to: look them up again")]
    Retired,
    /// A reader held what was replaced, too much of it or for too long.
    #[error(
        "the query was refused as it still read {} {}, more than the limit {} of {}: run it again, narrow it, or raise {}",
        .0.value, .0.what, .0.name, .0.limit, .0.name
    )]
    Overtaken(Overtaken),
    /// A query needs more than it may have.
    #[error(
        "query needs more than {limit} {what} (limit {name}): narrow its matchers or time range, or raise the limit"
    )]
    QueryLimit {
        /// What there was too much of.
        what: &'static str,
        /// The limit's name.
        name: &'static str,
        /// The limit's value.
        limit: u64,
    },
}

impl From<Pressure> for ShardError {
    fn from(pressure: Pressure) -> Self {
        Self::Pressure(pressure)
    }
}
