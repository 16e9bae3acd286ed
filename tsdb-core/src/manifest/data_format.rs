//! FORMAT: what a data folder is, written once when it is made.

use std::path::Path;

use super::ManifestError;
use super::file::{FORMAT_VERSION, MAGIC_BYTES, expect_end, read_file, replace_file, seal, unseal};
use crate::vfs::Vfs;

const MAGIC: [u8; MAGIC_BYTES] = *b"tsdb-fmt";

/// What all files of a data folder rest on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DataFormat {
    /// The random key of the folder's label fingerprints.
    pub fingerprint_key: [u8; 16],
}

/// Keeps the key out of logs: whoever knows it can make label sets collide.
impl std::fmt::Debug for DataFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DataFormat").finish_non_exhaustive()
    }
}

impl DataFormat {
    /// The bytes of the file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        seal(&MAGIC, FORMAT_VERSION, &self.fingerprint_key)
    }

    /// Reads the bytes of a file; `path` is for errors only.
    ///
    /// # Errors
    /// When they are damaged, cut short or of another version.
    pub fn decode(path: &Path, bytes: &[u8]) -> Result<Self, ManifestError> {
        let at = |error| ManifestError::corrupt(path, error);
        let (_, mut reader) = unseal(path, &MAGIC, FORMAT_VERSION, bytes)?;
        let fingerprint_key = reader.array().map_err(at)?;
        expect_end(&reader).map_err(at)?;
        Ok(Self { fingerprint_key })
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// When the disk fails, and as [`DataFormat::decode`].
    pub fn read(vfs: &dyn Vfs, path: &Path) -> Result<Self, ManifestError> {
        Self::decode(path, &read_file(vfs, path)?)
    }

    /// Writes the file at `path` atomically and durably.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn write(&self, vfs: &dyn Vfs, path: &Path) -> Result<(), ManifestError> {
        replace_file(vfs, path, &self.encode())
    }
}
