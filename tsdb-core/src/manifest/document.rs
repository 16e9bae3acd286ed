//! Documents: small named bytes that are kept with the catalog.

use std::fmt;
use std::sync::Arc;

use crate::bits::{ByteReader, DecodeError, put_u64, put_uvarint};

/// Longest name of a document, in bytes.
pub const DOCUMENT_NAME_BYTES_MAX: usize = 200;
/// Longest document, in bytes.
pub const DOCUMENT_BYTES_MAX: usize = 1 << 20;
/// What all documents may take together, in bytes, their names included.
pub const DOCUMENTS_BYTES_MAX: usize = 8 << 20;

/// Version, name of one byte, no content.
pub(super) const DOCUMENT_BYTES_MIN: usize = 8 + 1 + 1 + 1;

/// A small named text, or any bytes, kept with the catalog, with a version that grows with each
/// change.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    /// Its name; see [`check_document_name`].
    pub name: String,
    /// The sequence of the catalog that it came with. No two contents of one name ever have the
    /// same, also when it was removed in between.
    pub version: u64,
    /// What it says.
    pub bytes: Arc<[u8]>,
}

impl fmt::Debug for Document {
    /// Leaves the content out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("name", &self.name)
            .field("version", &self.version)
            .field("len", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// Whether a document may have this name: 1 to [`DOCUMENT_NAME_BYTES_MAX`] bytes, no control
/// character.
///
/// # Errors
/// The rule that it breaks.
pub fn check_document_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() || name.len() > DOCUMENT_NAME_BYTES_MAX {
        return Err("the name of a document must have 1 to 200 bytes");
    }
    if name.contains(char::is_control) {
        return Err("the name of a document must have no control character");
    }
    Ok(())
}

impl Document {
    /// Bytes that count against [`DOCUMENTS_BYTES_MAX`].
    #[must_use]
    pub fn size(&self) -> usize {
        self.name.len() + self.bytes.len()
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_u64(out, self.version);
        for bytes in [self.name.as_bytes(), &self.bytes] {
            put_uvarint(out, bytes.len() as u64);
            out.extend_from_slice(bytes);
        }
    }

    pub(super) fn read(reader: &mut ByteReader<'_>) -> Result<Self, DecodeError> {
        let version = reader.u64()?;
        let error = reader.error("name of a document that is not UTF-8");
        let name = std::str::from_utf8(read_bytes(reader)?).map_err(|_| error)?;
        Ok(Self {
            version,
            name: name.to_owned(),
            bytes: Arc::from(read_bytes(reader)?),
        })
    }
}

fn read_bytes<'a>(reader: &mut ByteReader<'a>) -> Result<&'a [u8], DecodeError> {
    let len = reader.uvarint()?;
    let len = usize::try_from(len).map_err(|_| reader.error("truncated"))?;
    reader.take(len)
}

/// Whether these may be the documents of the catalog of this sequence.
pub(super) fn check_documents(documents: &[Document], sequence: u64) -> Result<(), &'static str> {
    for document in documents {
        check_document_name(&document.name)?;
        if document.bytes.len() > DOCUMENT_BYTES_MAX {
            return Err("a document longer than 1 MiB");
        }
        if !(1..=sequence).contains(&document.version) {
            return Err("a document of a version that the catalog has not reached");
        }
    }
    if !documents.is_sorted_by(|a, b| a.name < b.name) {
        return Err("documents out of order or listed twice");
    }
    let sizes = documents.iter().map(Document::size);
    if sizes.sum::<usize>() > DOCUMENTS_BYTES_MAX {
        return Err("documents that are longer than 8 MiB together");
    }
    Ok(())
}
