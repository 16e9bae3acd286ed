//! Some of the placement shards of a cluster.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;

use super::Labels;
use super::placement::placement_hash;

/// Series are spread over at most so many placement shards.
pub const SHARDS_MAX: u32 = 1 << 16;

/// Why shards are no set of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShardSetError {
    /// There are too many of them.
    #[error("{shards} shards are more than {SHARDS_MAX}: choose fewer")]
    TooMany {
        /// How many.
        shards: u32,
    },
    /// A shard's number is too large.
    #[error("there is no shard {shard} of {of}: they are numbered from 0")]
    NoSuchShard {
        /// The number.
        shard: u32,
        /// How many shards there are.
        of: NonZeroU32,
    },
    /// A text is not what a set prints as.
    #[error("`{text}` is no set of shards: write them as in `0-3,17 of 64` or `none of 64`")]
    Malformed {
        /// The text, or its beginning.
        text: String,
    },
}

/// Some of the placement shards that series are spread over; see [`super::shard_of`].
///
/// Prints, and is read, as `0-3,17 of 64` or `none of 64`: rising, neighbours joined. Clones share
/// memory.
///
/// ```
/// use tsdb_core::{Matcher, ShardSet};
///
/// let mine: ShardSet = "0-3,17 of 64".parse()?;
/// assert!(mine.contains(17) && !mine.contains(4));
/// let matchers = [Matcher::equal("job", "node"), Matcher::shards(mine)];
/// # assert_eq!(matchers[1].to_string(), "shards(0-3,17 of 64)");
/// # Ok::<(), tsdb_core::ShardSetError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ShardSet {
    of: NonZeroU32,
    len: u32,
    /// A bit a shard, low ones first.
    bits: Arc<[u64]>,
}

impl ShardSet {
    /// Those of `shards`, in any order, of `of` shards.
    ///
    /// # Errors
    /// When there are more than [`SHARDS_MAX`], or one is not below `of`.
    pub fn new(
        of: NonZeroU32,
        shards: impl IntoIterator<Item = u32>,
    ) -> Result<Self, ShardSetError> {
        if of.get() > SHARDS_MAX {
            return Err(ShardSetError::TooMany { shards: of.get() });
        }
        let mut bits = vec![0u64; of.get().div_ceil(64) as usize];
        for shard in shards {
            if shard >= of.get() {
                return Err(ShardSetError::NoSuchShard { shard, of });
            }
            if let Some(word) = bits.get_mut(shard as usize / 64) {
                *word |= 1 << (shard % 64);
            }
        }
        Ok(Self {
            of,
            len: bits.iter().map(|word| word.count_ones()).sum(),
            bits: bits.into(),
        })
    }

    /// All of `of` shards.
    ///
    /// # Errors
    /// When they are more than [`SHARDS_MAX`].
    pub fn all(of: NonZeroU32) -> Result<Self, ShardSetError> {
        Self::new(of, 0..of.get().min(SHARDS_MAX))
    }

    /// How many shards there are, in the set or not.
    #[must_use]
    pub fn of(&self) -> NonZeroU32 {
        self.of
    }

    /// How many are in the set.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether all are, so that it holds every series.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.len == self.of.get()
    }

    /// Whether a shard is in the set.
    #[inline]
    #[must_use]
    pub fn contains(&self, shard: u32) -> bool {
        let word = self.bits.get(shard as usize / 64);
        word.is_some_and(|word| word >> (shard % 64) & 1 == 1)
    }

    /// Whether the shard of the series with these labels is.
    #[must_use]
    pub fn holds(&self, labels: &Labels) -> bool {
        self.holds_hash(placement_hash(labels.as_bytes()))
    }

    #[inline]
    pub(crate) fn holds_hash(&self, hash: u32) -> bool {
        self.contains(hash % self.of)
    }

    /// The shards, rising.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.of.get()).filter(|shard| self.contains(*shard))
    }
}

impl fmt::Display for ShardSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            f.write_str("none")?;
        }
        let mut next = 0;
        let mut comma = "";
        while let Some(first) = (next..self.of.get()).find(|shard| self.contains(*shard)) {
            let last = (first..self.of.get()).take_while(|shard| self.contains(*shard));
            let last = last.last().unwrap_or(first);
            write!(f, "{comma}{first}")?;
            if last > first {
                write!(f, "-{last}")?;
            }
            (next, comma) = (last + 1, ",");
        }
        write!(f, " of {}", self.of)
    }
}

impl fmt::Debug for ShardSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads exactly what a set prints as: there is one text for each set.
impl FromStr for ShardSet {
    type Err = ShardSetError;

    fn from_str(text: &str) -> Result<Self, ShardSetError> {
        let malformed = || ShardSetError::Malformed {
            text: text.chars().take(80).collect(),
        };
        let (shards, of) = text.split_once(" of ").ok_or_else(malformed)?;
        let of: NonZeroU32 = of.parse().map_err(|_| malformed())?;
        let mut ranges = Vec::new();
        for part in shards.split(',').filter(|_| shards != "none") {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let range = first.parse().ok().zip(last.parse().ok());
            let (first, last): (u32, u32) = range.ok_or_else(malformed)?;
            if last >= of.get() {
                return Err(ShardSetError::NoSuchShard { shard: last, of });
            }
            ranges.push(first..=last);
        }
        if !ranges.is_sorted_by(|a, b| a.end() < b.start()) {
            return Err(malformed());
        }
        let set = Self::new(of, ranges.into_iter().flatten())?;
        if set.to_string() == text {
            Ok(set)
        } else {
            Err(malformed())
        }
    }
}
