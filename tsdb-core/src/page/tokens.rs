//! Residuals as tokens: the small ones as they are, the others by their magnitude, and runs of zeros.

/// Residuals below this are tokens of their own.
const LITERALS: u64 = 16;
/// Magnitudes of the others: the place of the highest bit, 4 to 63, and the bit below it.
const MAGNITUDES: usize = 120;
/// Runs of 2, 4, 8 .. 512 zeros and those up to the next.
const RUNS: usize = 9;
/// The first token that is a run.
const FIRST_RUN: usize = LITERALS as usize + MAGNITUDES;
/// All tokens.
pub(super) const TOKENS: usize = FIRST_RUN + RUNS;

/// A token and the plain bits behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) symbol: u8,
    /// How many plain bits.
    pub(super) extra_len: u32,
    /// Those bits.
    pub(super) extra: u64,
}

/// What a symbol stands for: `base` and plain bits below `mask` are the residual, or the length of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meaning {
    pub(super) base: u64,
    pub(super) mask: u64,
}

/// Stands for no token: a run longer than any page, so that decoding ends at once.
pub(super) const NO_SYMBOL: u8 = u8::MAX;

/// The meaning of each byte, those that are no symbols included.
#[expect(clippy::indexing_slicing, reason = "worked out when compiling")]
pub(super) static MEANINGS: [Meaning; 256] = {
    let mut meanings = [Meaning {
        base: 1 << 10,
        mask: 0,
    }; 256];
    let mut symbol = 0;
    while symbol < TOKENS {
        let lead = if symbol < LITERALS as usize {
            symbol as u64
        } else if symbol < FIRST_RUN {
            2 | (symbol & 1) as u64
        } else {
            1
        };
        let extra_len = extra_len(symbol as u8);
        meanings[symbol] = Meaning {
            base: lead << extra_len,
            mask: (1 << extra_len) - 1,
        };
        symbol += 1;
    }
    meanings
};

/// Plain bits behind the code of a symbol.
pub(super) const fn extra_len(symbol: u8) -> u32 {
    let symbol = symbol as u32;
    if symbol < LITERALS as u32 {
        0
    } else if symbol < FIRST_RUN as u32 {
        (symbol - LITERALS as u32) / 2 + 3
    } else if symbol < TOKENS as u32 {
        symbol - FIRST_RUN as u32 + 1
    } else {
        0
    }
}

/// Whether a symbol stands for a run of zeros.
pub(super) fn is_run(symbol: u8) -> bool {
    usize::from(symbol) >= FIRST_RUN
}

#[inline]
fn token_of(residual: u64) -> Token {
    if residual < LITERALS {
        return Token {
            symbol: residual as u8,
            extra_len: 0,
            extra: 0,
        };
    }
    let extra_len = residual.ilog2() - 1;
    // 3 extra bits at least; the lead is 2 or 3.
    let lead = (residual >> extra_len) & 1;
    Token {
        symbol: (LITERALS + u64::from(extra_len - 3) * 2 + lead) as u8,
        extra_len,
        extra: residual & ((1 << extra_len) - 1),
    }
}

/// Calls `each` with the tokens of a column of residuals.
#[inline]
pub(super) fn for_each_token(residuals: &[u64], mut each: impl FnMut(Token)) {
    let mut zeros = 0usize;
    for residual in residuals {
        if *residual == 0 {
            zeros += 1;
            continue;
        }
        put_zeros(zeros, &mut each);
        zeros = 0;
        each(token_of(*residual));
    }
    put_zeros(zeros, &mut each);
}

#[inline]
fn put_zeros(mut zeros: usize, each: &mut impl FnMut(Token)) {
    while zeros > 1 {
        let extra_len = zeros.ilog2().min(RUNS as u32);
        let run = zeros.min((2 << extra_len) - 1);
        each(Token {
            symbol: (FIRST_RUN + extra_len as usize - 1) as u8,
            extra_len,
            extra: (run - (1 << extra_len)) as u64,
        });
        zeros -= run;
    }
    if zeros == 1 {
        each(token_of(0));
    }
}

/// How often each token occurs in a column, and the plain bits behind them.
#[derive(Clone, Debug)]
pub(super) struct TokenCounts {
    counts: [u32; TOKENS],
    pub(super) extra_bits: u64,
}

impl TokenCounts {
    pub(super) fn of(residuals: &[u64]) -> Self {
        let mut counts = Self {
            counts: [0; TOKENS],
            extra_bits: 0,
        };
        for_each_token(residuals, |token| {
            if let Some(count) = counts.counts.get_mut(usize::from(token.symbol)) {
                *count += 1;
            }
            counts.extra_bits += u64::from(token.extra_len);
        });
        counts
    }

    /// The tokens that occur, with how often.
    pub(super) fn used(&self) -> impl Iterator<Item = (u8, u32)> + '_ {
        let counts = self.counts.iter().enumerate();
        counts
            .filter(|(_, count)| **count > 0)
            .map(|(symbol, count)| (symbol as u8, *count))
    }

    /// About how many bits the column takes under a table of its own.
    pub(super) fn ideal_bits(&self) -> f64 {
        let total: u32 = self.counts.iter().sum();
        let bits = self.used().map(|(_, count)| {
            let count = f64::from(count);
            count * (f64::from(total) / count).log2().max(0.6)
        });
        bits.sum::<f64>() + self.extra_bits as f64
    }
}
