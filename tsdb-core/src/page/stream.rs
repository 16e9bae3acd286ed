//! Streams of tokens: written by one page at a time, read from one or from several at once.

use super::PAGE_SAMPLES_MAX;
use super::tables::{ENTRIES, Entry, TokenTable};
use super::tokens::for_each_token;
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
    bytes: Box<[u8; STREAM_BYTES_MAX + 8]>,
    bytes_len: usize,
    /// Bits read.
    bit: usize,
    /// The residuals, at the places of the integers that they stand for.
    pub(super) column: Box<[u64; PAGE_SAMPLES_MAX]>,
    /// Where the next residual goes.
    next: usize,
    /// How many places there are.
    count: usize,
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            bytes: Box::new([0; STREAM_BYTES_MAX + 8]),
            bytes_len: 0,
            bit: 0,
            column: Box::new([0; PAGE_SAMPLES_MAX]),
            next: 0,
            count: 0,
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
        self.bit = 0;
        self.next = skipped;
        self.count = count;
        Ok(())
    }

    /// Whether no two residuals are left: what stands behind the last one is no token.
    #[inline(always)]
    pub(super) fn is_nearly_done(&self) -> bool {
        self.next + 1 >= self.count
    }

    /// Reads to the end of the stream.
    ///
    /// # Errors
    /// When it does not end with its last residual, in its last byte, with zeros behind.
    pub(super) fn finish(&mut self, table: &TokenTable) -> Result<(), DecodeError> {
        let entries = table.entries();
        while !self.is_nearly_done() {
            self.step(entries);
        }
        if self.next + 1 == self.count {
            self.last_step(table);
        }
        let last = self
            .bytes_len
            .checked_sub(1)
            .and_then(|at| self.bytes.get(at));
        let spare = last.map_or(0, |last| match self.bit % 8 {
            0 => 0,
            used => last >> used,
        });
        if self.next == self.count && self.bit.div_ceil(8) == self.bytes_len && spare == 0 {
            Ok(())
        } else {
            Err(DecodeError {
                what: "stream of tokens does not end with its page",
                offset: self.bytes_len,
            })
        }
    }

    /// Reads one residual, and nothing that may seem to follow it.
    fn last_step(&mut self, table: &TokenTable) {
        let word = self.load(self.bit) >> (self.bit % 8);
        let entry = table.entries().get(word as usize % ENTRIES);
        match entry {
            Some(entry) if entry.literals() > 0 => {
                let literal = entry.literal();
                if let Some(slot) = self.column.get_mut(self.next) {
                    *slot = literal;
                }
                self.next += 1;
                self.bit += table.code(literal as u8).1 as usize;
            }
            _ => self.step(table.entries()),
        }
    }

    /// Reads the literal and the token, or the token alone, that come next.
    #[inline(always)]
    #[expect(
        clippy::indexing_slicing,
        reason = "indices are masked to the length of their arrays"
    )]
    fn step(&mut self, entries: &[Entry; ENTRIES]) {
        let word = self.load(self.bit) >> (self.bit % 8);
        let entry = entries[word as usize % ENTRIES];
        let extra_len = entry.extra_len();
        self.bit += entry.code_len() as usize;
        // A load holds 57 bits at least, 46 behind the longest code.
        let extra = if extra_len <= 46 {
            (word >> entry.code_len()) & ((1 << extra_len) - 1)
        } else {
            self.wide_extra(extra_len)
        };
        self.bit += extra_len as usize;
        self.column[self.next % PAGE_SAMPLES_MAX] = entry.literal();
        self.next += entry.literals();
        let number = entry.lead() << extra_len | extra;
        let run = entry.run_mask();
        self.column[self.next % PAGE_SAMPLES_MAX] = number & !run;
        self.next += 1 + (number.wrapping_sub(1) & run) as usize;
    }

    #[cold]
    fn wide_extra(&self, extra_len: u32) -> u64 {
        let low = u128::from(self.load(self.bit));
        let word = low | u128::from(self.load(self.bit + 64)) << 64;
        (word >> (self.bit % 8)) as u64 & ((1 << extra_len) - 1)
    }

    /// Eight bytes from the byte of a bit; a stream that is too long wraps, and is refused at its end.
    #[inline(always)]
    fn load(&self, bit: usize) -> u64 {
        #[expect(clippy::indexing_slicing, reason = "masked to stay in the buffer")]
        let bytes = &self.bytes[bit / 8 % STREAM_BYTES_MAX..][..8];
        bytes
            .first_chunk()
            .map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }
}

/// Reads all lanes together until one of them is nearly done; [`Lane::finish`] reads the rest of each.
pub(super) fn run_together(lanes: [&mut Lane; LANES], tables: [&TokenTable; LANES]) {
    let [a, b, c, d] = lanes;
    let [of_a, of_b, of_c, of_d] = tables.map(TokenTable::entries);
    let is_nearly_done = |lane: &Lane| lane.is_nearly_done();
    while !(is_nearly_done(a) | is_nearly_done(b) | is_nearly_done(c) | is_nearly_done(d)) {
        a.step(of_a);
        b.step(of_b);
        c.step(of_c);
        d.step(of_d);
    }
}
