//! Puts a salvaged folder in the place of the damaged one, entry by entry.
//!
//! It is first written whole beside it. One rename then decides that it counts; from there on the
//! folder does not open until every entry has its place, and going on is always possible: an entry
//! that still lies in the salvaged folder has not been moved yet.

use std::path::{Path, PathBuf};

use crate::db::Error;
use crate::db::copy::{copy, file_len, list, make_folder, remove_folder, sync};
use crate::db::open::{CATALOG_PATH, FORMAT_PATH};
use crate::vfs::Vfs;

/// A salvaged folder that is being written. No namespace has a dot in front.
const STAGED: &str = ".salvaged.tmp";
/// Begins the name of one that counts, a number behind.
const DECIDED: &str = ".salvaged-";
/// Begins the name of the folder that takes what was there, the same number behind.
const LOST: &str = "lost-";

/// Makes room for a salvaged folder; where it is to be written.
pub(super) fn prepare(vfs: &dyn Vfs) -> Result<PathBuf, Error> {
    let staged = PathBuf::from(STAGED);
    remove_folder(vfs, &staged)?;
    Ok(staged)
}

/// Decides that the written folder counts.
pub(super) fn commit(vfs: &dyn Vfs, staged: &Path) -> Result<(), Error> {
    let names = list(vfs, Path::new(""))?;
    let taken = |number: &u64| names.contains(&format!("{LOST}{number}"));
    let number = (1..).find(|number| !taken(number)).unwrap_or(u64::MAX);
    sync(vfs, Path::new(""))?;
    let decided = PathBuf::from(format!("{DECIDED}{number}"));
    vfs.rename(staged, &decided)
        .map_err(Error::io("renaming", staged))?;
    sync(vfs, Path::new(""))
}

fn decided(names: &[String]) -> Option<(PathBuf, PathBuf)> {
    let name = names.iter().find(|name| name.starts_with(DECIDED))?;
    let number = name.strip_prefix(DECIDED)?;
    Some((
        PathBuf::from(name),
        PathBuf::from(format!("{LOST}{number}")),
    ))
}

/// Refuses a folder whose salvage in place was cut short.
pub(in crate::db) fn refuse_unfinished(names: &[String]) -> Result<(), Error> {
    match decided(names) {
        Some((path, _)) => Err(Error::Corrupt {
            path,
            offset: 0,
            what: "a salvage in place was cut short: repeat `verify --salvage --in-place`"
                .to_owned(),
        }),
        None => Ok(()),
    }
}

/// Moves every entry of a salvaged folder that counts to its place, and what was there aside;
/// whether there was one.
pub(super) fn finish(vfs: &dyn Vfs) -> Result<bool, Error> {
    let root = Path::new("");
    let names = list(vfs, root)?;
    let Some((salvaged, lost)) = decided(&names) else {
        return Ok(false);
    };
    make_folder(vfs, &lost)?;
    sync(vfs, root)?;
    let mut entries = list(vfs, &salvaged)?;
    // The one that makes the folder open comes last.
    entries.sort_by_key(|name| (name == FORMAT_PATH, name == CATALOG_PATH));
    for name in &entries {
        let (new, old) = (salvaged.join(name), PathBuf::from(name));
        if list(vfs, root)?.contains(name) {
            let aside = lost.join(name);
            if vfs.list(&old).is_ok() {
                vfs.rename(&old, &aside)
                    .map_err(Error::io("moving aside", &old))?;
                sync(vfs, &lost)?;
                sync(vfs, root)?;
            } else {
                // Never without a catalog: a folder that has none may be taken for a new one.
                copy(vfs, &old, &aside, file_len(vfs, &old)?)?;
                sync(vfs, &lost)?;
            }
        }
        vfs.rename(&new, &old).map_err(Error::io("moving", &new))?;
        sync(vfs, root)?;
        sync(vfs, &salvaged)?;
    }
    remove_folder(vfs, &salvaged)?;
    sync(vfs, root)?;
    Ok(true)
}
