//! Comparing what a store holds with what was stored.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::backups::{Backups, manifest_name, object_name, read_object};
use super::report::{BackupProgress, CheckReport};
use crate::db::{Error, Problem};
use crate::manifest::{BackupFile, FileSums};

impl Backups {
    /// Reads every object of one backup, or of all of them, and compares its length and checksum.
    ///
    /// # Errors
    /// When the store cannot be listed. What is wrong with objects is told in the report.
    pub fn check(
        &self,
        name: Option<&str>,
        progress: &mut dyn FnMut(BackupProgress<'_>),
    ) -> Result<CheckReport, Error> {
        let mut report = CheckReport::default();
        let mut files: BTreeSet<BackupFile> = BTreeSet::new();
        let names = match name {
            Some(name) => vec![name.to_owned()],
            None => self.backup_names()?,
        };
        for name in names {
            report.backups += 1;
            match self.manifest(&name) {
                Ok(manifest) => files.extend(manifest.files),
                Err(error) => report.problems.push(Problem {
                    path: PathBuf::from(manifest_name(&name)),
                    what: error.to_string(),
                }),
            }
        }
        let total_bytes = files.iter().map(|file| file.len).sum();
        for file in files {
            progress(BackupProgress {
                path: &file.path,
                done_bytes: report.bytes,
                total_bytes,
            });
            report.files += 1;
            report.bytes += file.len;
            let object = object_name(&file);
            if let Err(what) = self.compare(&object, &file) {
                report.problems.push(Problem {
                    path: PathBuf::from(object),
                    what,
                });
            }
        }
        Ok(report)
    }

    fn compare(&self, object: &str, file: &BackupFile) -> Result<(), String> {
        let (mut len, mut sums) = (0, FileSums::default());
        let read = self.store.open(object).and_then(|one| {
            read_object(&*one, &mut |piece| {
                len += piece.len() as u64;
                sums.add(piece);
                Ok(())
            })
        });
        read.map_err(|error| format!("it cannot be read: {error}"))?;
        if len != file.len {
            return Err(format!("{len} bytes, of {} that were stored", file.len));
        }
        if sums != file.sums {
            return Err(format!(
                "its checksums are {sums}, those of what was stored are {}",
                file.sums
            ));
        }
        Ok(())
    }
}
