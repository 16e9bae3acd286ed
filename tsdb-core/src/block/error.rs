use std::io;
use std::path::{Path, PathBuf};

use super::FORMAT_VERSION;
use crate::bits::DecodeError;
use crate::index::IndexError;

/// Why a block could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// The disk failed.
    #[error("cannot {action} block {} at byte {offset}", path.display())]
    Io {
        /// The block file.
        path: PathBuf,
        /// What was tried: a verb.
        action: &'static str,
        /// Where in the file.
        offset: u64,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
    /// The file is not what was written.
    #[error("block {} is corrupt at byte {offset}: {what}", path.display())]
    Corrupt {
        /// The block file.
        path: PathBuf,
        /// Where in the file.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// The index of labels could not be read.
    #[error("block {}, index of labels that begins at byte {offset}", path.display())]
    Index {
        /// The block file.
        path: PathBuf,
        /// Where the index begins.
        offset: u64,
        /// What is wrong with it.
        #[source]
        source: IndexError,
    },
    /// The file was written by a build with another format.
    #[error(
        "block {} has format version {version}, this build reads {FORMAT_VERSION}: use a build that reads it",
        path.display()
    )]
    Version {
        /// The block file.
        path: PathBuf,
        /// The version found.
        version: u32,
    },
    /// The writer was given something that has no place in a block: a mistake of the program.
    #[error("block {} cannot take this: {what}", path.display())]
    Refused {
        /// The block file.
        path: PathBuf,
        /// The rule that was broken.
        what: &'static str,
    },
}

impl BlockError {
    pub(super) fn corrupt(path: &Path, offset: u64, what: &'static str) -> Self {
        BlockError::Corrupt {
            path: path.to_owned(),
            offset,
            what,
        }
    }

    /// An error met while decoding bytes that begin at `base` of the file.
    pub(super) fn decode(path: &Path, base: u64, error: DecodeError) -> Self {
        BlockError::corrupt(path, base.saturating_add(error.offset as u64), error.what)
    }

    pub(super) fn refused(path: &Path, what: &'static str) -> Self {
        BlockError::Refused {
            path: path.to_owned(),
            what,
        }
    }

    /// A failed read. An end of file where bytes were promised is corruption, not a disk's failure.
    pub(super) fn read(path: &Path, offset: u64, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::UnexpectedEof {
            return BlockError::corrupt(path, offset, "the file ends early");
        }
        Self::io(path, "read", offset, source)
    }

    pub(super) fn io(path: &Path, action: &'static str, offset: u64, source: io::Error) -> Self {
        BlockError::Io {
            path: path.to_owned(),
            action,
            offset,
            source,
        }
    }
}
