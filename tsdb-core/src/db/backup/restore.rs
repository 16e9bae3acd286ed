//! Making a data folder of a backup.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::backups::{Backups, object_name, read_object};
use super::report::{BackupProgress, RestoreReport};
use crate::clock::SystemClock;
use crate::db::copy::{file_len, list, make_folder, read_through, replace, sync};
use crate::db::open::{CATALOG_PATH, FORMAT_PATH};
use crate::db::{Db, Error};
use crate::manifest::{BackupFile, BackupManifest, FileSums};
use crate::run::{publish, temporary_path};
use crate::vfs::{OpenMode, Vfs, create_anew, open_if_there, write_all_at};

/// Stands in a folder that is being restored, and names the backup.
const UNFINISHED_PATH: &str = "RESTORE";

impl Backups {
    /// Writes a backup, or the newest one, to an empty folder; every checksum is compared. An
    /// attempt that was cut short goes on where it was. When this returns the folder opens; before
    /// it does not.
    ///
    /// # Errors
    /// [`crate::ErrorKind::InvalidInput`] when there is no such backup or the folder is not empty;
    /// [`crate::ErrorKind::Corrupt`] when an object is not what was stored; and when a disk refuses.
    pub fn restore(
        &self,
        name: Option<&str>,
        to: &Arc<dyn Vfs>,
        progress: &mut dyn FnMut(BackupProgress<'_>),
    ) -> Result<RestoreReport, Error> {
        let (name, mut manifest) = self.chosen(name)?;
        let root = Path::new("");
        make_folder(&**to, root)?;
        prepare(&**to, &name)?;
        let mut report = RestoreReport {
            name,
            ..RestoreReport::default()
        };
        // Without the one and with the other nobody takes the folder for an empty one.
        let last = |file: &BackupFile| (file.path == FORMAT_PATH, file.path != CATALOG_PATH);
        manifest.files.sort_by_key(last);
        let total_bytes = manifest.bytes();
        make_folders(&**to, &manifest)?;
        for file in &manifest.files {
            progress(BackupProgress {
                path: &file.path,
                done_bytes: report.bytes,
                total_bytes,
            });
            if !has(&**to, file)? {
                self.restore_file(&**to, file)?;
                report.copied_bytes += file.len;
            }
            report.files += 1;
            report.bytes += file.len;
        }
        let marker = Path::new(UNFINISHED_PATH);
        to.remove(marker).map_err(Error::io("removing", marker))?;
        sync(&**to, root)?;
        Db::open_read_only_with(Arc::clone(to), Arc::new(SystemClock::new()))?;
        Ok(report)
    }

    fn restore_file(&self, to: &dyn Vfs, file: &BackupFile) -> Result<(), Error> {
        let object = object_name(file);
        let path = Path::new(&file.path);
        let temporary = temporary_path(path);
        let opened = self.store.open(&object);
        let source = opened.map_err(Error::io("opening", &object))?;
        let target = create_anew(to, &temporary).map_err(Error::io("creating", &temporary))?;
        let (mut len, mut sums) = (0, FileSums::default());
        let mut failed = None;
        let read = read_object(&*source, &mut |piece| {
            sums.add(piece);
            let written = write_all_at(&*target, piece, len);
            len += piece.len() as u64;
            written.map_err(|error| {
                let kind = error.kind();
                failed = Some(error);
                io::Error::from(kind)
            })
        });
        if let Some(error) = failed {
            return Err(Error::io("writing", temporary)(error));
        }
        read.map_err(Error::io("reading", &object))?;
        if (len, sums) != (file.len, file.sums) {
            return Err(Error::Corrupt {
                path: PathBuf::from(object),
                offset: 0,
                what: format!(
                    "{len} bytes of checksums {sums}, of {} of {} that were stored: restore \
                     another backup",
                    file.len, file.sums
                ),
            });
        }
        target.sync().map_err(Error::io("syncing", &temporary))?;
        publish(to, &temporary, path).map_err(Error::io("renaming", &temporary))
    }
}

/// Makes sure that nothing is in the folder but what an attempt on the same backup has left.
fn prepare(to: &dyn Vfs, name: &str) -> Result<(), Error> {
    let refused = |found: &str, why| Error::Invalid {
        name: "the folder to restore to",
        value: format!("one with {found:?} in it"),
        why,
    };
    let marker = Path::new(UNFINISHED_PATH);
    let names = list(to, Path::new(""))?;
    if names.iter().any(|one| one == UNFINISHED_PATH) {
        let mut of = Vec::new();
        let len = file_len(to, marker)?;
        read_through((to, marker), len, &mut |piece| {
            of.extend_from_slice(piece);
            Ok(())
        })?;
        if of == name.as_bytes() {
            return Ok(());
        }
        return Err(refused(
            UNFINISHED_PATH,
            "a restore of another backup was cut short in it: empty it first",
        ));
    }
    let ours = |name: &&String| Path::new(name) == temporary_path(marker);
    if let Some(found) = names.iter().find(|name| !ours(name)) {
        return Err(refused(found, "it must be empty"));
    }
    replace(to, marker, name.as_bytes())
}

/// Makes the folders that files are in, and those of every namespace.
fn make_folders(to: &dyn Vfs, manifest: &BackupManifest) -> Result<(), Error> {
    let mut folders = vec![PathBuf::from("wal")];
    for file in &manifest.files {
        let path = Path::new(&file.path);
        let named = path.file_name().is_some_and(|name| name == "MANIFEST");
        if let Some(folder) = path.parent().filter(|_| named) {
            folders.push(folder.to_path_buf());
            folders.extend(["series", "runs", "blocks"].map(|part| folder.join(part)));
        }
    }
    for folder in &folders {
        make_folder(to, folder)?;
        sync(to, folder.parent().unwrap_or(Path::new("")))?;
    }
    Ok(())
}

/// Whether a file is there already, byte for byte as far as length and checksum tell.
fn has(to: &dyn Vfs, file: &BackupFile) -> Result<bool, Error> {
    let path = Path::new(&file.path);
    let found = open_if_there(to, path, OpenMode::Read);
    let len = found.and_then(|found| found.map(|found| found.len()).transpose());
    if len.map_err(Error::io("opening", path))? != Some(file.len) {
        return Ok(false);
    }
    let mut sums = FileSums::default();
    read_through((to, path), file.len, &mut |piece| {
        sums.add(piece);
        Ok(())
    })?;
    Ok(sums == file.sums)
}
