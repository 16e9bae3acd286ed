//! The runs and blocks that a manifest lists: there when a namespace is opened, read when they are
//! first needed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Error;
use super::paths::{block_path, open_block, open_run, run_path};
use crate::block::BlockReader;
use crate::manifest::{BlockEntry, Manifest, RunEntry};
use crate::model::HashSet;
use crate::run::RunReader;
use crate::series::Registry;
use crate::vfs::{LazyFile, LazyFiles, Vfs};

/// Runs and blocks of a namespace, in the manifest's order.
#[derive(Debug, Default)]
pub(super) struct ListedFiles {
    pub(super) runs: Vec<Arc<RunReader>>,
    pub(super) blocks: Vec<Arc<BlockReader>>,
}

impl ListedFiles {
    /// Finds what `manifest` lists. Nothing is asked of a file, unless the manifest is of an older
    /// version and does not tell enough of it: then its footer is read, and what that tells is
    /// noted in `manifest`.
    pub(super) fn find(
        vfs: &dyn Vfs,
        files: &Arc<LazyFiles>,
        folder: &Path,
        manifest: &mut Manifest,
    ) -> Result<Self, Error> {
        let runs = manifest.runs.iter().map(|run| run_path(folder, run.id));
        let runs: Vec<PathBuf> = runs.collect();
        let blocks = manifest.blocks.iter();
        let blocks: Vec<PathBuf> = blocks.map(|block| block_path(folder, block.id)).collect();
        check_there(vfs, &folder.join("runs"), &runs)?;
        check_there(vfs, &folder.join("blocks"), &blocks)?;
        let mut found = Self::default();
        for (entry, path) in manifest.runs.iter_mut().zip(&runs) {
            let run = match entry.meta(manifest.namespace) {
                Some(meta) => RunReader::listed(LazyFile::later(Arc::clone(files), path), meta),
                None => open_run(vfs, path)?,
            };
            // The entry of an older manifest is kept as it is where the footer tells nothing.
            *entry = RunEntry::of(run.meta()).unwrap_or(*entry);
            found.runs.push(Arc::new(run));
        }
        for (entry, path) in manifest.blocks.iter_mut().zip(&blocks) {
            let block = match entry.meta(manifest.namespace) {
                Some(meta) => BlockReader::listed(LazyFile::later(Arc::clone(files), path), meta),
                None => open_block(vfs, path)?,
            };
            *entry = BlockEntry::of(block.meta());
            found.blocks.push(Arc::new(block));
        }
        Ok(found)
    }

    /// Opens all files, so that they can be read although somebody else takes their names away.
    pub(super) fn hold(&self) -> Result<(), Error> {
        for run in &self.runs {
            run.hold().map_err(Error::io("opening", run.path()))?;
        }
        for block in &self.blocks {
            block.hold().map_err(Error::io("opening", block.path()))?;
        }
        Ok(())
    }

    /// A run may name no series that the series files do not define. Ids are lost from their end
    /// on, so the highest one tells. `definitions` says where they end.
    pub(super) fn check_ids(&self, registry: &Registry, definitions: &str) -> Result<(), Error> {
        for run in &self.runs {
            match run.meta().extent.map(|extent| extent.last_series) {
                Some(id) if registry.slot(id).is_none() => {
                    let id = id.0;
                    return Err(Error::Corrupt {
                        path: run.path().to_path_buf(),
                        offset: 0,
                        what: format!(
                            "it names series {id}, which no series file defines: {definitions}"
                        ),
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Refuses to go on without files that are listed.
fn check_there(vfs: &dyn Vfs, folder: &Path, listed: &[PathBuf]) -> Result<(), Error> {
    if listed.is_empty() {
        return Ok(());
    }
    let names = vfs.list(folder).map_err(Error::io("listing", folder))?;
    let names: HashSet<PathBuf> = names.into_iter().map(|name| folder.join(name)).collect();
    match listed.iter().find(|path| !names.contains(*path)) {
        Some(path) => {
            let gone = std::io::Error::from(std::io::ErrorKind::NotFound);
            Err(Error::io("opening", path.clone())(gone))
        }
        None => Ok(()),
    }
}
