//! Snapshots: the whole data folder at one moment, beside the live one, mostly as second names of
//! its files.

use std::path::{Path, PathBuf};

use super::copy::{copy, file_len, link_or_copy, list, make_folder, remove_folder, sync};
use super::database::Inner;
use super::namespace::NamespaceState;
use super::open::{CATALOG_PATH, FORMAT_PATH};
use super::paths::{block_path, run_path};
use super::{Db, Error};
use crate::exemplar::exemplars_path;
use crate::manifest::{Manifest, SeriesFileEntry};
use crate::series::series_path;
use crate::vfs::{OpenMode, Vfs, open_if_there};

/// Where snapshots are.
pub(super) const SNAPSHOTS_PATH: &str = "snapshots";
/// Ends the name of a snapshot that is being made, or that a crash left half made.
const UNFINISHED: &str = ".tmp";
/// Longest name of a snapshot, in bytes.
const NAME_BYTES_MAX: usize = 200;

/// What a snapshot is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnapshotReport {
    /// Its folder, relative to the data folder.
    pub path: PathBuf,
    /// Runs and blocks in it.
    pub files: u64,
    /// Bytes of files that it shares with the live folder.
    pub linked_bytes: u64,
    /// Bytes of files that it has for itself.
    pub copied_bytes: u64,
}

impl Db {
    /// Makes `snapshots/NAME` in the data folder: a data folder of its own with exactly the
    /// samples that were acked before, and perhaps some that were being written. Runs and blocks
    /// are hard links where the disk has such, and so take no space until they are compacted here.
    /// A crash leaves all of it or nothing of that name. Appends and reads go on; upkeep waits.
    ///
    /// # Errors
    /// [`super::ErrorKind::InvalidInput`] for a name that cannot be a folder's or is taken; and
    /// when the disk refuses.
    pub fn snapshot(&self, name: &str) -> Result<SnapshotReport, Error> {
        self.check_open()?;
        if self.inner.log.is_none() {
            return Err(Error::ReadOnly);
        }
        let invalid = |why| Error::Invalid {
            name: "the name of a snapshot",
            value: format!("{name:?}"),
            why,
        };
        check_name(name).map_err(invalid)?;
        if self.find(SNAPSHOTS_PATH).is_some() {
            return Err(invalid("a namespace has the folder named snapshots"));
        }
        // Nothing is flushed, merged or removed meanwhile, and no manifest is written.
        let mut upkeep = self.inner.upkeep.lock();
        self.inner.flush_with(&mut upkeep)?;
        let vfs = &*self.inner.vfs;
        make_folder(vfs, Path::new(SNAPSHOTS_PATH))?;
        let lasting = Path::new(SNAPSHOTS_PATH).join(name);
        if list(vfs, Path::new(SNAPSHOTS_PATH))?.contains(&name.to_owned()) {
            return Err(invalid("there is one of that name"));
        }
        let unfinished = Path::new(SNAPSHOTS_PATH).join(format!("{name}{UNFINISHED}"));
        remove_folder(vfs, &unfinished)?;
        let mut report = self.inner.write_snapshot(&unfinished)?;
        vfs.rename(&unfinished, &lasting)
            .map_err(Error::io("renaming", &unfinished))?;
        sync(vfs, Path::new(SNAPSHOTS_PATH))?;
        sync(vfs, Path::new(""))?;
        report.path = lasting;
        Ok(report)
    }

    /// Removes the snapshot of this name from the data folder of `vfs`, which somebody may have
    /// open. A crash leaves it whole, or under a name that opening removes.
    ///
    /// # Errors
    /// [`super::ErrorKind::InvalidInput`] for a name that no snapshot can have, and when the disk
    /// refuses.
    pub fn remove_snapshot(vfs: &dyn Vfs, name: &str) -> Result<(), Error> {
        check_name(name).map_err(|why| Error::Invalid {
            name: "the name of a snapshot",
            value: format!("{name:?}"),
            why,
        })?;
        let folder = Path::new(SNAPSHOTS_PATH);
        let lasting = folder.join(name);
        let unfinished = folder.join(format!("{name}{UNFINISHED}"));
        vfs.rename(&lasting, &unfinished)
            .map_err(Error::io("renaming", &lasting))?;
        sync(vfs, folder)?;
        remove_folder(vfs, &unfinished)?;
        sync(vfs, folder)
    }
}

impl Inner {
    fn write_snapshot(&self, root: &Path) -> Result<SnapshotReport, Error> {
        let vfs = &*self.vfs;
        let mut report = SnapshotReport::default();
        make_folder(vfs, root)?;
        make_folder(vfs, &root.join("wal"))?;
        let format = Path::new(FORMAT_PATH);
        copy(vfs, format, &root.join(format), file_len(vfs, format)?)?;
        for state in self.states() {
            self.snapshot_namespace(&state, root, &mut report)?;
        }
        // No namespace is made meanwhile: that takes the lock of upkeep, too.
        let catalog = self.catalog.read().clone();
        catalog.write(vfs, &root.join(CATALOG_PATH))?;
        sync(vfs, &root.join("wal"))?;
        sync(vfs, root)?;
        Ok(report)
    }

    fn snapshot_namespace(
        &self,
        state: &NamespaceState,
        root: &Path,
        report: &mut SnapshotReport,
    ) -> Result<(), Error> {
        let vfs = &*self.vfs;
        let folder = root.join(&state.folder);
        let parts = ["series", "runs", "blocks"].map(|part| folder.join(part));
        make_folder(vfs, &folder)?;
        for part in &parts {
            make_folder(vfs, part)?;
        }
        let manifest = state.manifest.lock().clone();
        // Series files grow: they are copied as far as they are known durable, which holds what
        // every flushed sample needs.
        let mut series_files = Vec::new();
        let head = state.head();
        for file in &manifest.series_files {
            let active = head.series_file();
            let active = active.filter(|active| active.number() == file.number);
            let synced_len = active.map_or(file.synced_len, |active| active.synced_end());
            let (from, to) = (&state.folder, &folder);
            let number = file.number;
            copy(
                vfs,
                &series_path(from, number),
                &series_path(to, number),
                synced_len,
            )?;
            report.copied_bytes += synced_len;
            series_files.push(SeriesFileEntry { number, synced_len });
        }
        let runs = manifest.runs.iter();
        let runs = runs.map(|run| (run_path(&state.folder, run.id), run.bytes));
        let blocks = manifest.blocks.iter();
        let blocks = blocks.map(|block| (block_path(&state.folder, block.id), block.bytes));
        for (path, bytes) in runs.chain(blocks) {
            let counted = if link_or_copy(vfs, &path, &root.join(&path), bytes)? {
                &mut report.linked_bytes
            } else {
                &mut report.copied_bytes
            };
            *counted += bytes;
            report.files += 1;
        }
        self.snapshot_exemplars(state, root, report)?;
        for part in &parts {
            sync(vfs, part)?;
        }
        let manifest = Manifest {
            series_files,
            next_series: head.next_id(),
            ..manifest
        };
        manifest.write(vfs, &NamespaceState::manifest_path(&folder))?;
        sync(vfs, &folder)
    }

    /// Takes over the file of a namespace's exemplars, which was saved when all was flushed.
    fn snapshot_exemplars(
        &self,
        state: &NamespaceState,
        root: &Path,
        report: &mut SnapshotReport,
    ) -> Result<(), Error> {
        let vfs = &*self.vfs;
        let path = exemplars_path(&state.folder);
        let file =
            open_if_there(vfs, &path, OpenMode::Read).map_err(Error::io("opening", &path))?;
        let Some(file) = file else {
            return Ok(());
        };
        let bytes = file.len().map_err(Error::io("reading the length", &path))?;
        if link_or_copy(vfs, &path, &root.join(&path), bytes)? {
            report.linked_bytes += bytes;
        } else {
            report.copied_bytes += bytes;
        }
        Ok(())
    }
}

/// Removes what crashes left of snapshots that were being made.
pub(super) fn remove_unfinished(vfs: &dyn Vfs) -> Result<Vec<PathBuf>, Error> {
    let mut removed = Vec::new();
    let root = Path::new(SNAPSHOTS_PATH);
    if !list(vfs, Path::new(""))?
        .iter()
        .any(|name| name == SNAPSHOTS_PATH)
    {
        return Ok(removed);
    }
    for name in list(vfs, root)? {
        if name.ends_with(UNFINISHED) {
            let path = root.join(name);
            remove_folder(vfs, &path)?;
            removed.push(path);
        }
    }
    Ok(removed)
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err("it must have 1 to 200 bytes");
    }
    if name.starts_with('.') || name.contains(['/', '\\']) || name.contains(char::is_control) {
        return Err("it must have no dot in front, no slash and no control character");
    }
    if name.ends_with(UNFINISHED) {
        return Err("names that end with .tmp are those of unfinished snapshots");
    }
    Ok(())
}
