//! The node protocol: what coordinators and storage nodes say to each other, as bytes. Knows no
//! socket and no runtime. Bytes: `docs/format/node-protocol.md`.

mod error;
mod front_coding;
pub mod messages;
mod samples;
mod series;
mod version;

pub use error::WireError;
pub use samples::{
    Decoded, DecodedSeries, Encoded, Packing, SAMPLES_VERSION, SampleDecoder, SampleEncoder,
    SampleLimits, SeriesHandle,
};
pub use series::{
    SERIES_FRAME_BYTES, SERIES_FRAME_BYTES_MAX, SERIES_FRAME_VERSION, SeriesFrameReader,
    SeriesFrameWriter, SeriesPart,
};
pub use version::{OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION, check_version};
