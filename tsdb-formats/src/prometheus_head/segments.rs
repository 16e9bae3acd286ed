//! Which files a log consists of, in the order they were written.

use std::io;
use std::path::{Path, PathBuf};

use tsdb_core::vfs::Vfs;

use crate::prometheus_block::BlockError;

/// How a folder begins that stands for the segments up to its number.
const CHECKPOINT: &str = "checkpoint.";

/// A segment, and whether it may end within a record: the one that is being written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) is_last: bool,
}

/// The last checkpoint of the log in `folder` and the segments behind it; none where there is no
/// log.
pub(super) fn list(vfs: &dyn Vfs, folder: &Path) -> Result<Vec<Segment>, BlockError> {
    let names = match vfs.list(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        names => names.map_err(BlockError::io(folder, 0))?,
    };
    let checkpoint = |name: &String| number(name.strip_prefix(CHECKPOINT)?);
    let covered = names.iter().filter_map(checkpoint).max();
    let mut paths = Vec::new();
    if let Some(covered) = covered {
        let found = names.iter().find(|name| checkpoint(name) == Some(covered));
        let inside = folder.join(found.map(String::as_str).unwrap_or_default());
        let parts = vfs.list(&inside).map_err(BlockError::io(&inside, 0))?;
        paths.extend(numbered(&parts).map(|(_, name)| inside.join(name)));
    }
    let behind =
        numbered(&names).filter(|(number, _)| covered.is_none_or(|covered| *number > covered));
    paths.extend(behind.map(|(_, name)| folder.join(name)));
    let last = paths.len().saturating_sub(1);
    let segments = paths.into_iter().enumerate().map(|(place, path)| Segment {
        path,
        is_last: place == last,
    });
    Ok(segments.collect())
}

/// Names that are numbers, which are as long as each other and so in order.
fn numbered(names: &[String]) -> impl Iterator<Item = (u64, &String)> {
    names.iter().filter_map(|name| Some((number(name)?, name)))
}

fn number(name: &str) -> Option<u64> {
    let digits = name.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| name.parse().ok()).flatten()
}
