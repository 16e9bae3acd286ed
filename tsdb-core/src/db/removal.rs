//! Removing a namespace. The catalog decides: once it does not list it, the namespace is gone, and
//! what is left of it in folders and logs is nobody's. Its number is never given again.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::compaction::hold;
use super::copy::{list, remove_folder, sync};
use super::database::{DEFAULT_NAMESPACE, Inner};
use super::maintenance::{Upkeep, has_open};
use super::namespace::NamespaceState;
use super::{Db, Error, RecoveryReport};
use crate::manifest::{Catalog, Manifest, check_namespace_name};
use crate::model::{HashSet, NamespaceId};
use crate::vfs::Vfs;

/// Begins the name of a folder that is being removed, a number behind. No namespace has a dot in
/// front.
const REMOVED: &str = ".removed-";
/// Begins the name of a namespace's folder that is being made, its number behind.
const MAKING: &str = ".making-";

impl Db {
    /// Removes a namespace with all that is in it; `false` if there is none of that name. When this
    /// returns it is durably gone, and seen by no read that begins afterwards. Selects that are
    /// being read go on; every other call on a [`super::Namespace`] of it that somebody still holds
    /// fails with [`Error::Removed`]. Its memory is given back, its folder removed: by a later
    /// [`Db::maintain`] where the disk refuses that now.
    ///
    /// # Errors
    /// [`super::ErrorKind::InvalidInput`] for the namespace named `default`; and when the disk
    /// refuses: then it is still there, whole.
    pub fn remove_namespace(&self, name: &str) -> Result<bool, Error> {
        self.check_open()?;
        if self.inner.log.is_none() {
            return Err(Error::ReadOnly);
        }
        if name == DEFAULT_NAMESPACE {
            return Err(Error::Invalid {
                name: "the namespace to be removed",
                value: format!("{name:?}"),
                why: "its series can be deleted instead",
            });
        }
        // Nothing is flushed, merged, made or copied meanwhile, and no manifest is written.
        let mut upkeep = self.inner.upkeep.lock();
        self.check_open()?;
        let states = self.inner.states();
        let Some(state) = states.iter().find(|state| state.name == name) else {
            return Ok(false);
        };
        if !self
            .inner
            .options
            .rules
            .namespace_unlisted_before_folder_goes
        {
            // The broken order, for tests: a crash leaves a namespace without its folder.
            set_aside(&*self.inner.vfs, &state.folder, state.id)?;
        }
        self.inner.unlist(state)?;
        self.inner.let_go(&mut upkeep, state);
        upkeep.removed.push((state.id, state.folder.clone()));
        // What the disk refuses is tried again, and told, by the next step of upkeep.
        let _ = self.inner.remove_folders(&mut upkeep);
        Ok(true)
    }
}

impl Inner {
    /// Writes a catalog without a namespace. If that fails the namespace is still there, and goes
    /// on: what is acked from here on must not be lost to a catalog that was written all the same.
    fn unlist(&self, state: &NamespaceState) -> Result<(), Error> {
        self.settle_catalog()?;
        let unlisted = self.change_catalog(|catalog| {
            catalog.namespaces.retain(|entry| entry.id != state.id);
            Ok(())
        });
        if unlisted.is_err()
            && let Err(error) = self.settle_catalog()
            && let Some(log) = &self.log
        {
            log.poison(&format!(
                "whether namespace {:?} was removed is not known: {error}",
                state.name
            ));
        }
        unlisted
    }

    /// Takes a namespace that is not listed any more out of memory.
    fn let_go(&self, upkeep: &mut Upkeep, state: &Arc<NamespaceState>) {
        let head = state.empty(&self.gate);
        // None is added from here on; where there is none in memory there is none in the log.
        upkeep.has_removed |= has_open(&head);
        let gone = |one: &Arc<NamespaceState>| Arc::ptr_eq(one, state);
        self.removed.write().push(Arc::clone(state));
        self.namespaces.write().retain(|one| !gone(one));
        let mut files = self.series_files.0.write();
        files.retain(|file| !file.path().starts_with(&state.folder));
        drop(files);
        upkeep.forget(state);
        let live = head.live();
        if Arc::strong_count(&head) > 1 {
            // Somebody reads it, and may come to files that are not open yet.
            hold(&live.runs, &live.blocks);
        }
        head.pins().note(&live.runs, &live.blocks);
        drop((head, live));
        self.account();
    }

    /// Removes the folders of namespaces that were removed.
    pub(super) fn remove_folders(&self, upkeep: &mut Upkeep) -> Result<(), Error> {
        let vfs = &*self.vfs;
        while let Some((id, folder)) = upkeep.removed.last() {
            // One of that name that was made meanwhile has set the old one aside.
            if !self.states().iter().any(|state| state.folder == *folder) {
                set_aside(vfs, folder, *id)?;
            }
            remove_folder(vfs, &aside_path(*id))?;
            upkeep.removed.pop();
        }
        Ok(())
    }
}

/// Where the folder of a namespace is made.
pub(super) fn making_path(id: NamespaceId) -> PathBuf {
    PathBuf::from(format!("{MAKING}{id}"))
}

/// Where a folder is set aside to be removed.
fn aside_path(id: NamespaceId) -> PathBuf {
    PathBuf::from(format!("{REMOVED}{id}"))
}

/// Takes a folder that no catalog lists, if it is there, out of the way of one of the same name.
fn set_aside(vfs: &dyn Vfs, folder: &Path, id: NamespaceId) -> Result<(), Error> {
    let aside = aside_path(id);
    match vfs.list(folder) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("listing", folder)(error)),
    }
    remove_folder(vfs, &aside)?;
    vfs.rename(folder, &aside)
        .map_err(Error::io("renaming", folder))?;
    sync(vfs, Path::new(""))
}

/// The same, and removes it.
pub(super) fn remove_leftover(vfs: &dyn Vfs, folder: &Path, id: NamespaceId) -> Result<(), Error> {
    set_aside(vfs, folder, id)?;
    remove_folder(vfs, &aside_path(id))
}

/// Removes what removals and makings that were cut short have left, now that logs and manifests
/// were found right.
pub(super) fn remove_unlisted_folders(
    vfs: &dyn Vfs,
    catalog: &Catalog,
    report: &mut RecoveryReport,
) -> Result<(), Error> {
    for name in list(vfs, Path::new(""))? {
        let folder = PathBuf::from(&name);
        if name.starts_with(REMOVED) || name.starts_with(MAKING) {
            remove_folder(vfs, &folder)?;
        } else if is_leftover(vfs, catalog, &name) {
            remove_leftover(vfs, &folder, catalog.next_namespace)?;
        } else {
            continue;
        }
        report.removed.push(folder);
    }
    Ok(())
}

/// Whether this is the folder of a namespace that was removed, or one that was never listed and has
/// held nothing. Any other is left alone: a catalog that is older than the folder may have been put
/// in the place of a lost one.
fn is_leftover(vfs: &dyn Vfs, catalog: &Catalog, name: &str) -> bool {
    let is_listed = |other: &str| other.eq_ignore_ascii_case(name);
    let mut listed = catalog.namespaces.iter();
    if check_namespace_name(name).is_err() || listed.any(|entry| is_listed(&entry.name)) {
        return false;
    }
    let path = NamespaceState::manifest_path(Path::new(name));
    let Ok(manifest) = Manifest::read(vfs, &path) else {
        return false;
    };
    let id = manifest.namespace;
    let ids: HashSet<NamespaceId> = catalog.namespaces.iter().map(|entry| entry.id).collect();
    let was_removed = id < catalog.next_namespace && !ids.contains(&id);
    // Its manifest is the first one, and no log has a frame of it, or that would have been refused.
    let is_unused = id >= catalog.next_namespace && manifest.sequence == 0;
    was_removed || is_unused
}
