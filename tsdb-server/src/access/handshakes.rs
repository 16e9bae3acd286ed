//! TLS handshakes: bounded in time and number, and nobody waits for another's.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::certificate::CertificateFacts;
use super::door::Access;
use super::peer::Peer;
use crate::telemetry::HandshakeFailure;

/// How long a handshake may take.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// Handshakes under way. One more ends the oldest, which is slower than all that came after it.
const UNDER_WAY_MAX: usize = 1024;
/// First byte of a handshake.
const HANDSHAKE: u8 = 0x16;
const PLAIN_ANSWER: &[u8] = b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nthis address speaks TLS: write https:// instead of http://\n";

/// A connection that requests come over.
#[derive(Debug)]
pub(crate) enum Connection {
    /// As it came.
    Plain(TcpStream),
    /// Encrypted.
    Tls(Box<TlsStream<TcpStream>>),
}

/// Handshakes under way, oldest first.
#[derive(Debug, Default)]
pub(super) struct Handshakes {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    /// Dropping the sender ends the handshake.
    under_way: BTreeMap<u64, oneshot::Sender<()>>,
}

/// A handshake in the table, until it is dropped.
#[derive(Debug)]
struct UnderWay<'a> {
    handshakes: &'a Handshakes,
    number: u64,
}

impl Handshakes {
    fn begin(&self) -> (UnderWay<'_>, oneshot::Receiver<()>) {
        let (sender, overtaken) = oneshot::channel();
        let mut table = self.table();
        let number = table.next;
        table.next += 1;
        table.under_way.insert(number, sender);
        if table.under_way.len() > UNDER_WAY_MAX {
            table.under_way.pop_first();
        }
        let handshakes = self;
        (UnderWay { handshakes, number }, overtaken)
    }

    /// The table is never left half changed, so a panic elsewhere does not matter.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.handshakes.table().under_way.remove(&self.number);
    }
}

impl Access {
    /// Makes the connection that the policy of this moment asks for; `None` when the client does not
    /// come that far.
    pub(crate) async fn secure(
        &self,
        stream: TcpStream,
        address: SocketAddr,
    ) -> Option<(Connection, Peer)> {
        let policy = self.policy();
        let mut peer = Peer {
            address,
            certificate_names: None,
        };
        let Some(config) = &policy.tls else {
            return Some((Connection::Plain(stream), peer));
        };
        let (_under_way, overtaken) = self.handshakes().begin();
        let handshake = timeout(HANDSHAKE_WITHIN, shake_hands(stream, config));
        let failure = tokio::select! {
            done = handshake => match done {
                Ok(Ok(stream)) => {
                    if policy.requires_certificate {
                        peer.certificate_names = names_of(&stream);
                    }
                    return Some((Connection::Tls(Box::new(stream)), peer));
                }
                Ok(Err((failure, why))) => {
                    tracing::debug!(%address, why, "a TLS handshake failed");
                    failure
                }
                Err(_) => HandshakeFailure::Timeout,
            },
            _ = overtaken => HandshakeFailure::Overtaken,
        };
        self.telemetry().access.handshake_failed(failure);
        None
    }
}

async fn shake_hands(
    mut stream: TcpStream,
    config: &Arc<ServerConfig>,
) -> Result<TlsStream<TcpStream>, (HandshakeFailure, String)> {
    let mut first = [0];
    let failed = |error: std::io::Error| (HandshakeFailure::Failed, error.to_string());
    match stream.peek(&mut first).await.map_err(failed)? {
        0 => return Err((HandshakeFailure::Failed, "the client left".to_owned())),
        _ if first == [HANDSHAKE] => {}
        _ => {
            if first[0].is_ascii_uppercase() {
                // A client that left reads no answer either.
                stream.write_all(PLAIN_ANSWER).await.map_err(failed)?;
                stream.shutdown().await.map_err(failed)?;
            }
            return Err((HandshakeFailure::Plain, "it speaks no TLS".to_owned()));
        }
    }
    let acceptor = TlsAcceptor::from(Arc::clone(config));
    acceptor.accept(stream).await.map_err(failed)
}

/// Names of the client's certificate.
fn names_of(stream: &TlsStream<TcpStream>) -> Option<Arc<[String]>> {
    let (_, connection) = stream.get_ref();
    let own = connection.peer_certificates()?.first()?;
    let facts = CertificateFacts::read(own)?;
    Some(facts.names().map(str::to_owned).collect())
}
