//! Labels as indices into a table of texts, and the keyed hash by which such a series is found.
//! Why it may be trusted: `docs/adr/0006-fingerprint-of-symbols.md`.

use highway::{HighwayHash, HighwayHasher, Key};

use super::{Fingerprint, LabelsBuilder, LabelsError};

/// Labels as indices into the texts of a request, each text sent once.
#[derive(Clone, Copy, Debug)]
pub struct SymbolLabels<'a> {
    /// Indices of name, value, name, value.
    pub refs: &'a [u32],
    /// The texts.
    pub symbols: &'a [&'a [u8]],
}

impl SymbolLabels<'_> {
    /// Pushes the labels to a cleared builder.
    ///
    /// # Errors
    /// When a name has no value or an index no text; what lies before it is pushed.
    pub fn parse(&self, builder: &mut LabelsBuilder) -> Result<(), LabelsError> {
        let text = |index: u32| {
            let found = self
                .symbols
                .get(usize::try_from(index).unwrap_or(usize::MAX));
            found.copied().ok_or(LabelsError::UnknownSymbol {
                index,
                symbols: self.symbols.len(),
            })
        };
        let (pairs, rest) = self.refs.as_chunks::<2>();
        for &[name, value] in pairs {
            builder.push_bytes(text(name)?, text(value)?);
        }
        match rest {
            [] => Ok(()),
            _ => Err(LabelsError::OddSymbols {
                count: self.refs.len(),
            }),
        }
    }
}

/// The keyed hash of one symbol: two halves that know nothing of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SymbolHash {
    high: u64,
    low: u64,
}

/// Labels of a series whose indices the short form takes; more go through the long form.
const LABELS_MAX: usize = 64;
/// Bytes of a symbol that the short form takes.
const TEXT_BYTES_MAX: usize = 128;
const BLOCK_BYTES: usize = 16;
const BLOCKS_MAX: usize = TEXT_BYTES_MAX / BLOCK_BYTES;

/// Keys of one product in each half: first and second factor of the high half, then of the low.
type ProductKeys = [u64; 4];

/// Reduces a sum of products and a length to 64 bits, multilinearly.
#[derive(Clone, Copy, Debug, Default)]
struct Fold {
    constant: u128,
    low: u128,
    high: u128,
    length: u128,
}

impl Fold {
    #[inline]
    fn fold(&self, sum: u128, length: usize) -> u64 {
        let times = |key: u128, number: u64| key.wrapping_mul(u128::from(number));
        let folded = self
            .constant
            .wrapping_add(times(self.low, sum as u64))
            .wrapping_add(times(self.high, (sum >> 64) as u64))
            .wrapping_add(times(self.length, length as u64));
        (folded >> 64) as u64
    }
}

/// The sums of products of both halves.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    high: u128,
    low: u128,
}

impl Sums {
    #[inline(always)]
    fn add(&mut self, key: &ProductKeys, high: (u64, u64), low: (u64, u64)) {
        let product = |a: u64, b: u64, key: (u64, u64)| {
            u128::from(a.wrapping_add(key.0)) * u128::from(b.wrapping_add(key.1))
        };
        let [high_a, high_b, low_a, low_b] = *key;
        self.high = self
            .high
            .wrapping_add(product(high.0, high.1, (high_a, high_b)));
        self.low = self.low.wrapping_add(product(low.0, low.1, (low_a, low_b)));
    }

    #[inline(always)]
    fn fold(self, folds: &[Fold; 2], length: usize) -> (u64, u64) {
        let [high, low] = folds;
        (high.fold(self.high, length), low.fold(self.low, length))
    }
}

/// All that hashing symbols and lists of them needs of a folder's key.
#[derive(Clone)]
pub(super) struct SymbolKeys {
    labels: [ProductKeys; LABELS_MAX],
    label_folds: [Fold; 2],
    blocks: [ProductKeys; BLOCKS_MAX],
    text_folds: [Fold; 2],
    /// Stands for an index without text.
    missing: SymbolHash,
    long_labels: [u64; 4],
    long_text: [u64; 4],
}

impl SymbolKeys {
    /// Expands a key that nothing else uses.
    pub(super) fn new(key: [u64; 4]) -> Self {
        let mut stream = Stream {
            key,
            number: 0,
            ready: [0; 4],
            left: 0,
        };
        let stream = &mut stream;
        Self {
            labels: std::array::from_fn(|_| stream.words()),
            label_folds: [stream.fold(), stream.fold()],
            blocks: std::array::from_fn(|_| stream.words()),
            text_folds: [stream.fold(), stream.fold()],
            missing: SymbolHash {
                high: stream.word(),
                low: stream.word(),
            },
            long_labels: stream.words(),
            long_text: stream.words(),
        }
    }

    /// The hash of one text.
    #[inline]
    pub(super) fn symbol(&self, text: &[u8]) -> SymbolHash {
        if text.len() > TEXT_BYTES_MAX {
            let [high, low] = HighwayHasher::new(Key(self.long_text)).hash128(text);
            return SymbolHash { high, low };
        }
        let mut sums = Sums::default();
        let mut add = |key: &ProductKeys, words| sums.add(key, words, words);
        let blocks = text.as_chunks::<BLOCK_BYTES>().0;
        for (block, key) in blocks.iter().zip(&self.blocks) {
            add(key, words(block));
        }
        if !text.len().is_multiple_of(BLOCK_BYTES)
            && let Some(key) = self.blocks.get(blocks.len())
        {
            // The last block overlaps the one before it: with the length, that is still one to one.
            add(key, text.last_chunk().map_or_else(|| short(text), words));
        }
        let (high, low) = sums.fold(&self.text_folds, text.len());
        SymbolHash { high, low }
    }

    /// The fingerprint of a list of symbols.
    #[inline]
    pub(super) fn list(&self, refs: &[u32], symbols: &[SymbolHash]) -> Fingerprint {
        let hash = |index: u32| {
            let found = usize::try_from(index).ok().and_then(|at| symbols.get(at));
            *found.unwrap_or(&self.missing)
        };
        let (pairs, rest) = refs.as_chunks::<2>();
        if pairs.len() >= LABELS_MAX {
            return self.long_list(refs.iter().map(|&index| hash(index)));
        }
        let mut sums = Sums::default();
        let mut add = |key: &ProductKeys, name: SymbolHash, value: SymbolHash| {
            sums.add(key, (name.high, value.high), (name.low, value.low));
        };
        for (&[name, value], key) in pairs.iter().zip(&self.labels) {
            add(key, hash(name), hash(value));
        }
        if let (&[name], Some(key)) = (rest, self.labels.get(pairs.len())) {
            add(key, hash(name), self.missing);
        }
        let (high, low) = sums.fold(&self.label_folds, refs.len());
        Fingerprint(u128::from(high) << 64 | u128::from(low))
    }

    #[cold]
    fn long_list(&self, hashes: impl Iterator<Item = SymbolHash>) -> Fingerprint {
        let mut hasher = HighwayHasher::new(Key(self.long_labels));
        for hash in hashes {
            hasher.append(&hash.high.to_le_bytes());
            hasher.append(&hash.low.to_le_bytes());
        }
        let [high, low] = hasher.finalize128();
        Fingerprint(u128::from(high) << 64 | u128::from(low))
    }
}

#[inline(always)]
fn words(block: &[u8; BLOCK_BYTES]) -> (u64, u64) {
    let number = u128::from_le_bytes(*block);
    (number as u64, (number >> 64) as u64)
}

/// Two words that, with its length, tell a text of less than 16 bytes from all others.
#[inline(always)]
fn short(text: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return (u64::from(first), u64::from(last));
    }
    match *text {
        [a, b, c] => (u64::from_le_bytes([a, b, c, 0, 0, 0, 0, 0]), 0),
        [a, b] => (u64::from_le_bytes([a, b, 0, 0, 0, 0, 0, 0]), 0),
        [a] => (u64::from(a), 0),
        _ => (0, 0),
    }
}

/// Words without end out of a key.
struct Stream {
    key: [u64; 4],
    number: u64,
    ready: [u64; 4],
    left: usize,
}

impl Stream {
    fn words(&mut self) -> [u64; 4] {
        std::array::from_fn(|_| self.word())
    }

    fn word(&mut self) -> u64 {
        if self.left == 0 {
            let hasher = HighwayHasher::new(Key(self.key));
            self.ready = hasher.hash256(&self.number.to_le_bytes());
            self.number += 1;
            self.left = self.ready.len();
        }
        self.left -= 1;
        self.ready.get(self.left).copied().unwrap_or_default()
    }

    fn wide(&mut self) -> u128 {
        u128::from(self.word()) << 64 | u128::from(self.word())
    }

    fn fold(&mut self) -> Fold {
        Fold {
            constant: self.wide(),
            low: self.wide(),
            high: self.wide(),
            length: self.wide(),
        }
    }
}
