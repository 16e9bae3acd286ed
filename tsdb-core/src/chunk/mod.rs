//! Rank 3: codecs of one series' samples. Knows bytes and samples, no disk and no labels.

mod appender;
mod columns;
mod encoding;
mod histogram;
mod iter;
#[cfg(test)]
mod tests;
mod xor;

pub use appender::{ChunkAppender, MAX_CHUNK_SAMPLES, encode, put_count, sealed_chunk};
pub use columns::{ChunkState, decode_behind, decode_into, decode_range};
pub use encoding::Encoding;
pub use histogram::{
    HistogramChunk, HistogramChunkAppender, HistogramChunkIter, decode_exact, encode_exact,
    encode_histograms,
};
pub use iter::{ChunkIter, sample_count};
