//! What a folder takes on disk.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::error::Error;

/// Bytes that `st_blocks` counts in, whatever the file system's own blocks are.
const STAT_BLOCK_BYTES: u64 = 512;

/// Bytes of all files below a folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct DiskBytes {
    /// Lengths of the files.
    pub(crate) apparent: u64,
    /// What the file system gave for them, folders included.
    pub(crate) allocated: u64,
}

impl DiskBytes {
    /// Adds up a folder. Files that vanish meanwhile count as gone.
    pub(crate) fn of(folder: &Path) -> Result<Self, Error> {
        let mut found = Self::default();
        let mut open = vec![folder.to_owned()];
        while let Some(path) = open.pop() {
            let metadata = match fs::symlink_metadata(&path) {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::io("looking at", &path)(error)),
            };
            found.allocated += metadata.blocks() * STAT_BLOCK_BYTES;
            if metadata.is_dir() {
                for entry in fs::read_dir(&path).map_err(Error::io("listing", &path))? {
                    open.push(entry.map_err(Error::io("listing", &path))?.path());
                }
            } else {
                found.apparent += metadata.len();
            }
        }
        Ok(found)
    }
}
