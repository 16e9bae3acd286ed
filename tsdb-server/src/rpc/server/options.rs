//! How a server works.

use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::sync::watch;
use tsdb_cluster::wire::SampleLimits;

/// How a server works.
#[derive(Clone, Debug)]
pub struct RpcServerOptions {
    /// TLS, as it is when a connection comes; nothing is encrypted where there is none. Clients show
    /// certificates if it asks for them.
    pub tls: Option<watch::Receiver<Arc<ServerConfig>>>,
    /// Connections at a time. More are closed at once.
    pub connections_max: usize,
    /// Calls of one connection at a time.
    pub streams_max: u32,
    /// What a stream of writes may hold.
    pub limits: SampleLimits,
    /// Bytes of the largest message that is no write.
    pub message_bytes_max: usize,
    /// Bytes of writes that one stream may have under way; more wait in the sender's socket.
    pub writes_bytes_max: usize,
    /// Bytes of writes that all streams together may have under way. They get it by turns, so that
    /// one that floods keeps no other from writing.
    pub all_writes_bytes_max: usize,
    /// How long a handshake may take, and a call to say what it asks for.
    pub patience: Duration,
}

impl Default for RpcServerOptions {
    fn default() -> Self {
        Self {
            tls: None,
            connections_max: 1024,
            streams_max: 256,
            limits: SampleLimits::default(),
            message_bytes_max: 4 << 20,
            writes_bytes_max: 64 << 20,
            all_writes_bytes_max: 256 << 20,
            patience: Duration::from_secs(10),
        }
    }
}
