//! What is wrong with a block, and where.

use std::io;
use std::path::{Path, PathBuf};

use tsdb_core::bits::DecodeError;

/// Why a block, or a part of it, cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// The system refused to read.
    #[error("{file}: reading at byte {offset}: {source}", file = file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Where it was read.
        offset: u64,
        /// What the system answered.
        source: io::Error,
    },
    /// The bytes are not what Prometheus writes.
    #[error("{file}: byte {offset}: {why}", file = file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// Where.
        offset: u64,
        /// What is wrong.
        why: String,
    },
    /// The bytes are whole, but of a kind that this version does not read.
    #[error("{file}: byte {offset}: {why}", file = file.display())]
    Unsupported {
        /// The file.
        file: PathBuf,
        /// Where.
        offset: u64,
        /// What it is, and what can be done.
        why: String,
    },
}

impl BlockError {
    pub(super) fn damaged(file: &Path, offset: u64, why: impl Into<String>) -> Self {
        Self::Damaged {
            file: file.to_owned(),
            offset,
            why: why.into(),
        }
    }

    /// A decoder's error, whose bytes begin at `base` in the file.
    pub(super) fn decoding(file: &Path, base: u64, what: &str, error: &DecodeError) -> Self {
        let offset = base.saturating_add(error.offset as u64);
        Self::damaged(file, offset, format!("{what}: {}", error.what))
    }

    pub(super) fn checksum(file: &Path, offset: u64, what: &str, found: u32, kept: u32) -> Self {
        let why = format!(
            "the checksum of {what} is {kept:#010x}, but its bytes have {found:#010x}: they were changed"
        );
        Self::damaged(file, offset, why)
    }

    pub(super) fn io(file: &Path, offset: u64) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::Io {
            file,
            offset,
            source,
        }
    }

    /// Whether a file is not there.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}
