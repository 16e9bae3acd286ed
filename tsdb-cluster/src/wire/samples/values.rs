//! Values: one bit where a value is the series' last one, else the bytes in which they differ.

use tsdb_core::bits::{ByteReader, DecodeError};

/// Writes values against the last one of their series.
#[derive(Debug, Default)]
pub(super) struct ValuesWriter {
    same: Vec<u8>,
    pending: u8,
    len: usize,
    bytes: Vec<u8>,
}

impl ValuesWriter {
    pub(super) fn start(&mut self) {
        self.same.clear();
        self.bytes.clear();
        (self.pending, self.len) = (0, 0);
    }

    /// Bytes of memory that it keeps.
    pub(super) fn heap_bytes(&self) -> usize {
        self.same.capacity() + self.bytes.capacity()
    }

    #[inline]
    pub(super) fn push(&mut self, bits: u64, last: u64) {
        let difference = bits ^ last;
        self.pending |= u8::from(difference == 0) << (self.len % 8);
        self.len += 1;
        if self.len.is_multiple_of(8) {
            self.same.push(self.pending);
            self.pending = 0;
        }
        if difference != 0 {
            self.put(difference);
        }
    }

    /// `zero bytes at the low end << 4 | bytes that follow`, then those bytes, low ones first.
    #[inline]
    fn put(&mut self, difference: u64) {
        let low = difference.trailing_zeros() / 8;
        let bytes = (difference >> (8 * low)).to_le_bytes();
        let len = 8 - low - difference.leading_zeros() / 8;
        self.bytes.push((low << 4 | len).to_le_bytes()[0]);
        // All eight are copied and the rest cut off, which takes less time than to copy a few.
        let end = self.bytes.len() + len as usize;
        self.bytes.extend_from_slice(&bytes);
        self.bytes.truncate(end);
    }

    /// Appends the bits and the bytes.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.same);
        if !self.len.is_multiple_of(8) {
            out.push(self.pending);
        }
        out.extend_from_slice(&self.bytes);
    }
}

/// Reads what a [`ValuesWriter`] wrote.
#[derive(Debug)]
pub(super) struct ValuesReader<'a> {
    same: &'a [u8],
    at: usize,
    reader: ByteReader<'a>,
}

impl<'a> ValuesReader<'a> {
    /// Takes the bits of `samples` values off the front of `bytes`.
    pub(super) fn new(bytes: &'a [u8], samples: usize) -> Result<Self, DecodeError> {
        let mut reader = ByteReader::new(bytes);
        let same = reader.take(samples.div_ceil(8))?;
        let used = samples % 8;
        if used != 0 && same.last().is_some_and(|last| last >> used != 0) {
            return Err(reader.error("bits behind the last sample"));
        }
        Ok(Self {
            same,
            at: 0,
            reader,
        })
    }

    /// The bits of the next value, given those of the series' last.
    #[inline]
    pub(super) fn next(&mut self, last: u64) -> Result<u64, DecodeError> {
        let byte = self.same.get(self.at / 8).copied().unwrap_or_default();
        let same = byte >> (self.at % 8) & 1 != 0;
        self.at += 1;
        if same {
            return Ok(last);
        }
        self.difference().map(|difference| last ^ difference)
    }

    #[inline]
    fn difference(&mut self) -> Result<u64, DecodeError> {
        let control = self.reader.u8()?;
        let (low, len) = (u32::from(control >> 4), usize::from(control & 15));
        if len == 0 || low as usize + len > 8 {
            return Err(self.reader.error("a value of no bytes, or of more than 8"));
        }
        let taken = self.reader.take(len)?;
        let mut bytes = [0; 8];
        for (byte, taken) in bytes.iter_mut().zip(taken) {
            *byte = *taken;
        }
        Ok(u64::from_le_bytes(bytes) << (8 * low))
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.reader.is_empty()
    }
}
