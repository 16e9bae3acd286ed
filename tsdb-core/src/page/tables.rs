//! The Huffman tables that the pages of a file share.

use crate::bits::{ByteReader, DecodeError};

/// Most tables of a file: a page names its own in five bits.
pub(super) const TABLES_MAX: usize = 32;

/// The tables of a file.
#[derive(Debug, Default)]
pub struct TokenTables {
    _tables: Vec<()>,
}

impl TokenTables {
    /// No tables: for files whose pages are all packed or constant.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Appends the tables.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(0);
    }

    /// Reads tables, which take all of the bytes.
    ///
    /// # Errors
    /// When the bytes are no tables, or more.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = ByteReader::new(bytes);
        let tables = usize::from(reader.u8()?);
        if tables > TABLES_MAX || tables > 0 || !reader.is_empty() {
            return Err(reader.error("more token tables than a page can name"));
        }
        Ok(Self::none())
    }
}
