//! CRC-32C (Castagnoli), the checksum of every file.

use super::{ByteReader, DecodeError};

/// The CRC-32C of `bytes`.
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
}

/// Continues a CRC-32C over more bytes.
#[must_use]
pub fn crc32c_append(crc: u32, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc, bytes)
}

/// Compares the checksum that comes next in `reader` with that of all of its `bytes` before it.
///
/// # Errors
/// When they differ, with `what` and where the checksum stands; or when there is none.
pub fn check_crc(
    reader: &mut ByteReader<'_>,
    bytes: &[u8],
    what: &'static str,
) -> Result<(), DecodeError> {
    let covered = reader.position();
    let expected = reader.u32()?;
    if crc32c(bytes.get(..covered).unwrap_or_default()) != expected {
        return Err(DecodeError {
            what,
            offset: covered,
        });
    }
    Ok(())
}
