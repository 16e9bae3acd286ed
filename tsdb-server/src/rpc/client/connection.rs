//! A connection to a node.

use std::sync::Arc;
use std::time::Duration;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_rustls::TlsConnector;

use crate::dial::dial;
use crate::rpc::Call;
use crate::rpc::frames::Outgoing;
use crate::told::told;

/// How often a silent node is asked whether it is there, and how long it has to say so.
const ASK_EVERY: Duration = Duration::from_secs(5);
const ASKED_WITHIN: Duration = Duration::from_secs(5);
/// What one answer may bring before it is read.
const STREAM_WINDOW: u32 = 1 << 20;
/// All answers together: none holds up another.
const CONNECTION_WINDOW: u32 = 1 << 30;
const FRAME_BYTES: u32 = 1 << 20;

/// How connections are secured; not at all where there is none.
pub(super) type Tls = Option<watch::Receiver<Arc<ClientConfig>>>;

/// A connection to a node; closed with the last clone and the last of its calls.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    requests: SendRequest<Outgoing>,
    authority: Authority,
    address: Arc<str>,
    scheme: Scheme,
}

impl Connection {
    /// Connects to `HOST:PORT`; an error says what went wrong.
    pub(super) async fn open(address: Arc<str>, tls: &Tls) -> Result<Self, String> {
        let authority: Authority = address
            .parse()
            .map_err(|_| format!("{address:?} is not HOST:PORT"))?;
        let host = authority.host().trim_matches(['[', ']']);
        let port = authority.port_u16();
        let port = port.ok_or_else(|| format!("{address:?} has no port"))?;
        let stream = dial(host, port).await?;
        let (requests, scheme) = match tls {
            None => (over(stream).await?, Scheme::HTTP),
            Some(config) => {
                let connector = TlsConnector::from(Arc::clone(&config.borrow()));
                let name = ServerName::try_from(host.to_owned()).map_err(|error| told(&error))?;
                let secured = connector.connect(name, stream).await;
                (
                    over(secured.map_err(|error| told(&error))?).await?,
                    Scheme::HTTPS,
                )
            }
        };
        Ok(Self {
            requests,
            authority,
            address,
            scheme,
        })
    }

    /// Whether it still goes to `address`.
    pub(super) fn goes_to(&self, address: &str) -> bool {
        !self.requests.is_closed() && *self.address == *address
    }

    /// Sends a call and waits for the head of its answer.
    pub(super) async fn send(
        &mut self,
        call: Call,
        body: Outgoing,
    ) -> Result<Response<Incoming>, String> {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(PathAndQuery::from_static(call.path()));
        let uri = Uri::from_parts(parts).map_err(|error| told(&error))?;
        let request = Request::post(uri)
            .body(body)
            .map_err(|error| told(&error))?;
        let sent = self.requests.send_request(request).await;
        sent.map_err(|error| told(&error))
    }
}

async fn over(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<SendRequest<Outgoing>, String> {
    let (requests, connection) = Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(ASK_EVERY)
        .keep_alive_timeout(ASKED_WITHIN)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| told(&error))?;
    tokio::spawn(async move {
        // Those who wait for answers on it are told.
        if let Err(error) = connection.await {
            tracing::debug!(error = told(&error), "a connection to a node ended");
        }
    });
    Ok(requests)
}
