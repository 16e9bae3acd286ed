//! Numbers that name things, each a type of its own.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($width:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $width);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

id! {
    /// A series of one namespace. Given in rising order, never reused.
    SeriesId(u64)
}
id! {
    /// A namespace of one data folder. Given in rising order, never reused.
    NamespaceId(u32)
}
id! {
    /// A span of the commit log and the buffers filled from it: one log file each.
    Generation(u64)
}
id! {
    /// A position in the commit log: larger is later, over all generations.
    Lsn(u64)
}
id! {
    /// A run file of one namespace. Given in rising order, never reused.
    RunId(u64)
}
id! {
    /// A block file of one namespace. Numbered together with its runs and series files.
    BlockId(u64)
}
id! {
    /// A placement shard: the unit of ownership in a cluster. 0 on a single machine.
    ShardId(u32)
}

/// What rows of runs and blocks are ordered by: the placement shard, then the series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// The placement shard of the series.
    pub shard: ShardId,
    /// The series.
    pub series: SeriesId,
}

impl RowKey {
    /// Puts both together.
    #[must_use]
    pub const fn new(shard: ShardId, series: SeriesId) -> Self {
        Self { shard, series }
    }
}
