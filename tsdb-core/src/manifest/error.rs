use std::io;
use std::path::{Path, PathBuf};

use crate::bits::DecodeError;

/// What is tried last: the new content may be found afterwards although it failed.
pub(super) const REPLACE: &str = "replace";

/// Why a manifest, catalog or FORMAT file could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The disk failed.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried: a verb.
        action: &'static str,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
    /// The file is not what was written.
    #[error("{} is corrupt at byte {offset}: {what}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where in the file.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// The file was written by a build with another format.
    #[error(
        "{} has format version {version}, this build reads {newest}: use a build that reads it",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version found.
        version: u32,
        /// The newest version that this build reads.
        newest: u32,
    },
    /// What was to be written makes no sense and could not be read back: a mistake of the program.
    #[error("{} cannot say this: {what}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// The rule that was broken.
        what: &'static str,
    },
}

impl ManifestError {
    /// Whether the file may have been replaced although this was the answer.
    #[must_use]
    pub fn may_have_replaced(&self) -> bool {
        matches!(
            self,
            ManifestError::Io {
                action: REPLACE,
                ..
            }
        )
    }

    pub(super) fn corrupt(path: &Path, error: DecodeError) -> Self {
        let (offset, what) = (error.offset as u64, error.what);
        ManifestError::Corrupt {
            path: path.to_owned(),
            offset,
            what,
        }
    }

    pub(super) fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| ManifestError::Io {
            path: path.to_owned(),
            action,
            source,
        }
    }
}
