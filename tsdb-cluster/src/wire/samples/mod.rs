//! The payload of a write: samples of many series, in terms of what its connection knows already.
//! Bytes: `docs/format/node-protocol.md`.

mod decoded;
mod decoder;
mod encoder;
mod known;
mod limits;
mod payload;
mod selected;
mod steps;
#[cfg(test)]
mod tests;
mod times;
mod values;

pub use decoded::{Decoded, DecodedSeries};
pub use decoder::SampleDecoder;
pub use encoder::{Encoded, SampleEncoder};
pub use limits::{Packing, SampleLimits};
pub use payload::SAMPLES_VERSION;
pub use selected::SeriesHandle;
