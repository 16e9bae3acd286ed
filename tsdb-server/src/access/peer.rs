//! Who is at the other end of a connection.

use std::net::SocketAddr;
use std::sync::Arc;

/// The other end of a connection. It stands in the extensions of its requests.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// Names of its certificate, where that was verified.
    pub(crate) certificate_names: Option<Arc<[String]>>,
}
