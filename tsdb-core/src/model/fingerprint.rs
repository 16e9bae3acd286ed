//! The keyed hash by which series are found. Why this one: `docs/adr/0001-series-fingerprint.md`.

use std::fmt;

use highway::{HighwayHash, HighwayHasher, Key};

use super::symbols::{SymbolHash, SymbolKeys, SymbolLists};

/// A 128-bit keyed hash of a label set or of one of its encodings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u128);

impl Fingerprint {
    /// The high half, by which tables are looked up.
    #[inline]
    #[must_use]
    pub const fn lookup(self) -> u64 {
        (self.0 >> 64) as u64
    }

    /// The low half, which tells entries with the same high half apart.
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
    /// A key of its own for each domain.
    keys: Box<[[u64; 4]]>,
    symbols: Box<SymbolKeys>,
}

impl FingerprintKey {
    /// The domain of canonical label bytes.
    pub const CANONICAL: u8 = 0;
    /// The domain whose key is expanded for symbols; nothing is hashed with it directly.
    const SYMBOLS: u8 = 2;

    /// Expands the 16 random bytes that a data folder keeps.
    #[must_use]
    pub fn new(key: [u8; 16]) -> Self {
        let number = u128::from_le_bytes(key);
        let (low, high) = (number as u64, (number >> 64) as u64);
        let expand =
            |domain: u8| HighwayHasher::new(Key([low, high, !low, !high])).hash256(&[domain]);
        Self {
            keys: (0..=u8::MAX).map(expand).collect(),
            symbols: Box::new(SymbolKeys::new(expand(Self::SYMBOLS))),
        }
    }

    /// The hash of a symbol, of which [`FingerprintKey::symbol_lists`] makes fingerprints.
    #[inline]
    #[must_use]
    pub fn symbol(&self, text: &[u8]) -> SymbolHash {
        self.symbols.symbol(text)
    }

    /// Makes fingerprints of lists of symbols, given the hashes of all symbols.
    #[inline]
    #[must_use]
    pub fn symbol_lists<'k>(&'k self, hashes: &'k [SymbolHash]) -> SymbolLists<'k> {
        SymbolLists::new(&self.symbols, hashes)
    }

    /// The fingerprint of `bytes`. Domains keep encodings apart: the same bytes in two domains
    /// have unrelated fingerprints.
    #[inline]
    #[must_use]
    pub fn of(&self, domain: u8, bytes: &[u8]) -> Fingerprint {
        // There is a key for every u8.
        let key = self
            .keys
            .get(usize::from(domain))
            .copied()
            .unwrap_or_default();
        let [high, low] = HighwayHasher::new(Key(key)).hash128(bytes);
        Fingerprint(u128::from(high) << 64 | u128::from(low))
    }
}

/// Never prints the key.
impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FingerprintKey").finish_non_exhaustive()
    }
}
