//! The side of the node.

mod answer;
mod listener;
mod options;
mod reading;
mod refusals;
mod writes;

pub use listener::RpcServer;
pub use options::RpcServerOptions;
