//! The Huffman tables that the pages of a file share.

use std::sync::OnceLock;

use super::huffman::{CODE_BITS_MAX, code_lengths, codes};
use super::tokens::{NO_SYMBOL, TOKENS, TokenCounts, extra_len, is_run};
use crate::bits::{ByteReader, DecodeError};

/// Most tables of a file: a page names its own in five bits.
pub(super) const TABLES_MAX: usize = 32;
/// Entries of a decoding table.
pub(super) const ENTRIES: usize = 1 << CODE_BITS_MAX;
/// Nibble in stored lengths: 3 zeros and as many as the next nibble says.
const FEW_ZEROS: u8 = 12;
/// Nibble in stored lengths: 19 zeros and as many as the next two nibbles say.
const MANY_ZEROS: u8 = 13;
const FEW_ZEROS_MIN: usize = 3;
const MANY_ZEROS_MIN: usize = FEW_ZEROS_MIN + 16;

/// What eleven bits of a stream start with: perhaps a literal, then a token. The lowest bits say
/// by how far to go on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry(pub(super) u32);

/// One prefix code over all tokens.
#[derive(Debug)]
pub(super) struct TokenTable {
    lengths: [u8; TOKENS],
    codes: [u16; TOKENS],
    /// Made when a page asks for it: 8 KiB.
    entries: OnceLock<Box<[Entry; ENTRIES]>>,
}

/// The tables of a file.
#[derive(Debug, Default)]
pub struct TokenTables {
    tables: Vec<TokenTable>,
}

impl Entry {
    const TOTAL_SHIFT: u32 = 8;
    const SYMBOL_SHIFT: u32 = 16;
    const LITERAL_SHIFT: u32 = 24;
    const PAIR_BIT: u32 = 1 << 28;
    const RUN_BIT: u32 = 1 << 31;

    fn new(symbol: u8, code_len: u32) -> Self {
        let total = code_len + extra_len(symbol);
        let run = if is_run(symbol) { Self::RUN_BIT } else { 0 };
        let symbol = u32::from(symbol) << Self::SYMBOL_SHIFT;
        Self(code_len | total << Self::TOTAL_SHIFT | symbol | run)
    }

    /// Bits of the codes.
    #[inline(always)]
    pub(super) fn code_len(self) -> u32 {
        self.0 % 64
    }

    /// Bits of the codes and of the plain bits behind them.
    #[inline(always)]
    pub(super) fn total_len(self) -> u32 {
        self.0 >> Self::TOTAL_SHIFT & 0xff
    }

    /// The token.
    #[inline(always)]
    pub(super) fn symbol(self) -> u8 {
        (self.0 >> Self::SYMBOL_SHIFT) as u8
    }

    /// The residual before the token, if there is one.
    #[inline(always)]
    pub(super) fn literal(self) -> u64 {
        u64::from(self.0 >> Self::LITERAL_SHIFT & 0xf)
    }

    /// How many residuals stand before the token: none or one.
    #[inline(always)]
    pub(super) fn literals(self) -> usize {
        usize::from(self.0 & Self::PAIR_BIT != 0)
    }

    /// Whether the token is a run of zeros.
    #[inline(always)]
    pub(super) fn is_run(self) -> bool {
        self.0 & Self::RUN_BIT != 0
    }

    /// The same token behind a literal.
    fn behind(self, literal: Self) -> Self {
        let len = literal.code_len();
        let before = u32::from(literal.symbol()) << Self::LITERAL_SHIFT | Self::PAIR_BIT;
        Self((self.0 + (len | len << Self::TOTAL_SHIFT)) | before)
    }

    fn is_literal(self) -> bool {
        self.total_len() == self.code_len() && !self.is_run()
    }
}

impl TokenTable {
    fn new(lengths: [u8; TOKENS]) -> Option<Self> {
        Some(Self {
            codes: codes(&lengths)?,
            lengths,
            entries: OnceLock::new(),
        })
    }

    /// The best table for tokens of these weights.
    pub(super) fn of_weights(weights: &[u64; TOKENS]) -> Option<Self> {
        Self::new(code_lengths(weights))
    }

    /// Whether no token has a code.
    pub(super) fn is_empty(&self) -> bool {
        self.lengths.iter().all(|length| *length == 0)
    }

    /// The code of a token and its bits: 0 bits when it has none.
    #[inline]
    pub(super) fn code(&self, symbol: u8) -> (u16, u32) {
        let at = usize::from(symbol);
        let code = self.codes.get(at).copied().unwrap_or(0);
        (code, u32::from(self.lengths.get(at).copied().unwrap_or(0)))
    }

    /// How many bits the codes of the tokens take; none when a token has no code.
    pub(super) fn code_bits(&self, used: impl Iterator<Item = (u8, u32)>) -> Option<u64> {
        let mut bits = 0;
        for (symbol, count) in used {
            let (_, length) = self.code(symbol);
            if length == 0 {
                return None;
            }
            bits += u64::from(length) * u64::from(count);
        }
        Some(bits)
    }

    pub(super) fn entries(&self) -> &[Entry; ENTRIES] {
        self.entries.get_or_init(|| self.make_entries())
    }

    fn make_entries(&self) -> Box<[Entry; ENTRIES]> {
        let invalid = Entry::new(NO_SYMBOL, 1);
        let mut singles = Box::new([invalid; ENTRIES]);
        let codes = self.codes.iter().zip(&self.lengths).enumerate();
        for (symbol, (code, length)) in codes.filter(|(_, (_, length))| **length > 0) {
            let entry = Entry::new(symbol as u8, u32::from(*length));
            let slots = singles.iter_mut().skip(usize::from(*code));
            slots.step_by(1 << length).for_each(|slot| *slot = entry);
        }
        let mut entries = singles.clone();
        for (bits, slot) in entries
            .iter_mut()
            .enumerate()
            .filter(|(_, entry)| entry.is_literal())
        {
            let second = singles
                .get(bits >> slot.code_len())
                .copied()
                .unwrap_or(invalid);
            // Only codes that lie within the eleven bits are known.
            if second.symbol() != NO_SYMBOL && slot.code_len() + second.code_len() <= CODE_BITS_MAX
            {
                *slot = second.behind(*slot);
            }
        }
        entries
    }
}

impl TokenTables {
    /// No tables: for files whose pages are all packed or constant.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Memory that the tables take once all were used, in bytes.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.tables.capacity() * size_of::<TokenTable>()
            + self.tables.len() * size_of::<[Entry; ENTRIES]>()
    }

    pub(super) fn from_tables(tables: Vec<TokenTable>) -> Self {
        Self { tables }
    }

    pub(super) fn get(&self, number: u8) -> Option<&TokenTable> {
        self.tables.get(usize::from(number))
    }

    /// The cheapest table for these tokens and the bits of all codes under it.
    pub(super) fn best(&self, counts: &TokenCounts) -> Option<(u8, u64)> {
        // Few of the tokens occur: they are looked for once, not for each table.
        let mut used = [(0, 0); TOKENS];
        let mut len = 0;
        for (slot, token) in used.iter_mut().zip(counts.used()) {
            *slot = token;
            len += 1;
        }
        let used = used.get(..len).unwrap_or_default();
        let bits = |table: &TokenTable| table.code_bits(used.iter().copied());
        let costs = self.tables.iter().enumerate();
        let costs = costs.filter_map(|(number, table)| Some((number as u8, bits(table)?)));
        costs.min_by_key(|(_, bits)| *bits)
    }

    /// Appends the tables.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.tables.len() as u8);
        let mut nibbles = Vec::new();
        for table in &self.tables {
            put_lengths(&table.lengths, &mut nibbles);
        }
        out.extend(nibbles.chunks(2).map(|pair| {
            let [low, high] = [0, 1].map(|at| pair.get(at).copied().unwrap_or(0));
            low | high << 4
        }));
    }

    /// Reads tables, which take all of the bytes.
    ///
    /// # Errors
    /// When the bytes are no tables, or more.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = ByteReader::new(bytes);
        let count = usize::from(reader.u8()?);
        if count > TABLES_MAX {
            return Err(reader.error("more token tables than a page can name"));
        }
        let rest = bytes.get(1..).unwrap_or_default();
        let mut nibbles = rest.iter().flat_map(|byte| [byte & 0xf, byte >> 4]);
        let mut tables = Vec::new();
        for _ in 0..count {
            let lengths = take_lengths(&mut nibbles);
            let table = lengths.and_then(TokenTable::new);
            tables.push(table.ok_or_else(|| reader.error("malformed token table"))?);
        }
        let tables = Self { tables };
        let mut again = Vec::new();
        tables.encode(&mut again);
        if again == bytes {
            Ok(tables)
        } else {
            Err(reader.error("token tables not in their shortest form"))
        }
    }
}

/// Appends one nibble for each length; zeros by their number.
fn put_lengths(lengths: &[u8; TOKENS], nibbles: &mut Vec<u8>) {
    for run in lengths.chunk_by(|left, right| *left == 0 && *right == 0) {
        match run {
            [0, 0, 0, ..] if run.len() < MANY_ZEROS_MIN => {
                nibbles.extend([FEW_ZEROS, (run.len() - FEW_ZEROS_MIN) as u8]);
            }
            [0, 0, 0, ..] => {
                let more = (run.len() - MANY_ZEROS_MIN) as u8;
                nibbles.extend([MANY_ZEROS, more & 0xf, more >> 4]);
            }
            _ => nibbles.extend_from_slice(run),
        }
    }
}

fn take_lengths(nibbles: &mut impl Iterator<Item = u8>) -> Option<[u8; TOKENS]> {
    let mut lengths = [0; TOKENS];
    let mut at = 0;
    while at < TOKENS {
        let nibble = nibbles.next()?;
        at += match nibble {
            FEW_ZEROS => FEW_ZEROS_MIN + usize::from(nibbles.next()?),
            MANY_ZEROS => {
                let more = nibbles.next()? | nibbles.next()? << 4;
                MANY_ZEROS_MIN + usize::from(more)
            }
            _ if u32::from(nibble) <= CODE_BITS_MAX => {
                *lengths.get_mut(at)? = nibble;
                1
            }
            _ => return None,
        };
    }
    (at == TOKENS).then_some(lengths)
}
