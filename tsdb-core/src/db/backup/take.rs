//! Taking a backup.

use std::io;
use std::path::Path;

use super::backups::{Backups, check_name, manifest_name, object_name, object_prefix};
use super::report::{BackupProgress, BackupReport};
use super::source::files_of;
use crate::db::Error;
use crate::db::copy::read_through;
use crate::db::open::take_lock;
use crate::manifest::{BackupFile, BackupManifest, FileSums};
use crate::vfs::Vfs;

impl Backups {
    /// Stores a data folder that nobody has open, or a snapshot of one that somebody has. A file
    /// that the store has under the same path, with the same length and checksum, is not copied
    /// again; so an attempt that was cut short goes on where it was. The backup is there when this
    /// returns, before there is nothing of that name. `now_ms` is when it is begun.
    ///
    /// # Errors
    /// [`crate::ErrorKind::InvalidInput`] for a name that is taken or cannot be,
    /// [`crate::ErrorKind::Locked`] when folder or store are in use, and when a disk refuses.
    pub fn take(
        &self,
        from: &dyn Vfs,
        (name, now_ms): (&str, i64),
        progress: &mut dyn FnMut(BackupProgress<'_>),
    ) -> Result<BackupReport, Error> {
        check_name(name)?;
        let _lock = self.lock()?;
        if self.backup_names()?.iter().any(|one| one == name) {
            return Err(Error::Invalid {
                name: "the name of a backup",
                value: format!("{name:?}"),
                why: "there is one of that name",
            });
        }
        let _folder_lock = take_lock(from)?;
        let files = files_of(from)?;
        let total_bytes = files.iter().map(|file| file.1).sum();
        let mut report = BackupReport {
            name: name.to_owned(),
            ..BackupReport::default()
        };
        let mut manifest = BackupManifest {
            created_ms: now_ms,
            files: Vec::new(),
        };
        for (path, len) in files {
            progress(BackupProgress {
                path: &path,
                done_bytes: report.bytes,
                total_bytes,
            });
            manifest
                .files
                .push(self.store_file(from, (path, len), &mut report)?);
            report.files += 1;
            report.bytes += len;
        }
        let object = manifest_name(name);
        let stored = self.store.begin(super::backups::BACKUPS_PREFIX);
        let stored = stored.and_then(|mut new| {
            new.write(&manifest.encode())?;
            new.finish(&object)
        });
        stored.map_err(Error::io("storing", object))?;
        Ok(report)
    }

    /// Stores a file, unless it is there.
    fn store_file(
        &self,
        from: &dyn Vfs,
        (path, len): (String, u64),
        report: &mut BackupReport,
    ) -> Result<BackupFile, Error> {
        let prefix = object_prefix(&path);
        let source = (from, Path::new(&path));
        let listed = self.store.list(&prefix);
        let there = listed.map_err(Error::io("listing", &prefix))?;
        let same_len = format!("-{len}");
        let mut sums = FileSums::default();
        if there.iter().any(|object| object.ends_with(&same_len)) {
            read_through(source, len, &mut |piece| {
                sums.add(piece);
                Ok(())
            })?;
            let file = BackupFile {
                path: path.clone(),
                len,
                sums,
            };
            if self.is_whole(&object_name(&file), len, &there)? {
                return Ok(file);
            }
        }
        let io = |error| Error::io("storing", &path)(error);
        let mut new = self.store.begin(&prefix).map_err(io)?;
        sums = FileSums::default();
        read_through(source, len, &mut |piece| {
            sums.add(piece);
            new.write(piece).map_err(io)
        })?;
        report.copied_files += 1;
        report.copied_bytes += len;
        let file = BackupFile {
            path: path.clone(),
            len,
            sums,
        };
        new.finish(&object_name(&file)).map_err(io)?;
        Ok(file)
    }

    /// Whether an object is there in its full length. Its bytes are for a check to compare.
    fn is_whole(&self, object: &str, len: u64, there: &[String]) -> Result<bool, Error> {
        if !there.iter().any(|one| one == object) {
            return Ok(false);
        }
        match self.store.open(object).and_then(|one| one.len()) {
            Ok(found) => Ok(found == len),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("opening", object)(error)),
        }
    }
}
