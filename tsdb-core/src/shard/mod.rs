//! Rank 7: all of a namespace that is alive: its series, its index, the buffers of its open
//! generations and its runs; appending to them and reading from them.
//!
//! Locks, in the order in which they are taken: `Head::names`, `Head::live`, the stripes of one
//! generation in rising order, the log. None is held while the disk is touched, but for
//! reserving space.

mod append;
mod block_rows;
mod buffers;
mod columns;
mod compaction;
mod deletes;
mod error;
mod exemplars;
mod flush;
mod forget;
mod head;
mod histograms;
mod limits;
mod look_up;
mod memory;
mod newest;
mod parts;
mod pins;
mod readers;
mod scan;
mod scan_batch;
mod select;
mod series;
mod series_set;
mod stripes;
#[cfg(test)]
mod tests;

pub use append::{AppendEnvironment, Appended};
pub use buffers::{
    GenerationBuffers, LockedPage, LockedStripes, PAGE_SLOTS, PREFETCH_LATE_ROWS, PREFETCH_ROWS,
    STRIPE_SLOTS, STRIPES,
};
pub use compaction::{Compaction, CompactionInput, train};
pub use deletes::{Delete, Mask};
pub use error::ShardError;
pub use exemplars::{ExemplarStats, Exemplars};
pub use flush::write_generation;
pub use forget::Rebuild;
pub use head::{Head, Live, Names};
pub use limits::{Limited, SelectLimits, SeriesLimits};
pub use memory::{MemoryBounds, MemoryLedger, MemoryUse, Pressure};
pub use newest::{Newest, NewestScan, NewestValue};
pub use pins::{Pinned, Pins};
pub use readers::{Overtaken, ReaderCounts, ReaderLimits, Readers};
pub use scan::{ScanOptions, SeriesScan};
pub use series::{Series, SeriesChunks};
pub use series_set::SeriesSet;
