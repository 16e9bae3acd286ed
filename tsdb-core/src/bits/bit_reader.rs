//! Bits, most significant first, read through a 64-bit window.

use super::DecodeError;

/// Reads bits from a byte slice. Total: behind the end it reads zeros and remembers that it did.
#[derive(Clone, Debug)]
pub struct BitReader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> BitReader<'a> {
    /// How many bits of [`BitReader::peek`] are valid at any position.
    pub const PEEK_BITS: u32 = 57;

    /// Starts at the first bit of the byte at `offset`.
    #[must_use]
    pub fn new(bytes: &'a [u8], offset: usize) -> Self {
        Self {
            bytes,
            position: offset.saturating_mul(8),
        }
    }

    /// The next bits in the high end of a word; at least [`BitReader::PEEK_BITS`] of them are
    /// valid, zeros where the input has ended.
    #[inline]
    #[must_use]
    pub fn peek(&self) -> u64 {
        let rest = self.bytes.get(self.position >> 3..).unwrap_or_default();
        let word = match rest.first_chunk::<8>() {
            Some(bytes) => u64::from_le_bytes(*bytes).swap_bytes(),
            None => Self::peek_tail(rest),
        };
        word << (self.position & 7)
    }

    #[cold]
    fn peek_tail(rest: &[u8]) -> u64 {
        let mut bytes = [0u8; 8];
        for (to, from) in bytes.iter_mut().zip(rest) {
            *to = *from;
        }
        u64::from_le_bytes(bytes).swap_bytes()
    }

    /// Passes over `width` bits, looked at before with [`BitReader::peek`].
    #[inline]
    pub fn skip(&mut self, width: u32) {
        self.position += width as usize;
    }

    /// The next `width` bits, 1 to 64, as a number; zeros where the input has ended, which
    /// [`BitReader::is_past_end`] then tells.
    #[inline]
    pub fn take(&mut self, width: u32) -> u64 {
        debug_assert!((1..=64).contains(&width), "width {width}");
        if width <= Self::PEEK_BITS {
            let value = self.peek() >> (64 - width);
            self.skip(width);
            return value;
        }
        let high = self.peek() >> 32;
        self.skip(32);
        let low_width = width - 32;
        let low = self.peek() >> (64 - low_width);
        self.skip(low_width);
        (high << low_width) | low
    }

    /// The next `width` bits, 1 to 64, as a number.
    ///
    /// # Errors
    /// When fewer are left.
    pub fn read(&mut self, width: u32) -> Result<u64, DecodeError> {
        let offset = self.offset();
        let value = self.take(width);
        if self.is_past_end() {
            return Err(DecodeError {
                what: "truncated bits",
                offset,
            });
        }
        Ok(value)
    }

    /// Whether more bits were passed over than there are.
    #[inline]
    #[must_use]
    pub fn is_past_end(&self) -> bool {
        self.position > self.bytes.len() * 8
    }

    /// Offset of the byte that holds the next bit, at most the length of the input.
    #[inline]
    #[must_use]
    pub fn offset(&self) -> usize {
        (self.position >> 3).min(self.bytes.len())
    }

    /// How many bits are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        (self.bytes.len() * 8).saturating_sub(self.position)
    }
}
