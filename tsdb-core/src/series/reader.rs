//! Reads a series file back, up to its end or its first bad record.

use std::path::{Path, PathBuf};

use super::file::{KIND_DEFINITIONS, KIND_METADATA, RECORD_HEAD_BYTES};
use super::{
    CoveredFile, SERIES_HEADER_BYTES, SERIES_MAGIC, SERIES_VERSION, SeriesError, SeriesHeader,
    series_path,
};
use crate::bits::{ByteReader, DecodeError, crc32c, crc32c_append, put_uvarint};
use crate::model::{Labels, MetricKind, MetricMetadata, NamespaceId, SeriesId, ShardId};
use crate::vfs::{OpenMode, Vfs, read_to_end};

/// The canonical labels of one series are never longer.
pub const LABELS_BYTES_MAX: usize = 16 << 20;

/// What a series file says, in the order in which it was said.
#[derive(Debug)]
pub enum SeriesRecord {
    /// A series and its id.
    Series(SeriesId, ShardId, Labels),
    /// What a metric is.
    Metadata(MetricMetadata),
}

/// Where a series file ends.
#[derive(Debug)]
pub struct SeriesEnd {
    /// The header.
    pub header: SeriesHeader,
    /// Behind the last good record.
    pub end: u64,
    /// Bytes behind `end` that are no good record.
    pub torn_bytes: u64,
    /// Texts of the file's symbols, in the order of their numbers; empty ones that are not known.
    pub symbols: Vec<Box<str>>,
}

/// The bytes of a series file, whose header is right.
#[derive(Debug)]
pub struct SeriesImage {
    pub(super) path: PathBuf,
    pub(super) header: SeriesHeader,
    pub(super) bytes: Vec<u8>,
}

impl SeriesImage {
    /// Reads the file of this number.
    ///
    /// # Errors
    /// When it cannot be read, or its header is not what it should be.
    pub fn open(
        vfs: &dyn Vfs,
        namespace: (&Path, NamespaceId),
        number: u64,
    ) -> Result<Self, SeriesError> {
        let path = series_path(namespace.0, number);
        let io = |operation| {
            let path = path.clone();
            move |source| SeriesError::io(operation, path, source)
        };
        let file = vfs.open(&path, OpenMode::Read).map_err(io("opening"))?;
        let bytes = read_to_end(&*file).map_err(io("reading"))?;
        let header =
            decode_header(&bytes).map_err(|error| corrupt(&path, error.offset, error.what))?;
        if header.namespace != namespace.1 || header.number != number {
            let what = "header names another namespace or file number";
            return Err(corrupt(&path, 12, what));
        }
        Ok(Self {
            path,
            header,
            bytes,
        })
    }

    /// The file's number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.header.number
    }

    /// Whether a snapshot was made of the first bytes of this very file.
    #[must_use]
    pub fn begins_as(&self, covered: &CoveredFile) -> bool {
        let len = usize::try_from(covered.bytes).unwrap_or(usize::MAX);
        let first = self.bytes.get(..len);
        // Each symbol takes a byte.
        covered.number == self.header.number
            && covered.bytes >= SERIES_HEADER_BYTES as u64
            && u64::from(covered.symbols) <= covered.bytes
            && first.is_some_and(|first| crc32c(first) == covered.crc)
    }

    /// Passes all good records to `visit`, those that a snapshot covers left out; a bad one ends
    /// the file.
    ///
    /// # Errors
    /// When a record whose checksum is right makes no sense.
    pub fn read(
        &self,
        covered: Option<&CoveredFile>,
        visit: &mut dyn FnMut(SeriesRecord) -> Result<(), &'static str>,
    ) -> Result<SeriesEnd, SeriesError> {
        let mut symbols = Vec::new();
        let mut at = SERIES_HEADER_BYTES;
        if let Some(covered) = covered {
            at = usize::try_from(covered.bytes).unwrap_or(usize::MAX);
            // Nothing behind it names their symbols: who goes on from a snapshot does not know
            // them, and writes what it needs once more.
            symbols.resize(covered.symbols as usize, Box::from(""));
        }
        while let Some(payload) = record_at(self.bytes.get(at..).unwrap_or_default()) {
            read_record(payload, &mut symbols, visit).map_err(|error| {
                corrupt(
                    &self.path,
                    at + RECORD_HEAD_BYTES + error.offset,
                    error.what,
                )
            })?;
            at += RECORD_HEAD_BYTES + payload.len();
        }
        Ok(SeriesEnd {
            header: self.header,
            end: at as u64,
            torn_bytes: self.bytes.len().saturating_sub(at) as u64,
            symbols,
        })
    }
}

pub(super) fn corrupt(path: &Path, offset: usize, what: &str) -> SeriesError {
    SeriesError::Corrupt {
        path: path.to_owned(),
        offset: offset as u64,
        what: what.to_owned(),
    }
}

/// Reads a whole series file. All good records are passed to `visit`; a bad one ends the file.
///
/// # Errors
/// When it cannot be read, its header is not what it should be, or a record whose checksum is
/// right makes no sense.
pub fn read_series_file(
    vfs: &dyn Vfs,
    namespace: (&Path, NamespaceId),
    number: u64,
    visit: &mut dyn FnMut(SeriesRecord) -> Result<(), &'static str>,
) -> Result<SeriesEnd, SeriesError> {
    SeriesImage::open(vfs, namespace, number)?.read(None, visit)
}

/// Decodes the header of a series file.
///
/// # Errors
/// When it is none, or its checksum does not match.
pub fn decode_header(bytes: &[u8]) -> Result<SeriesHeader, DecodeError> {
    let error = |offset, what| DecodeError { offset, what };
    let head = bytes
        .get(..SERIES_HEADER_BYTES)
        .ok_or(error(0, "shorter than its header"))?;
    let mut reader = ByteReader::new(head);
    if reader.array::<8>()? != SERIES_MAGIC {
        return Err(error(0, "not a series file: wrong magic"));
    }
    let version = reader.u32()?;
    let namespace = NamespaceId(reader.u32()?);
    let number = reader.u64()?;
    let next_id = SeriesId(reader.u64()?);
    if reader.u32()? != crc32c(head.get(..SERIES_HEADER_BYTES - 4).unwrap_or_default()) {
        return Err(error(8, "checksum of the header does not match"));
    }
    if version != SERIES_VERSION {
        return Err(error(
            8,
            "a version of the series file format that this build cannot read",
        ));
    }
    Ok(SeriesHeader {
        namespace,
        number,
        next_id,
    })
}

/// The payload of the record at the front of `bytes`, if it is whole and its checksum right.
#[must_use]
pub fn record_at(bytes: &[u8]) -> Option<&[u8]> {
    let mut reader = ByteReader::new(bytes);
    let len = reader.u32().ok()?;
    let crc = reader.u32().ok()?;
    let payload = reader.take(usize::try_from(len).ok()?).ok()?;
    let right = crc32c_append(crc32c(&len.to_le_bytes()), payload) == crc && !payload.is_empty();
    right.then_some(payload)
}

/// Decodes the payload of one record. Total, whatever the bytes.
///
/// # Errors
/// When it makes no sense, or `visit` says so.
pub fn read_record(
    payload: &[u8],
    symbols: &mut Vec<Box<str>>,
    visit: &mut dyn FnMut(SeriesRecord) -> Result<(), &'static str>,
) -> Result<(), DecodeError> {
    let mut reader = ByteReader::new(payload);
    match reader.u8()? {
        KIND_DEFINITIONS => read_definitions(&mut reader, symbols, visit)?,
        KIND_METADATA => read_metadata(&mut reader, &mut |one| visit(SeriesRecord::Metadata(one)))?,
        _ => return Err(reader.error("unknown kind of record")),
    }
    if reader.is_empty() {
        Ok(())
    } else {
        Err(reader.error("bytes left behind the record"))
    }
}

/// Reads how many metrics there are, and what each is.
pub(super) fn read_metadata(
    reader: &mut ByteReader<'_>,
    visit: &mut dyn FnMut(MetricMetadata) -> Result<(), &'static str>,
) -> Result<(), DecodeError> {
    for _ in 0..reader.uvarint()? {
        let metric = text(reader)?.to_owned();
        let kind = MetricKind::from_number(u64::from(reader.u8()?))
            .ok_or_else(|| reader.error("unknown kind of metric"))?;
        let (help, unit) = (text(reader)?.to_owned(), text(reader)?.to_owned());
        let metadata = MetricMetadata {
            metric,
            kind,
            help,
            unit,
        };
        visit(metadata).map_err(|what| reader.error(what))?;
    }
    Ok(())
}

fn read_definitions(
    reader: &mut ByteReader<'_>,
    symbols: &mut Vec<Box<str>>,
    visit: &mut dyn FnMut(SeriesRecord) -> Result<(), &'static str>,
) -> Result<(), DecodeError> {
    read_symbols(reader, &mut |symbol| symbols.push(Box::from(symbol)))?;
    read_series(reader, symbols, &mut |id, shard, labels| {
        visit(SeriesRecord::Series(id, shard, labels))
    })
}

/// Reads the symbols that a record defines.
pub(super) fn read_symbols<'a>(
    reader: &mut ByteReader<'a>,
    each: &mut dyn FnMut(&'a str),
) -> Result<(), DecodeError> {
    for _ in 0..reader.uvarint()? {
        each(text(reader)?);
    }
    Ok(())
}

/// Reads the series that a record defines, all symbols up to its own being known.
pub(super) fn read_series(
    reader: &mut ByteReader<'_>,
    symbols: &[impl AsRef<str>],
    visit: &mut dyn FnMut(SeriesId, ShardId, Labels) -> Result<(), &'static str>,
) -> Result<(), DecodeError> {
    let mut id = SeriesId(0);
    let mut canonical = Vec::new();
    for _ in 0..reader.uvarint()? {
        let shard = read_id(reader, &mut id)?;
        canonical.clear();
        let mut last_name = "";
        for _ in 0..reader.uvarint()? {
            let name = read_symbol(reader, symbols)?;
            let value = read_symbol(reader, symbols)?;
            // A name sorts after the last, so it is neither empty nor a second one.
            if name <= last_name || value.is_empty() {
                return Err(reader.error("labels that are not sorted, or empty"));
            }
            last_name = name;
            for symbol in [name, value] {
                put_uvarint(&mut canonical, symbol.len() as u64);
                canonical.extend_from_slice(symbol.as_bytes());
            }
            // One long symbol, named often, would be far larger than the file.
            if canonical.len() > LABELS_BYTES_MAX {
                return Err(reader.error("labels longer than any series may have"));
            }
        }
        let labels = Labels::from_canonical(&canonical);
        visit(id, shard, labels).map_err(|what| reader.error(what))?;
    }
    Ok(())
}

/// Reads the id of a series, stored as a step from the last one's, and its placement shard.
#[inline]
pub(super) fn read_id(
    reader: &mut ByteReader<'_>,
    id: &mut SeriesId,
) -> Result<ShardId, DecodeError> {
    let next = id.0.checked_add(reader.uvarint()?);
    *id = SeriesId(next.ok_or_else(|| reader.error("series id overflows"))?);
    let shard = u32::try_from(reader.uvarint()?).map_err(|_| reader.error("shard"))?;
    Ok(ShardId(shard))
}

#[inline]
fn read_symbol<'s>(
    reader: &mut ByteReader<'_>,
    symbols: &'s [impl AsRef<str>],
) -> Result<&'s str, DecodeError> {
    let symbol = usize::try_from(reader.uvarint()?).ok();
    let symbol = symbol.and_then(|at| symbols.get(at)).map(AsRef::as_ref);
    symbol.ok_or_else(|| reader.error("a symbol that is not defined"))
}

fn text<'a>(reader: &mut ByteReader<'a>) -> Result<&'a str, DecodeError> {
    let len = usize::try_from(reader.uvarint()?).map_err(|_| reader.error("text length"))?;
    let bytes = reader.take(len)?;
    std::str::from_utf8(bytes).map_err(|_| reader.error("text that is not UTF-8"))
}
