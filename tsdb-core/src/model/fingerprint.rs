//! The keyed hash by which series are found.

use std::fmt;

use xxhash_rust::xxh3;

/// Bytes of the secret that the hash is keyed with; its least is 136.
const SECRET_BYTES: usize = 192;

/// A 128-bit keyed hash of a label set or of one of its encodings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u128);

impl Fingerprint {
    /// The half that tables are looked up by.
    #[inline]
    #[must_use]
    pub const fn lookup(self) -> u64 {
        (self.0 >> 64) as u64
    }

    /// The half that tells two entries with the same look-up half apart.
    #[inline]
    #[must_use]
    pub const fn verify(self) -> u64 {
        self.0 as u64
    }
}

/// The key of a data folder's fingerprints: whoever does not know it cannot make two label
/// sets collide.
#[derive(Clone)]
pub struct FingerprintKey {
    secret: [u8; SECRET_BYTES],
    seed: u64,
}

impl FingerprintKey {
    /// Expands the 16 random bytes that a data folder keeps.
    #[must_use]
    pub fn new(key: [u8; 16]) -> Self {
        let mut secret = [0; SECRET_BYTES];
        for (counter, block) in (0u64..).zip(secret.chunks_exact_mut(16)) {
            let mut input = [0; 24];
            input[..16].copy_from_slice(&key);
            input[16..].copy_from_slice(&counter.to_le_bytes());
            block.copy_from_slice(&xxh3::xxh3_128(&input).to_le_bytes());
        }
        Self {
            secret,
            seed: xxh3::xxh3_64_with_secret(&key, &secret),
        }
    }

    /// The fingerprint of `bytes`. Domains keep encodings apart: the same bytes in two domains
    /// have nothing in common. 0 is [`FingerprintKey::CANONICAL`].
    #[inline]
    #[must_use]
    pub fn of(&self, domain: u8, bytes: &[u8]) -> Fingerprint {
        let hash = xxh3::xxh3_128_with_secret(bytes, &self.secret);
        Fingerprint(hash ^ u128::from(self.seed.wrapping_mul(u64::from(domain))))
    }

    /// The domain of canonical label bytes.
    pub const CANONICAL: u8 = 0;
}

/// Never prints the key.
impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FingerprintKey").finish_non_exhaustive()
    }
}
