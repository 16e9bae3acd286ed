//! Receiving remote write: from a request to a batch and back to an answer.

mod decode_v1;
mod labels;
mod layer;
mod request;
mod service;
#[cfg(test)]
mod tests;

pub use decode_v1::{Extras, RefusedHistograms};
#[doc(hidden)]
pub use decode_v1::{decode_v1, guess_v1};
#[doc(hidden)]
pub use labels::parse as parse_labels;
pub use layer::RemoteWriteLayer;
pub use request::{DecodeScratch, Decoded, WriteRequest, WriteSummary};
pub use service::{RemoteWrite, WriteFuture};
