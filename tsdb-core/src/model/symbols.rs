//! Labels as indices into a table of texts, and the keyed hash by which such a series is found.
//! Why it may be trusted: `docs/adr/0006-fingerprint-of-symbols.md`.

use std::fmt;

use highway::{HighwayHash, HighwayHasher, Key};

use super::universal::{BLOCK_BYTES, Fold, ProductKeys, Sums, words};
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

/// Labels of a list that the short form takes; more, and odd lists, go through the long form.
const LABELS_MAX: usize = 64;
/// Bytes of a symbol that the short form takes.
const TEXT_BYTES_MAX: usize = 128;
const BLOCKS_MAX: usize = TEXT_BYTES_MAX / BLOCK_BYTES;

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

/// Never prints keys.
impl fmt::Debug for SymbolKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SymbolKeys").finish_non_exhaustive()
    }
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
        let mut add = |key: &ProductKeys, words| sums.add(Sums::product(key, words, words));
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
        let starts = Sums::starts(&self.text_folds, text.len());
        let (high, low) = sums.fold(&self.text_folds, starts);
        SymbolHash { high, low }
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

/// Fingerprints of the series of one batch, made of its symbols. Series in a row mostly share most
/// of their labels, and only what differs from the series before is computed anew.
#[derive(Debug)]
pub struct SymbolLists<'k> {
    keys: &'k SymbolKeys,
    symbols: &'k [SymbolHash],
    /// The refs of the list before: products and sums are those of its labels.
    last: &'k [[u32; 2]],
    products: [Sums; LABELS_MAX],
    sums: Sums,
    starts: Sums,
}

impl<'k> SymbolLists<'k> {
    #[inline]
    pub(super) fn new(keys: &'k SymbolKeys, symbols: &'k [SymbolHash]) -> Self {
        Self {
            keys,
            symbols,
            last: &[],
            products: [Sums::default(); LABELS_MAX],
            sums: Sums::default(),
            starts: Sums::starts(&keys.label_folds, 0),
        }
    }

    /// The fingerprint of a list: of its texts in their order, whatever their indices. An index
    /// without text gives a fingerprint that no valid list has.
    #[inline]
    pub fn fingerprint(&mut self, refs: &'k [u32]) -> Fingerprint {
        let (pairs, rest) = refs.as_chunks::<2>();
        if pairs.len() != self.last.len() || !rest.is_empty() {
            if !rest.is_empty() || pairs.len() > LABELS_MAX {
                return self
                    .keys
                    .long_list(refs.iter().map(|&index| self.hash(index)));
            }
            self.resize(pairs);
        }
        let (keys, symbols) = (self.keys, self.symbols);
        let hash = |index: u32| {
            let found = usize::try_from(index).ok().and_then(|at| symbols.get(at));
            *found.unwrap_or(&keys.missing)
        };
        let mut changed = 0u64;
        for (at, (pair, last)) in pairs.iter().zip(self.last).enumerate() {
            changed |= u64::from(pair != last) << at;
        }
        while changed != 0 {
            let at = changed.trailing_zeros() as usize;
            changed &= changed - 1;
            let place = (
                pairs.get(at),
                self.products.get_mut(at),
                keys.labels.get(at),
            );
            let (Some(&[name, value]), Some(product), Some(key)) = place else {
                break;
            };
            let (name, value) = (hash(name), hash(value));
            let new = Sums::product(key, (name.high, value.high), (name.low, value.low));
            self.sums.subtract(*product);
            self.sums.add(new);
            *product = new;
        }
        self.last = pairs;
        let (high, low) = self.sums.fold(&keys.label_folds, self.starts);
        Fingerprint(u128::from(high) << 64 | u128::from(low))
    }

    fn hash(&self, index: u32) -> SymbolHash {
        let found = usize::try_from(index)
            .ok()
            .and_then(|at| self.symbols.get(at));
        *found.unwrap_or(&self.keys.missing)
    }

    /// Makes the list before one of as many labels, all of them those of index 0.
    #[cold]
    fn resize(&mut self, pairs: &[[u32; 2]]) {
        static ZEROS: [[u32; 2]; LABELS_MAX] = [[0; 2]; LABELS_MAX];
        let empty = self.hash(0);
        self.sums = Sums::default();
        self.last = ZEROS.get(..pairs.len()).unwrap_or_default();
        for (product, key) in self
            .products
            .iter_mut()
            .zip(&self.keys.labels)
            .take(pairs.len())
        {
            *product = Sums::product(key, (empty.high, empty.high), (empty.low, empty.low));
            self.sums.add(*product);
        }
        self.starts = Sums::starts(&self.keys.label_folds, pairs.len());
    }
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
