//! The node protocol over sockets: HTTP/2, a call a stream, messages with their length before them.
//! What is said: `docs/format/node-protocol.md`.

mod call;
mod client;
mod endpoints;
mod figures;
mod frames;
mod peer_tls;
mod server;
#[cfg(test)]
mod tests;

pub use call::Call;
pub(crate) use client::bytes_in_queue;
pub use client::{
    CircuitFigures, CircuitState, PeerFigures, QueueFigures, RpcClient, RpcClientOptions,
};
pub use endpoints::Endpoints;
pub use figures::{Outcome, RpcFigures};
pub use peer_tls::{PeerTls, PeerTlsFiles};
pub use server::{RpcServer, RpcServerOptions};
