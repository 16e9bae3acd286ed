//! The labels of a row as numbers of terms, told by what changed since the row before.

use crate::bits::{ByteReader, DecodeError, put_ivarint, put_uvarint};

/// Labels whose changes fit the bits of a token; rows with more are written whole.
const MASK_LABELS: usize = 48;

/// Appends a row whose terms rise strictly, as changes of `before`.
pub(in crate::index) fn put_row(out: &mut Vec<u8>, before: &[u32], row: &[u32]) {
    let start = out.len();
    if before.len() == row.len() && row.len() <= MASK_LABELS && put_replaced(out, before, row) {
        return;
    }
    put_whole(out, row);
    if before.len() > MASK_LABELS || before.is_empty() {
        return;
    }
    let whole_end = out.len();
    put_edit(out, before, row);
    if out.len() - whole_end < whole_end - start {
        out.drain(start..whole_end);
    } else {
        out.truncate(whole_end);
    }
}

/// Same number of labels: `false`, and nothing written, when most differ.
fn put_replaced(out: &mut Vec<u8>, before: &[u32], row: &[u32]) -> bool {
    let changed = |(a, b): (&u32, &u32)| a != b;
    let mut mask = 0u64;
    for (bit, pair) in before.iter().zip(row).enumerate() {
        mask |= u64::from(changed(pair)) << bit;
    }
    if mask.count_ones() as usize * 2 > row.len() {
        return false;
    }
    put_uvarint(out, mask << 1 | 1);
    for (a, b) in before.iter().zip(row) {
        if a != b {
            put_ivarint(out, i64::from(*b) - i64::from(*a));
        }
    }
    true
}

fn put_whole(out: &mut Vec<u8>, row: &[u32]) {
    put_uvarint(out, (row.len() as u64) << 2);
    let mut next = 0;
    for &term in row {
        put_uvarint(out, u64::from(term) - next);
        next = u64::from(term) + 1;
    }
}

/// Terms that go, as bits, then those that come.
fn put_edit(out: &mut Vec<u8>, before: &[u32], row: &[u32]) {
    let mut gone = 0u64;
    let mut last_gone = 0;
    for (bit, term) in before.iter().enumerate() {
        if row.binary_search(term).is_err() {
            gone |= 1 << bit;
            last_gone = i64::from(*term);
        }
    }
    let added = || {
        row.iter()
            .filter(|term| before.binary_search(term).is_err())
    };
    put_uvarint(out, gone << 2 | 2);
    put_uvarint(out, added().count() as u64);
    let mut last = last_gone;
    for &term in added() {
        put_ivarint(out, i64::from(term) - last);
        last = i64::from(term);
    }
}

/// Reads a row over the one before it, in `row`; `scratch` is overwritten.
pub(in crate::index) fn take_row(
    reader: &mut ByteReader<'_>,
    row: &mut Vec<u32>,
    scratch: &mut Vec<u32>,
    terms: u32,
) -> Result<(), DecodeError> {
    let head = reader.uvarint()?;
    match head & 3 {
        1 | 3 => take_replaced(reader, row, head >> 1, terms)?,
        0 => take_whole(reader, row, head >> 2, terms)?,
        _ => take_edit(reader, (row, scratch), head >> 2, terms)?,
    }
    Ok(())
}

fn moved(reader: &mut ByteReader<'_>, from: u32, terms: u32) -> Result<u32, DecodeError> {
    let to = i64::from(from).checked_add(reader.ivarint()?);
    to.and_then(|to| u32::try_from(to).ok())
        .filter(|to| *to < terms)
        .ok_or_else(|| reader.error("a term that does not exist"))
}

fn check_rising(reader: &ByteReader<'_>, row: &[u32]) -> Result<(), DecodeError> {
    if row.is_sorted_by(|a, b| a < b) {
        Ok(())
    } else {
        Err(reader.error("terms of a row out of order"))
    }
}

fn take_replaced(
    reader: &mut ByteReader<'_>,
    row: &mut [u32],
    mut mask: u64,
    terms: u32,
) -> Result<(), DecodeError> {
    while mask != 0 {
        let bit = mask.trailing_zeros() as usize;
        mask &= mask - 1;
        let Some(term) = row.get_mut(bit) else {
            return Err(reader.error("a change of a label that is not there"));
        };
        *term = moved(reader, *term, terms)?;
    }
    check_rising(reader, row)
}

fn take_whole(
    reader: &mut ByteReader<'_>,
    row: &mut Vec<u32>,
    count: u64,
    terms: u32,
) -> Result<(), DecodeError> {
    row.clear();
    let mut next = 0u64;
    for _ in 0..count {
        let term = next.saturating_add(reader.uvarint()?);
        if term >= u64::from(terms) {
            return Err(reader.error("a term that does not exist"));
        }
        row.push(term as u32);
        next = term + 1;
    }
    Ok(())
}

fn take_edit(
    reader: &mut ByteReader<'_>,
    (row, scratch): (&mut Vec<u32>, &mut Vec<u32>),
    gone: u64,
    terms: u32,
) -> Result<(), DecodeError> {
    scratch.clear();
    let mut last = 0;
    for (bit, &term) in row.iter().enumerate() {
        if bit < u64::BITS as usize && gone >> bit & 1 == 1 {
            last = term;
        } else {
            scratch.push(term);
        }
    }
    if gone.checked_shr(row.len() as u32).unwrap_or_default() != 0 {
        return Err(reader.error("a label goes that is not there"));
    }
    for _ in 0..reader.uvarint()? {
        last = moved(reader, last, terms)?;
        scratch.push(last);
    }
    scratch.sort_unstable();
    check_rising(reader, scratch)?;
    std::mem::swap(row, scratch);
    Ok(())
}
