//! Files and folders copied from one place to another, and removed.

use std::io;
use std::path::Path;

use super::Error;
use crate::run::{publish, temporary_path};
use crate::vfs::{File, OpenMode, Vfs, create_anew, read_exact_at, write_all_at};

/// Files are copied in pieces of this size.
const COPY_BYTES: usize = 1 << 20;

/// Copies the first `len` bytes of a file, durably but for its name.
pub(super) fn copy_between(
    (from, source): (&dyn Vfs, &Path),
    (to, target): (&dyn Vfs, &Path),
    len: u64,
) -> Result<(), Error> {
    let read = from
        .open(source, OpenMode::Read)
        .map_err(Error::io("opening", source))?;
    let written = create_anew(to, target).map_err(Error::io("creating", target))?;
    let mut at = 0;
    each_piece((&*read, source), len, &mut |piece| {
        write_all_at(&*written, piece, at).map_err(Error::io("writing", target))?;
        at += piece.len() as u64;
        Ok(())
    })?;
    written.sync().map_err(Error::io("syncing", target))
}

/// Makes a file whole, durably, or replaces it: a crash leaves what was there before, or this.
pub(super) fn replace(vfs: &dyn Vfs, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let temporary = temporary_path(path);
    let file = create_anew(vfs, &temporary).map_err(Error::io("creating", &temporary))?;
    write_all_at(&*file, bytes, 0).map_err(Error::io("writing", &temporary))?;
    file.sync().map_err(Error::io("syncing", &temporary))?;
    publish(vfs, &temporary, path).map_err(Error::io("renaming", path))
}

/// Passes the first `len` bytes of a file to `each`, piece by piece.
pub(super) fn read_through(
    (vfs, path): (&dyn Vfs, &Path),
    len: u64,
    each: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let file = vfs
        .open(path, OpenMode::Read)
        .map_err(Error::io("opening", path))?;
    each_piece((&*file, path), len, each)
}

fn each_piece(
    (file, path): (&dyn File, &Path),
    len: u64,
    each: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut piece = Vec::new();
    let mut at = 0;
    while at < len {
        let bytes = usize::try_from(len - at).unwrap_or(usize::MAX);
        piece.resize(bytes.min(COPY_BYTES), 0);
        read_exact_at(file, &mut piece, at).map_err(Error::io("reading", path))?;
        each(&piece)?;
        at += piece.len() as u64;
    }
    Ok(())
}

/// Copies the first `len` bytes of a file within one disk.
pub(super) fn copy(vfs: &dyn Vfs, from: &Path, to: &Path, len: u64) -> Result<(), Error> {
    copy_between((vfs, from), (vfs, to), len)
}

/// Length of a file.
pub(super) fn file_len(vfs: &dyn Vfs, path: &Path) -> Result<u64, Error> {
    let file = vfs.open(path, OpenMode::Read);
    let len = file.and_then(|file| file.len());
    len.map_err(Error::io("reading the length", path))
}

/// Gives a file that never changes a second name, or copies it where that cannot be; whether it is
/// shared.
pub(super) fn link_or_copy(
    vfs: &dyn Vfs,
    from: &Path,
    to: &Path,
    bytes: u64,
) -> Result<bool, Error> {
    match vfs.link(from, to) {
        Ok(()) => Ok(true),
        Err(error) if cannot_link(&error) => copy(vfs, from, to, bytes).map(|()| false),
        Err(error) => Err(Error::io("linking", from)(error)),
    }
}

/// Whether the file system has no hard links, none to another disk, or no more of this file.
fn cannot_link(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, PermissionDenied, TooManyLinks, Unsupported};
    matches!(
        error.kind(),
        CrossesDevices | PermissionDenied | TooManyLinks | Unsupported
    )
}

/// Removes a folder with all that is in it, if it is there.
pub(super) fn remove_folder(vfs: &dyn Vfs, folder: &Path) -> Result<(), Error> {
    if !remove_contents(vfs, folder)? {
        return Ok(());
    }
    vfs.remove_dir(folder)
        .map_err(Error::io("removing the folder", folder))
}

/// Removes all that is in a folder; whether it is there.
pub(super) fn remove_contents(vfs: &dyn Vfs, folder: &Path) -> Result<bool, Error> {
    let names = match vfs.list(folder) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(Error::io("listing", folder)(error)),
    };
    for name in names {
        let path = folder.join(name);
        if vfs.list(&path).is_ok() {
            remove_folder(vfs, &path)?;
        } else {
            vfs.remove(&path).map_err(Error::io("removing", &path))?;
        }
    }
    Ok(true)
}

pub(super) fn make_folder(vfs: &dyn Vfs, path: &Path) -> Result<(), Error> {
    vfs.create_dir(path)
        .map_err(Error::io("making the folder", path))
}

pub(super) fn list(vfs: &dyn Vfs, path: &Path) -> Result<Vec<String>, Error> {
    vfs.list(path).map_err(Error::io("listing", path))
}

pub(super) fn sync(vfs: &dyn Vfs, path: &Path) -> Result<(), Error> {
    vfs.sync_dir(path)
        .map_err(Error::io("syncing the folder", path))
}
