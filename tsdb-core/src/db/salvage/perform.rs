//! What a caller can have done with a damaged folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::examine::{Examined, examine};
use super::folder::{Place, write};
use super::in_place;
use super::report::{Damage, Lost, SalvageReport};
use crate::clock::SystemClock;
use crate::db::copy::{list, make_folder, remove_contents, sync};
use crate::db::open::take_lock;
use crate::db::{Db, Error, ErrorKind};
use crate::vfs::{Vfs, create_anew};

/// Stands in a folder that is being written: one that has it may be written anew.
const UNFINISHED_PATH: &str = "SALVAGE";

impl Db {
    /// Reads a whole folder, also one that does not open, and tells everything that is damaged and
    /// what a salvage would give up for it. Changes nothing; nobody may have the folder open for
    /// writing. `progress` is told each file before it is read.
    ///
    /// # Errors
    /// When the folder cannot be listed, or was written by a newer build.
    pub fn examine(
        vfs: &Arc<dyn Vfs>,
        progress: &mut dyn FnMut(&Path),
    ) -> Result<SalvageReport, Error> {
        Ok(examine_all(vfs, progress)?.report)
    }

    /// Writes what can be read of the folder `from` to the empty folder `to`: a data folder that
    /// opens and holds every sample that the report does not name. The damaged folder is not
    /// changed but for its lock file. If nothing is damaged, nothing is written. An attempt that
    /// was cut short can be repeated.
    ///
    /// # Errors
    /// As [`Db::examine`]; [`ErrorKind::Locked`] when the folder is open, [`ErrorKind::InvalidInput`]
    /// when `to` holds anything, and when the disk refuses.
    pub fn salvage(
        from: &Arc<dyn Vfs>,
        to: &Arc<dyn Vfs>,
        progress: &mut dyn FnMut(&Path),
    ) -> Result<SalvageReport, Error> {
        let _lock = take_lock(&**from)?;
        let mut examined = examine_all(from, progress)?;
        if examined.report.is_healthy() {
            return Ok(examined.report);
        }
        let root = Path::new("");
        make_folder(&**to, root)?;
        prepare_target(&**to)?;
        let place = Place {
            from: &**from,
            to: &**to,
            root,
            shared: false,
        };
        write(place, &mut examined, progress)?;
        let marker = Path::new(UNFINISHED_PATH);
        to.remove(marker).map_err(Error::io("removing", marker))?;
        sync(&**to, root)?;
        check_opens(to)?;
        Ok(examined.report)
    }

    /// As [`Db::salvage`], the salvaged folder taking the place of the damaged one. All that was
    /// there is moved to `lost-N` in it, nothing is removed; files that are whole and never change
    /// stay, as second names. An attempt that was cut short leaves either everything as it was, or
    /// a folder that does not open until this was repeated.
    ///
    /// # Errors
    /// As [`Db::salvage`].
    pub fn salvage_in_place(
        vfs: &Arc<dyn Vfs>,
        progress: &mut dyn FnMut(&Path),
    ) -> Result<SalvageReport, Error> {
        let _lock = take_lock(&**vfs)?;
        if in_place::finish(&**vfs)? {
            check_opens(vfs)?;
        }
        let mut examined = examine_all(vfs, progress)?;
        if examined.report.is_healthy() {
            return Ok(examined.report);
        }
        let staged = in_place::prepare(&**vfs)?;
        let place = Place {
            from: &**vfs,
            to: &**vfs,
            root: &staged,
            shared: true,
        };
        write(place, &mut examined, progress)?;
        in_place::commit(&**vfs, &staged)?;
        in_place::finish(&**vfs)?;
        check_opens(vfs)?;
        Ok(examined.report)
    }
}

/// Examines a folder; one in which nothing is damaged must also open.
fn examine_all(vfs: &Arc<dyn Vfs>, progress: &mut dyn FnMut(&Path)) -> Result<Examined, Error> {
    in_place::refuse_unfinished(&list(&**vfs, Path::new(""))?)?;
    let mut examined = examine(&**vfs, progress)?;
    if !examined.report.is_healthy() {
        return Ok(examined);
    }
    match check_opens(vfs) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::Corrupt => {
            examined.report.damage.push(Damage {
                path: PathBuf::new(),
                offset: 0,
                bytes: 0,
                what: format!("all files are whole, but contradict each other: {error}"),
                lost: Lost::Nothing,
            });
            examined.logs_damaged = true;
            for namespace in &mut examined.namespaces {
                namespace.names_damaged = true;
            }
        }
        Err(error) => return Err(error),
    }
    Ok(examined)
}

fn check_opens(vfs: &Arc<dyn Vfs>) -> Result<(), Error> {
    Db::open_read_only_with(Arc::clone(vfs), Arc::new(SystemClock::new())).map(|_| ())
}

/// Makes sure that nothing is in the folder but what an attempt that was cut short has left.
fn prepare_target(to: &dyn Vfs) -> Result<(), Error> {
    let names = list(to, Path::new(""))?;
    if names.iter().any(|name| name == UNFINISHED_PATH) {
        for name in names.iter().filter(|name| *name != UNFINISHED_PATH) {
            let path = Path::new(name);
            if remove_contents_of(to, path)? {
                to.remove_dir(path).map_err(Error::io("removing", path))?;
            } else {
                to.remove(path).map_err(Error::io("removing", path))?;
            }
        }
        return Ok(());
    }
    if !names.is_empty() {
        return Err(Error::Invalid {
            name: "the folder to salvage to",
            value: format!("{:?} in it", names.first().cloned().unwrap_or_default()),
            why: "it must be empty",
        });
    }
    let marker = Path::new(UNFINISHED_PATH);
    create_anew(to, marker).map_err(Error::io("creating", marker))?;
    sync(to, Path::new(""))
}

fn remove_contents_of(vfs: &dyn Vfs, path: &Path) -> Result<bool, Error> {
    if vfs.list(path).is_err() {
        return Ok(false);
    }
    remove_contents(vfs, path)
}
