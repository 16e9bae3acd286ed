#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod body;
pub mod client;
mod error;
mod inflight;
mod limits;
mod negotiate;
mod put;
pub mod read;
mod snappy;
mod status;
mod wire;
pub mod write;

pub use body::ResponseBody;
pub use error::{BoxError, DecodeError, ReadError, RequestFault, WriteError};
pub use inflight::{BytePermit, InflightBytes, Sender};
pub use limits::Limits;
pub use read::{RemoteRead, RemoteReadLayer};
pub use write::{RemoteWrite, RemoteWriteLayer};
