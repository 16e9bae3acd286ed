//! Connections: accepted until the server stops, then given time to end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tsdb_cluster::message::Backlog;
use tsdb_cluster::node::Node;

use super::RpcServerOptions;
use super::answer::answer;
use super::refusals::Refusals;
use super::write_room::WriteRoom;
use crate::rpc::RpcFigures;
use crate::told::told;

/// How long to wait when the machine has no socket to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often a silent client is asked whether it is there, and how long it has to say so.
const ASK_EVERY: Duration = Duration::from_secs(15);
const ASKED_WITHIN: Duration = Duration::from_secs(10);
/// What one call may send before it is read.
const STREAM_WINDOW: u32 = 4 << 20;
/// All calls of a connection together: none holds up another.
const CONNECTION_WINDOW: u32 = 1 << 30;
const FRAME_BYTES: u32 = 1 << 20;

/// What all calls of a server share.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) node: Node,
    pub(super) backlog: BacklogSource,
    pub(super) options: RpcServerOptions,
    pub(super) figures: Arc<RpcFigures>,
    refusals: Refusals,
    /// What the writes of all streams share.
    pub(super) room: WriteRoom,
    stop: watch::Receiver<bool>,
}

impl Served {
    /// Ends once the server is told to stop, or whoever could tell it is gone.
    pub(super) async fn stopped(&self) {
        let mut stop = self.stop.clone();
        drop(stop.wait_for(|stop| *stop).await);
    }
}

/// Tells what a node has still to do: others than the node know it.
pub(super) struct BacklogSource(Box<dyn Fn() -> Backlog + Send + Sync>);

impl BacklogSource {
    /// What is to be done now.
    pub(super) fn read(&self) -> Backlog {
        (self.0)()
    }
}

impl std::fmt::Debug for BacklogSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("BacklogSource").finish_non_exhaustive()
    }
}

/// Serves a node.
#[derive(Debug)]
pub struct RpcServer {
    served: Served,
}

impl RpcServer {
    /// A server of `node` that stops once `stop` turns true.
    #[must_use]
    pub fn new(node: Node, options: RpcServerOptions, stop: watch::Receiver<bool>) -> Self {
        let own = node.clone();
        let room = WriteRoom::new(options.all_writes_bytes_max);
        Self {
            served: Served {
                node,
                backlog: BacklogSource(Box::new(move || own.status().backlog)),
                options,
                figures: Arc::default(),
                refusals: Refusals::default(),
                room,
                stop,
            },
        }
    }

    /// The same, telling whoever asks how the node is what it has still to do.
    #[must_use]
    pub fn telling(mut self, backlog: impl Fn() -> Backlog + Send + Sync + 'static) -> Self {
        self.served.backlog = BacklogSource(Box::new(backlog));
        self
    }

    /// What it counts.
    #[must_use]
    pub fn figures(&self) -> &Arc<RpcFigures> {
        &self.served.figures
    }

    /// Serves until told to stop, then for at most `grace` longer; whether all calls had ended by
    /// then. Dropping it closes all connections.
    pub async fn run(self, listener: TcpListener, grace: Duration) -> bool {
        let mut connections = JoinSet::new();
        let served = Arc::new(self.served);
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                () = served.stopped() => break,
            };
            match accepted {
                Ok((stream, address)) if connections.len() < served.options.connections_max => {
                    tracing::debug!(%address, "a connection for the node protocol");
                    let served = Arc::clone(&served);
                    connections.spawn(connection(served, stream, address));
                }
                Ok((_, address)) => {
                    let limit = served.options.connections_max;
                    tracing::warn!(%address, limit, "more nodes connect than may");
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        let ended = async { while connections.join_next().await.is_some() {} };
        timeout(grace, ended).await.is_ok()
    }
}

async fn connection(served: Arc<Served>, stream: TcpStream, address: SocketAddr) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection ended before it began");
        return;
    }
    let tls = served.options.tls.as_ref();
    let Some(config) = tls.map(|tls| Arc::clone(&tls.borrow())) else {
        return serve(served, stream).await;
    };
    let accept = TlsAcceptor::from(config).accept(stream);
    match timeout(served.options.patience, accept).await {
        Ok(Ok(stream)) => serve(served, stream).await,
        Ok(Err(error)) => served.refusals.tell(address, &told(&error)),
        Err(_) => served.refusals.tell(address, "its handshake took too long"),
    }
}

async fn serve(served: Arc<Served>, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
    let stopping = Arc::clone(&served);
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(ASK_EVERY)
        .keep_alive_timeout(ASKED_WITHIN)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME_BYTES)
        .max_concurrent_streams(served.options.streams_max);
    let service = service_fn(move |request: Request<Incoming>| {
        let served = Arc::clone(&served);
        async move { Ok::<_, std::convert::Infallible>(answer(&served, request).await) }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stopping.stopped() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(
            error = told(&error),
            "a connection of the node protocol failed"
        );
    }
}
