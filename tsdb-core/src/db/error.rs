//! The error of the facade: every layer's, with a coarse kind and whether to try again.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::block::BlockError;
use crate::index::IndexError;
use crate::manifest::ManifestError;
use crate::run::RunError;
use crate::series::SeriesError;
use crate::shard::ShardError;
use crate::wal::WalError;

/// What a caller may do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// What was asked for makes no sense; asking again will not help.
    InvalidInput,
    /// Bytes on disk are not what was written. Nothing was changed.
    Corrupt,
    /// The system refused an operation on a file.
    Io,
    /// A query needs more than a limit allows.
    Limit,
    /// Too much is going on just now: try again later.
    Backpressure,
    /// An earlier failure made promises impossible: close the Db and open it again.
    Poisoned,
    /// Another process, or another Db of this one, has the folder open.
    Locked,
    /// The Db was closed.
    Closed,
    /// Somebody else changed what was to be changed: look at it again.
    Conflict,
}

/// Why the Db could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// From the commit log.
    #[error(transparent)]
    Wal(WalError),
    /// From a series file.
    #[error(transparent)]
    Series(SeriesError),
    /// From a manifest, the catalog or the format file.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// From a run.
    #[error(transparent)]
    Run(RunError),
    /// From a block.
    #[error(transparent)]
    Block(BlockError),
    /// From a namespace's live data.
    #[error(transparent)]
    Shard(ShardError),
    /// A file operation that belongs to no single file format.
    #[error("{operation} of {path} failed: {source}", path = path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system answered.
        source: Arc<io::Error>,
    },
    /// Bytes on disk contradict each other.
    #[error("{path} is corrupt at byte {offset}: {what}", path = path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// The folder is in use.
    #[error("the data folder is in use by another Db or process (lock file {path}): close that one first", path = path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The Db was closed.
    #[error("the database is closed")]
    Closed,
    /// The Db was opened for reading only.
    #[error("the database is open for reading only")]
    ReadOnly,
    /// The namespace was removed, after this handle of it was got.
    #[error("namespace {name:?} was removed: open it again for one of that name that is empty")]
    Removed {
        /// Its name.
        name: String,
    },
    /// Too much is in memory or waits to be written.
    #[error(
        "{what} hold {value} bytes, more than the limit {name} of {limit}: try again after maintenance has caught up, or raise {name}"
    )]
    Backpressure {
        /// What there is too much of.
        what: &'static str,
        /// The limit's name.
        name: &'static str,
        /// The limit.
        limit: u64,
        /// The present value.
        value: u64,
    },
    /// Too many deletes wait for compaction to take their samples off the disk.
    #[error(
        "{value} deletes wait for compaction, the limit tombstones_max is {limit}: run a \
         compaction, try again later, or raise tombstones_max"
    )]
    TooManyDeletes {
        /// How many there are.
        value: u64,
        /// The limit.
        limit: u64,
    },
    /// A document has another version than was expected.
    #[error(
        "document {name:?} {found}, expected was {expected}: read it again, and change that",
        found = version_text(*found),
        expected = expected_text(*expected)
    )]
    Conflict {
        /// The document.
        name: String,
        /// The version that it was expected to have; `None` if there was to be none.
        expected: Option<u64>,
        /// The version that it has; `None` if there is none.
        found: Option<u64>,
    },
    /// An option or a name that cannot be.
    #[error("{name} cannot be {value}: {why}")]
    Invalid {
        /// Which option.
        name: &'static str,
        /// Its value.
        value: String,
        /// Why not.
        why: &'static str,
    },
}

impl Error {
    pub(super) fn io(
        operation: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            operation,
            path,
            source: Arc::new(source),
        }
    }

    /// Whether a batch marked as guessed was guessed wrong; nothing of it was stored.
    #[must_use]
    pub fn is_misread(&self) -> bool {
        matches!(self, Self::Shard(ShardError::Misread))
    }

    /// What a caller may do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Wal(error) => wal_kind(error),
            Self::Series(error) => series_kind(error),
            Self::Run(error) => run_kind(error),
            Self::Block(error) => block_kind(error),
            Self::Manifest(ManifestError::Io { .. }) => ErrorKind::Io,
            Self::Manifest(_) | Self::Corrupt { .. } => ErrorKind::Corrupt,
            Self::Shard(error) => match error {
                ShardError::Wal(error) => wal_kind(error),
                ShardError::Series(error) => series_kind(error),
                ShardError::Run(error) => run_kind(error),
                ShardError::Block(error) => block_kind(error),
                ShardError::Chunk(_) | ShardError::Unnamed { .. } => ErrorKind::Corrupt,
                ShardError::QueryLimit { .. } | ShardError::Overtaken(_) => ErrorKind::Limit,
                ShardError::Pressure(_) | ShardError::Retired => ErrorKind::Backpressure,
                ShardError::Misread | ShardError::Given(_) => ErrorKind::InvalidInput,
            },
            Self::Io { .. } => ErrorKind::Io,
            Self::Locked { .. } => ErrorKind::Locked,
            Self::Closed => ErrorKind::Closed,
            Self::Backpressure { .. } | Self::TooManyDeletes { .. } => ErrorKind::Backpressure,
            Self::Conflict { .. } => ErrorKind::Conflict,
            Self::ReadOnly | Self::Removed { .. } | Self::Invalid { .. } => ErrorKind::InvalidInput,
        }
    }

    /// Whether the same call may succeed later, without anybody changing it.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self.kind() {
            ErrorKind::Backpressure | ErrorKind::Poisoned | ErrorKind::Io => true,
            ErrorKind::InvalidInput
            | ErrorKind::Corrupt
            | ErrorKind::Limit
            | ErrorKind::Locked
            | ErrorKind::Closed
            | ErrorKind::Conflict => false,
        }
    }
}

fn version_text(version: Option<u64>) -> String {
    version.map_or_else(
        || "does not exist".to_owned(),
        |version| format!("is of version {version}"),
    )
}

fn expected_text(version: Option<u64>) -> String {
    version.map_or_else(
        || "that there is none".to_owned(),
        |version| format!("version {version}"),
    )
}

fn wal_kind(error: &WalError) -> ErrorKind {
    match error {
        WalError::Io { .. } => ErrorKind::Io,
        WalError::Corrupt { .. } => ErrorKind::Corrupt,
        WalError::Poisoned { .. } => ErrorKind::Poisoned,
    }
}

fn series_kind(error: &SeriesError) -> ErrorKind {
    match error {
        SeriesError::Io { .. } => ErrorKind::Io,
        SeriesError::Corrupt { .. } => ErrorKind::Corrupt,
    }
}

fn run_kind(error: &RunError) -> ErrorKind {
    match error {
        RunError::Io { .. } => ErrorKind::Io,
        RunError::Corrupt { .. } | RunError::Version { .. } | RunError::Refused { .. } => {
            ErrorKind::Corrupt
        }
    }
}

fn block_kind(error: &BlockError) -> ErrorKind {
    match error {
        BlockError::Io { .. }
        | BlockError::Index {
            source: IndexError::Io { .. },
            ..
        } => ErrorKind::Io,
        BlockError::Corrupt { .. }
        | BlockError::Version { .. }
        | BlockError::Index { .. }
        | BlockError::Refused { .. } => ErrorKind::Corrupt,
    }
}

impl From<BlockError> for Error {
    fn from(error: BlockError) -> Self {
        Self::Block(error)
    }
}

impl From<WalError> for Error {
    fn from(error: WalError) -> Self {
        Self::Wal(error)
    }
}

impl From<SeriesError> for Error {
    fn from(error: SeriesError) -> Self {
        Self::Series(error)
    }
}

impl From<RunError> for Error {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

impl From<ShardError> for Error {
    fn from(error: ShardError) -> Self {
        match error {
            ShardError::Wal(error) => Self::Wal(error),
            ShardError::Series(error) => Self::Series(error),
            ShardError::Pressure(pressure) => Self::Backpressure {
                what: "series and samples in memory",
                name: pressure.name,
                limit: pressure.budget,
                value: pressure.needed,
            },
            ShardError::Run(error) => Self::Run(error),
            ShardError::Block(error) => Self::Block(error),
            other => Self::Shard(other),
        }
    }
}
