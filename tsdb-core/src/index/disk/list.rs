//! Rows that carry a label, as bytes: steps, runs and progressions, or a bit for each row.

use super::IndexError;
use super::layout::INLINE_BYTES_MAX;
use super::part::{PartRef, put_part};
use crate::bits::{ByteReader, DecodeError, put_uvarint};
use crate::postings::Postings;

/// One row.
const SINGLE: u64 = 0;
/// Neighbours.
const RUN: u64 = 1;
/// Rows at equal distances.
const PROGRESSION: u64 = 2;
/// Fewer rows at equal distances are cheaper one by one.
const PROGRESSION_MIN: usize = 4;

/// The list stands beside its term.
const INLINE: u64 = 0;
/// The list is a part of steps.
const STEPS: u64 = 1;
/// The list is a part of bits.
const BITS: u64 = 2;
/// The list is one row, named in place of a length.
const ONE: u64 = 3;

/// A list that need not have been read yet.
#[derive(Clone, Debug)]
pub(super) enum ListRef {
    /// Neighbours, as most lists beside their terms are: first and last.
    Run(u32, u32),
    /// Encoded steps, checked.
    Inline { steps: Box<[u8]>, len: u32 },
    /// A part of its own.
    Part { part: PartRef, bits: bool, len: u32 },
}

impl ListRef {
    /// How many rows there are.
    pub(super) fn len(&self) -> u32 {
        match self {
            Self::Run(first, last) => last - first + 1,
            Self::Inline { len, .. } | Self::Part { len, .. } => *len,
        }
    }
}

/// Cuts rising rows into steps: a single row, a run, or a progression.
pub(super) fn put_steps(out: &mut Vec<u8>, rows: &[u32]) {
    let mut next = 0u32;
    let mut rest = rows;
    while let Some((&first, tail)) = rest.split_first() {
        let stride = tail.first().map_or(0, |second| second - first);
        let equal = rest.windows(2).take_while(|pair| match pair {
            [a, b] => b - a == stride,
            _ => false,
        });
        let len = equal.count() + 1;
        let gap = u64::from(first - next) << 2;
        let taken = if stride == 1 && len > 1 {
            put_uvarint(out, gap | RUN);
            put_uvarint(out, len as u64 - 2);
            len
        } else if len >= PROGRESSION_MIN {
            put_uvarint(out, gap | PROGRESSION);
            put_uvarint(out, u64::from(stride) - 2);
            put_uvarint(out, (len - PROGRESSION_MIN) as u64);
            len
        } else {
            put_uvarint(out, gap | SINGLE);
            1
        };
        let (done, left) = rest.split_at(taken);
        // The last row is below the number of rows, so this does not wrap.
        next = done.last().map_or(next, |last| last.wrapping_add(1));
        rest = left;
    }
}

/// A step of a list: rows from `first` to `last` at distances of `stride`.
#[derive(Clone, Copy, Debug)]
struct Step {
    first: u32,
    last: u32,
    stride: u32,
}

/// Reads one step; `next` is the lowest row it may begin with.
fn take_step(reader: &mut ByteReader<'_>, next: u64, rows: u32) -> Result<Step, DecodeError> {
    let head = reader.uvarint()?;
    let (stride, count) = match head & 3 {
        SINGLE => (1, 1),
        RUN => (1, reader.uvarint()?.saturating_add(2)),
        PROGRESSION => {
            let stride = reader.uvarint()?.saturating_add(2);
            (
                stride,
                reader.uvarint()?.saturating_add(PROGRESSION_MIN as u64),
            )
        }
        _ => return Err(reader.error("an unknown kind of step")),
    };
    let first = next.saturating_add(head >> 2);
    let last = first.saturating_add(stride.saturating_mul(count - 1));
    if last >= u64::from(rows) {
        return Err(reader.error("a row that does not exist"));
    }
    Ok(Step {
        first: first as u32,
        last: last as u32,
        stride: stride as u32,
    })
}

/// Calls `each` with the steps of a list, of which there is at least one.
fn for_each_step(
    reader: &mut ByteReader<'_>,
    rows: u32,
    mut each: impl FnMut(Step),
) -> Result<(), DecodeError> {
    let mut next = 0;
    loop {
        let step = take_step(reader, next, rows)?;
        next = u64::from(step.last) + 1;
        each(step);
        if reader.is_empty() {
            return Ok(());
        }
    }
}

/// Adds what steps say to rising rows and to runs.
fn collect_steps(steps: &[u8], rows: u32) -> Result<Postings, DecodeError> {
    let mut set = Postings::new();
    let mut sparse: Vec<u32> = Vec::new();
    for_each_step(&mut ByteReader::new(steps), rows, |step| {
        if step.stride == 1 && step.last - step.first > 16 {
            set.insert_range(step.first..=step.last);
        } else {
            sparse.extend((step.first..=step.last).step_by(step.stride as usize));
        }
    })?;
    if !sparse.is_empty() {
        set |= sparse.into_iter().collect::<Postings>();
    }
    Ok(set)
}

/// Appends where the list is, after writing it as a part of `parts` if it is long. `rows` rise
/// and are not empty; `scratch` is overwritten.
pub(super) fn put_list(
    out: &mut Vec<u8>,
    (parts, base): (&mut Vec<u8>, usize),
    rows: &[u32],
    scratch: &mut Vec<u8>,
) {
    if let [row] = rows {
        put_uvarint(out, u64::from(*row) << 2 | ONE);
        return;
    }
    scratch.clear();
    put_steps(scratch, rows);
    if scratch.len() <= INLINE_BYTES_MAX {
        put_uvarint(out, (scratch.len() as u64) << 2 | INLINE);
        out.extend_from_slice(scratch);
        return;
    }
    let (first, last) = (rows.first().copied(), rows.last().copied());
    let (first, last) = (first.unwrap_or_default() / 8, last.unwrap_or_default() / 8);
    let bit_bytes = (last - first) as usize + 1;
    let kind = if bit_bytes + 5 < scratch.len() {
        scratch.clear();
        put_uvarint(scratch, u64::from(first));
        let start = scratch.len();
        scratch.resize(start + bit_bytes, 0);
        for &row in rows {
            if let Some(byte) = scratch.get_mut(start + (row / 8 - first) as usize) {
                *byte |= 1 << (row % 8);
            }
        }
        BITS
    } else {
        STEPS
    };
    let part = put_part(parts, base, scratch);
    put_uvarint(out, u64::from(part.len) << 2 | kind);
    put_uvarint(out, part.offset);
    put_uvarint(out, rows.len() as u64);
}

/// Reads where a list is.
pub(super) fn take_list(reader: &mut ByteReader<'_>, rows: u32) -> Result<ListRef, DecodeError> {
    let head = reader.uvarint()?;
    let kind = head & 3;
    if kind == INLINE {
        let len = usize::try_from(head >> 2).unwrap_or(usize::MAX);
        let steps = reader.take(len)?;
        return inline_list(steps, rows).map_err(|error| reader.error(error.what));
    }
    if kind == ONE {
        let row = u32::try_from(head >> 2).ok().filter(|row| *row < rows);
        let row = row.ok_or_else(|| reader.error("a row that does not exist"))?;
        return Ok(ListRef::Run(row, row));
    }
    let len = u32::try_from(head >> 2).map_err(|_| reader.error("a list too long"))?;
    let offset = reader.uvarint()?;
    let count = u32::try_from(reader.uvarint()?).unwrap_or(u32::MAX);
    if count > rows || count == 0 {
        return Err(reader.error("a list that cannot be"));
    }
    Ok(ListRef::Part {
        part: PartRef { offset, len },
        bits: kind == BITS,
        len: count,
    })
}

/// Passes where a list is.
pub(super) fn skip_list(reader: &mut ByteReader<'_>) -> Result<(), DecodeError> {
    let head = reader.uvarint()?;
    match head & 3 {
        ONE => {}
        INLINE => {
            reader.take(usize::try_from(head >> 2).unwrap_or(usize::MAX))?;
        }
        _ => {
            reader.uvarint()?;
            reader.uvarint()?;
        }
    }
    Ok(())
}

fn inline_list(steps: &[u8], rows: u32) -> Result<ListRef, DecodeError> {
    let (mut len, mut only, mut count) = (0u32, None, 0);
    for_each_step(&mut ByteReader::new(steps), rows, |step| {
        len = len.saturating_add((step.last - step.first) / step.stride + 1);
        count += 1;
        only = Some(step);
    })?;
    Ok(match only {
        Some(step) if count == 1 && step.stride == 1 => ListRef::Run(step.first, step.last),
        _ => ListRef::Inline {
            steps: steps.into(),
            len,
        },
    })
}

/// The rows of a list beside its term.
pub(super) fn inline_postings(steps: &[u8], rows: u32) -> Result<Postings, DecodeError> {
    collect_steps(steps, rows)
}

/// The rows of a list that was a part of `len` rows.
pub(super) fn part_postings(
    (part, bits): (PartRef, bool),
    body: &[u8],
    (len, rows): (u32, u32),
) -> Result<Postings, IndexError> {
    let failed = |error| IndexError::decode(part.offset, error);
    let set = if bits {
        let mut reader = ByteReader::new(body);
        let first = reader.uvarint().map_err(failed)?;
        let bytes = reader.take(reader.remaining()).map_err(failed)?;
        let end = first.saturating_add(bytes.len() as u64);
        if end > u64::from(rows).div_ceil(8) {
            return Err(IndexError::corrupt(
                part.offset,
                "a row that does not exist",
            ));
        }
        Postings::from_lsb0_bytes((first * 8) as u32, bytes)
    } else {
        collect_steps(body, rows).map_err(failed)?
    };
    if set.max().is_some_and(|last| last >= rows) {
        return Err(IndexError::corrupt(
            part.offset,
            "a row that does not exist",
        ));
    }
    if set.len() != u64::from(len) {
        return Err(IndexError::corrupt(part.offset, "a list of another length"));
    }
    Ok(set)
}
