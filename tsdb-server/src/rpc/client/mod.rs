//! The side of whoever asks nodes.

mod calls;
mod circuit;
mod client;
mod connection;
mod options;
mod queue;
mod reading;
mod write_stream;

pub use client::RpcClient;
pub use options::RpcClientOptions;
