use std::io;

use super::layout::FORMAT_VERSION;
use crate::bits::DecodeError;

/// Why an index on disk could not be read. Offsets count from the index's first byte.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The disk failed.
    #[error("cannot read the index at its byte {offset}")]
    Io {
        /// Where in the index.
        offset: u64,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
    /// The bytes are not what was written.
    #[error("the index is corrupt at its byte {offset}: {what}")]
    Corrupt {
        /// Where in the index.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// The index was written by a build with another format.
    #[error(
        "the index has format version {version}, this build reads {FORMAT_VERSION}: use a build that reads it"
    )]
    Version {
        /// The version found.
        version: u32,
    },
}

impl IndexError {
    pub(in crate::index) fn corrupt(offset: u64, what: &'static str) -> Self {
        Self::Corrupt { offset, what }
    }

    /// An error met while decoding bytes that begin at `base` of the index.
    pub(super) fn decode(base: u64, error: DecodeError) -> Self {
        Self::corrupt(base.saturating_add(error.offset as u64), error.what)
    }

    /// A failed read. An end of file where bytes were promised is corruption, not a disk's failure.
    pub(super) fn read(offset: u64, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::UnexpectedEof {
            return Self::corrupt(offset, "the file ends early");
        }
        Self::Io { offset, source }
    }
}
