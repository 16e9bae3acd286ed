//! Reading a chunk back: sample by sample, or all of it into columns.

use super::appender::COUNT_BYTES;
use crate::bits::{BitReader, ByteReader, DecodeError};
use crate::model::Sample;

/// Width of the delta-of-delta behind one, two and three one bits.
const SMALL_WIDTHS: [u32; 4] = [0, 14, 17, 20];

/// How many samples a chunk says it holds.
///
/// # Errors
/// When the chunk is shorter than its count.
pub fn sample_count(chunk: &[u8]) -> Result<u16, DecodeError> {
    let count = chunk.first_chunk::<COUNT_BYTES>();
    let count = count.ok_or(DecodeError {
        what: "truncated sample count",
        offset: 0,
    })?;
    Ok(u16::from_le_bytes(*count).swap_bytes())
}

/// Samples of one complete chunk in order. Ends after the first error.
#[derive(Clone, Debug)]
pub struct ChunkIter<'a> {
    chunk: &'a [u8],
    pub(super) state: State<'a>,
    count: u16,
    read: u16,
}

/// What decoding the next sample needs to know of the ones before.
#[derive(Clone, Debug)]
pub(super) struct State<'a> {
    pub(super) reader: BitReader<'a>,
    pub(super) timestamp: i64,
    pub(super) delta: u64,
    pub(super) bits: u64,
    pub(super) leading: u32,
    pub(super) trailing: u32,
}

impl<'a> ChunkIter<'a> {
    /// Starts at the first sample.
    ///
    /// # Errors
    /// When the chunk is shorter than its count, or too short to hold so many samples.
    pub fn new(chunk: &'a [u8]) -> Result<Self, DecodeError> {
        let count = sample_count(chunk)?;
        // The first sample takes 9 bytes, the second a byte and a bit, each later one two bits.
        let least_bits = match usize::from(count) {
            0 => 0,
            1 => 72,
            more => 72 + 9 + 2 * (more - 2),
        };
        if (chunk.len() - COUNT_BYTES) * 8 < least_bits {
            return Err(DecodeError {
                what: "more samples than the chunk has bits for",
                offset: 0,
            });
        }
        let reader = BitReader::new(chunk, COUNT_BYTES);
        let state = State {
            reader,
            timestamp: 0,
            delta: 0,
            bits: 0,
            leading: 0,
            trailing: 0,
        };
        Ok(Self {
            chunk,
            state,
            count,
            read: 0,
        })
    }

    /// How many samples are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        usize::from(self.count - self.read)
    }

    #[inline]
    fn step(&mut self) -> Result<(), DecodeError> {
        match self.read {
            0 => self.state.read_first(self.chunk),
            1 => self.state.read_second(self.chunk),
            _ => self.state.read_next(),
        }
    }
}

impl Iterator for ChunkIter<'_> {
    type Item = Result<Sample, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.read == self.count {
            return None;
        }
        if let Err(error) = self.step() {
            self.read = self.count;
            return Some(Err(error));
        }
        self.read += 1;
        Some(Ok(Sample::new(
            self.state.timestamp,
            f64::from_bits(self.state.bits),
        )))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::from(self.remaining() > 0), Some(self.remaining()))
    }
}

impl<'a> State<'a> {
    /// Timestamp as a zigzag varint, value as 64 bits; both end at a byte boundary.
    #[cold]
    fn read_first(&mut self, chunk: &'a [u8]) -> Result<(), DecodeError> {
        let mut bytes = ByteReader::new(chunk);
        bytes.take(COUNT_BYTES)?;
        self.timestamp = bytes.ivarint()?;
        self.bits = bytes.u64()?.swap_bytes();
        self.reader = BitReader::new(chunk, bytes.position());
        Ok(())
    }

    /// Delta as a varint at a byte boundary, then the value's bits.
    #[cold]
    fn read_second(&mut self, chunk: &'a [u8]) -> Result<(), DecodeError> {
        let mut bytes = ByteReader::new(chunk);
        bytes.take(self.reader.offset())?;
        self.delta = bytes.uvarint()?;
        self.reader = BitReader::new(chunk, bytes.position());
        let word = self.reader.peek();
        self.read_value(word, BitReader::PEEK_BITS)?;
        self.advance()
    }

    #[inline(always)]
    fn read_next(&mut self) -> Result<(), DecodeError> {
        self.read_word(self.reader.peek())
    }

    /// The sample whose bits stand highest in `word`, which was looked at where the reader stands.
    #[inline(always)]
    pub(super) fn read_word(&mut self, word: u64) -> Result<(), DecodeError> {
        if word >> 62 == 0 {
            self.reader.skip(2);
            return self.advance();
        }
        let ones = (!word).leading_zeros();
        if ones == 0 {
            self.reader.skip(1);
            self.read_value(word << 1, BitReader::PEEK_BITS - 1)?;
        } else if ones < 4 {
            let width = SMALL_WIDTHS.get(ones as usize).copied().unwrap_or(1);
            let used = ones + 1 + width;
            let raw = (word << (ones + 1)) >> (64 - width);
            let wraps = u64::from(raw > 1 << (width - 1));
            self.delta = self.delta.wrapping_add(raw.wrapping_sub(wraps << width));
            self.reader.skip(used);
            self.read_value(word << used, BitReader::PEEK_BITS - used)?;
        } else {
            self.reader.skip(4);
            self.delta = self.delta.wrapping_add(self.reader.take(64));
            let word = self.reader.peek();
            self.read_value(word, BitReader::PEEK_BITS)?;
        }
        self.advance()
    }

    /// The value whose bits stand highest in `word`, of which `valid` are known: at least the 13
    /// of the longest control code.
    #[inline(always)]
    fn read_value(&mut self, word: u64, valid: u32) -> Result<(), DecodeError> {
        if word >> 63 == 0 {
            self.reader.skip(1);
            return Ok(());
        }
        let mut used = 2;
        if word >> 62 != 0b10 {
            let leading = ((word >> 57) & 0x1f) as u32;
            let width = ((word >> 51) & 0x3f) as u32;
            // Six bits say 1 to 64 significant bits, 64 as 0.
            let width = if width == 0 { 64 } else { width };
            used = 13;
            if leading + width > 64 {
                return Err(self.error("value window wider than 64 bits"));
            }
            self.leading = leading;
            self.trailing = 64 - leading - width;
        }
        let width = 64 - self.leading - self.trailing;
        let xor = if used + width <= valid {
            self.reader.skip(used + width);
            (word << used) >> (64 - width)
        } else {
            self.reader.skip(used);
            self.reader.take(width)
        };
        self.bits ^= xor << self.trailing;
        Ok(())
    }

    #[inline(always)]
    fn advance(&mut self) -> Result<(), DecodeError> {
        let timestamp = self.timestamp.wrapping_add(self.delta.cast_signed());
        if self.reader.is_past_end() {
            return Err(self.error("truncated chunk"));
        }
        if timestamp <= self.timestamp {
            return Err(self.error("timestamps of a chunk do not rise"));
        }
        self.timestamp = timestamp;
        Ok(())
    }

    #[cold]
    pub(super) fn error(&self, what: &'static str) -> DecodeError {
        DecodeError {
            what,
            offset: self.reader.offset(),
        }
    }
}
