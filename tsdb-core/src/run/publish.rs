use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use crate::model::RunId;
use crate::vfs::Vfs;

const EXTENSION: &str = ".run";

/// The name of a run's file within its folder.
#[must_use]
pub fn run_file_name(id: RunId) -> String {
    format!("{id}{EXTENSION}")
}

/// The run that a file is named after; none if it is not the name of a run.
#[must_use]
pub fn parse_run_file_name(name: &str) -> Option<RunId> {
    let id = RunId(name.strip_suffix(EXTENSION)?.parse().ok()?);
    // Parsing also takes a sign and zeros in front, which no name of ours has.
    (run_file_name(id) == name).then_some(id)
}

/// Where a file is written before it is published as `path`: beside it, its name ending in `.tmp`.
#[must_use]
pub fn temporary_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(".tmp");
    path.with_file_name(name)
}

/// Gives the synced file `temporary` its lasting name `path`, in the same folder, and makes that
/// durable: afterwards a crash finds either the whole file there or, before, none of it.
///
/// # Errors
/// When the rename or the sync of the folder fails.
pub fn publish(vfs: &dyn Vfs, temporary: &Path, path: &Path) -> io::Result<()> {
    vfs.rename(temporary, path)?;
    vfs.sync_dir(path.parent().unwrap_or(Path::new("")))
}
