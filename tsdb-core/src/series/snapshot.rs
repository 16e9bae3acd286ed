//! The snapshot of a namespace's series: what a start would make of its series files, ready made.
//! Bytes: `docs/format/snapshot.md`.

use std::path::{Path, PathBuf};

use super::Registry;
use super::file::put_metadata;
use super::reader::read_metadata;
use crate::bits::{ByteReader, DecodeError, check_crc, crc32c, put_u32, put_u64, put_uvarint};
use crate::model::{FingerprintDomain, FingerprintKey, MetricMetadata, NamespaceId, SeriesId};

/// First bytes of a snapshot of series.
pub const SNAPSHOT_MAGIC: [u8; 8] = *b"TSDBSNP\n";
/// Version of its format.
pub const SNAPSHOT_VERSION: u32 = 1;
/// What a fingerprint is taken of, to see whether the key is the same.
const KEY_CHECK: &[u8] = b"snapshot of series";
/// Bytes of a series file in the list of them.
const FILE_BYTES: usize = 8 + 8 + 4 + 4;

/// Path of the snapshot of a namespace's series.
#[must_use]
pub fn snapshot_path(namespace: &Path) -> PathBuf {
    namespace.join("series/snapshot")
}

/// As much of a series file as a snapshot stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoveredFile {
    /// The file's number.
    pub number: u64,
    /// How many of its first bytes.
    pub bytes: u64,
    /// How many symbols they define.
    pub symbols: u32,
    /// Their CRC-32C.
    pub crc: u32,
}

/// What stands in front: what the snapshot was made of, and where its sections are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotHead {
    /// The namespace.
    pub namespace: NamespaceId,
    /// The id the next series gets.
    pub next_id: SeriesId,
    /// The series files, by rising number.
    pub files: Vec<CoveredFile>,
}

/// A snapshot over its bytes, all checksums right.
#[derive(Clone, Debug)]
pub struct SeriesSnapshot<'a> {
    /// What it was made of.
    pub head: SnapshotHead,
    /// What metrics are.
    pub metadata: Vec<MetricMetadata>,
    /// An index in memory, as [`crate::index::MemIndex::read_snapshot`] reads it.
    pub index: &'a [u8],
    registry: &'a [u8],
}

/// The bytes of a snapshot; `index` are those of the index.
#[must_use]
pub fn encode_snapshot<'m>(
    head: &SnapshotHead,
    key: &FingerprintKey,
    registry: &Registry,
    metadata: impl ExactSizeIterator<Item = &'m MetricMetadata>,
    index: &[u8],
) -> Vec<u8> {
    let mut metrics = Vec::new();
    put_metadata(&mut metrics, metadata);
    let mut series = Vec::new();
    put_registry(&mut series, registry);
    let mut out = SNAPSHOT_MAGIC.to_vec();
    put_u32(&mut out, SNAPSHOT_VERSION);
    put_u32(&mut out, head.namespace.0);
    put_u64(&mut out, head.next_id.0);
    let check = key.of(FingerprintDomain::Canonical, KEY_CHECK);
    put_u64(&mut out, check.lookup());
    put_u64(&mut out, check.verify());
    put_u32(
        &mut out,
        u32::try_from(head.files.len()).unwrap_or(u32::MAX),
    );
    for file in &head.files {
        put_u64(&mut out, file.number);
        put_u64(&mut out, file.bytes);
        put_u32(&mut out, file.symbols);
        put_u32(&mut out, file.crc);
    }
    let crc = crc32c(&out);
    put_u32(&mut out, crc);
    for section in [&*metrics, &series, index] {
        let start = out.len();
        put_u64(&mut out, section.len() as u64);
        out.extend_from_slice(section);
        let crc = crc32c(out.get(start..).unwrap_or_default());
        put_u32(&mut out, crc);
    }
    out
}

impl<'a> SeriesSnapshot<'a> {
    /// Reads the bytes of a snapshot that was made with this key. Total, whatever they are.
    ///
    /// # Errors
    /// When they are no whole snapshot of a version that this build reads, or of another key.
    pub fn decode(bytes: &'a [u8], key: &FingerprintKey) -> Result<Self, DecodeError> {
        let mut reader = ByteReader::new(bytes);
        if reader.array::<8>()? != SNAPSHOT_MAGIC {
            return Err(reader.error("wrong magic: no snapshot of series"));
        }
        if reader.u32()? != SNAPSHOT_VERSION {
            return Err(reader.error("a format version that this build does not read"));
        }
        let namespace = NamespaceId(reader.u32()?);
        let next_id = SeriesId(reader.u64()?);
        let check = key.of(FingerprintDomain::Canonical, KEY_CHECK);
        let same_key = (reader.u64()?, reader.u64()?) == (check.lookup(), check.verify());
        let count = reader.u32()? as usize;
        if count > reader.remaining() / FILE_BYTES {
            return Err(reader.error("more series files than there are bytes for"));
        }
        let mut files = Vec::with_capacity(count);
        for _ in 0..count {
            files.push(CoveredFile {
                number: reader.u64()?,
                bytes: reader.u64()?,
                symbols: reader.u32()?,
                crc: reader.u32()?,
            });
        }
        check_crc(&mut reader, bytes, "checksum of the head")?;
        if !same_key {
            return Err(reader.error("made with another key of fingerprints"));
        }
        let metadata = section(&mut reader, bytes)?;
        let registry = section(&mut reader, bytes)?;
        let index = section(&mut reader, bytes)?;
        if !reader.is_empty() {
            return Err(reader.error("bytes behind the last section"));
        }
        let mut metrics = Vec::new();
        let mut reader = ByteReader::new(metadata);
        read_metadata(&mut reader, &mut |one| {
            metrics.push(one);
            Ok(())
        })?;
        if !reader.is_empty() {
            return Err(reader.error("bytes behind the last metric"));
        }
        Ok(Self {
            head: SnapshotHead {
                namespace,
                next_id,
                files,
            },
            metadata: metrics,
            index,
            registry,
        })
    }

    /// The registry. That the hashes are those of the labels is taken on trust.
    ///
    /// # Errors
    /// When ids do not rise, or there is not a hash for each.
    pub fn registry(&self) -> Result<Registry, DecodeError> {
        let mut reader = ByteReader::new(self.registry);
        let series = reader.uvarint()?;
        // Each series has a hash behind the ids, so the count is earned.
        if series > reader.remaining() as u64 / 4 {
            return Err(reader.error("more series than there are bytes for"));
        }
        let count = u32::try_from(series).map_err(|_| reader.error("too many series"))? as usize;
        let mut ids = Vec::with_capacity(count);
        let mut last = 0u64;
        while ids.len() < count {
            let (step, repeats) = (reader.uvarint()?, reader.uvarint()?);
            if step == 0 || repeats == 0 || repeats > (count - ids.len()) as u64 {
                return Err(reader.error("ids that do not rise, or too many"));
            }
            for _ in 0..repeats {
                last = last
                    .checked_add(step)
                    .ok_or_else(|| reader.error("series id overflows"))?;
                ids.push(SeriesId(last));
            }
        }
        if last >= self.head.next_id.0 {
            return Err(reader.error("an id that was not given yet"));
        }
        let (hashes, rest) = reader.take(reader.remaining())?.as_chunks::<4>();
        if hashes.len() != count || !rest.is_empty() {
            return Err(reader.error("not a hash for each series"));
        }
        let hashes = hashes.iter().map(|hash| u32::from_le_bytes(*hash));
        let mut registry = Registry::of(ids, hashes);
        registry.skip_ids_below(self.head.next_id);
        Ok(registry)
    }
}

/// The body of the section that comes next in `reader`, which reads all of `bytes`.
fn section<'a>(reader: &mut ByteReader<'a>, bytes: &'a [u8]) -> Result<&'a [u8], DecodeError> {
    let start = reader.position();
    let len = reader.u64()?;
    let len = usize::try_from(len).map_err(|_| reader.error("length of a section"))?;
    let body = reader.take(len)?;
    let covered = bytes.get(start..reader.position()).unwrap_or_default();
    if reader.u32()? != crc32c(covered) {
        return Err(reader.error("checksum of a section"));
    }
    Ok(body)
}

/// Number of series, ids as runs of `(step, repeats)`, and a hash for each.
fn put_registry(out: &mut Vec<u8>, registry: &Registry) {
    let ids = registry.ids();
    put_uvarint(out, ids.len() as u64);
    let mut last = 0;
    let steps = ids
        .iter()
        .map(|id| id.0 - std::mem::replace(&mut last, id.0));
    let steps: Vec<u64> = steps.collect();
    for run in steps.chunk_by(|a, b| a == b) {
        put_uvarint(out, run.first().copied().unwrap_or_default());
        put_uvarint(out, run.len() as u64);
    }
    for hash in registry.hashes() {
        put_u32(out, hash);
    }
}
