use std::io;
use std::path::{Path, PathBuf};

use super::FORMAT_VERSION;
use crate::bits::DecodeError;

/// Why a run could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The disk failed.
    #[error("cannot {action} run {} at byte {offset}", path.display())]
    Io {
        /// The run file.
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
    #[error("run {} is corrupt at byte {offset}: {what}", path.display())]
    Corrupt {
        /// The run file.
        path: PathBuf,
        /// Where in the file.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// The file was written by a build with another format.
    #[error(
        "run {} has format version {version}, this build reads {FORMAT_VERSION}: use a build that reads it",
        path.display()
    )]
    Version {
        /// The run file.
        path: PathBuf,
        /// The version found.
        version: u32,
    },
    /// The writer was given something that has no place in a run: a mistake of the program.
    #[error("run {} cannot take this: {what}", path.display())]
    Refused {
        /// The run file.
        path: PathBuf,
        /// The rule that was broken.
        what: &'static str,
    },
}

impl RunError {
    pub(super) fn corrupt(path: &Path, offset: u64, what: &'static str) -> Self {
        RunError::Corrupt {
            path: path.to_owned(),
            offset,
            what,
        }
    }

    /// An error met while decoding bytes that begin at `base` of the file.
    pub(super) fn decode(path: &Path, base: u64, error: DecodeError) -> Self {
        RunError::corrupt(path, base.saturating_add(error.offset as u64), error.what)
    }

    pub(super) fn refused(path: &Path, what: &'static str) -> Self {
        RunError::Refused {
            path: path.to_owned(),
            what,
        }
    }

    /// A failed read. An end of file where bytes were promised is corruption, not a disk's failure.
    pub(super) fn read(path: &Path, offset: u64, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::UnexpectedEof {
            return RunError::corrupt(path, offset, "the file ends early");
        }
        RunError::Io {
            path: path.to_owned(),
            action: "read",
            offset,
            source,
        }
    }

    pub(super) fn open(path: &Path, source: io::Error) -> Self {
        RunError::Io {
            path: path.to_owned(),
            action: "open",
            offset: 0,
            source,
        }
    }

    pub(super) fn write(path: &Path, offset: u64, source: io::Error) -> Self {
        RunError::Io {
            path: path.to_owned(),
            action: "write",
            offset,
            source,
        }
    }

    pub(super) fn sync(path: &Path, offset: u64, source: io::Error) -> Self {
        RunError::Io {
            path: path.to_owned(),
            action: "sync",
            offset,
            source,
        }
    }
}
