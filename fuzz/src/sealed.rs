//! Files whose parts carry checksums: edits that a checksum would catch are sealed again, so that
//! what lies behind the checksum is tried as well.

use tsdb_core::bits::{crc32c, crc32c_append};

use crate::Input;

/// A part of a file and where its CRC-32C stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seal {
    /// Of `start..end`, right behind it.
    Behind { start: usize, end: usize },
    /// Of the four bytes at `start` and of all from `start + 8` to `end`, in between.
    Inside { start: usize, end: usize },
}

/// A sound file and the seals found in it.
#[derive(Debug)]
pub(crate) struct Sealed {
    bytes: Vec<u8>,
    seals: Vec<Seal>,
    order: Order,
}

/// Which byte of a checksum comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Lowest,
    Highest,
}

impl Order {
    fn bytes(self, crc: u32) -> [u8; 4] {
        match self {
            Self::Lowest => crc.to_le_bytes(),
            Self::Highest => crc.swap_bytes().to_le_bytes(),
        }
    }

    fn u32_at(self, bytes: &[u8], at: usize) -> Option<u32> {
        let number = u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?);
        Some(match self {
            Self::Lowest => number,
            Self::Highest => number.swap_bytes(),
        })
    }
}

impl Sealed {
    /// Finds the seals by trying every part of the file: no need to know its format.
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self::of(bytes, Order::Lowest)
    }

    /// As [`Sealed::new`], of a file whose checksums begin with their highest byte.
    pub(crate) fn highest_first(bytes: Vec<u8>) -> Self {
        Self::of(bytes, Order::Highest)
    }

    fn of(bytes: Vec<u8>, order: Order) -> Self {
        assert!(
            bytes.len() < 4_096,
            "all parts of a file of {} bytes are too many",
            bytes.len()
        );
        let mut seals = Vec::new();
        for start in 0..bytes.len() {
            let mut crc = crc32c(&[]);
            let mut holed = bytes.get(start..start + 4).map(crc32c);
            for end in start..bytes.len() {
                if end > start + 3 && order.u32_at(&bytes, end) == Some(crc) {
                    seals.push(Seal::Behind { start, end });
                }
                crc = crc32c_append(crc, &bytes[end..=end]);
                if end >= start + 8 {
                    holed = holed.map(|holed| crc32c_append(holed, &bytes[end..=end]));
                    if order.u32_at(&bytes, start + 4) == holed {
                        seals.push(Seal::Inside {
                            start,
                            end: end + 1,
                        });
                    }
                }
            }
        }
        assert!(!seals.is_empty(), "a file without any checksum");
        Self {
            bytes,
            seals,
            order,
        }
    }

    /// The file as it was.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether these are the bytes of the file as it was.
    pub(crate) fn is_sound(&self, bytes: &[u8]) -> bool {
        self.bytes == bytes
    }

    /// The file with some bytes overwritten, perhaps cut, and perhaps sealed again.
    pub(crate) fn edit(&self, input: &mut Input<'_>) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let how = input.byte();
        while !input.is_empty() {
            let at = usize::from(u16::from_le_bytes(input.array())) % bytes.len();
            match input.byte() {
                0 => bytes[at] ^= 1 << input.below(8),
                1 => {
                    let value = input.array::<8>();
                    let len = value.len().min(bytes.len() - at);
                    bytes[at..at + len].copy_from_slice(&value[..len]);
                }
                value => bytes[at] = value,
            }
        }
        if !how.is_multiple_of(4) {
            self.seal(&mut bytes);
        }
        if how % 16 == 5 {
            bytes.truncate(usize::from(how) * bytes.len() / 256);
        }
        bytes
    }

    fn seal(&self, bytes: &mut [u8]) {
        for seal in &self.seals {
            let (at, crc) = match *seal {
                Seal::Behind { start, end } => (end, crc32c(&bytes[start..end])),
                Seal::Inside { start, end } => {
                    let crc = crc32c(&bytes[start..start + 4]);
                    (start + 4, crc32c_append(crc, &bytes[start + 8..end]))
                }
            };
            bytes[at..at + 4].copy_from_slice(&self.order.bytes(crc));
        }
    }
}
