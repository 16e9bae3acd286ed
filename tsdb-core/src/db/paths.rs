//! Where a namespace's files are.

use std::path::{Path, PathBuf};

use super::Error;
use crate::model::RunId;
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
