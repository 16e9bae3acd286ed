//! Rank 3: codecs of one series' samples. Knows bytes and samples, no disk and no labels.

mod appender;
mod encoding;
mod histogram;
mod iter;
#[cfg(test)]
mod tests;
mod xor;

pub use appender::{ChunkAppender, MAX_CHUNK_SAMPLES, encode, sealed_chunk};
pub use encoding::Encoding;
pub use histogram::{
    HistogramChunk, HistogramChunkAppender, HistogramChunkIter, decode_exact, encode_exact,
    encode_histograms,
};
pub use iter::{ChunkIter, decode_into, sample_count};
