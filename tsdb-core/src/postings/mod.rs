//! Temporary.
/// Temporary.
pub type Postings = roaring::RoaringBitmap;
