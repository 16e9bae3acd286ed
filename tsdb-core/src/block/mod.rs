//! Rank 5: blocks, immutable and self-contained files of one time window each: sealed pages of
//! values, timestamps shared between series, and an index of labels. `docs/format/block.md`.

mod cells;
mod condense;
mod error;
mod group;
mod group_builder;
mod group_index;
mod histograms;
mod layout;
mod meta;
mod newest;
mod pages;
mod reader;
mod rows;
mod salvage;
#[cfg(test)]
mod tests;
mod verify;
mod writer;

pub use condense::CondensedRow;
pub use error::BlockError;
pub use layout::FORMAT_VERSION;
pub use meta::{BlockHeader, BlockMeta, Sealing};
pub use reader::BlockReader;
pub use rows::{BlockScan, RowSpace};
pub use salvage::{BlockPart, SalvagedRow};
pub use verify::BlockTotals;
pub use writer::{BlockWriter, ROW_SAMPLES_MAX};
