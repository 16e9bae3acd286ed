//! The side of the node.

mod answer;
mod listener;
mod options;
mod reading;
mod refusals;
mod write_room;
mod writes;

pub use listener::RpcServer;
pub use options::RpcServerOptions;
