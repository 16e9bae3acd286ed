//! Connections: accepted until the server stops, then given time to end in order.

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::ServiceExt as _;

use super::scope::take_tenant_from_path;
use crate::access::{Access, Connection, Peer, guarded};

/// How long a client may take for the headers of a request.
const HEADERS_WITHIN: Duration = Duration::from_secs(30);
/// How long to wait when the machine has no socket to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How the connections of an address ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connections {
    /// All of them after their last answer.
    Drained,
    /// Some were still busy when their time was over.
    CutOff,
}

/// Serves `router` on `listener` to whom `access` lets in, until `stop` turns true, then for at most `grace` longer.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    access: Access,
    mut stop: watch::Receiver<bool>,
    grace: Duration,
) -> Connections {
    let router = guarded(router, &access);
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN);
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection ended before it began");
            continue;
        }
        let (access, router, builder) = (access.clone(), router.clone(), builder.clone());
        let (watcher, mut stopped) = (graceful.watcher(), stop.clone());
        tokio::spawn(async move {
            let secured = tokio::select! {
                secured = access.secure(stream, address) => secured,
                _ = stopped.wait_for(|stop| *stop) => None,
            };
            let Some((connection, peer)) = secured else {
                return;
            };
            let builder = match access.policy().speaks_http2() {
                true => builder,
                false => builder.http1_only(),
            };
            match connection {
                Connection::Plain(stream) => answer(stream, &builder, router, peer, watcher).await,
                Connection::Tls(stream) => answer(stream, &builder, router, peer, watcher).await,
            }
        });
    }
    drop(listener);
    match tokio::time::timeout(grace, graceful.shutdown()).await {
        Ok(()) => Connections::Drained,
        Err(_) => Connections::CutOff,
    }
}

/// Answers the requests of a connection until it ends.
async fn answer<S>(
    stream: S,
    builder: &Builder<TokioExecutor>,
    router: Router,
    peer: Peer,
    watcher: Watcher,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = router.map_request(move |request: Request<Incoming>| {
        // Before routing, which goes by the path.
        let mut request = take_tenant_from_path(request);
        request.extensions_mut().insert(peer.clone());
        request
    });
    let service = TowerToHyperService::new(service);
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(error, "a connection failed");
    }
}
