use std::io;
use std::path::Path;

use super::{File, OpenMode, Vfs};

/// Bytes asked for at once when a whole file is read: bounds what a lying length can cost.
const READ_STEP: usize = 1 << 20;

/// Fills `buf` from `offset`, however short the single reads are.
///
/// Fails with `UnexpectedEof` if the file ends before; `buf` then holds what there was.
pub fn read_exact_at(file: &dyn File, buf: &mut [u8], offset: u64) -> io::Result<()> {
    let wanted = buf.len();
    let done = read_full(file, buf, offset)?;
    if done < wanted {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("file ends {done} bytes into a read of {wanted} at offset {offset}"),
        ));
    }
    Ok(())
}

/// Writes all of `buf` at `offset`, however short the single writes are.
///
/// After an error any part of `buf` may have been written. A write that takes nothing fails with
/// `WriteZero`.
pub fn write_all_at(file: &dyn File, buf: &[u8], offset: u64) -> io::Result<()> {
    let mut rest = buf;
    let mut at = offset;
    while !rest.is_empty() {
        match file.write_at(rest, at) {
            Ok(0) => {
                return Err(io::Error::new(
                    io::ErrorKind::WriteZero,
                    format!("write of {} bytes at offset {at} took none", rest.len()),
                ));
            }
            Ok(written) => {
                rest = rest.get(written..).ok_or_else(overlong)?;
                at = advance(at, written)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads what stands between two offsets and writes the same bytes there once more, so that the
/// next sync really writes them: after a failed sync the system may hold for clean what never
/// reached the disk.
pub fn rewrite(file: &dyn File, from: u64, to: u64) -> io::Result<()> {
    let mut at = from;
    let mut buffer = Vec::new();
    while at < to {
        let step = usize::try_from(to - at).unwrap_or(READ_STEP).min(READ_STEP);
        buffer.resize(step, 0);
        read_exact_at(file, &mut buffer, at)?;
        write_all_at(file, &buffer, at)?;
        at = advance(at, step)?;
    }
    Ok(())
}

/// Removes a file that need not be there.
pub fn remove_if_there(vfs: &dyn Vfs, path: &Path) -> io::Result<()> {
    match vfs.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Opens a file that need not be there.
pub fn open_if_there(
    vfs: &dyn Vfs,
    path: &Path,
    mode: OpenMode,
) -> io::Result<Option<Box<dyn File>>> {
    match vfs.open(path, mode) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

/// Reserves disk space for the first `most` bytes, or for the first `least` where the disk has not so
/// much left; which of them it became.
///
/// # Errors
/// When the disk has not even space for `least`, or fails.
pub fn allocate_some(file: &dyn File, least: u64, most: u64) -> io::Result<u64> {
    match file.allocate(most) {
        Err(error) if error.kind() == io::ErrorKind::StorageFull && least < most => {
            file.allocate(least).map(|()| least)
        }
        allocated => allocated.map(|()| most),
    }
}

/// Makes a new file, in the place of one that an attempt that was cut short may have left.
pub fn create_anew(vfs: &dyn Vfs, path: &Path) -> io::Result<Box<dyn File>> {
    remove_if_there(vfs, path)?;
    vfs.create(path)
}

/// The whole content of a file, from its start to the end met while reading.
pub fn read_to_end(file: &dyn File) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let expected = usize::try_from(file.len()?).unwrap_or(usize::MAX);
    loop {
        let start = content.len();
        // One byte more than expected, so that the end is seen without growing once again.
        let step = expected
            .saturating_sub(start)
            .saturating_add(1)
            .min(READ_STEP);
        content.resize(start + step, 0);
        let part = content.get_mut(start..).unwrap_or_default();
        let done = read_full(file, part, start as u64)?;
        content.truncate(start + done);
        if done < step {
            return Ok(content);
        }
    }
}

/// Reads until `buf` is full or the file ends, and says how much that was.
fn read_full(file: &dyn File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    let mut at = offset;
    while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at) {
            Ok(0) => break,
            Ok(read) => {
                done += read;
                at = advance(at, read)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

fn advance(offset: u64, by: usize) -> io::Result<u64> {
    offset.checked_add(by as u64).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("offset {offset} plus {by} bytes is past 2^64"),
        )
    })
}

fn overlong() -> io::Error {
    io::Error::other("file claims to have written more than it was given")
}
