//! Receiving remote write: from a request to a batch and back to an answer.

mod charge;
mod decode_v1;
mod decode_v2;
mod exemplar;
mod extras;
mod histogram;
mod labels;
mod layer;
mod request;
mod service;
#[cfg(test)]
mod tests;

pub use crate::negotiate::WriteProtocol;
#[doc(hidden)]
pub use decode_v1::{decode_v1, guess_v1};
#[doc(hidden)]
pub use decode_v2::{MetadataRefs, decode_v2};
pub use extras::{Extras, Refused};
#[doc(hidden)]
pub use histogram::put_histogram;
#[doc(hidden)]
pub use labels::parse as parse_labels;
pub use layer::RemoteWriteLayer;
pub use request::{DecodeScratch, Decoded, WriteRequest, WriteSummary};
pub use service::{RemoteWrite, WriteFuture};
