//! Being written.
#![forbid(unsafe_code)]

mod body;
mod error;
mod limits;
mod negotiate;
pub mod read;
mod snappy;
mod status;
mod wire;
pub mod write;

pub use body::ResponseBody;
pub use error::{BoxError, DecodeError, ReadError, RequestFault, WriteError};
pub use limits::{BytePermit, InflightBytes, Limits};
pub use read::{RemoteRead, RemoteReadLayer};
pub use write::{RemoteWrite, RemoteWriteLayer};
