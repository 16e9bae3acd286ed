//! The keyed hash by which series are found. Why this one: `docs/adr/0001-series-fingerprint.md`.

use std::fmt;

use highway::{HighwayHash, HighwayHasher, Key};

use super::symbols::{SymbolHash, SymbolKeys, SymbolLists};
use super::universal::{BLOCK_BYTES, Fold, Sums, words};

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

    /// The fingerprint of the same bytes where what `part` stands for is not to count: unrelated
    /// to the one where it counts. Of `Fingerprint(0)` it is the same.
    #[inline]
    #[must_use]
    pub const fn without(self, part: Self) -> Self {
        Self(self.0 ^ part.0)
    }

    /// The low half, which tells entries with the same high half apart.
    #[inline]
    #[must_use]
    pub const fn verify(self) -> u64 {
        self.0 as u64
    }
}

/// What was hashed: the same bytes in two domains have unrelated fingerprints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FingerprintDomain {
    /// Canonical label bytes.
    Canonical,
    /// Labels as they came over a wire.
    Encoded,
}

impl FingerprintDomain {
    const ALL: [Self; 2] = [Self::Canonical, Self::Encoded];

    /// Its number, by which its key is expanded: fixed for ever.
    const fn number(self) -> u8 {
        match self {
            Self::Canonical => 0,
            Self::Encoded => 1,
        }
    }
}

/// The number of the domain of symbols, whose key is expanded elsewhere.
const SYMBOLS: u8 = 2;

/// Inputs up to this length take the fast path; label sets are rarely longer.
const SHORT_BYTES: usize = 1024;
/// Numbers of a domain's key for the words of an input: the second half of a fingerprint uses
/// those of the first, moved by one pair.
const WORD_KEYS: usize = SHORT_BYTES / 8 + 2;

/// The key of a data folder's fingerprints: whoever does not know it cannot make two label
/// sets collide.
#[derive(Clone)]
pub struct FingerprintKey {
    domains: Box<[DomainKey; FingerprintDomain::ALL.len()]>,
    symbols: Box<SymbolKeys>,
}

#[derive(Clone)]
struct DomainKey {
    words: [u64; WORD_KEYS],
    folds: [Fold; 2],
    /// For longer inputs.
    long: [u64; 4],
}

impl DomainKey {
    fn new(key: [u8; 16], domain: FingerprintDomain) -> Self {
        let part = |number: u16| expand(key, domain.number(), &number.to_le_bytes());
        let mut numbers = (1..).flat_map(part);
        let mut next = || numbers.next().unwrap_or_default();
        Self {
            words: std::array::from_fn(|_| next()),
            folds: std::array::from_fn(|_| {
                let mut wide = || u128::from(next()) << 64 | u128::from(next());
                Fold {
                    low: wide(),
                    high: wide(),
                    length: wide(),
                    constant: wide(),
                }
            }),
            long: part(0),
        }
    }

    /// The words go through two sums whose keys are moved by one pair. For any two inputs the
    /// chance of one fingerprint is below 2^-125, whatever they are.
    #[inline]
    fn short(&self, bytes: &[u8]) -> Fingerprint {
        let mut sums = Sums::default();
        let mut add = |block: &[u8; BLOCK_BYTES], keys: &[u64; 2], moved: &[u64; 2]| {
            let ([a, b], [c, d], words) = (*keys, *moved, words(block));
            sums.add(Sums::product(&[a, b, c, d], words, words));
        };
        let (blocks, tail) = bytes.as_chunks();
        let (keys, _) = self.words.as_chunks();
        let moved = keys.get(1..).unwrap_or_default();
        for ((block, keys), moved) in blocks.iter().zip(keys).zip(moved) {
            add(block, keys, moved);
        }
        if let (Some(keys), Some(moved)) = (keys.get(blocks.len()), moved.get(blocks.len()))
            && !tail.is_empty()
        {
            // The last block, though some of it was hashed already: with the length that tells as
            // much as padding, and it is one load.
            match bytes.last_chunk() {
                Some(last) => add(last, keys, moved),
                None => add(&padded(tail), keys, moved),
            }
        }
        let (high, low) = sums.fold(&self.folds, Sums::starts(&self.folds, bytes.len()));
        Fingerprint(u128::from(high) << 64 | u128::from(low))
    }

    #[cold]
    fn long(&self, bytes: &[u8]) -> Fingerprint {
        let [high, low] = HighwayHasher::new(Key(self.long)).hash128(bytes);
        Fingerprint(u128::from(high) << 64 | u128::from(low))
    }
}

/// Numbers that follow from the folder's key, a domain and more bytes.
fn expand(key: [u8; 16], domain: u8, more: &[u8]) -> [u64; 4] {
    let number = u128::from_le_bytes(key);
    let (low, high) = (number as u64, (number >> 64) as u64);
    let mut hasher = HighwayHasher::new(Key([low, high, !low, !high]));
    hasher.append(&[domain]);
    hasher.append(more);
    hasher.finalize256()
}

#[cold]
fn padded(bytes: &[u8]) -> [u8; BLOCK_BYTES] {
    let mut padded = [0; BLOCK_BYTES];
    let to = padded.iter_mut().zip(bytes);
    to.for_each(|(to, from)| *to = *from);
    padded
}

impl FingerprintKey {
    /// Expands the 16 random bytes that a data folder keeps.
    #[must_use]
    pub fn new(key: [u8; 16]) -> Self {
        let domains = FingerprintDomain::ALL.map(|domain| DomainKey::new(key, domain));
        Self {
            domains: Box::new(domains),
            symbols: Box::new(SymbolKeys::new(expand(key, SYMBOLS, &[]))),
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
    pub fn of(&self, domain: FingerprintDomain, bytes: &[u8]) -> Fingerprint {
        let [canonical, encoded] = &*self.domains;
        let key = match domain {
            FingerprintDomain::Canonical => canonical,
            FingerprintDomain::Encoded => encoded,
        };
        if bytes.len() <= SHORT_BYTES {
            key.short(bytes)
        } else {
            key.long(bytes)
        }
    }
}

/// Never prints the key.
impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FingerprintKey").finish_non_exhaustive()
    }
}
