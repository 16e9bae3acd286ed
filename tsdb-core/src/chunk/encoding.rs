//! Which codec a chunk's bytes are in.

use crate::bits::DecodeError;

/// The codec of a chunk, one byte on disk, numbered as Prometheus numbers it where it
/// has the codec, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Encoding {
    /// Floats: delta-of-delta timestamps and XORed values, bit for bit as Prometheus writes them.
    Xor = 1,
    /// Integer histograms as Prometheus writes them. Never on disk: hints of counter resets are
    /// lost in it.
    Histogram = 2,
    /// Float histograms as Prometheus writes them. Never on disk either.
    FloatHistogram = 3,
    /// Histograms of all kinds, exactly as they came: [`super::encode_exact`].
    Histograms = 16,
}

impl Encoding {
    /// The byte on disk.
    #[must_use]
    pub fn byte(self) -> u8 {
        match self {
            Encoding::Xor => 1,
            Encoding::Histogram => 2,
            Encoding::FloatHistogram => 3,
            Encoding::Histograms => 16,
        }
    }

    /// The encoding of a byte read at `offset`.
    ///
    /// # Errors
    /// Names the encoding when it is reserved, and says so when it is unknown.
    pub fn from_byte(byte: u8, offset: usize) -> Result<Self, DecodeError> {
        let what = match byte {
            1 => return Ok(Encoding::Xor),
            16 => return Ok(Encoding::Histograms),
            2 => "chunk encoding 2 (integer histogram) is reserved, never on disk",
            3 => "chunk encoding 3 (float histogram) is reserved, never on disk",
            4 => "chunk encoding 4 (xor2) is reserved, not readable by this version",
            _ => "unknown chunk encoding, this version reads 1 (xor) and 16 (histograms)",
        };
        Err(DecodeError { what, offset })
    }
}
