//! Rank 4: the inverted index in memory, from labels to series.
//!
//! Series are slots, numbered as they arrive. Text is kept once; everything else is numbers.

mod arena;
mod mem;
mod order;
mod pairs;
mod plan;
mod symbols;
mod table;
#[cfg(test)]
mod tests;
mod values;

pub use mem::{MemIndex, SlotPairs};
