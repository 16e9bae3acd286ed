//! What is said of a label name, and how terms are ordered.

use super::list::{ListRef, skip_list, take_list};
use crate::bits::{ByteReader, DecodeError};

/// Bytes of the number of a name before each value in the tree of terms.
pub(super) const NAME_NUMBER_BYTES: usize = 4;

/// A label name of an index.
#[derive(Clone, Debug)]
pub(super) struct DiskName {
    /// Its place among the names.
    pub(super) number: u32,
    /// Number of its first term.
    pub(super) first_term: u32,
    /// How many values it has.
    pub(super) values: u32,
    /// The rows that have the label, whatever its value.
    pub(super) rows: ListRef,
}

/// Reads the payload of a name.
pub(super) fn take_name(
    reader: &mut ByteReader<'_>,
    number: u32,
    (terms, rows): (u32, u32),
) -> Result<DiskName, DecodeError> {
    let (first_term, values) = (reader.uvarint()?, reader.uvarint()?);
    if values == 0 || first_term.saturating_add(values) > u64::from(terms) {
        return Err(reader.error("a name with values that do not exist"));
    }
    Ok(DiskName {
        number,
        first_term: first_term as u32,
        values: values as u32,
        rows: take_list(reader, rows)?,
    })
}

/// Passes the payload of a name.
pub(super) fn skip_name(reader: &mut ByteReader<'_>) -> Result<(), DecodeError> {
    reader.uvarint()?;
    reader.uvarint()?;
    skip_list(reader)
}

/// The key of a term begins with the number of its name, highest byte first: so terms are in
/// order of names, then of values.
pub(super) fn put_term_key(key: &mut Vec<u8>, name: u32, value: &[u8]) {
    key.clear();
    for shift in [24, 16, 8, 0] {
        key.push((name >> shift) as u8);
    }
    key.extend_from_slice(value);
}

/// Name and value of a term's key.
pub(super) fn split_term_key(key: &[u8]) -> Option<(u32, &[u8])> {
    let (name, value) = key.split_first_chunk::<NAME_NUMBER_BYTES>()?;
    let name = name
        .iter()
        .fold(0, |name, byte| name << 8 | u32::from(*byte));
    Some((name, value))
}
