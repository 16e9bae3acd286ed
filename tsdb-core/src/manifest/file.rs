//! What the three files share: magic, version, body, checksum; read whole, replaced whole.

use std::path::Path;

use super::ManifestError;
use super::error::REPLACE;
use crate::bits::{ByteReader, DecodeError, crc32c, put_u32};
use crate::run::{publish, temporary_path};
use crate::vfs::{OpenMode, Vfs, create_anew, read_to_end, write_all_at};

/// The first version of the three formats. A file is written in the lowest version that can say
/// what it says, so that an older build reads it for as long as it can.
pub const FORMAT_VERSION: u32 = 1;

pub(super) const MAGIC_BYTES: usize = 8;
/// Magic and version.
pub(super) const HEAD_BYTES: usize = MAGIC_BYTES + 4;
const CRC_BYTES: usize = 4;

/// Puts `body` between magic and version before and the checksum of it all behind.
pub(super) fn seal(magic: &[u8; MAGIC_BYTES], version: u32, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD_BYTES + body.len() + CRC_BYTES);
    out.extend_from_slice(magic);
    put_u32(&mut out, version);
    out.extend_from_slice(body);
    let crc = crc32c(&out);
    put_u32(&mut out, crc);
    out
}

/// The version of a sealed file, at most `newest`, and a reader that stands at the body and ends
/// with it.
pub(super) fn unseal<'a>(
    path: &Path,
    magic: &[u8; MAGIC_BYTES],
    newest: u32,
    bytes: &'a [u8],
) -> Result<(u32, ByteReader<'a>), ManifestError> {
    let at = |error| ManifestError::corrupt(path, error);
    let body = bytes.len().saturating_sub(CRC_BYTES);
    let mut reader = ByteReader::new(bytes);
    if reader.array::<MAGIC_BYTES>().map_err(at)? != *magic {
        return Err(at(DecodeError {
            what: "wrong magic: not a file of this kind",
            offset: 0,
        }));
    }
    let version = reader.u32().map_err(at)?;
    let mut reader = ByteReader::new(bytes);
    let covered = reader.take(body).map_err(at)?;
    if reader.u32().map_err(at)? != crc32c(covered) {
        return Err(at(DecodeError {
            what: "wrong checksum",
            offset: body,
        }));
    }
    if !(FORMAT_VERSION..=newest).contains(&version) {
        return Err(ManifestError::Version {
            path: path.to_owned(),
            version,
            newest,
        });
    }
    let mut reader = ByteReader::new(covered);
    reader.take(HEAD_BYTES).map_err(at)?;
    Ok((version, reader))
}

/// The number of entries that come next, each of at least `entry_bytes`: never more than the
/// bytes left can hold.
pub(super) fn read_count(
    reader: &mut ByteReader<'_>,
    entry_bytes: usize,
) -> Result<usize, DecodeError> {
    let count = reader.u32()?;
    match usize::try_from(count) {
        Ok(count) if count <= reader.remaining() / entry_bytes => Ok(count),
        _ => Err(reader.error("more entries than the file has bytes for")),
    }
}

pub(super) fn expect_end(reader: &ByteReader<'_>) -> Result<(), DecodeError> {
    if reader.is_empty() {
        Ok(())
    } else {
        Err(reader.error("bytes behind the last field"))
    }
}

/// The whole content of a file.
pub(super) fn read_file(vfs: &dyn Vfs, path: &Path) -> Result<Vec<u8>, ManifestError> {
    let file = vfs
        .open(path, OpenMode::Read)
        .map_err(ManifestError::io(path, "open"))?;
    read_to_end(&*file).map_err(ManifestError::io(path, "read"))
}

/// Replaces a file, or makes it, so that a crash leaves the old content or the new, never a
/// mixture. After an error either may be there.
pub(super) fn replace_file(vfs: &dyn Vfs, path: &Path, bytes: &[u8]) -> Result<(), ManifestError> {
    let temporary = temporary_path(path);
    let file = create_anew(vfs, &temporary).map_err(ManifestError::io(&temporary, "create"))?;
    write_all_at(&*file, bytes, 0).map_err(ManifestError::io(&temporary, "write"))?;
    file.sync().map_err(ManifestError::io(&temporary, "sync"))?;
    publish(vfs, &temporary, path).map_err(ManifestError::io(path, REPLACE))
}
