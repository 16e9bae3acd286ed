//! The backups of a store: their names, and what is removed with them.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::report::{BackupSummary, RetainReport};
use super::store::{BackupStore, StoredObject};
use crate::db::Error;
use crate::manifest::{BackupFile, BackupManifest};
use crate::vfs::FileLock;

pub(super) const BACKUPS_PREFIX: &str = "backups/";
pub(super) const FILES_PREFIX: &str = "files/";
const EXTENSION: &str = ".backup";
/// Objects are read and written in pieces of this size.
pub(super) const PIECE_BYTES: usize = 1 << 20;
/// Longest name of a backup, in bytes.
const NAME_BYTES_MAX: usize = 200;

/// Backups of data folders in one store. A file that several of them have is kept once.
#[derive(Clone, Debug)]
pub struct Backups {
    pub(super) store: Arc<dyn BackupStore>,
}

impl Backups {
    /// The backups of a store.
    #[must_use]
    pub fn new(store: Arc<dyn BackupStore>) -> Self {
        Self { store }
    }

    /// All backups that are whole, oldest first.
    ///
    /// # Errors
    /// When the store refuses, or a backup's manifest is damaged.
    pub fn list(&self) -> Result<Vec<BackupSummary>, Error> {
        let mut found = Vec::new();
        for (name, manifest) in self.manifests()? {
            found.push(BackupSummary {
                name,
                created_ms: manifest.created_ms,
                files: manifest.files.len() as u64,
                bytes: manifest.bytes(),
            });
        }
        Ok(found)
    }

    /// Removes all but the `keep` newest backups, and objects that none of the others names: also
    /// those of backups that were cut short.
    ///
    /// # Errors
    /// When the store refuses, somebody else is at it, or a manifest is damaged: nothing is removed
    /// that it might name.
    pub fn retain(&self, keep: usize) -> Result<RetainReport, Error> {
        let _lock = self.lock()?;
        let mut manifests = self.manifests()?;
        let kept = manifests.split_off(manifests.len().saturating_sub(keep));
        let mut report = RetainReport::default();
        for (name, _) in manifests {
            self.remove(&manifest_name(&name))?;
            report.removed.push(name);
        }
        let named: BTreeSet<String> = kept
            .iter()
            .flat_map(|(_, manifest)| manifest.files.iter().map(object_name))
            .collect();
        for object in self.names(FILES_PREFIX)? {
            if !named.contains(&object) {
                self.remove(&object)?;
                report.objects += 1;
            }
        }
        Ok(report)
    }

    pub(super) fn lock(&self) -> Result<Box<dyn FileLock>, Error> {
        self.store.lock().map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => Error::Locked {
                path: "LOCK".into(),
            },
            _ => Error::io("locking", "LOCK")(error),
        })
    }

    fn names(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let listed = self.store.list(prefix);
        listed.map_err(Error::io("listing", prefix))
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        let removed = self.store.remove(name);
        removed.map_err(Error::io("removing", name))
    }

    /// Names of all backups, in byte order.
    pub(super) fn backup_names(&self) -> Result<Vec<String>, Error> {
        let names = self.names(BACKUPS_PREFIX)?;
        let plain = |name: &String| {
            let name = name.strip_prefix(BACKUPS_PREFIX)?;
            name.strip_suffix(EXTENSION).map(str::to_owned)
        };
        Ok(names.iter().filter_map(plain).collect())
    }

    /// All backups with what is in them, oldest first.
    pub(super) fn manifests(&self) -> Result<Vec<(String, BackupManifest)>, Error> {
        let mut found = Vec::new();
        for name in self.backup_names()? {
            let manifest = self.manifest(&name)?;
            found.push((name, manifest));
        }
        found.sort_by(|a, b| (a.1.created_ms, &a.0).cmp(&(b.1.created_ms, &b.0)));
        Ok(found)
    }

    /// What is in a backup.
    pub(super) fn manifest(&self, name: &str) -> Result<BackupManifest, Error> {
        let object = manifest_name(name);
        let read = self.store.open(&object).and_then(|one| read_all(&*one));
        let bytes = read.map_err(Error::io("reading", &object))?;
        Ok(BackupManifest::decode(Path::new(&object), &bytes)?)
    }

    /// The backup of a name, or the newest one.
    pub(super) fn chosen(&self, name: Option<&str>) -> Result<(String, BackupManifest), Error> {
        let missing = |value: &str| Error::Invalid {
            name: "the name of a backup",
            value: format!("{value:?}"),
            why: "there is none of that name",
        };
        match name {
            Some(name) if self.backup_names()?.iter().any(|one| one == name) => {
                Ok((name.to_owned(), self.manifest(name)?))
            }
            Some(name) => Err(missing(name)),
            None => self.manifests()?.pop().ok_or_else(|| missing("")),
        }
    }
}

/// The object that is a backup's manifest.
pub(super) fn manifest_name(name: &str) -> String {
    format!("{BACKUPS_PREFIX}{name}{EXTENSION}")
}

/// The object that holds a file: what is not the same has another name.
pub(super) fn object_name(file: &BackupFile) -> String {
    format!(
        "{}{:016x}-{}",
        object_prefix(&file.path),
        file.sums.hash,
        file.len
    )
}

/// What the names of all objects of one path begin with.
pub(super) fn object_prefix(path: &str) -> String {
    format!("{FILES_PREFIX}{path}/")
}

pub(super) fn check_name(name: &str) -> Result<(), Error> {
    let plain = !name.starts_with('.')
        && !name.contains(['/', '\\'])
        && !name.contains(char::is_control)
        && (1..=NAME_BYTES_MAX).contains(&name.len());
    if plain {
        return Ok(());
    }
    Err(Error::Invalid {
        name: "the name of a backup",
        value: format!("{name:?}"),
        why: "it must have 1 to 200 bytes, no dot in front, no slash and no control character",
    })
}

fn read_all(object: &dyn StoredObject) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    read_object(object, &mut |piece| {
        bytes.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(bytes)
}

/// Passes an object to `each`, piece by piece, to its end.
pub(super) fn read_object(
    object: &dyn StoredObject,
    each: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut at = 0;
    loop {
        match object.read_at(&mut piece, at) {
            Ok(0) => return Ok(()),
            Ok(read) => {
                each(piece.get(..read).unwrap_or_default())?;
                at += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
