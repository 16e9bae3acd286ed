//! What can go wrong in the commit log.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// An error of the commit log.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WalError {
    /// Reading, writing or syncing failed.
    #[error("{operation} of {path} failed: {source}", path = path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system answered.
        source: Arc<io::Error>,
    },
    /// Bytes that were once synced are not what was written.
    #[error("{path} is corrupt at byte {offset}: {what}", path = path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where in the file.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// An earlier write or sync of the log failed, so that no further sample can be promised.
    #[error(
        "the database refuses writes since an earlier write or sync failed ({reason}): \
         reads go on, close it and open it again to recover"
    )]
    Poisoned {
        /// The first failure.
        reason: Arc<str>,
    },
}

impl WalError {
    /// Wraps an I/O error with what was tried on which file.
    pub fn io(operation: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io {
            operation,
            path: path.into(),
            source: Arc::new(source),
        }
    }
}
