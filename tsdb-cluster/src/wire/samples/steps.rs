//! Series numbers, as runs of an equal step.

use tsdb_core::bits::{ByteReader, DecodeError, put_ivarint, put_uvarint};

/// Writes numbers as `(step ivarint, repeats uvarint)`; the first step is from -1, so that the
/// series of a new dictionary are one run.
#[derive(Debug)]
pub(super) struct NumberWriter {
    last: i64,
    step: i64,
    repeats: u64,
}

impl Default for NumberWriter {
    fn default() -> Self {
        Self {
            last: -1,
            step: 1,
            repeats: 0,
        }
    }
}

impl NumberWriter {
    #[inline]
    pub(super) fn push(&mut self, number: u32, out: &mut Vec<u8>) {
        let number = i64::from(number);
        let step = number - self.last;
        self.last = number;
        if step != self.step {
            self.end(out);
            self.step = step;
        }
        self.repeats += 1;
    }

    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        if self.repeats > 0 {
            put_ivarint(out, self.step);
            put_uvarint(out, self.repeats);
            self.repeats = 0;
        }
    }
}

/// Reads what a [`NumberWriter`] wrote.
#[derive(Debug)]
pub(super) struct NumberReader<'a> {
    reader: ByteReader<'a>,
    last: u64,
    step: u64,
    repeats: u64,
}

impl<'a> NumberReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            reader: ByteReader::new(bytes),
            last: u64::MAX,
            step: 0,
            repeats: 0,
        }
    }

    /// The next number, whatever it is.
    #[inline]
    pub(super) fn next(&mut self) -> Result<u64, DecodeError> {
        if self.repeats == 0 {
            self.step = self.reader.ivarint()?.cast_unsigned();
            self.repeats = self.reader.uvarint()?;
            if self.repeats == 0 {
                return Err(self.reader.error("an empty run of series numbers"));
            }
        }
        self.repeats -= 1;
        self.last = self.last.wrapping_add(self.step);
        Ok(self.last)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.repeats == 0 && self.reader.is_empty()
    }
}
