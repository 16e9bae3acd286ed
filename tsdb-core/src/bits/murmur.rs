//! MurmurHash3 of 32 bits for x86 (Austin Appleby, 2011), fed piece by piece.

/// The hash of the pieces appended so far, as if they were one.
#[derive(Clone, Debug)]
pub struct Murmur3 {
    hash: u32,
    /// Bytes that make no block of four yet, and how many bits they are.
    tail: u64,
    tail_bits: u32,
    len: u32,
}

impl Murmur3 {
    /// Begins with a seed.
    #[inline]
    #[must_use]
    pub const fn new(seed: u32) -> Self {
        Self {
            hash: seed,
            tail: 0,
            tail_bits: 0,
            len: 0,
        }
    }

    /// Adds bytes.
    #[inline]
    pub fn append(&mut self, bytes: &[u8]) {
        let (blocks, rest) = bytes.as_chunks::<4>();
        let mut hash = self.hash;
        let mut tail = self.tail;
        for block in blocks {
            tail |= u64::from(u32::from_le_bytes(*block)) << self.tail_bits;
            hash = mixed(hash, tail as u32);
            tail >>= 32;
        }
        for byte in rest {
            tail |= u64::from(*byte) << self.tail_bits;
            self.tail_bits += 8;
        }
        if self.tail_bits >= 32 {
            hash = mixed(hash, tail as u32);
            tail >>= 32;
            self.tail_bits -= 32;
        }
        self.hash = hash;
        self.tail = tail;
        // The algorithm counts in 32 bits.
        self.len = self.len.wrapping_add(bytes.len() as u32);
    }

    /// The hash.
    #[inline]
    #[must_use]
    pub const fn finish(&self) -> u32 {
        let mut hash = (self.hash ^ scrambled(self.tail as u32)) ^ self.len;
        hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
        hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
        hash ^ (hash >> 16)
    }
}

#[inline]
const fn scrambled(block: u32) -> u32 {
    let block = block.wrapping_mul(0xcc9e_2d51).rotate_left(15);
    block.wrapping_mul(0x1b87_3593)
}

#[inline]
const fn mixed(hash: u32, block: u32) -> u32 {
    let hash = (hash ^ scrambled(block)).rotate_left(13);
    hash.wrapping_mul(5).wrapping_add(0xe654_6b64)
}
