//! Rank 0: bytes, variable-length integers, checksums and a hash; work shared out to threads. Knows no disk and no metrics.

mod bit_reader;
mod bit_writer;
mod bytes;
mod checksum;
mod error;
mod growth;
mod murmur;
mod prefetch;
#[cfg(test)]
mod tests;
mod threads;
mod varint;

pub use bit_reader::BitReader;
pub use bit_writer::{BitWriter, WordSink, put_pending};
pub use bytes::{ByteReader, put_i64, put_u16, put_u32, put_u64};
pub use checksum::{check_crc, crc32c, crc32c_append};
pub use error::DecodeError;
pub use growth::{growth_bytes, push_slowly, reserve_slowly};
pub use murmur::Murmur3;
pub use prefetch::prefetch;
pub use threads::{default_threads, share_out};
pub use varint::{put_ivarint, put_uvarint, uvarint_len};
