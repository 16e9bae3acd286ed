//! The side of whoever asks nodes.

mod calls;
mod circuit;
mod connection;
mod figures;
mod options;
mod queue;
mod reading;
mod rpc_client;
mod write_stream;

pub use figures::{CircuitFigures, CircuitState, PeerFigures, QueueFigures};
pub use options::RpcClientOptions;
pub(crate) use queue::bytes_in_queue;
pub use rpc_client::RpcClient;
