//! How many of a shard's replicas are enough.

use std::fmt;
use std::str::FromStr;

/// More than half of the replicas.
#[must_use]
pub fn majority(replicas: usize) -> usize {
    replicas / 2 + 1
}

/// As many as every majority has one of: those that must seal an epoch before the next one is
/// opened, and those that a newcomer must copy from.
#[must_use]
pub fn seals_needed(replicas: usize) -> usize {
    replicas - majority(replicas).min(replicas) + 1
}

/// How many replicas must have a write before it is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WriteLevel {
    /// One. Such a write may be lost with it, and may be missing in reads meanwhile.
    One,
    /// More than half.
    #[default]
    Majority,
    /// All.
    All,
}

/// How many replicas must answer a read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ReadLevel {
    /// One. It may miss what was acknowledged.
    One,
    /// More than half; or, when that cannot be had, all that can, at least one.
    #[default]
    UnstrictMajority,
    /// More than half.
    Majority,
    /// All.
    All,
}

/// A name that no level has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is no consistency level of {of}: use one of {levels}")]
pub struct UnknownLevel {
    name: String,
    of: &'static str,
    levels: String,
}

macro_rules! level {
    ($level:ident of $of:literal { $($variant:ident = $name:literal),* $(,)? }) => {
        impl $level {
            const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its name in M3.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }

        impl fmt::Display for $level {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $level {
            type Err = UnknownLevel;

            fn from_str(name: &str) -> Result<Self, UnknownLevel> {
                let found = Self::ALL.iter().find(|level| level.as_str() == name);
                found.copied().ok_or_else(|| UnknownLevel {
                    name: name.to_owned(),
                    of: $of,
                    levels: [$($name),*].join(", "),
                })
            }
        }
    };
}

level!(WriteLevel of "writes" { One = "one", Majority = "majority", All = "all" });
level!(ReadLevel of "reads" {
    One = "one",
    UnstrictMajority = "unstrict_majority",
    Majority = "majority",
    All = "all",
});

impl WriteLevel {
    /// How many of so many replicas it asks for.
    #[must_use]
    pub fn needed(self, replicas: usize) -> usize {
        match self {
            Self::One => 1,
            Self::Majority => majority(replicas),
            Self::All => replicas,
        }
    }
}

impl ReadLevel {
    /// How many of so many replicas it asks for.
    #[must_use]
    pub fn needed(self, replicas: usize) -> usize {
        match self {
            Self::One => 1,
            Self::UnstrictMajority | Self::Majority => majority(replicas),
            Self::All => replicas,
        }
    }
}
