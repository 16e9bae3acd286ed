//! What a folder is: a data folder of Prometheus, a snapshot of one, or a block.

use std::io;
use std::path::{Path, PathBuf};

use tsdb_core::vfs::{OpenMode, Vfs};

use super::error::BlockError;
use super::meta::{BlockMeta, is_ulid};

/// A folder of a block, and what the block says of itself.
#[derive(Debug)]
pub struct BlockFolder {
    /// Where it is.
    pub path: PathBuf,
    /// Bytes of its files.
    pub bytes: u64,
    /// What its meta.json says, or why it says nothing.
    pub meta: Result<BlockMeta, BlockError>,
}

/// What a folder holds.
#[derive(Debug, Default)]
pub struct Found {
    /// Blocks, the oldest first; damaged ones behind all others.
    pub blocks: Vec<BlockFolder>,
    /// Whether there is a log of samples that are in no block yet.
    pub has_head: bool,
}

/// Finds the blocks in the root of `vfs`, which may be one itself.
///
/// # Errors
/// When the folder cannot be listed.
pub fn find_blocks(vfs: &dyn Vfs) -> Result<Found, BlockError> {
    let root = Path::new("");
    let names = vfs.list(root).map_err(BlockError::io(root, 0))?;
    let mut found = Found::default();
    if names.iter().any(|name| name == "meta.json") {
        found.blocks.push(block_folder(vfs, root));
        return Ok(found);
    }
    for name in &names {
        if is_ulid(name) {
            found.blocks.push(block_folder(vfs, Path::new(name)));
        }
    }
    let oldest_first = |folder: &BlockFolder| {
        let meta = folder.meta.as_ref().ok();
        let times = meta.map(|meta| (meta.min_time, meta.max_time));
        (times.is_none(), times, folder.path.clone())
    };
    found.blocks.sort_by_key(oldest_first);
    found.has_head = ["wal", "chunks_head"]
        .iter()
        .any(|name| holds_files(vfs, name));
    Ok(found)
}

fn holds_files(vfs: &dyn Vfs, name: &str) -> bool {
    vfs.list(Path::new(name))
        .is_ok_and(|names| !names.is_empty())
}

fn block_folder(vfs: &dyn Vfs, path: &Path) -> BlockFolder {
    BlockFolder {
        path: path.to_owned(),
        bytes: ["meta.json", "index", "tombstones"]
            .iter()
            .map(|name| path.join(name))
            .chain(segments(vfs, path))
            .map(|file| length(vfs, &file).unwrap_or(0))
            .sum(),
        meta: BlockMeta::open(vfs, &path.join("meta.json")),
    }
}

fn segments(vfs: &dyn Vfs, block: &Path) -> Vec<PathBuf> {
    let folder = block.join("chunks");
    let names = vfs.list(&folder).unwrap_or_default();
    names.iter().map(|name| folder.join(name)).collect()
}

fn length(vfs: &dyn Vfs, path: &Path) -> io::Result<u64> {
    vfs.open(path, OpenMode::Read)?.len()
}
