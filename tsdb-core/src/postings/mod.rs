//! Rank 3: sorted sets of series, by dense `u32` numbers.

mod list;
mod many;
mod runs;
#[cfg(test)]
mod tests;
mod union;

pub use list::PostingList;
/// A set of series, as queries compute with it.
pub use roaring::RoaringBitmap as Postings;
pub use union::union;
