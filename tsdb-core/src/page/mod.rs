//! Rank 3: sealed columns. Pages of values, columns of timestamps and what is known of a page
//! without decoding it. Pure functions: knows no disk and no labels.

mod decimal;
mod decoder;
mod encoder;
mod header;
mod huffman;
mod lanes;
mod packed;
mod prediction;
mod statistics;
mod stream;
mod tables;
#[cfg(test)]
mod tests;
mod timestamps;
mod tokens;
mod training;
mod zigzag;

pub use decoder::PageDecoder;
pub use encoder::PageEncoder;
pub use header::PAGE_SAMPLES_MAX;
pub use statistics::PageStatistics;
pub use tables::TokenTables;
pub use timestamps::{decode_timestamps, encode_timestamps};
pub use training::TokenTraining;
