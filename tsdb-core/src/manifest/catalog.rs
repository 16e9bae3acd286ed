//! CATALOG: the namespaces of a data folder and their options, and documents.

use std::path::Path;

use super::document::{DOCUMENT_BYTES_MIN, check_documents};
use super::file::{
    FORMAT_VERSION, MAGIC_BYTES, expect_end, read_count, read_file, replace_file, seal, unseal,
};
use super::{Document, ManifestError};
use crate::bits::{ByteReader, DecodeError, put_u32, put_u64, put_uvarint};
use crate::model::{HashSet, NamespaceId};
use crate::vfs::Vfs;

const MAGIC: [u8; MAGIC_BYTES] = *b"tsdb-cat";
/// Id, name of one byte, flags, window, and nothing optional.
const NAMESPACE_BYTES_MIN: usize = 4 + 1 + 1 + 1 + 8;
const NAME_BYTES_MAX: usize = 200;

/// A catalog of this version may say that a namespace's bytes are limited.
const SIZES_VERSION: u32 = 2;
/// A catalog of this version may also say that its memory or its series are limited.
const LIMITS_VERSION: u32 = 3;
/// A catalog of this version has documents.
const DOCUMENTS_VERSION: u32 = 4;

const RETENTION_LIMITED: u8 = 1;
const SIZE_LIMITED: u8 = 1 << 7;
const MEMORY_LIMITED: u8 = 1 << 6;
const SERIES_LIMITED: u8 = 1 << 5;
const ACK_SHIFT: u32 = 1;
const ACK_ALWAYS: u8 = 0;
const ACK_INTERVAL: u8 = 1;
const ACK_OS: u8 = 2;

/// All namespaces of a data folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    /// Larger than that of the catalog it replaced.
    pub sequence: u64,
    /// Larger than every namespace id given so far.
    pub next_namespace: NamespaceId,
    /// The namespaces, by rising id.
    pub namespaces: Vec<NamespaceEntry>,
    /// The documents, in the order of their names.
    pub documents: Vec<Document>,
}

/// A namespace and its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceEntry {
    /// Its number, never used again.
    pub id: NamespaceId,
    /// Its name and that of its folder; see [`check_namespace_name`].
    pub name: String,
    /// How long samples are kept, in milliseconds, at least 1; all of them if none.
    pub retention_ms: Option<u64>,
    /// How many bytes of runs and blocks are kept, at least 1; any number if none.
    pub retention_bytes: Option<u64>,
    /// How many bytes of memory it may hold, at least 1; any number if none.
    pub memory_max: Option<u64>,
    /// How many series it may hold in memory, at least 1; any number if none.
    pub series_max: Option<u64>,
    /// Length of a window in milliseconds, at least 1.
    pub window_ms: u64,
    /// What a write waits for.
    pub ack: AckMode,
}

/// What a write waits for before it is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AckMode {
    /// Until it is on the disk.
    #[default]
    Always,
    /// For nothing; the log is synced after this many milliseconds at the latest.
    Interval(u64),
    /// For nothing; the system writes when it likes.
    Os,
}

/// Whether a namespace may have this name, which is also that of its folder: 1 to 200 bytes, no
/// slash, backslash or control character, no dot in front, not the name of a file of ours.
///
/// # Errors
/// The rule that it breaks.
pub fn check_namespace_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("namespace without a name");
    }
    if name.len() > NAME_BYTES_MAX {
        return Err("namespace name longer than 200 bytes");
    }
    if name.starts_with('.') || name.contains(['/', '\\']) || name.contains(char::is_control) {
        return Err("namespace name with a dot in front, a slash or a control character");
    }
    let reserved = [
        "lock",
        "format",
        "catalog",
        "catalog.tmp",
        "format.tmp",
        "wal",
    ];
    if reserved
        .iter()
        .any(|reserved| name.eq_ignore_ascii_case(reserved))
    {
        return Err("namespace named like a file of the database");
    }
    Ok(())
}

impl Catalog {
    /// The bytes of the file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        put_u64(&mut body, self.sequence);
        put_u32(&mut body, self.next_namespace.0);
        put_u32(
            &mut body,
            u32::try_from(self.namespaces.len()).unwrap_or(u32::MAX),
        );
        for entry in &self.namespaces {
            entry.put(&mut body);
        }
        if !self.documents.is_empty() {
            let count = u32::try_from(self.documents.len()).unwrap_or(u32::MAX);
            put_u32(&mut body, count);
        }
        for document in &self.documents {
            document.put(&mut body);
        }
        seal(&MAGIC, self.version(), &body)
    }

    /// The first version that can say what it says.
    fn version(&self) -> u32 {
        if !self.documents.is_empty() {
            return DOCUMENTS_VERSION;
        }
        let versions = self.namespaces.iter().map(NamespaceEntry::version);
        versions.max().unwrap_or(FORMAT_VERSION)
    }

    /// Reads the bytes of a file; `path` is for errors only.
    ///
    /// # Errors
    /// When they are damaged, cut short, of another version or say what makes no sense.
    pub fn decode(path: &Path, bytes: &[u8]) -> Result<Self, ManifestError> {
        let (version, mut reader) = unseal(path, &MAGIC, DOCUMENTS_VERSION, bytes)?;
        Self::read_body(&mut reader, version).map_err(|error| ManifestError::corrupt(path, error))
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// When the disk fails, and as [`Catalog::decode`].
    pub fn read(vfs: &dyn Vfs, path: &Path) -> Result<Self, ManifestError> {
        Self::decode(path, &read_file(vfs, path)?)
    }

    /// Replaces the file at `path` atomically and durably.
    ///
    /// # Errors
    /// When what it says makes no sense, before anything is touched. When the disk fails; the old
    /// or the new catalog is then there.
    pub fn write(&self, vfs: &dyn Vfs, path: &Path) -> Result<(), ManifestError> {
        self.check().map_err(|what| ManifestError::Refused {
            path: path.to_owned(),
            what,
        })?;
        replace_file(vfs, path, &self.encode())
    }

    fn read_body(reader: &mut ByteReader<'_>, version: u32) -> Result<Self, DecodeError> {
        let mut catalog = Catalog {
            sequence: reader.u64()?,
            next_namespace: NamespaceId(reader.u32()?),
            namespaces: Vec::new(),
            documents: Vec::new(),
        };
        for _ in 0..read_count(reader, NAMESPACE_BYTES_MIN)? {
            catalog
                .namespaces
                .push(NamespaceEntry::read(reader, version)?);
        }
        if version >= DOCUMENTS_VERSION {
            for _ in 0..read_count(reader, DOCUMENT_BYTES_MIN)? {
                catalog.documents.push(Document::read(reader)?);
            }
        }
        expect_end(reader)?;
        if catalog.version() != version {
            return Err(reader.error("a version for limits or documents, and none of them"));
        }
        catalog.check().map_err(|what| reader.error(what))?;
        Ok(catalog)
    }

    fn check(&self) -> Result<(), &'static str> {
        let mut names: HashSet<String> = HashSet::new();
        for entry in &self.namespaces {
            check_namespace_name(&entry.name)?;
            if !names.insert(entry.name.to_ascii_lowercase()) {
                return Err("two namespaces of one name, upper and lower case being the same");
            }
            if entry.window_ms == 0 || entry.retention_ms == Some(0) {
                return Err("window or retention of no length");
            }
            if entry.retention_bytes == Some(0) {
                return Err("retention of no bytes");
            }
            if entry.memory_max == Some(0) || entry.series_max == Some(0) {
                return Err("a namespace that may hold nothing");
            }
            if entry.id >= self.next_namespace {
                return Err("a namespace numbered past the next one");
            }
        }
        if !self.namespaces.is_sorted_by(|a, b| a.id < b.id) {
            return Err("namespaces out of order or listed twice");
        }
        check_documents(&self.documents, self.sequence)
    }
}

impl NamespaceEntry {
    /// The first version that can say what it says.
    fn version(&self) -> u32 {
        if self.memory_max.is_some() || self.series_max.is_some() {
            LIMITS_VERSION
        } else if self.retention_bytes.is_some() {
            SIZES_VERSION
        } else {
            FORMAT_VERSION
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_u32(out, self.id.0);
        put_uvarint(out, self.name.len() as u64);
        out.extend_from_slice(self.name.as_bytes());
        let (ack, interval) = match self.ack {
            AckMode::Always => (ACK_ALWAYS, None),
            AckMode::Interval(interval) => (ACK_INTERVAL, Some(interval)),
            AckMode::Os => (ACK_OS, None),
        };
        let limits = [
            (self.retention_ms, RETENTION_LIMITED),
            (self.retention_bytes, SIZE_LIMITED),
            (self.memory_max, MEMORY_LIMITED),
            (self.series_max, SERIES_LIMITED),
        ];
        let set = limits.iter().filter(|(limit, _)| limit.is_some());
        let flags = set.fold(ack << ACK_SHIFT, |flags, (_, flag)| flags | flag);
        out.push(flags);
        put_u64(out, self.window_ms);
        let limits = limits.into_iter().map(|(limit, _)| limit);
        for optional in limits.chain([interval]).flatten() {
            put_u64(out, optional);
        }
    }

    fn read(reader: &mut ByteReader<'_>, version: u32) -> Result<Self, DecodeError> {
        let id = NamespaceId(reader.u32()?);
        let len = reader.uvarint()?;
        let len = usize::try_from(len).map_err(|_| reader.error("truncated"))?;
        let error = reader.error("namespace name that is not UTF-8");
        let name = std::str::from_utf8(reader.take(len)?).map_err(|_| error)?;
        let flags = reader.u8()?;
        let error = reader.error("unknown flags of a namespace");
        let window_ms = reader.u64()?;
        let mut left = flags & !RETENTION_LIMITED;
        let mut limit = |flag: u8, since: u32| {
            if flags & flag == 0 || version < since {
                return Ok(None);
            }
            left &= !flag;
            reader.u64().map(Some)
        };
        let retention_ms = limit(RETENTION_LIMITED, FORMAT_VERSION)?;
        let retention_bytes = limit(SIZE_LIMITED, SIZES_VERSION)?;
        let memory_max = limit(MEMORY_LIMITED, LIMITS_VERSION)?;
        let series_max = limit(SERIES_LIMITED, LIMITS_VERSION)?;
        let ack = match left >> ACK_SHIFT {
            ACK_ALWAYS => AckMode::Always,
            ACK_INTERVAL => AckMode::Interval(reader.u64()?),
            ACK_OS => AckMode::Os,
            _ => return Err(error),
        };
        Ok(Self {
            id,
            name: name.to_owned(),
            retention_ms,
            retention_bytes,
            memory_max,
            series_max,
            window_ms,
            ack,
        })
    }
}
