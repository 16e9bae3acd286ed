//! The file `tombstones`: what was deleted of a block and is still in its chunks.

use std::path::Path;

use tsdb_core::bits::{ByteReader, DecodeError, crc32c};
use tsdb_core::vfs::Vfs;

use super::error::BlockError;
use super::window::{CRC_BYTES, Source, big_u32};

/// First bytes of the file.
const MAGIC: u32 = 0x0130_BA30;
/// The only version.
const VERSION: u8 = 1;
/// Bytes of magic number and version.
const HEADER_BYTES: usize = 5;
/// Longest file in bytes.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Times of which nothing is left, by series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tombstones {
    /// Series, first and last time that is gone; sorted.
    gone: Vec<(u64, i64, i64)>,
}

impl Tombstones {
    /// Reads the file; one that is not there has none.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub fn open(vfs: &dyn Vfs, path: &Path) -> Result<Self, BlockError> {
        let source = match Source::open(vfs, path) {
            Err(error) if error.is_missing() => return Ok(Self::default()),
            source => source?,
        };
        if source.len > FILE_BYTES_MAX {
            let why = format!(
                "tombstones of {} bytes, more than the {FILE_BYTES_MAX} that are read: \
                 let Prometheus remove what was deleted, with clean_tombstones of its admin API",
                source.len
            );
            return Err(source.damaged(0, why));
        }
        let mut bytes = vec![0; usize::try_from(source.len).unwrap_or(0)];
        source.read(&mut bytes, 0)?;
        let whole = bytes.split_last_chunk::<CRC_BYTES>();
        let Some((content, kept)) = whole.filter(|(content, _)| content.len() >= HEADER_BYTES)
        else {
            return Err(source.damaged(0, "it is too short for tombstones"));
        };
        let magic = content.first_chunk().copied().unwrap_or_default();
        if big_u32(magic) != MAGIC {
            return Err(source.damaged(0, "it does not begin as tombstones of Prometheus do"));
        }
        let version = content.get(HEADER_BYTES - 1).copied().unwrap_or(0);
        if version != VERSION {
            let why = format!("version {version} of tombstones: this version reads {VERSION}");
            return Err(source.damaged(HEADER_BYTES as u64 - 1, why));
        }
        // The version is not under the checksum.
        let stones = content.get(HEADER_BYTES..).unwrap_or_default();
        let (found, kept) = (crc32c(stones), big_u32(*kept));
        if found != kept {
            let at = content.len() as u64;
            return Err(BlockError::checksum(
                &source.path,
                at,
                "the tombstones",
                found,
                kept,
            ));
        }
        Self::decode(stones).map_err(|error| {
            BlockError::decoding(&source.path, HEADER_BYTES as u64, "a tombstone", &error)
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = ByteReader::new(bytes);
        let mut gone = Vec::new();
        while !reader.is_empty() {
            gone.push((reader.uvarint()?, reader.ivarint()?, reader.ivarint()?));
        }
        gone.sort_unstable();
        Ok(Self { gone })
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.gone.len()
    }

    /// Whether nothing was deleted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.gone.is_empty()
    }

    /// First and last times that are gone of a series.
    pub(super) fn of(&self, series: u64) -> &[(u64, i64, i64)] {
        let start = self.gone.partition_point(|stone| stone.0 < series);
        let rest = self.gone.get(start..).unwrap_or_default();
        let len = rest.partition_point(|stone| stone.0 == series);
        rest.get(..len).unwrap_or_default()
    }
}
