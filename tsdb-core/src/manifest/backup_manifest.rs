//! A backup's manifest: every file of a data folder at one moment, with length and checksum.

use std::path::Path;

use super::ManifestError;
use super::file::{FORMAT_VERSION, MAGIC_BYTES, expect_end, read_count, seal, unseal};
use crate::bits::{ByteReader, DecodeError, crc32c_append, put_i64, put_u32, put_u64, put_uvarint};

const MAGIC: [u8; MAGIC_BYTES] = *b"tsdb-bak";
/// A path of one byte, its length, then length, checksum and hash of the file.
const FILE_BYTES_MIN: usize = 1 + 1 + 8 + 4 + 8;
/// Where the hash of a file begins, and what it is multiplied by for each byte: FNV-1a.
const HASH_BEGIN: u64 = 0xcbf2_9ce4_8422_2325;
const HASH_PRIME: u64 = 0x0000_0100_0000_01b3;

/// What one backup holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupManifest {
    /// When it was begun, in milliseconds since the epoch.
    pub created_ms: i64,
    /// Its files, in the order of their paths.
    pub files: Vec<BackupFile>,
}

/// A file of a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackupFile {
    /// Its path in the data folder, parts separated by slashes.
    pub path: String,
    /// Its length in bytes.
    pub len: u64,
    /// The sums of all of it.
    pub sums: FileSums,
}

/// What tells a file from others. A CRC alone does not: files that end with their own CRC, as most
/// of ours do, all have the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileSums {
    /// The CRC-32C of its bytes.
    pub crc: u32,
    /// The FNV-1a hash of its bytes, of 64 bits.
    pub hash: u64,
}

impl Default for FileSums {
    /// The sums of an empty file.
    fn default() -> Self {
        Self {
            crc: 0,
            hash: HASH_BEGIN,
        }
    }
}

impl FileSums {
    /// Adds bytes behind those before.
    pub fn add(&mut self, bytes: &[u8]) {
        self.crc = crc32c_append(self.crc, bytes);
        self.hash = bytes.iter().fold(self.hash, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(HASH_PRIME)
        });
    }
}

impl std::fmt::Display for FileSums {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:08x}:{:016x}", self.crc, self.hash)
    }
}

impl BackupManifest {
    /// The bytes of the file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        put_i64(&mut body, self.created_ms);
        let count = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        put_u32(&mut body, count);
        for file in &self.files {
            put_uvarint(&mut body, file.path.len() as u64);
            body.extend_from_slice(file.path.as_bytes());
            put_u64(&mut body, file.len);
            put_u32(&mut body, file.sums.crc);
            put_u64(&mut body, file.sums.hash);
        }
        seal(&MAGIC, FORMAT_VERSION, &body)
    }

    /// Reads the bytes of a file; `path` is for errors only.
    ///
    /// # Errors
    /// When they are damaged, cut short, of another version or say what makes no sense.
    pub fn decode(path: &Path, bytes: &[u8]) -> Result<Self, ManifestError> {
        let (_, mut reader) = unseal(path, &MAGIC, FORMAT_VERSION, bytes)?;
        Self::read_body(&mut reader).map_err(|error| ManifestError::corrupt(path, error))
    }

    /// Bytes of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files
            .iter()
            .fold(0, |sum, file| sum.saturating_add(file.len))
    }

    fn read_body(reader: &mut ByteReader<'_>) -> Result<Self, DecodeError> {
        let mut manifest = Self {
            created_ms: reader.i64()?,
            files: Vec::new(),
        };
        for _ in 0..read_count(reader, FILE_BYTES_MIN)? {
            let len = usize::try_from(reader.uvarint()?).map_err(|_| reader.error("path"))?;
            let error = reader.error("a path that is not UTF-8");
            let path = std::str::from_utf8(reader.take(len)?).map_err(|_| error)?;
            if !is_plain(path) {
                return Err(reader.error("a path that leads out of a data folder"));
            }
            if manifest
                .files
                .last()
                .is_some_and(|last| last.path.as_str() >= path)
            {
                return Err(reader.error("files out of order or listed twice"));
            }
            manifest.files.push(BackupFile {
                path: path.to_owned(),
                len: reader.u64()?,
                sums: FileSums {
                    crc: reader.u32()?,
                    hash: reader.u64()?,
                },
            });
        }
        expect_end(reader)?;
        Ok(manifest)
    }
}

/// Whether a path names something in a folder, by plain names alone.
fn is_plain(path: &str) -> bool {
    let plain = |name: &str| !name.is_empty() && !matches!(name, "." | "..");
    path.split('/').all(plain) && !path.contains(['\\', '\0'])
}
