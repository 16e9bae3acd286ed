//! Answering remote read: from a request to selects, and from series to frames.

mod chunked;
mod frames;
mod gate;
mod layer;
mod request;
mod respond;
mod samples;
mod service;
mod storage;
#[cfg(test)]
mod tests;

pub use frames::ReadBody;
pub use layer::RemoteReadLayer;
#[doc(hidden)]
pub use request::decode_queries;
pub use request::{Query, ReadRequest, ResponseType};
pub use service::{ReadFuture, RemoteRead};
pub use storage::{Chunk, Chunks, Columns, SeriesStream, Storage};
