//! How a client works.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::sync::watch;

/// How a client works.
#[derive(Clone, Debug)]
pub struct RpcClientOptions {
    /// TLS, as it is when a connection is made; nothing is encrypted where there is none. The node's certificate has to be of the host
    /// of its endpoint; the client shows its own, if it has one and the node asks.
    pub tls: Option<watch::Receiver<Arc<ClientConfig>>>,
    /// How long to wait for an answer, and of a read for each piece of it.
    pub deadline: Duration,
    /// How long to wait for digests: a node reads all that they are of.
    pub digest_deadline: Duration,
    /// Writes to one node that may wait to be sent or answered.
    pub queue_requests: usize,
    /// About how many bytes they may have.
    pub queue_bytes: usize,
    /// The longest pause before a node that was not reached is tried again.
    pub backoff_max: Duration,
}

impl Default for RpcClientOptions {
    fn default() -> Self {
        Self {
            tls: None,
            deadline: Duration::from_secs(5),
            digest_deadline: Duration::from_secs(600),
            queue_requests: 256,
            queue_bytes: 16 << 20,
            backoff_max: Duration::from_secs(2),
        }
    }
}
