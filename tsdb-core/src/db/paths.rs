//! Where a namespace's files are.

use std::path::{Path, PathBuf};

use super::Error;
use crate::block::BlockReader;
use crate::model::{BlockId, RunId};
use crate::run::RunReader;
use crate::vfs::{OpenMode, Vfs};

/// Path of a run.
pub(super) fn run_path(namespace: &Path, id: RunId) -> PathBuf {
    namespace.join(format!("runs/{:010}.run", id.0))
}

/// Opens a run: reads its footer.
pub(super) fn open_run(vfs: &dyn Vfs, path: &Path) -> Result<RunReader, Error> {
    let file = vfs
        .open(path, OpenMode::Read)
        .map_err(Error::io("opening", path))?;
    Ok(RunReader::open(path, file)?)
}

/// Path of a block.
pub(super) fn block_path(namespace: &Path, id: BlockId) -> PathBuf {
    namespace.join(format!("blocks/{:010}.block", id.0))
}

/// Opens a block: reads its footer.
pub(super) fn open_block(vfs: &dyn Vfs, path: &Path) -> Result<BlockReader, Error> {
    let file = vfs
        .open(path, OpenMode::Read)
        .map_err(Error::io("opening", path))?;
    Ok(BlockReader::open(path, file)?)
}
