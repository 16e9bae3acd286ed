//! Rank 4: the inverted index, from labels to series.
//!
//! In memory series are slots, numbered as they arrive; in a block file they are rows. Text is
//! kept once; everything else is numbers.

mod arena;
mod cardinality;
mod disk;
mod groups;
mod mem;
mod mem_terms;
mod order;
mod pairs;
mod placements;
mod plan;
mod rebuild;
mod snapshot;
mod symbols;
mod table;
#[cfg(test)]
mod tests;
mod value_order;
mod values;

pub use cardinality::{Cardinality, Counted, CountedPair};
pub use disk::{INDEX_FOOTER_BYTES, IndexError, IndexReader, IndexWriter};
pub use groups::{Grouper, Grouping};
pub use mem::{MemIndex, SlotPairs};
pub use rebuild::{IndexRebuild, SlotMoves};
