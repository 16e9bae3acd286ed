//! One series of a frame.

use tsdb_core::{ChunkPart, Encoding, Labels};

/// A series of a frame: all of its chunks, or those that fit.
#[derive(Clone, Debug)]
pub struct SeriesPart {
    /// The labels.
    pub labels: Labels,
    /// Its chunks, in the order in which they were given; none in an answer of labels.
    pub chunks: Vec<ChunkPart>,
    /// Whether the next series of the stream is this one again, with more chunks.
    pub continues: bool,
}

/// The number of an encoding on the wire: that of its byte.
pub(super) fn number_of(encoding: Encoding) -> u8 {
    encoding.byte()
}

/// The encoding of a number; `None` for one that this version does not know.
pub(super) fn encoding_of(number: u8) -> Option<Encoding> {
    let all = [
        Encoding::Xor,
        Encoding::Histogram,
        Encoding::FloatHistogram,
        Encoding::Histograms,
    ];
    all.into_iter().find(|encoding| encoding.byte() == number)
}
