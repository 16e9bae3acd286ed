//! Rank 5: runs, the immutable files that flushed buffers become. Knows no labels and no memory.

mod error;
mod layout;
mod lookup;
mod merge;
mod meta;
mod page;
mod page_index;
mod page_loader;
mod publish;
mod reader;
mod salvage;
mod scan;
#[cfg(test)]
mod tests;
mod verify;
mod writer;

pub use error::RunError;
pub use layout::FORMAT_VERSION;
pub use merge::{merge_runs, merge_visible};
pub use meta::{ChunkMeta, ChunkRef, RowKey, RunExtent, RunHeader, RunMeta, SectionMeta};
pub use publish::{parse_run_file_name, publish, run_file_name, temporary_path};
pub use reader::RunReader;
pub use salvage::RunPart;
pub use scan::SectionScan;
pub use verify::RunTotals;
pub use writer::RunWriter;
