//! Rank 0: bytes, variable-length integers and checksums. Knows no disk and no metrics.

mod bit_reader;
mod bit_writer;
mod bytes;
mod checksum;
#[cfg(test)]
mod tests;
mod varint;

pub use bit_reader::BitReader;
pub use bit_writer::{BitWriter, put_pending};
pub use bytes::{ByteReader, put_i64, put_u16, put_u32, put_u64};
pub use checksum::{crc32c, crc32c_append};
pub use varint::{put_ivarint, put_uvarint, uvarint_len};

/// Why bytes could not be decoded: what was expected, and at which offset of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {offset}")]
pub struct DecodeError {
    /// What was wrong or missing.
    pub what: &'static str,
    /// Offset in the bytes that were being decoded.
    pub offset: usize,
}
