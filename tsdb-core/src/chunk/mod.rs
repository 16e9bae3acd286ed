//! Rank 3: codecs of one series' samples. Knows bytes and samples, no disk and no labels.

mod appender;
mod encoding;
mod iter;
#[cfg(test)]
mod tests;

pub use appender::{ChunkAppender, MAX_CHUNK_SAMPLES, encode};
pub use encoding::Encoding;
pub use iter::{ChunkIter, decode_into, sample_count};
