//! Floats as what differs from the one before, as in Prometheus' chunks.

use crate::bits::{BitReader, BitWriter, DecodeError};

/// Leading zeros of a writer that has not opened a window yet.
const NO_WINDOW: u32 = u32::MAX;
/// The most leading zeros that five bits can say.
const MAX_LEADING: u32 = 31;

/// Writes a row of floats.
#[derive(Clone, Copy, Debug)]
pub(super) struct XorWriter {
    bits: u64,
    leading: u32,
    trailing: u32,
}

impl XorWriter {
    /// Behind a first value that was written in full.
    pub(super) fn new(first: f64) -> Self {
        Self {
            bits: first.to_bits(),
            leading: NO_WINDOW,
            trailing: 0,
        }
    }

    pub(super) fn put(&mut self, writer: &mut BitWriter<'_>, value: f64) {
        let xor = value.to_bits() ^ self.bits;
        self.bits = value.to_bits();
        if xor == 0 {
            writer.write(0, 1);
            return;
        }
        let leading = xor.leading_zeros().min(MAX_LEADING);
        let trailing = xor.trailing_zeros();
        if self.leading != NO_WINDOW && leading >= self.leading && trailing >= self.trailing {
            writer.write(0b10, 2);
        } else {
            (self.leading, self.trailing) = (leading, trailing);
            // Six bits say 1 to 64 significant bits, 64 as 0.
            let width = 64 - leading - trailing;
            writer.write(
                0b11 << 11 | u64::from(leading << 6) | u64::from(width & 63),
                13,
            );
        }
        writer.write(xor >> self.trailing, 64 - self.leading - self.trailing);
    }
}

/// Reads what a [`XorWriter`] wrote.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct XorReader {
    bits: u64,
    leading: u32,
    trailing: u32,
}

impl XorReader {
    /// Behind a first value that was read in full.
    pub(super) fn new(first: f64) -> Self {
        Self {
            bits: first.to_bits(),
            ..Self::default()
        }
    }

    pub(super) fn value(&self) -> f64 {
        f64::from_bits(self.bits)
    }

    pub(super) fn take(&mut self, reader: &mut BitReader<'_>) -> Result<f64, DecodeError> {
        if reader.read(1)? == 0 {
            return Ok(self.value());
        }
        if reader.read(1)? == 1 {
            let leading = reader.read(5)? as u32;
            let width = reader.read(6)? as u32;
            let width = if width == 0 { 64 } else { width };
            if leading + width > 64 {
                return Err(DecodeError {
                    what: "value window wider than 64 bits",
                    offset: reader.offset(),
                });
            }
            (self.leading, self.trailing) = (leading, 64 - leading - width);
        }
        let width = 64 - self.leading - self.trailing;
        self.bits ^= reader.read(width)? << self.trailing;
        Ok(self.value())
    }
}
