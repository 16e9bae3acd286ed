//! Series on their way out of a node: labels and chunks in frames. Bytes:
//! `docs/format/node-protocol.md`.

mod part;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use part::SeriesPart;
pub use reader::SeriesFrameReader;
pub use writer::{
    SERIES_FRAME_BYTES, SERIES_FRAME_BYTES_MAX, SERIES_FRAME_VERSION, SeriesFrameWriter,
};
