//! Streams of tokens: written by one page at a time, read from one or from several at once.

use super::PAGE_SAMPLES_MAX;
use super::tables::{ENTRIES, Entry, TokenTable};
use super::tokens::{MEANINGS, for_each_token};
use crate::bits::{ByteReader, DecodeError};

/// Longest stream, in bytes; a page of more is packed instead.
pub(super) const STREAM_BYTES_MAX: usize = 4_096;
/// Streams read in one loop, so that each waits for memory while the others work.
pub(super) const LANES: usize = 4;

/// Appends the tokens of residuals, lowest bit first, up to a whole byte.
pub(super) fn put_tokens(residuals: &[u64], table: &TokenTable, out: &mut Vec<u8>) {
    let mut pending = 0u128;
    let mut bits = 0;
    for_each_token(residuals, |token| {
        let (code, code_len) = table.code(token.symbol);
        pending |= u128::from(code) << bits;
        bits += code_len;
        pending |= u128::from(token.extra) << bits;
        bits += token.extra_len;
        while bits >= 32 {
            out.extend_from_slice(&(pending as u32).to_le_bytes());
            pending >>= 32;
            bits -= 32;
        }
    });
    let bytes = pending.to_le_bytes();
    out.extend_from_slice(bytes.get(..bits.div_ceil(8) as usize).unwrap_or_default());
}

/// One stream on its way into a column of residuals.
#[derive(Debug)]
pub(super) struct Lane {
    /// The stream; behind it stands what earlier ones left, which is never part of a result.
    bytes: Box<Bytes>,
    bytes_len: usize,
    /// The residuals, at the places of the integers that they stand for.
    pub(super) column: Box<Column>,
    /// How many places there are.
    count: usize,
    cursor: Cursor,
}

type Bytes = [u8; STREAM_BYTES_MAX + 8];
type Column = [u64; PAGE_SAMPLES_MAX];
type Entries = [Entry; ENTRIES];

/// How far a stream was read.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    /// Bits read.
    bit: usize,
    /// Where the next residual goes.
    next: usize,
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            bytes: Box::new([0; STREAM_BYTES_MAX + 8]),
            bytes_len: 0,
            column: Box::new([0; PAGE_SAMPLES_MAX]),
            count: 0,
            cursor: Cursor::default(),
        }
    }
}

impl Lane {
    /// Takes the rest of a page as a stream of the residuals `skipped..count`.
    pub(super) fn start(
        &mut self,
        reader: &mut ByteReader<'_>,
        skipped: usize,
        count: usize,
    ) -> Result<(), DecodeError> {
        let bytes = reader.take(reader.remaining())?;
        match self.bytes.get_mut(..bytes.len()) {
            Some(start) if bytes.len() <= STREAM_BYTES_MAX => start.copy_from_slice(bytes),
            _ => return Err(reader.error("stream of tokens longer than any")),
        }
        match self.column.get_mut(..count) {
            Some(column) => column.fill(0),
            None => return Err(reader.error("stream of more tokens than fit a page")),
        }
        self.bytes_len = bytes.len();
        self.count = count;
        self.cursor = Cursor {
            bit: 0,
            next: skipped,
        };
        Ok(())
    }

    /// Whether no two residuals are left: what stands behind the last one is no token.
    pub(super) fn is_nearly_done(&self) -> bool {
        self.cursor.is_nearly_done(self.count)
    }

    /// Reads to the end of the stream.
    ///
    /// # Errors
    /// When it does not end with its last residual, in its last byte, with zeros behind.
    pub(super) fn finish(&mut self, table: &TokenTable) -> Result<(), DecodeError> {
        self.cursor = read_one(
            &self.bytes,
            table.entries(),
            &mut self.column,
            self.cursor,
            self.count,
        );
        if self.cursor.next + 1 == self.count {
            self.read_last(table);
        }
        let Cursor { bit, next } = self.cursor;
        let last = self
            .bytes_len
            .checked_sub(1)
            .and_then(|at| self.bytes.get(at));
        let spare = last.map_or(0, |last| match bit % 8 {
            0 => 0,
            used => last >> used,
        });
        if next == self.count && bit.div_ceil(8) == self.bytes_len && spare == 0 {
            Ok(())
        } else {
            Err(DecodeError {
                what: "stream of tokens does not end with its page",
                offset: self.bytes_len,
            })
        }
    }

    /// Reads one residual, and nothing that may seem to follow it.
    fn read_last(&mut self, table: &TokenTable) {
        let word = load(&self.bytes, self.cursor.bit) >> (self.cursor.bit % 8);
        let entry = table.entries().get(word as usize % ENTRIES);
        match entry.filter(|entry| entry.literals() > 0) {
            Some(entry) => {
                let literal = entry.literal();
                if let Some(slot) = self.column.get_mut(self.cursor.next) {
                    *slot = literal;
                }
                self.cursor.next += 1;
                self.cursor.bit += table.code(literal as u8).1 as usize;
            }
            None => self
                .cursor
                .step(&self.bytes, table.entries(), &mut self.column),
        }
    }
}

impl Cursor {
    #[inline(always)]
    fn is_nearly_done(self, count: usize) -> bool {
        self.next + 1 >= count
    }

    /// Reads the literal and the token, or the token alone, that come next.
    #[inline(always)]
    #[expect(
        clippy::indexing_slicing,
        reason = "indices are masked to the length of their arrays"
    )]
    fn step(&mut self, bytes: &Bytes, entries: &Entries, column: &mut Column) {
        let word = load(bytes, self.bit) >> (self.bit % 8);
        let entry = entries[word as usize % ENTRIES];
        let meaning = MEANINGS[usize::from(entry.symbol())];
        // A load holds 57 bits at least.
        let extra = if entry.total_len() <= 57 {
            word >> entry.code_len() & meaning.mask
        } else {
            wide_extra(bytes, self.bit + entry.code_len() as usize) & meaning.mask
        };
        self.bit += entry.total_len() as usize;
        column[self.next % PAGE_SAMPLES_MAX] = entry.literal();
        self.next += entry.literals();
        let number = meaning.base | extra;
        let (residual, places) = if entry.is_run() {
            (0, number)
        } else {
            (number, 1)
        };
        column[self.next % PAGE_SAMPLES_MAX] = residual;
        self.next += places as usize;
    }
}

/// The 64 bits that start at a bit.
#[cold]
fn wide_extra(bytes: &Bytes, bit: usize) -> u64 {
    let low = u128::from(load(bytes, bit));
    let word = low | u128::from(load(bytes, bit + 64)) << 64;
    (word >> (bit % 8)) as u64
}

/// Eight bytes from the byte of a bit; a stream that is too long wraps, and is refused at its end.
#[inline(always)]
fn load(bytes: &Bytes, bit: usize) -> u64 {
    #[expect(clippy::indexing_slicing, reason = "masked to stay in the buffer")]
    let bytes = &bytes[bit / 8 % STREAM_BYTES_MAX..][..8];
    bytes
        .first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Reads one stream until it is nearly done.
fn read_one(
    bytes: &Bytes,
    entries: &Entries,
    column: &mut Column,
    mut cursor: Cursor,
    count: usize,
) -> Cursor {
    while !cursor.is_nearly_done(count) {
        cursor.step(bytes, entries, column);
    }
    cursor
}

/// Reads all lanes together until one of them is nearly done; [`Lane::finish`] reads the rest of each.
pub(super) fn run_together(lanes: [&mut Lane; LANES], tables: [&TokenTable; LANES]) {
    let [a, b, c, d] = lanes;
    let streams = Streams {
        bytes: [&a.bytes, &b.bytes, &c.bytes, &d.bytes],
        entries: tables.map(TokenTable::entries),
        counts: [a.count, b.count, c.count, d.count],
    };
    let cursors = [a.cursor, b.cursor, c.cursor, d.cursor];
    let columns = (
        &mut *a.column,
        &mut *b.column,
        &mut *c.column,
        &mut *d.column,
    );
    let cursors = read_four(
        &streams, cursors, columns.0, columns.1, columns.2, columns.3,
    );
    [a.cursor, b.cursor, c.cursor, d.cursor] = cursors;
}

/// What is read from four streams.
#[derive(Debug)]
struct Streams<'s> {
    bytes: [&'s Bytes; LANES],
    entries: [&'s Entries; LANES],
    counts: [usize; LANES],
}

/// Reads four streams until one is nearly done. Columns come one by one, and cursors by value: so
/// the compiler knows that nothing overlaps.
#[inline(never)]
fn read_four(
    streams: &Streams<'_>,
    [mut a, mut b, mut c, mut d]: [Cursor; LANES],
    column_a: &mut Column,
    column_b: &mut Column,
    column_c: &mut Column,
    column_d: &mut Column,
) -> [Cursor; LANES] {
    let [bytes_a, bytes_b, bytes_c, bytes_d] = streams.bytes;
    let [entries_a, entries_b, entries_c, entries_d] = streams.entries;
    let [count_a, count_b, count_c, count_d] = streams.counts;
    while !(a.is_nearly_done(count_a)
        | b.is_nearly_done(count_b)
        | c.is_nearly_done(count_c)
        | d.is_nearly_done(count_d))
    {
        a.step(bytes_a, entries_a, column_a);
        b.step(bytes_b, entries_b, column_b);
        c.step(bytes_c, entries_c, column_c);
        d.step(bytes_d, entries_d, column_d);
    }
    [a, b, c, d]
}
