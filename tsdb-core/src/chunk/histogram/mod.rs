//! Chunks of native histograms, bit for bit as Prometheus writes them.

mod appender;
mod exact;
mod iter;
mod layout;
#[cfg(test)]
mod tests;
mod varbit;

pub use appender::{HistogramChunk, HistogramChunkAppender, encode_histograms};
pub use exact::{decode_exact, encode_exact};
pub use iter::HistogramChunkIter;
