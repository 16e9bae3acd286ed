//! The side of whoever asks nodes.

mod calls;
mod circuit;
mod connection;
mod options;
mod queue;
mod reading;
mod rpc_client;
mod write_stream;

pub use options::RpcClientOptions;
pub use rpc_client::RpcClient;
