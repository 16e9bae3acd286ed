//! A connection to one member.

use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tonic::body::Body;
use tower::Service;

use super::endpoint::Endpoint;
use super::options::EtcdTls;
use super::tls;
use crate::dial::dial;
use crate::told::told;

/// A connection to one member. Clones share it; it is closed with the last of them.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    requests: SendRequest<Body>,
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    /// Nothing of it was sent.
    #[error("the connection was closed before the request was sent")]
    NotSent(#[source] hyper::Error),
    /// It was sent, in part at least.
    #[error("the connection broke")]
    Broken(#[source] hyper::Error),
}

impl Connection {
    /// Connects; an error says what went wrong.
    pub(super) async fn open(endpoint: &Endpoint, tls: &EtcdTls) -> Result<Self, String> {
        let stream = dial(endpoint.host(), endpoint.port()).await?;
        match endpoint.is_tls() {
            false => Self::over(stream).await,
            true => Self::over(secured(endpoint, tls, stream).await?).await,
        }
    }

    /// What a member says against our certificate, if it does. It says so after the handshake, and
    /// the next that is sent may fail before it is read: so this sends nothing.
    pub(super) async fn refusal(endpoint: &Endpoint, tls: &EtcdTls) -> Option<String> {
        let stream = dial(endpoint.host(), endpoint.port()).await.ok()?;
        let mut stream = secured(endpoint, tls, stream).await.ok()?;
        let error = stream.read_u8().await.err()?;
        Some(told(&error))
    }

    async fn over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<Self, String> {
        let (requests, connection) = Builder::new(TokioExecutor::new())
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| told(&error))?;
        tokio::spawn(async move {
            // Those who wait for answers on it are told.
            if let Err(error) = connection.await {
                tracing::debug!(error = told(&error), "a connection to etcd ended");
            }
        });
        Ok(Self { requests })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.requests.is_closed()
    }
}

/// TLS over a stream.
async fn secured(
    endpoint: &Endpoint,
    tls: &EtcdTls,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, String> {
    let tls = tls.clone();
    let connector = tokio::task::spawn_blocking(move || tls::connector(&tls))
        .await
        .map_err(|error| told(&error))??;
    let name = ServerName::try_from(endpoint.host().to_owned()).map_err(|error| told(&error))?;
    let secured = connector.connect(name, stream).await;
    secured.map_err(|error| told(&error))
}

impl Service<http::Request<Body>> for Connection {
    type Response = http::Response<Incoming>;
    type Error = SendError;
    type Future = BoxFuture<'static, Result<Self::Response, SendError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        // A connection that is closed says so when it gives the request back.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let sent = self.requests.try_send_request(request);
        async move {
            sent.await.map_err(|mut error| match error.take_message() {
                Some(_) => SendError::NotSent(error.into_error()),
                None => SendError::Broken(error.into_error()),
            })
        }
        .boxed()
    }
}
