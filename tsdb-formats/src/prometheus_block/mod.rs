//! Prometheus' own storage, read only: blocks as its compactor writes them.
//!
//! Memory does not grow with the size of a block: every file is read in windows. Each checksum is
//! compared, and an error names file and offset.

mod block;
mod chunks;
mod error;
mod folder;
mod index;
mod meta;
mod pages;
mod postings;
mod series;
mod symbols;
#[cfg(test)]
mod tests;
mod tombstones;
mod window;

pub use block::{Block, BlockSeries, ChunkSamples};
pub use chunks::ChunkReader;
pub use error::BlockError;
pub use folder::{BlockFolder, Found, find_blocks};
pub use index::IndexReader;
pub use meta::BlockMeta;
pub use series::ChunkMeta;
pub use tombstones::Tombstones;
